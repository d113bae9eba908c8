"""Name what is wrong: one of the exercise's own misconceptions, or what the result has to do with
the right one. A misconception is a wrong answer that can be run; it fits when it does, on every
trial, what the student's answer did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from clipedu_classroom import relations
from clipedu_classroom.calling import Outcome, Trial, run
from clipedu_classroom.compare import difference
from clipedu_classroom.relations import Found
from clipedu_classroom.spec import FunctionExercise, Misconception, ModuleExercise
from clipedu_classroom.subject import Subject

# Diagnoses that any exercise can get; a wrong variant in a lesson may be titled with one of these.
GENERAL_DIAGNOSES = (
    *"""the answer is missing / the answer is still the stub / the answer is not a function
    / the answer is not a class / the answer is not a subclass of nn.Module
    / the arguments are not those of the stub
    / the parameters have other names or shapes / a parameter is frozen / nothing is returned
    / nothing is raised / the result has the wrong type / the result has the wrong shape
    / the result has the wrong dtype / the result is on another device / the value is wrong
    / an input is changed in place / the gradient does not flow / the gradient vanishes
    / the gradient is wrong / the result is not finite for extreme inputs
    / the value is of the wrong kind / the values are right for other numbers
    / the result does not depend on the inputs
    / the result changes from call to call""".replace("\n    /", " /").split(" / "),
    *relations.DIAGNOSES,
)
Asked = FunctionExercise | ModuleExercise


@dataclass
class Record:
    """One trial: what the answer and the reference did; `extreme` names extreme inputs, else ""."""

    trial: Trial
    got: Outcome
    want: Outcome
    extreme: str = ""


def known(exercise: Asked, records: list[Record], tolerance: float) -> Misconception | None:
    """The first misconception that explains all records, else all values, else all ordinary values:
    a student's code need not fail on extreme inputs in the way that ours does."""
    outcomes: dict[tuple[int, int], Outcome] = {}  # run when needed: most differ on the first trial
    places = list(range(len(records)))
    ordinary = [place for place in places if not records[place].extreme]
    passes = [(_same_everything, places), (_same_value, places)]
    if any(not _same_value(records[p].got, records[0].got, tolerance, False) for p in ordinary):
        passes.append((_same_value, ordinary))  # no coincidence of zeros
    for same, looked_at in passes:
        for number, misconception in enumerate(exercise.all_misconceptions):
            unlike_right = False
            for place in looked_at:
                record = records[place]
                if (number, place) not in outcomes:
                    found = run(misconception.wrong, record.trial)
                    only_changes = exercise.changes and record.want.value is None
                    found = replace(found, value=None) if only_changes else found
                    outcomes[number, place] = found
                outcome = outcomes[number, place]
                if not same(record.got, outcome, tolerance, exercise.unordered):
                    break
                unlike_right |= not same(outcome, record.want, tolerance, exercise.unordered)
            else:
                if unlike_right:
                    return misconception
    return None


def _same_everything(left: Outcome, right: Outcome, tolerance: float, unordered: bool) -> bool:
    """The same value or exception, changes to the inputs, and gradients."""
    if not _same_value(left, right, tolerance, unordered) or left.error:
        return bool(left.error) and _same_value(left, right, tolerance, unordered)
    pairs = [(left.after.get(n), a, tolerance) for n, a in right.after.items() if not callable(a)]
    grads = left.grads or {}
    pairs += [(grads.get(n), grad, 10 * tolerance) for n, grad in (right.grads or {}).items()]
    return not any(difference(*pair) for pair in pairs)


def _same_value(left: Outcome, right: Outcome, tolerance: float, unordered: bool) -> bool:
    """The same value, or the same exception with the same words."""
    if left.error and right.error:
        return (left.error.kind, left.error.message) == (right.error.kind, right.error.message)
    if left.error or right.error:
        return False
    return not difference(left.value, right.value, tolerance, unordered=unordered)


def diagnose(
    exercise: Asked, subject: Subject, records: list[Record], tolerance: float
) -> tuple[str, str] | None:
    """(diagnosis, message) from what the results have to do with the right ones; None when they are
    right, or nothing fits."""
    ended = [r for r in records if not r.got.error and not r.want.error]
    usable = [record for record in ended if not record.extreme]
    if not usable:
        return None
    again = subject.run(replace(usable[0].trial, grad=()))
    if not again.error and difference(again.value, usable[0].got.value, tolerance):
        words = "The same inputs gave two different results."
        return "the result changes from call to call", words
    pairs = [(_result(exercise, r.got), _result(exercise, r.want)) for r in usable]
    if not any(difference(*pair, tolerance, unordered=exercise.unordered) for pair in pairs):
        return None
    found = relations.relation(pairs, [record.trial.inputs for record in usable], tolerance)
    moves = [
        any(difference(outcome.value, side[0].value, tolerance) for outcome in side)
        for side in ([r.got for r in ended], [r.want for r in ended])
    ]
    if not found and moves == [False, True]:
        words = "For different inputs the result is always the same, for all that were tried."
        return "the result does not depend on the inputs", words
    return (
        found
        or _unused_input(exercise, subject, usable, tolerance)
        or _mistaken_input(exercise, usable, tolerance)
    )


def _result(exercise: Asked, outcome: Outcome) -> Any:
    """What a call gave: its value, or the inputs that it is to change where it returns nothing."""
    if outcome.value is None and exercise.changes:
        return tuple(outcome.after.get(name) for name in exercise.changes)
    return outcome.value


def _unused_input(
    exercise: Asked, subject: Subject, records: list[Record], tolerance: float
) -> Found:
    """An input that changes the right answer, and never this one."""
    for name in records[0].trial.inputs:
        matters = unmoved = 0
        for record in records[:6]:
            for other in _others(record.trial.inputs[name]):
                inputs = {**record.trial.inputs, name: other}
                trial = replace(record.trial, inputs=inputs, grad=())
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
    constant, which an answer that normalizes would not notice."""
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


def _mistaken_input(exercise: Asked, records: list[Record], tolerance: float) -> Found:
    """An input that was taken for another one: the answer is right for that."""
    inputs = [record.trial.inputs for record in records]
    sizes = relations.named_numbers(inputs)
    scalars_first = sorted(inputs[0], key=lambda name: getattr(inputs[0][name], "ndim", 0))
    for name in scalars_first:
        others = {size: numbers for size, numbers in sizes.items() if size != f"`{name}`"}
        options = [
            _mistaken(f"`{name}`", each[name], {size: n[trial] for size, n in others.items()})
            for trial, each in enumerate(inputs)
        ]
        for words in options[0]:
            trials = [
                replace(record.trial, inputs={**each, name: option.get(words)}, grad=())
                for record, each, option in zip(records, inputs, options, strict=True)
            ]
            if _is_right_for(trials, exercise, records, tolerance):
                message = f"The result would be right with {words} in place of `{name}`."
                return f"`{name}` is replaced by {words}", message
    for one, other in combinations(inputs[0], 2):
        trials = [
            replace(record.trial, inputs={**each, one: each[other], other: each[one]}, grad=())
            for record, each in zip(records, inputs, strict=True)
        ]
        if _is_right_for(trials, exercise, records, tolerance):
            words = f"The result would be right if `{one}` and `{other}` were exchanged."
            return f"`{one}` and `{other}` are exchanged", words
    return None


def _is_right_for(
    trials: list[Trial], exercise: Asked, records: list[Record], tolerance: float
) -> bool:
    """The answers are the right ones for these trials. (They are not for their own.)"""
    for record, trial in zip(records, trials, strict=True):
        want = run(exercise.reference, trial)
        got, right = _result(exercise, record.got), _result(exercise, want)
        if want.error or difference(got, right, tolerance, unordered=exercise.unordered):
            return False
    return True


def _mistaken(name: str, value: Any, sizes: dict[str, float]) -> dict[str, Any]:
    """What an input may be mistaken for, in words and as a value."""
    if type(value) is int:
        return {f"{name} + 1": value + 1, f"{name} - 1": value - 1, f"twice {name}": 2 * value}
    if isinstance(value, list):
        return {f"{name} in reverse order": value[::-1], f"all of {name} but the last": value[:-1]}
    if type(value) is not float and not (isinstance(value, Tensor) and value.is_floating_point()):
        return {}
    x = torch.as_tensor(value, dtype=torch.float64 if type(value) is float else None).detach()
    found = {
        f"the exponential of {name}": x.exp(),
        f"the logarithm of {name}": x.log(),
        f"-{name}": -x,
        f"the square of {name}": x * x,
        f"the square root of {name}": x.sqrt(),
        f"1 / {name}": 1 / x,
        f"1 - {name}": 1 - x,
        f"half of {name}": x / 2,
        f"twice {name}": 2 * x,
        **{f"{name} / {size}": x / number for size, number in sizes.items()},
        **{f"{name} x {size}": x * number for size, number in sizes.items()},
    }
    if x.ndim:
        found |= {f"{name} in reverse order": x.flip(0), f"the softmax of {name}": x.softmax(-1)}
    if x.ndim > 1:
        found[f"the transpose of {name}"] = x.mT
        found[f"{name} with rows of length 1"] = normalize(x, dim=-1)
        found[f"{name} with columns of length 1"] = normalize(x, dim=0)
    return {words: v.item() for words, v in found.items()} if type(value) is float else found
