"""Call an answer once and write down all that can be seen from outside; `checks` judges it.

One function, `run`, for the student's object in a notebook, for the reference, for a known wrong
answer and, in the grading sandbox, for a submission. The rest of clipedu does not exist there, so
this file imports torch and numpy only.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import linecache
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Description:
    """What kind of object the answer is. `most` is None when any number of positional arguments is
    accepted."""

    kind: str  # "missing", "empty", "function", "class", "module class" or "value"
    type_name: str = ""
    least: int = 0
    most: int | None = None


def describe(answer: Any) -> Description:
    """Look at an answer without calling it."""
    name = type(answer).__name__
    if answer is None or answer is Ellipsis:
        return Description("empty", name)
    if inspect.isclass(answer):
        kind = "module class" if issubclass(answer, nn.Module) else "class"
        return Description(kind, answer.__name__, *_positional(answer))
    if callable(answer) and not isinstance(answer, Tensor):
        kind = "empty" if _has_empty_body(answer) else "function"
        return Description(kind, getattr(answer, "__name__", name), *_positional(answer))
    return Description("value", name)


def _positional(answer: Callable[..., Any]) -> tuple[int, int | None]:
    """How many positional arguments are accepted at least and at most."""
    try:
        parameters = inspect.signature(answer).parameters.values()
    except (TypeError, ValueError):
        return 0, None
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    least = sum(p.default is p.empty for p in places)
    least += (
        sum(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters) * 100
    )  # cannot be called by place
    anything = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return least, None if anything else len(places)


def _has_empty_body(answer: Any) -> bool:
    """True for a body of only `pass`, `...` or a docstring."""
    code = getattr(answer, "__code__", None)
    empty = {_nothing.__code__.co_code, _documented_nothing.__code__.co_code}
    return (
        code is not None
        and code.co_code in empty
        and set(code.co_consts) <= {None, getattr(answer, "__doc__", None)}
    )


def _nothing() -> None:
    pass


def _documented_nothing() -> None:
    """A body of only a docstring."""


class StateMismatch(Exception):
    """The module's parameters are not those that the exercise names."""


class FrozenParameter(Exception):
    """A parameter went in that takes a gradient, and came back as one that takes none."""


@dataclass(frozen=True)
class Trial:
    """One call to make. For an nn.Module: `init` goes to the constructor, `state` into the
    parameters, `inputs` to forward. Without `autograd` the call cannot ask for a gradient."""

    inputs: dict[str, Any]
    grad: tuple[str, ...] = ()
    init: dict[str, Any] | None = None
    state: dict[str, Tensor] | None = None
    method: str = ""
    autograd: bool = True


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
    raised `grad_error`; inside it None means "nothing flowed here"."""

    value: Any = None
    after: dict[str, Any] = field(default_factory=dict)
    grads: dict[str, Tensor | None] | None = None
    error: Failure | None = None
    grad_error: Failure | None = None


@contextlib.contextmanager
def on_the_cpu() -> Iterator[None]:
    """New tensors are on the CPU, whatever the notebook's default device is.

    Where the default is the CPU already, nothing is done: torch's way to say it is a mode, which
    is asked in every operation.
    """
    if torch.get_default_device().type == "cpu":
        yield
    else:
        with torch.device("cpu"):
            yield


def run(answer: Callable[..., Any], trial: Trial) -> Outcome:
    """Call `answer` on copies of the trial's inputs (twice when gradients are wanted). Never raises
    an Exception.

    The global random state is set before and put back after, so an answer that draws numbers does
    so repeatably. New tensors are on the CPU.
    """
    with torch.random.fork_rng(devices=[]), on_the_cpu():
        torch.random.default_generator.manual_seed(0)
        try:
            target = _target(answer, trial)
            inputs = {name: fresh(value) for name, value in trial.inputs.items()}
            with torch.inference_mode(not trial.autograd):
                value = snapshot(target(*inputs.values()))
            _still_learn(inputs, trial.inputs)
            after = {name: snapshot(value) for name, value in inputs.items()}
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit too: it must not end the notebook or the grader
            return Outcome(error=failure(error))
        try:
            return Outcome(value, after, _gradients(answer, trial) if trial.grad else None)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return Outcome(value, after, grad_error=failure(error))


def failure(error: BaseException) -> Failure:
    """Say what was raised, with the student's own line: the last one outside installed packages."""
    where = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == __file__ or "site-packages" in frame.filename:
            continue
        line = frame.line or linecache.getline(frame.filename, frame.lineno or 0)
        where = line.strip()[:120] or where
    return Failure(type(error).__name__, _first_line(error), where)


def fresh(value: Any) -> Any:
    """A deep copy that shares no memory; Parameters stay Parameters, functions stay the same
    function."""
    if isinstance(value, nn.Parameter):
        return nn.Parameter(value.detach().clone(), requires_grad=value.requires_grad)
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: fresh(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(fresh(item) for item in value)
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
    if isinstance(value, dict):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return set(value)
    if isinstance(value, tuple):
        return tuple(snapshot(item) for item in value)
    if isinstance(value, (list, range)) or inspect.isgenerator(value):
        return [snapshot(item) for item in value]
    return value


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a tree of lists, tuples and dicts, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)


def scalar(value: Any) -> Tensor | None:
    """One number to differentiate: the entries weighted unequally (a plain sum of a softmax would
    be constant)."""
    total: Tensor | None = None
    for item in tensors(value):
        if not item.is_floating_point() or not item.requires_grad:
            continue
        weights = torch.cos(torch.arange(item.numel(), dtype=item.dtype, device=item.device)) + 1.5
        part = (item.reshape(-1) * weights).sum()
        total = part if total is None else total + part
    return total


def _still_learn(after: dict[str, Any], before: dict[str, Any]) -> None:
    for name, value in before.items():
        if isinstance(value, nn.Parameter) and value.requires_grad > after[name].requires_grad:
            raise FrozenParameter(f"After the call, `{name}` takes no gradient any more")


def _target(answer: Callable[..., Any], trial: Trial) -> Callable[..., Any]:
    if trial.init is None:
        return answer
    module = answer(*(fresh(value) for value in trial.init.values()))
    if trial.state is not None:
        dtypes = {value.dtype for value in trial.state.values() if value.is_floating_point()}
        if dtypes:
            module.to(dtypes.pop())
        _load(module, trial.state)
    return getattr(module, trial.method) if trial.method else module


def _load(module: nn.Module, state: dict[str, Tensor]) -> None:
    """Copy `state` into the parameters; names and shapes must agree. Buffers are the student's own
    business."""
    own = dict(module.named_parameters())
    missing, extra = sorted(set(state) - set(own)), sorted(set(own) - set(state))
    if missing or extra:
        words = [f"missing {', '.join(missing)}"] if missing else []
        words += [f"not expected {', '.join(extra)}"] if extra else []
        raise StateMismatch("the module's parameters differ: " + "; ".join(words))
    for name, value in state.items():
        if own[name].shape != value.shape:
            raise StateMismatch(
                f"{name} has shape {tuple(own[name].shape)}, expected {tuple(value.shape)}"
            )
        with torch.no_grad():
            own[name].copy_(value)


def _gradients(answer: Callable[..., Any], trial: Trial) -> dict[str, Tensor | None]:
    """Gradients of `scalar(value)` for the named inputs; "parameters" stands for all parameters of
    a module.
    """
    target = _target(answer, trial)
    inputs = {name: fresh(value) for name, value in trial.inputs.items()}
    leaves: dict[str, Tensor] = {}
    for name in trial.grad:
        if name == "parameters" and name not in inputs:
            module: Any = getattr(target, "__self__", target)
            leaves.update(module.named_parameters())
        else:
            inputs[name].requires_grad_(True)
            leaves[name] = inputs[name]
    with torch.enable_grad():
        total = scalar(target(*inputs.values()))
        if total is None:
            return dict.fromkeys(leaves)
        grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {
        name: None if grad is None else grad.detach().clone()
        for name, grad in zip(leaves, grads, strict=True)
    }


def _first_line(error: BaseException) -> str:
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # a student's exception may have a broken __str__
        return ""
    return lines[0][:300] if lines else ""
