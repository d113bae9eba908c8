"""Diagnoses of a wrong answer that need no list of misconceptions: a flipped sign, a transpose, a
sum for a mean, an input that is not used.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.calling import run, tensors
from clipedu_classroom.compare import as_tensor, difference
from clipedu_classroom.diagnose import Record
from clipedu_classroom.spec import FunctionExercise, ModuleExercise
from clipedu_classroom.subject import Subject

TELLING = {  # factors that say what went wrong
    100.0: " That is percent, where a share is asked for.",
    1 / math.log(2): " That is a logarithm to base 2, where a natural one is asked for.",
    1 / math.log(10): " That is a logarithm to base 10, where a natural one is asked for.",
}


def generic_diagnosis(
    exercise: FunctionExercise | ModuleExercise,
    subject: Subject,
    records: list[Record],
    tolerance: float,
) -> tuple[str, str] | None:
    """(diagnosis, message) when the answers relate to the right ones in a simple way; None when
    nothing fits."""
    usable = [r for r in records if not r.extreme and not r.got.error and not r.want.error]
    if not usable:
        return None
    unstable = _unstable(subject, usable[0], tolerance)
    if unstable is not None or not any(
        difference(r.got.value, r.want.value, tolerance, unordered=exercise.unordered)
        for r in usable
    ):
        return unstable
    pairs = [(as_tensor(r.got.value), as_tensor(r.want.value)) for r in usable]
    numeric = [(got, want) for got, want in pairs if got is not None and want is not None]
    if _constant(records, tolerance):
        return (
            "the result does not depend on the inputs",
            "For different inputs the result is always the same, for all that were tried.",
        )
    found = (
        _relation(numeric, usable, tolerance)
        if len(numeric) == len(pairs)
        else _sequences(usable, tolerance)
    )
    return found or _unused_input(exercise, subject, usable, tolerance)


def _relation(
    pairs: list[tuple[Tensor, Tensor]], records: list[Record], tolerance: float
) -> tuple[str, str] | None:
    def every(relation: Any) -> bool:
        return all(_close(relation(got), want, tolerance) for got, want in pairs)

    if every(lambda got: -got):
        return "the sign is flipped", "Every number is right except for its sign."
    if all(got.ndim >= 2 for got, _ in pairs) and every(lambda got: got.transpose(-1, -2)):
        return "rows and columns are swapped", "The result is the transpose of the right one."
    if every(torch.log):
        return "an exponential is left in", "The result is the exponential of the right one."
    if every(torch.exp):
        return "a logarithm is left in", "The result is the logarithm of the right one."
    if all(got.numel() != want.numel() and want.numel() == 1 for got, want in pairs):
        if every(torch.mean):
            return (
                "the mean is not taken",
                "The result holds the parts; their mean is the right answer.",
            )
        if every(torch.sum):
            return (
                "the sum is not taken",
                "The result holds the parts; their sum is the right answer.",
            )
    if any(got.shape != want.shape for got, want in pairs):
        return None
    if all(got.numel() > 2 for got, _ in pairs) and every_sorted(pairs, tolerance):
        return (
            "the numbers are in the wrong places",
            "All the right numbers are there, in other places.",
        )
    return _multiple(pairs, records, tolerance) or _offset(pairs, tolerance)


def every_sorted(pairs: list[tuple[Tensor, Tensor]], tolerance: float) -> bool:
    """The same numbers, whatever their places."""
    return all(
        _close(got.flatten().sort().values, want.flatten().sort().values, tolerance)
        for got, want in pairs
    )


def _offset(pairs: list[tuple[Tensor, Tensor]], tolerance: float) -> tuple[str, str] | None:
    """One number too much or too little, everywhere and in every trial."""
    amount = float((pairs[0][0] - pairs[0][1]).flatten()[0])
    exact = 10 * tolerance * max(1.0, *(float(want.abs().max()) for _, want in pairs))
    if (
        math.isfinite(amount)
        and abs(amount) > 10 * exact
        and all(_close(got - amount, want, tolerance) for got, want in pairs)
    ):
        return (
            "the result is off by a constant amount",
            f"The result is {abs(amount):.3g} too {'large' if amount > 0 else 'small'}, "
            f"{_tried(len(pairs))}.",
        )
    return None


def _constant(records: list[Record], tolerance: float) -> bool:
    """The answer is the same on every input, extreme ones included, and the right one is not."""
    ended = [r for r in records if not r.got.error and not r.want.error]

    def alike(values: list[Any]) -> bool:
        return not any(difference(value, values[0], tolerance) for value in values[1:])

    return (
        len(ended) > 1
        and alike([record.got.value for record in ended])
        and not alike([record.want.value for record in ended])
    )


def _multiple(
    pairs: list[tuple[Tensor, Tensor]], records: list[Record], tolerance: float
) -> tuple[str, str] | None:
    """One factor in each trial: the same everywhere, or a size of the inputs (a sum in place of a
    mean, or the reverse)."""
    factors = []
    for got, want in pairs:
        use = want.abs() > 1e-9
        if not bool(use.any()) or not bool(torch.isfinite(got).all()):
            return None
        factor = float((got[use] / want[use]).median())
        if (
            not math.isfinite(factor)
            or factor == 0
            or not _close(got, factor * want, 10 * tolerance)
        ):
            return None
        factors.append(factor)
    sizes = [{s for t in tensors(r.trial.inputs) for s in t.shape if s > 1} for r in records]
    if all(
        any(math.isclose(f, s, rel_tol=1e-3) for s in options)
        for f, options in zip(factors, sizes, strict=True)
    ):
        return (
            "it is summed where it should be averaged",
            "The result is too large by a size of the inputs.",
        )
    if all(
        any(math.isclose(f * s, 1, rel_tol=1e-3) for s in options)
        for f, options in zip(factors, sizes, strict=True)
    ):
        return (
            "it is averaged where it should be summed",
            "The result is too small by a size of the inputs.",
        )
    exact = max(1e-6, 10 * tolerance)  # a nearly right answer is not a multiple of the right one
    if abs(factors[0] - 1) > 0.01 and all(
        math.isclose(f, factors[0], rel_tol=exact) for f in factors
    ):
        return (
            "the result is off by a constant factor",
            f"The result is {factors[0]:.3g} times what it should be, {_tried(len(pairs))}."
            + next(
                (w for f, w in TELLING.items() if math.isclose(f, factors[0], rel_tol=exact)), ""
            ),
        )
    return None


def _sequences(records: list[Record], tolerance: float) -> tuple[str, str] | None:
    for record in records:
        if not isinstance(record.got.value, (list, tuple)) or not isinstance(
            record.want.value, (list, tuple)
        ):
            return None
    places = [_right_places(r, tolerance) for r in records]
    if all(isinstance(r.want.value, tuple) for r in records) and None not in places:
        right = [all(place) for place in zip(*(p for p in places if p), strict=True)]
        if any(right):
            good = " and ".join(f"number {i + 1}" for i, ok in enumerate(right) if ok)
            bad = " and ".join(f"number {i + 1}" for i, ok in enumerate(right) if not ok)
            words = f"Of the {len(right)} results, {good} is right and {bad} is not."
            return "one of the results is wrong", words
    if all(not difference(list(r.got.value)[::-1], list(r.want.value), tolerance) for r in records):
        return "the order is reversed", "The entries are right, in the reverse order."
    if all(
        not difference(list(r.got.value), list(r.want.value), tolerance, unordered=True)
        for r in records
    ):
        return "the order is wrong", "The entries are right, their order is not."
    return None


def _right_places(record: Record, tolerance: float) -> list[bool] | None:
    got, want = record.got.value, record.want.value
    if len(got) != len(want):
        return None
    return [not difference(g, w, tolerance) for g, w in zip(got, want, strict=True)]


def _unused_input(
    exercise: FunctionExercise | ModuleExercise,
    subject: Subject,
    records: list[Record],
    tolerance: float,
) -> tuple[str, str] | None:
    """An input that can be changed without any effect on the answer, in every trial where the right
    answer does change."""
    for name in records[0].trial.inputs:
        matters = unmoved = 0
        for record in records[:6]:
            for other in _others(record.trial.inputs[name]):
                trial = replace(record.trial, inputs={**record.trial.inputs, name: other}, grad=())
                want = run(exercise.reference, trial)
                if want.error or not difference(want.value, record.want.value, tolerance):
                    continue
                got = subject.run(trial)
                matters += 1
                unmoved += not got.error and not difference(got.value, record.got.value, tolerance)
        if matters > 1 and matters == unmoved:
            return f"`{name}` is not used", f"The result stays the same when `{name}` changes."
    return None


def _others(value: Any) -> list[Any]:
    """Two other values for an input; of several numbers, not a multiple of the old ones plus a
    constant, which an answer that normalises would not notice. None for what is not a number."""
    if isinstance(value, Tensor) and value.is_floating_point():
        old = value.detach()
        noise = torch.zeros_like(old)
        if old.numel() > 1:
            drawn = torch.randn(old.shape, generator=torch.Generator().manual_seed(1))
            noise = drawn.to(old.dtype) * (old.abs().mean() + 0.1)
        return [old * 1.5 + 0.1 + noise, old * 0.6 - 0.1 - noise]
    if isinstance(value, float):
        return [value * 1.5 + 0.1, value * 0.6]
    return [value + 1, value + 2] if type(value) is int else []


def _unstable(subject: Subject, record: Record, tolerance: float) -> tuple[str, str] | None:
    again = subject.run(replace(record.trial, grad=()))
    if again.error is None and difference(again.value, record.got.value, tolerance):
        return "the result changes from call to call", "The same inputs gave two different results."
    return None


def _tried(trials: int) -> str:
    """How much was seen: a few inputs say nothing about all inputs."""
    return f"for all {trials} inputs that were tried" if trials > 1 else "for the input tried"


def _close(got: Tensor, want: Tensor, tolerance: float) -> bool:
    return not difference(got, want, 10 * tolerance)
