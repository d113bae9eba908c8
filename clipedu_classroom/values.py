"""Predicted values: right, a known wrong one, or wrong. Nothing here says by how much."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from clipedu_classroom.compare import describe_result, difference
from clipedu_classroom.report import Stage
from clipedu_classroom.spec import ValueExercise
from clipedu_classroom.subject import Subject
from clipedu_classroom.verdict import Verdict


def examine_value(exercise: ValueExercise, subject: Subject) -> Verdict:
    """A predicted value: attempted, of the right kind, right; or a known wrong one."""
    value = subject.value()
    parts = value if isinstance(exercise.name, tuple) and isinstance(value, tuple) else (value,)
    empty = [i for i, part in enumerate(parts) if part is None or part is Ellipsis]
    if empty:
        some = f"Not filled in yet: {_names(exercise, empty)}."
        words = "The value is not filled in yet." if len(empty) == len(parts) else some
        return Verdict("not attempted", "the answer is still the stub", words)
    name, message = wrong_value(exercise, value)
    if name:
        return Verdict("failed", name, message, (Stage("value", "failed"),))
    return Verdict("passed", "", "That is right.", (Stage("value", "passed"),))


def wrong_value(exercise: ValueExercise, value: Any) -> tuple[str, str]:
    """(diagnosis, message); both empty when the value is right. Says which entries of a dict are
    wrong, never by how much.
    """
    want = exercise.value()
    if not _value_difference(value, want, exercise.tolerance):
        return "", ""
    for misconception in exercise.misconceptions:
        if _value_fits(misconception.wrong, value, exercise.tolerance):
            look = f" {misconception.look}" if misconception.look else ""
            return misconception.when, f"This is what you get when {misconception.when}.{look}"
    if isinstance(want, dict) and isinstance(value, dict) and set(value) == set(want):
        wrong = [
            str(key) for key in want if _value_difference(value[key], want[key], exercise.tolerance)
        ]
        return "the value is wrong", f"Not right yet: {', '.join(wrong)}."
    if (
        isinstance(want, (tuple, list))
        and isinstance(value, (tuple, list))
        and len(want) == len(value)
    ):
        bad = [
            i
            for i, (v, w) in enumerate(zip(value, want, strict=True))
            if _value_difference(v, w, exercise.tolerance)
        ]
        places = _names(exercise, bad)
        kinds = [(i, _kind(want[i]), _kind(value[i])) for i in bad]
        odd = [(i, wanted, got) for i, wanted, got in kinds if wanted != got]
        if odd:
            i, wanted, got = odd[0]
            words = f"{_names(exercise, [i])} should be {wanted}, and is {got}."
            return "the value is of the wrong kind", words
        return "the value is wrong", f"Not right yet: {places}."
    if _value_difference(value, want, exercise.tolerance) == "value":
        return "the value is wrong", "The value is not right yet."
    return (
        "the value is of the wrong kind",
        f"Expected {describe_result(want)}; got {describe_result(value)}.",
    )


def _kind(value: Any) -> str:
    """In words, all numbers alike."""
    return "a number" if type(value) in (bool, int, float) else describe_result(value)


def _names(exercise: ValueExercise, places: Iterable[int]) -> str:
    names = exercise.names if isinstance(exercise.name, tuple) else None
    return ", ".join(names[i] if names else f"entry {i + 1}" for i in places)


def _value_fits(wrong: Any, value: Any, tolerance: float) -> bool:
    if callable(wrong):
        try:
            return bool(wrong(value))
        except Exception:  # a predicate for numbers may meet a string
            return False
    if isinstance(wrong, dict) and isinstance(value, dict):
        return bool(wrong) and all(
            k in value and not _value_difference(value[k], w, tolerance) for k, w in wrong.items()
        )
    return not _value_difference(value, wrong, tolerance)


def _value_difference(value: Any, want: Any, tolerance: float) -> str:
    return difference(_plain(value), _plain(want), 0.0, absolute=tolerance)


def _plain(value: Any) -> Any:
    """Strings without case and outer spaces, all through the tree."""
    if isinstance(value, str):
        return value.strip().casefold()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return (
            type(value)([_plain(item) for item in value])
            if type(value) in (list, tuple)
            else [_plain(i) for i in value]
        )
    if isinstance(value, (set, frozenset)):
        return {_plain(item) for item in value}
    return value
