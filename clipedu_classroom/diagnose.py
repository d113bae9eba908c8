"""Name what is wrong: the exercise's own misconceptions, then what fits any numeric answer.

A misconception is a wrong answer that can be run. It fits when it does, on every trial, what the
student's answer did: the same value, the same gradient, the same changes to the inputs, or the same
exception.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from clipedu_classroom.calling import Outcome, Trial, run
from clipedu_classroom.compare import difference
from clipedu_classroom.spec import FunctionExercise, Misconception, ModuleExercise

# Diagnoses that any exercise can get; a wrong variant in a lesson may be titled with one of these.
GENERAL_DIAGNOSES = (
    "the answer is missing",
    "the answer is still the stub",
    "the answer is not a function",
    "the answer is not a subclass of nn.Module",
    "the arguments are not those of the stub",
    "the parameters have other names or shapes",
    "nothing is returned",
    "nothing is raised",
    "the result has the wrong type",
    "the result has the wrong shape",
    "the result has the wrong dtype",
    "the result is on another device",
    "an input is changed in place",
    "the gradient does not flow",
    "the gradient vanishes",
    "the gradient is wrong",
    "a parameter is frozen",
    "the result is not finite for extreme inputs",
    "the value is wrong",
    "the value is of the wrong kind",
    "the sign is flipped",
    "rows and columns are swapped",
    "an exponential is left in",
    "a logarithm is left in",
    "the mean is not taken",
    "the sum is not taken",
    "the result does not depend on the inputs",
    "it is summed where it should be averaged",
    "it is averaged where it should be summed",
    "the result is off by a constant factor",
    "the numbers are in the wrong places",
    "the result is off by a constant amount",
    "one of the results is wrong",
    "the order is reversed",
    "the order is wrong",
    "the result changes from call to call",
)


@dataclass
class Record:
    """One trial: what the answer and the reference did; `extreme` names extreme inputs, else ""."""

    trial: Trial
    got: Outcome
    want: Outcome
    extreme: str = ""


def known(
    exercise: FunctionExercise | ModuleExercise, records: list[Record], tolerance: float
) -> Misconception | None:
    """The first misconception that explains all records, else the first to explain all values, else
    the first to explain all ordinary records: a student's code need not fail on extreme inputs in
    the way that ours does."""
    everywhere = [True] * len(records)
    ordinary = [not record.extreme for record in records]
    candidates = [_Candidate(exercise, item, records) for item in exercise.all_misconceptions]
    passes = [(_same_everything, everywhere), (_same_value, everywhere)]
    if _varied([r.got for r in records if not r.extreme], tolerance):  # no coincidence of zeros
        passes.append((_same_value, ordinary))
    for same, looked_at in passes:
        for candidate in candidates:
            unlike_right = False
            for place, record in enumerate(records):
                if not looked_at[place]:
                    continue
                outcome = candidate.outcome(place)
                if not same(record.got, outcome, tolerance, exercise.unordered):
                    break
                unlike_right |= not same(outcome, record.want, tolerance, exercise.unordered)
            else:
                if unlike_right:
                    return candidate.misconception
    return None


class _Candidate:
    """A misconception and what it does on each trial, run when it is first asked for: most disagree
    with the answer on the first one."""

    def __init__(
        self,
        exercise: FunctionExercise | ModuleExercise,
        misconception: Misconception,
        records: list[Record],
    ) -> None:
        self.misconception, self.records = misconception, records
        self.changes_only = bool(exercise.changes) and all(r.want.value is None for r in records)
        self.outcomes: dict[int, Outcome] = {}

    def outcome(self, place: int) -> Outcome:
        if place not in self.outcomes:
            found = run(self.misconception.wrong, self.records[place].trial)
            self.outcomes[place] = replace(found, value=None) if self.changes_only else found
        return self.outcomes[place]


def _varied(outcomes: list[Outcome], tolerance: float) -> bool:
    """They differ among themselves."""
    return any(not _same_value(other, outcomes[0], tolerance, False) for other in outcomes[1:])


def _same_everything(left: Outcome, right: Outcome, tolerance: float, unordered: bool) -> bool:
    if not _same_value(left, right, tolerance, unordered):
        return False
    if left.error:
        return True
    for name, after in right.after.items():
        if not callable(after) and difference(left.after.get(name), after, tolerance):
            return False
    for name, grad in (right.grads or {}).items():
        other = (left.grads or {}).get(name)
        if (grad is None) != (other is None) or (
            grad is not None and difference(other, grad, 10 * tolerance)
        ):
            return False
    return True


def _same_value(left: Outcome, right: Outcome, tolerance: float, unordered: bool) -> bool:
    if left.error or right.error:
        return bool(
            left.error
            and right.error
            and (left.error.kind, left.error.message) == (right.error.kind, right.error.message)
        )
    if left.value is None or right.value is None:
        return left.value is None and right.value is None
    return not difference(left.value, right.value, tolerance, unordered=unordered)
