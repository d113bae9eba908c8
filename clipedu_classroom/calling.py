"""Call an answer once and write down all that can be seen from outside: a student's, the reference,
a known wrong one. This file also runs in the sandbox, where the rest of clipedu does not exist."""

from __future__ import annotations

import contextlib
import copy
import dis
import inspect
import linecache
import re
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Description:
    """What kind of object the answer is. `most` positional arguments: None for any number; `named`
    are those that must be given by name."""

    kind: str  # "missing", "empty", "function", "class", "module class" or "value"
    type_name: str = ""
    least: int = 0
    most: int | None = None
    named: tuple[str, ...] = ()


def describe(answer: Any) -> Description:
    """Look at an answer without calling it."""
    name = type(answer).__name__
    if answer is None or answer is Ellipsis:
        return Description("empty", name)
    if inspect.isclass(answer):
        kind = "module class" if issubclass(answer, nn.Module) else "class"
        return Description(kind, answer.__name__, *_arguments(answer))
    if callable(answer) and not isinstance(answer, Tensor):
        kind = "empty" if _has_empty_body(answer) else "function"
        return Description(kind, getattr(answer, "__name__", name), *_arguments(answer))
    return Description("value", name)


def _arguments(answer: Callable[..., Any]) -> tuple[int, int | None, tuple[str, ...]]:
    """How many positional arguments are accepted at least and at most, and what must be named."""
    try:
        parameters = list(inspect.signature(answer).parameters.values())
    except (TypeError, ValueError):
        return 0, None, ()
    by_place = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    least = sum(p.default is p.empty for p in by_place)
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]
    has_rest = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return least, None if has_rest else len(by_place), tuple(named)


def _has_empty_body(answer: Any) -> bool:
    """True for a body of only `pass`, `...` or a docstring."""
    code: Any = getattr(answer, "__code__", None)
    used = {step.opname for step in dis.get_instructions(code)} if code else {"native"}
    only_returns = used <= {"RESUME", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
    return only_returns and set(code.co_consts) <= {None, getattr(answer, "__doc__", None)}


class StateMismatch(Exception):
    """The module's parameters are not those that the exercise names."""


class FrozenParameter(Exception):
    """A parameter went in that takes a gradient, and came back as one that takes none."""


@dataclass(frozen=True)
class Trial:
    """One call to make. For an nn.Module: `init` goes to the constructor, `state` into the
    parameters, `inputs` to forward. `keywords` of them go by name. `driver` is the source of a
    function that is called in the answer's place, with it and the inputs. Without `autograd` the
    call cannot ask for a gradient. With `measured` it is watched how much it holds at once."""

    inputs: dict[str, Any]
    grad: tuple[str, ...] = ()
    init: dict[str, Any] | None = None
    state: dict[str, Tensor] | None = None
    method: str = ""
    keywords: tuple[str, ...] = ()
    driver: str = ""
    autograd: bool = True
    measured: bool = False


@dataclass(frozen=True)
class Failure:
    """What was raised: the exception's class name, its words, and the student's line that raised it
    (may be empty)."""

    kind: str
    message: str = ""
    where: str = ""

    def __str__(self) -> str:
        words = f"{self.kind}: {self.message}" if self.message else self.kind
        return f"{words} (in the line `{self.where}`)" if self.where else words


@dataclass(frozen=True)
class Outcome:
    """What one call did. `grads` is None when no gradient was asked for, or when asking for it
    raised `grad_error`; inside it None means "nothing flowed here". `held` is there for a measured
    call: see `Held`."""

    value: Any = None
    after: dict[str, Any] = field(default_factory=dict)
    grads: dict[str, Tensor | None] | None = None
    error: Failure | None = None
    grad_error: Failure | None = None
    held: dict[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def on_the_cpu() -> Iterator[None]:
    """New tensors are on the CPU, whatever the notebook's default device is. (torch's way to say it
    is a mode, which is asked in every operation, so it is not said without need.)"""
    needed = torch.get_default_device().type != "cpu"
    with torch.device("cpu") if needed else contextlib.nullcontext():
        yield


def run(answer: Callable[..., Any], trial: Trial) -> Outcome:
    """Call `answer` on copies of the trial's inputs (twice when gradients are wanted). Never raises
    an Exception. The global random state is set before and put back after."""
    outcome: Outcome | None = None
    with torch.random.fork_rng(devices=[]), on_the_cpu():
        torch.random.default_generator.manual_seed(0)
        try:
            target = _target(answer, trial)
            inputs = {name: fresh(value) for name, value in trial.inputs.items()}
            held = Held(inputs) if trial.measured else contextlib.nullcontext()
            with torch.inference_mode(not trial.autograd), held:
                value = snapshot(_call(target, inputs, trial))
            for name, before in trial.inputs.items():
                learns = isinstance(before, nn.Parameter) and before.requires_grad
                if learns and not inputs[name].requires_grad:
                    raise FrozenParameter(f"After the call, `{name}` takes no gradient any more")
            after = {name: snapshot(value) for name, value in inputs.items()}
            outcome = Outcome(value, after, held=getattr(held, "most", {}))
            grads = _gradients(answer, trial) if trial.grad else None
            return replace(outcome, grads=grads)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: it must not end the notebook or the grader
            raised = failure(error)
            return replace(outcome, grad_error=raised) if outcome else Outcome(error=raised)


class Held(TorchFunctionMode):
    """The most bytes that a call holds at once: `most["memory"]` in one tensor that it makes, or in
    NumPy's arrays and Python's lists together; `most["graph"]` in all tensors that autograd keeps
    for a backward pass."""

    def __init__(self, inputs: Any) -> None:
        super().__init__()
        self.given = {tensor.untyped_storage().data_ptr() for tensor in tensors(inputs)}
        self.saved = 0
        self.most = {"memory": 0, "graph": 0}
        self.hooks = saved_tensors_hooks(lambda tensor: _Saved(self, tensor), _Saved.tensor_of)

    def __enter__(self) -> Any:
        tracemalloc.start()
        self.before = tracemalloc.get_traced_memory()[0]
        self.hooks.__enter__()
        return super().__enter__()

    def __exit__(self, *raised: Any) -> None:
        super().__exit__(*raised)
        self.hooks.__exit__(*raised)
        arrays = tracemalloc.get_traced_memory()[1] - self.before
        tracemalloc.stop()
        self.most["memory"] = max(self.most["memory"], arrays)

    def __torch_function__(
        self, function: Any, types: Any, inputs: Any = (), named: Any = None
    ) -> Any:
        result = function(*inputs, **(named or {}))
        for tensor in tensors(result):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self.given:  # else it is an input, or a part of one
                self.most["memory"] = max(self.most["memory"], storage.nbytes())
        return result


class _Saved:
    """A tensor that autograd keeps; counted for as long as it does."""

    def __init__(self, held: Held, tensor: Tensor) -> None:
        self.held, self.tensor = held, tensor.detach()  # with its graph it would keep itself
        self.size = tensor.numel() * tensor.element_size()
        held.saved += self.size
        held.most["graph"] = max(held.most["graph"], held.saved)

    def tensor_of(self) -> Tensor:
        return self.tensor

    def __del__(self) -> None:
        self.held.saved -= self.size


#: Installed packages, and functions that an exercise hands to the student's code.
_NOT_THE_STUDENTS = re.compile(r"site-packages|[/\\]clipedu_(classroom|lessons)[/\\]")


def failure(error: BaseException) -> Failure:
    """Say what was raised, with the student's own line: the last one outside installed packages."""
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == __file__ or _NOT_THE_STUDENTS.search(frame.filename):
            continue
        line = frame.line or linecache.getline(frame.filename, frame.lineno or 0)
        where = line.strip()[:120] or where
    return Failure(type(error).__name__, _first_line(error), where)


def fresh(value: Any, dtype: torch.dtype | None = None) -> Any:
    """A deep copy that shares no memory, its decimals in `dtype`; Parameters stay Parameters,
    functions stay the same function."""
    if isinstance(value, Tensor):
        kept = dtype if dtype and value.is_floating_point() else value.dtype
        copied = value.detach().to(kept, copy=True)
        is_parameter = isinstance(value, nn.Parameter)
        return nn.Parameter(copied, value.requires_grad) if is_parameter else copied
    if isinstance(value, dict):
        return {key: fresh(item, dtype) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(fresh(item, dtype) for item in value)
    return value if callable(value) else copy.deepcopy(value)


def snapshot(value: Any) -> Any:
    """Like `fresh`, for what came back: detached, named tuples and other sequences kept as tuples
    or lists."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (Fraction, Decimal)):
        return float(value)
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return set(value)
    if isinstance(value, (tuple, list, range)) or inspect.isgenerator(value):
        items = [snapshot(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def leaves(value: Any) -> Iterator[Any]:
    """What is in a tree of lists, tuples and dicts, in order."""
    if isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)
    else:
        yield value


def tensors(value: Any) -> list[Tensor]:
    """Every tensor in a tree."""
    return [leaf for leaf in leaves(value) if isinstance(leaf, Tensor)]


def scalar(value: Any) -> Tensor | None:
    """One number to differentiate: the entries weighted unequally (a plain sum of a softmax would
    be constant)."""
    parts = [
        (item.reshape(-1) * (torch.arange(item.numel()).to(item).cos() + 1.5)).sum()
        for item in tensors(value)
        if item.is_floating_point() and item.requires_grad
    ]
    return torch.stack(parts).sum() if parts else None


def _target(answer: Callable[..., Any], trial: Trial) -> Callable[..., Any]:
    if trial.driver:
        space: dict[str, Any] = {}
        exec(trial.driver, space)
        return partial(space[trial.driver.partition("(")[0].removeprefix("def ")], answer)
    if trial.init is None:
        return answer
    module = build(answer, trial.init, trial.keywords)
    if trial.state is not None:
        for value in trial.state.values():
            module.to(value.dtype)
        _load(module, trial.state)
    return getattr(module, trial.method) if trial.method else module


def build(answer: Callable[..., Any], init: dict[str, Any], keywords: tuple[str, ...]) -> Any:
    """The module that a class, or a function, makes of copies of its arguments."""
    given = {name: fresh(value) for name, value in init.items()}
    named = {name: given.pop(name) for name in keywords if name in given}
    return answer(*given.values(), **named)


def _call(target: Callable[..., Any], inputs: dict[str, Any], trial: Trial) -> Any:
    named = {name: inputs[name] for name in trial.keywords if name in inputs}
    return target(*(value for name, value in inputs.items() if name not in named), **named)


def _load(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy `state` into the parameters; names and shapes must agree. Buffers are the student's own
    business."""
    own = dict(module.named_parameters())
    there, wanted = ({f"{n} {tuple(p.shape)}" for n, p in some.items()} for some in (own, state))
    differences = {"missing": wanted - there, "not expected": there - wanted}
    words = [f"{what} {', '.join(sorted(names))}" for what, names in differences.items() if names]
    if words:
        raise StateMismatch("the module's parameters differ: " + "; ".join(words))
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)


def _gradients(answer: Callable[..., Any], trial: Trial) -> dict[str, Tensor | None]:
    """Gradients of `scalar(value)` for the named inputs; "parameters" stands for all parameters of
    a module."""
    target = _target(answer, trial)
    inputs = {name: fresh(value) for name, value in trial.inputs.items()}
    sources: dict[str, Tensor] = {}
    for name in trial.grad:
        if name == "parameters" and name not in inputs:
            module: Any = getattr(target, "__self__", target)
            sources.update(module.named_parameters())
        else:
            inputs[name].requires_grad_(True)
            sources[name] = inputs[name]
    with torch.enable_grad():
        total = scalar(_call(target, inputs, trial))
        if total is None:
            return dict.fromkeys(sources)
        grads = torch.autograd.grad(total, list(sources.values()), allow_unused=True)
    return {name: snapshot(grad) for name, grad in zip(sources, grads, strict=True)}


def _first_line(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # a student's exception may have a broken __str__
        return ""
    return lines[0][:300] if lines else ""
