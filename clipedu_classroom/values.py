"""Judge a predicted value: attempted, of the right kind, right; or a known wrong one. It is looked
at entry by entry, and what is said never tells how far off an entry is."""

from __future__ import annotations

from typing import Any

from clipedu_classroom.compare import describe_result, difference
from clipedu_classroom.report import Fault
from clipedu_classroom.spec import Misconception, ValueExercise


def examine_value(exercise: ValueExercise, value: Any) -> None:
    """Raises Fault unless the value is right."""
    want, tolerance = exercise.value(), exercise.tolerance
    right, given = entries_of(exercise, want), entries_of(exercise, value)
    empty = [name for name, entry in given.items() if entry is None or entry is Ellipsis]
    if empty:
        some = f"Not filled in yet: {', '.join(empty)}."
        words = "The value is not filled in yet." if len(empty) == len(given) else some
        raise Fault("the answer is still the stub", words, "not attempted")
    if not _differs(value, want, tolerance):
        return
    wrong = [name for name in right if _differs(given.get(name), right[name], tolerance)]
    best, unexplained = _explanation(exercise, value, wrong)
    if best:
        more = f" Not right yet either: {', '.join(unexplained)}." if unexplained else ""
        raise Fault(best.when, best.message + more)
    is_single = set(right) == {exercise.names[0]}
    if set(given) != set(right) or is_single and _kind(value) != _kind(want):
        words = f"Expected {describe_result(want)}; got {describe_result(value)}."
        raise Fault("the value is of the wrong kind", words)
    for name in wrong:
        if _kind(given[name]) != _kind(right[name]):
            words = f"{name} should be {_kind(right[name])}, and is {_kind(given[name])}."
            raise Fault("the value is of the wrong kind", words)
    words = "The value is not right yet." if is_single else f"Not right yet: {', '.join(wrong)}."
    words = f"{words} {_relation(given, right, wrong, tolerance)}".strip()
    raise Fault("the value is wrong", words)


def is_right(exercise: Any, value: Any) -> bool:
    """Whether the exercise asks for a value, and this is it."""
    if not isinstance(exercise, ValueExercise):
        return False
    return not _differs(value, exercise.value(), exercise.tolerance)


def entries_of(exercise: ValueExercise, value: Any) -> dict[str, Any]:
    """The value's entries by name; a value that has none is one entry itself."""
    if isinstance(exercise.name, tuple) and isinstance(value, tuple):
        return dict(zip(exercise.names, value, strict=False))
    if isinstance(value, dict):
        return {str(key): entry for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return {f"entry {place}": entry for place, entry in enumerate(value, 1)}
    return {exercise.names[0]: value}


def _explanation(
    exercise: ValueExercise, value: Any, wrong: list[str]
) -> tuple[Misconception | None, list[str]]:
    """The misconception that explains most of the wrong entries, and those that it does not."""
    best, unexplained = None, wrong
    for misconception in exercise.all_misconceptions:
        explained = _explained(exercise, misconception.wrong, value, wrong)
        left = [name for name in wrong if name not in (explained or ())]
        if explained is not None and (best is None or len(left) < len(unexplained)):
            best, unexplained = misconception, left
    return best, unexplained


def _explained(exercise: ValueExercise, bad: Any, value: Any, wrong: list[str]) -> set[str] | None:
    """The wrong entries that a misconception speaks of; None when the value does not have it."""
    got, want = entries_of(exercise, value), exercise.value()
    if not callable(bad):
        spoken, right = entries_of(exercise, bad), entries_of(exercise, want)
        about = {n for n in spoken if _differs(spoken[n], right.get(n), exercise.tolerance)}
        same = (not _differs(got.get(n), spoken[n], exercise.tolerance) for n in about)
        return about if about and all(same) else None
    if not holds(bad, value):
        return None
    if type(value) is not tuple or type(want) is not tuple or len(value) != len(want):
        return set(wrong)

    def holds_with(*names: str) -> bool:  # these entries wrong, all others right
        entries = zip(got, value, want, strict=True)
        return holds(bad, tuple(mine if name in names else its for name, mine, its in entries))

    return {n for n in wrong if holds_with(n) or not holds_with(*(w for w in wrong if w != n))}


def holds(predicate: Any, value: Any) -> bool:
    """Whether a misconception's predicate is true of a value."""
    try:
        return bool(predicate(value))
    except Exception:  # a predicate for numbers may meet a string
        return False


def _relation(
    got: dict[str, Any], right: dict[str, Any], wrong: list[str], tolerance: float
) -> str:
    """What wrong numbers have to do with the right ones, where that is telling; or ""."""
    if len(wrong) == 2:
        one, other = wrong
        crossed = (got[one], right[other]), (got[other], right[one])
        if not any(_differs(*pair, tolerance) for pair in crossed):
            return f"{one} and {other} are exchanged."
    for name in wrong:
        mine, its = got[name], right[name]
        if type(mine) not in (int, float) or type(its) not in (int, float) or not its:
            continue
        if not _differs(mine, 100 * its, tolerance) or not _differs(100 * mine, its, tolerance):
            return f"Is {name} asked for in percent, or as a share of 1?"
        if not _differs(mine, -its, tolerance):
            return f"Look at the sign of {name}."
    return ""


def _kind(value: Any) -> str:
    """In words, all numbers alike."""
    return "a number" if type(value) in (bool, int, float) else describe_result(value)


def _differs(value: Any, want: Any, tolerance: float) -> str:
    """A small number is held to a third of itself: twice 0.002 or nothing at all is not it."""
    if type(want) is float and want:
        tolerance = min(tolerance, abs(want) / 3)
    found = difference(_plain(value), _plain(want), 0.0, absolute=tolerance)
    if type(want) is tuple and not found:
        pairs = zip(value, want, strict=True)
        found = next((how for pair in pairs if (how := _differs(*pair, tolerance))), "")
    return found


def _plain(value: Any) -> Any:
    """Strings without case and outer spaces, all through the tree."""
    if isinstance(value, str):
        return value.strip().casefold()
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(_plain(item) for item in value)
    return value
