"""The words in which an exercise says what a right answer is (`docs/GRADING.md` shows how).

Three kinds: `FunctionExercise` (tensors or plain Python objects in and out), `ModuleExercise` (an
nn.Module class) and `ValueExercise` (a number, string, tuple or dict that the student fills in). A
mistake in a spec is found when the module is imported, or by `spec_problems`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

Inputs = Callable[[torch.Generator], dict[str, Any]]
_ID = re.compile(r"^\d\d\.\d{1,2}$")


def whole(generator: torch.Generator, low: int, high: int) -> int:
    """A random whole number from low to high, both included: for `inputs` whose sizes vary."""
    return int(torch.randint(low, high + 1, (), generator=generator))


@dataclass(frozen=True)
class Misconception:
    """A known wrong answer. `when` ends the sentence "this is what you get when ..."; the report
    shows it word for word.

    `wrong` is what a student with this misconception would hand in: a function or nn.Module class
    like the reference, or, for a ValueExercise, the wrong value (a dict may hold only the entries
    it speaks about; of several names, those with the right value do not count) or a predicate
    value -> bool. `hint` is one sentence on where to look next; it must not give the answer away.
    """

    when: str
    wrong: Any
    hint: str = ""

    def __post_init__(self) -> None:
        if (
            not self.when
            or self.when[0].isupper()
            and not self.when[:2].isupper()
            or self.when.endswith(".")
        ):
            raise ValueError(
                f"Misconception {self.when!r}: write the end of a sentence, "
                "no capital, no full stop."
            )

    @property
    def message(self) -> str:
        return f"This is what you get when {self.when}. {self.hint}".rstrip()


@dataclass(frozen=True)
class Property:
    """Something that must hold whatever the numbers are. `pair(f, *inputs)` returns two things that
    must be equal.

    `f` is the answer (call it by position). `broken` names the failure: "the result changes when
    <...>".
    """

    broken: str
    pair: Callable[..., tuple[Any, Any]]


@dataclass(frozen=True)
class ForbiddenPattern:
    """A way of working that the task rules out and that the values cannot show. `seen` reads the
    answer's function (see `forbidden_patterns`). `when` ends "the values are right, but ...";
    `hint` is as in a Misconception.

    It is looked for last. A reference may use the pattern: only what it computes counts.
    """

    when: str
    seen: Callable[[ast.FunctionDef], bool]
    hint: str = ""


@dataclass(frozen=True)
class _Exercise:
    id: str
    name: str | tuple[str, ...]
    misconceptions: tuple[Misconception, ...] = field(default=(), kw_only=True)
    variants: Callable[[], tuple[Misconception, ...]] = field(default=tuple, kw_only=True)

    def __post_init__(self) -> None:
        if not _ID.match(self.id):
            raise ValueError(
                f'Exercise id {self.id!r}; expected the lesson, a dot and a number, like "03.1".'
            )
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


@dataclass(frozen=True)
class FunctionExercise(_Exercise):
    """The student writes a function.

    inputs: generator -> dict of arguments, in order (the student's own argument names do not
    matter: it is called by position).
        Called anew for every trial; draw sizes too where they may vary, so that a constant cannot
        pass for a mean. May hold tensors, arrays, numbers, strings, lists, tuples, dicts, and
        functions that take and return these. Write tensors in float32: the engine makes them
        float64.
    reference: the right answer, from the library or spelled out. Also right: `accepts` (other
    legitimate interpretations).
    gradient: names of inputs whose gradient is compared with the reference's.
    changes: names of inputs that the function shall change in place (all others must be left
    alone).
    extremes: name in words -> inputs. The result there must be finite wherever the reference's is,
    and right. as_drawn: names of extremes whose tensors keep the dtype that they are drawn in.
    properties: see Property. misconceptions: see Misconception.
    forbidden_patterns: see ForbiddenPattern.
    tolerance: relative and absolute, in float64 (a float32 answer is held to at least 1e-4).
    dtype: "same" demands a result of the inputs' floating type; "any" does not care.
    unordered: the order of the outermost list does not matter. trials: how many drawn inputs are
    compared. autograd=False: the answer shall not use autograd, which does not work while it runs.
    """

    reference: Callable[..., Any]
    inputs: Inputs
    properties: tuple[Property, ...] = ()
    extremes: dict[str, Inputs] | None = None
    as_drawn: tuple[str, ...] = ()
    forbidden_patterns: tuple[ForbiddenPattern, ...] = ()
    gradient: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    accepts: tuple[Callable[..., Any], ...] = ()
    tolerance: float = 1e-6
    dtype: str = "any"
    unordered: bool = False
    trials: int = 3
    autograd: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        names = set(self.inputs(torch.Generator().manual_seed(0)))
        for what in ("gradient", "changes"):
            unknown = set(getattr(self, what)) - names
            if unknown:
                raise ValueError(
                    f"Exercise {self.id}: {what} names {sorted(unknown)}, "
                    f"the inputs are {sorted(names)}."
                )
        if set(self.as_drawn) - set(self.extremes or {}):
            raise ValueError(f"Exercise {self.id}: as_drawn names {self.as_drawn}, no extremes.")
        if self.dtype not in ("same", "any"):
            raise ValueError(
                f'Exercise {self.id}: dtype is {self.dtype!r}; expected "same" or "any".'
            )


@dataclass(frozen=True)
class ModuleExercise(_Exercise):
    """The student writes an nn.Module class.

    reference: the right class. init: its constructor's arguments, in order (a dict). The student's
    class is built with them by position, must have parameters of the reference's names and shapes,
    gets the same random parameters as the reference, and then `method` ("" is the call itself) must
    return the same for `inputs`. gradient: names of inputs, or "parameters" for all parameters. The
    other fields are those of FunctionExercise; a misconception's `wrong` is a class.
    """

    reference: type[nn.Module]
    init: dict[str, Any]
    inputs: Inputs
    method: str = ""
    properties: tuple[Property, ...] = ()
    extremes: dict[str, Inputs] | None = None
    as_drawn: tuple[str, ...] = ()
    forbidden_patterns: tuple[ForbiddenPattern, ...] = ()
    gradient: tuple[str, ...] = ()
    accepts: tuple[type[nn.Module], ...] = ()
    tolerance: float = 1e-6
    dtype: str = "any"
    trials: int = 2
    changes: tuple[str, ...] = ()
    unordered: bool = False


@dataclass(frozen=True)
class ValueExercise(_Exercise):
    """The student fills in a value: a number, a string, a bool, a list, a tuple or a dict of these.

    `name` may be several names; then the value is the tuple of them, in order. expected: the value,
    or a function of no arguments that works it out. tolerance: absolute, for numbers. Strings are
    compared without case and outer spaces. The report never says how far off a value is.
    """

    expected: Any
    tolerance: float = 0.01

    def value(self) -> Any:
        return self.expected() if callable(self.expected) else self.expected


Exercise = FunctionExercise | ModuleExercise | ValueExercise


def positional_count(exercise: FunctionExercise | ModuleExercise) -> int:
    """How many positional arguments the student's object must accept."""
    if isinstance(exercise, ModuleExercise):
        return len(exercise.init)
    return len(exercise.inputs(torch.Generator().manual_seed(0)))


def signature_in_words(exercise: FunctionExercise | ModuleExercise) -> str:
    """`contrastive_loss(logits, scale)`: what the answer is called with, in the spec's names."""
    if isinstance(exercise, ModuleExercise):
        names = list(exercise.init)
    else:
        names = list(exercise.inputs(torch.Generator().manual_seed(0)))
    return f"{exercise.names[0]}({', '.join(names)})"
