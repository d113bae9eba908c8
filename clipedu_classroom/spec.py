"""The words in which an exercise says what a right answer is (`docs/GRADING.md` shows how). A
mistake in a spec is found when the module is imported, or by `spec_problems`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from clipedu_classroom.exercise_reader import ENDS_A_SENTENCE

Inputs = Callable[[torch.Generator], dict[str, Any]]
_ID = re.compile(r"^\d\d\.\d{1,2}$")


def whole(generator: torch.Generator, low: int, high: int) -> int:
    """A random whole number from low to high, both included: for `inputs` whose sizes vary."""
    return int(torch.randint(low, high + 1, (), generator=generator))


@dataclass(frozen=True)
class Misconception:
    """A known wrong answer. `when` ends "this is what you get when ...", word for word.

    `wrong` is what a student with this misconception would hand in: a function or class like the
    reference, or, for a ValueExercise, the wrong value (of several entries, those with the right
    value do not count, and a dict may leave some out) or a predicate value -> bool. `hint` is one
    sentence on where to look next; it must not give the answer away."""

    when: str
    wrong: Any
    hint: str = ""

    def __post_init__(self) -> None:
        if not ENDS_A_SENTENCE.fullmatch(self.when):
            words = "write the end of a sentence, no capital, no full stop."
            raise ValueError(f"Misconception {self.when!r}: {words}")

    @property
    def message(self) -> str:
        return f"This is what you get when {self.when}. {self.hint}".rstrip()


@dataclass(frozen=True)
class Property:
    """Something that must hold: `pair(answer, *inputs)` returns two things that must be equal.
    `broken` names the failure: "the result changes when <...>"."""

    broken: str
    pair: Callable[..., tuple[Any, Any]]


@dataclass(frozen=True)
class Limit:
    """How many bytes one call on `inputs` may hold at once: in one tensor that it makes ("memory"),
    or in all that autograd keeps for a backward pass ("graph"). It is measured last, and not of the
    reference. `when` ends "the values are right, but ..."; `hint` is as in a Misconception."""

    when: str
    inputs: Inputs
    most: int
    of: str = "memory"
    hint: str = ""

    def __post_init__(self) -> None:
        if self.of not in ("memory", "graph"):
            raise ValueError(f'A limit of {self.of!r}; expected one of "memory" or "graph".')


@dataclass(frozen=True)
class _Exercise:
    id: str
    name: str | tuple[str, ...]
    misconceptions: tuple[Misconception, ...] = field(default=(), kw_only=True)
    variants: Callable[..., tuple[Misconception, ...]] = field(default=tuple, kw_only=True)

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            expected = 'expected the lesson, a dot and a number, like "03.1".'
            raise ValueError(f"Exercise id {self.id!r}; {expected}")
        for name in self.names:
            if not name.isidentifier():
                raise ValueError(f"Exercise {self.id}: {name!r} is no Python name.")

    @property
    def names(self) -> tuple[str, ...]:
        """What the student's cell defines."""
        return (self.name,) if isinstance(self.name, str) else tuple(self.name)

    @property
    def all_misconceptions(self) -> tuple[Misconception, ...]:
        """Those of the lesson's wrong variants, read when first asked for, then those listed. One
        listed under the title of a variant takes its place."""
        listed = {misconception.when for misconception in self.misconceptions}
        variants = (variant for variant in self.variants() if variant.when not in listed)
        return (*variants, *self.misconceptions)


@dataclass(frozen=True, kw_only=True)
class CodeExercise(_Exercise):
    """What functions and modules have in common.

    reference: the right answer, from the library or spelled out. Also right: `accepts` (other
    legitimate interpretations).
    inputs: generator -> dict of arguments, given by position in this order, or by name if they are
    in `keywords`. Drawn anew for every trial: tensors (float32; the engine makes them float64),
    arrays, plain data, and functions of these. Draw sizes too where they may vary, so that a
    constant cannot pass for a mean.
    gradient: names of inputs whose gradient is compared with the reference's.
    changes: names of inputs that the answer shall change in place (all others must be left alone).
    extremes: name in words -> inputs. The result there must be finite wherever the reference's is,
    and right. as_drawn: names of extremes whose tensors keep the dtype that they are drawn in.
    tolerance: relative and absolute, in float64 (a float32 answer is held to at least 1e-4).
    dtype: "same" demands a result of the inputs' floating type; "any" does not care.
    unordered: the order of the outermost list does not matter. trials: how many draws are compared.
    """

    reference: Callable[..., Any]
    inputs: Inputs
    properties: tuple[Property, ...] = ()
    extremes: dict[str, Inputs] | None = None
    as_drawn: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    gradient: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    accepts: tuple[Callable[..., Any], ...] = ()
    tolerance: float = 1e-6
    dtype: str = "any"
    unordered: bool = False
    trials: int = 3
    keywords: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        inputs = set(CodeExercise.argument_names(self))
        known = {
            "gradient": inputs | ({"parameters"} if isinstance(self, ModuleExercise) else set()),
            "changes": inputs,
            "as_drawn": set(self.extremes or ()),
            "keywords": inputs | set(getattr(self, "init", ())),
        }
        for what, names in known.items():
            if unknown := set(getattr(self, what)) - names:
                words = f"{what} names {sorted(unknown)}; expected some of {sorted(names)}."
                raise ValueError(f"Exercise {self.id}: {words}")
        if self.dtype not in ("same", "any"):
            words = f'dtype is {self.dtype!r}; expected "same" or "any".'
            raise ValueError(f"Exercise {self.id}: {words}")

    def argument_names(self) -> list[str]:
        """What the student's object is called with, by position."""
        return list(self.inputs(torch.Generator().manual_seed(0)))


@dataclass(frozen=True, kw_only=True)
class FunctionExercise(CodeExercise):
    """The student writes a function, or a class that is no nn.Module or needs more than one call.

    autograd=False: the answer shall not use autograd, which does not work while it runs.
    drive: `drive(answer, *inputs)` is called in place of the answer: a plain function of the checks
    that imports all it needs inside, since its source text goes to where the answer runs."""

    autograd: bool = True
    drive: Callable[..., Any] | None = None

    @property
    def driver(self) -> str:
        """The source of `drive`."""
        return inspect.getsource(self.drive) if self.drive else ""


@dataclass(frozen=True, kw_only=True)
class ModuleExercise(CodeExercise):
    """The student writes an nn.Module class, or a function that makes a module, as `reference` is.

    init: its arguments, given by position. The module must have parameters of the reference's names
    and shapes, gets random ones, and then `method` ("" is the call itself) must return the same for
    `inputs`. gradient: names of inputs, or "parameters" for all parameters."""

    init: dict[str, Any]
    method: str = ""
    trials: int = 2

    def argument_names(self) -> list[str]:
        return list(self.init)


@dataclass(frozen=True)
class ValueExercise(_Exercise):
    """The student fills in a value: a number, a string, a bool, a list, a tuple or a dict of these.

    `name` may be several names; then the value is the tuple of them, in order. expected: the value,
    or a function of no arguments that works it out. tolerance: absolute, for numbers. Strings are
    compared without case and outer spaces. The report never says how far off a value is.
    personal: makes this exercise for other numbers, given by the names that `personal` has in its
    description; without any, for the course's own."""

    expected: Any
    tolerance: float = 0.01
    personal: Callable[..., ValueExercise] | None = None

    def value(self) -> Any:
        return self.expected() if callable(self.expected) else self.expected


Exercise = FunctionExercise | ModuleExercise | ValueExercise


def signature_in_words(exercise: CodeExercise) -> str:
    """`contrastive_loss(logits, scale=...)`: what the answer is called with, in the spec's names;
    after `=`, what is given by name."""
    named = {name: f"{name}=..." for name in exercise.keywords}
    return f"{exercise.names[0]}({', '.join(named.get(n, n) for n in exercise.argument_names())})"
