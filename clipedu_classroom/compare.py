"""Are two results the same, and if not, in which way do they differ? Works on trees of tensors,
numbers, strings and lists.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clipedu_classroom.report import Stage, Verdict
from clipedu_classroom.spec import ValueExercise
from clipedu_classroom.subject import Subject


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
    wrong, never by how much."""
    want = exercise.value()
    if not _value_difference(value, want, exercise.tolerance):
        return "", ""
    for misconception in exercise.all_misconceptions:
        if _value_fits(exercise, misconception.wrong, value):
            return misconception.when, misconception.message
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


def _value_fits(exercise: ValueExercise, wrong: Any, value: Any) -> bool:
    tolerance = exercise.tolerance
    if callable(wrong):
        try:
            return bool(wrong(value))
        except Exception:  # a predicate for numbers may meet a string
            return False
    if isinstance(wrong, tuple) and isinstance(exercise.name, tuple):
        entries = zip(value, wrong, exercise.value(), strict=True)  # those right in `wrong`: any
        return not any(
            _value_difference(got, bad, tolerance)
            for got, bad, right in entries
            if _value_difference(bad, right, tolerance)
        )
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


KINDS = ("type", "shape", "dtype", "value")


def difference(
    got: Any, want: Any, tolerance: float, *, unordered: bool = False, absolute: float | None = None
) -> str:
    """ "" when equal, else the first way in which they differ: "type", "shape" or "value".

    Legitimate variants are equal: a Python or NumPy number for a () tensor, an array for a tensor,
    a list, tensor or array for a tuple, any dtype of the same sort (integers, booleans and floats
    are told apart from words only). nan equals nan, inf equals inf. `tolerance` is relative and
    absolute; `absolute` gives the absolute one its own value.
    """
    if unordered and isinstance(got, (list, tuple)) and isinstance(want, (list, tuple)):
        return _unordered(list(got), list(want), tolerance)
    absolute = tolerance if absolute is None else absolute
    if _numeric(want):
        if not _numeric(got):
            got = _as_numbers(got)
            if got is None:
                return "type"
        return _numbers(got, want, tolerance, absolute)
    if isinstance(want, (list, tuple)):
        if isinstance(got, (Tensor, np.ndarray)):
            got = got.tolist()
        if not isinstance(got, (list, tuple)):
            return "type"
        if len(got) != len(want):
            return "shape"
        return _worst(
            difference(g, w, tolerance, absolute=absolute) for g, w in zip(got, want, strict=True)
        )
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return "type"
        if set(got) != set(want):
            return "value"
        return _worst(difference(got[key], want[key], tolerance, absolute=absolute) for key in want)
    if isinstance(want, (set, frozenset)):
        return "type" if not isinstance(got, (set, frozenset)) else "" if got == want else "value"
    if type(got) is not type(want):
        return "type"
    return "" if got == want else "value"


def finite(value: Any) -> bool:
    """No nan and no inf anywhere in the tree."""
    if isinstance(value, (Tensor, np.ndarray)):
        return bool(torch.as_tensor(value).isfinite().all()) if _numeric(value) else True
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(finite(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return all(finite(item) for item in value)
    return True


def describe_apart(got: Any, want: Any) -> tuple[str, str]:
    """Both in words, with their entries where the words would be the same otherwise."""
    if describe_result(got) != describe_result(want) or not isinstance(want, (list, tuple)):
        return describe_result(got), describe_result(want)
    left, right = (
        f"{describe_result(value)} ({', '.join(describe_result(item) for item in list(value)[:4])})"
        for value in (got, want)
    )
    return left, right


def describe_result(value: Any) -> str:
    """A result in words, without its numbers: "a float64 tensor of shape (3, 4)"."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        article = "an" if kind[0] in "aeiou" and not kind.startswith("u") else "a"
        return f"{article} {kind} tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a {value.dtype} NumPy array of shape {value.shape}"
    if isinstance(value, (list, tuple, dict, set)):
        kind = type(value).__name__
        return f"a {kind} of {len(value)} " + ("entry" if len(value) == 1 else "entries")
    if isinstance(value, (bool, int, float, str)):
        return {"bool": "True or False", "int": "an int", "float": "a float", "str": "a string"}[
            type(value).__name__
        ]
    return f"an object of type {getattr(value, 'type_name', type(value).__name__)}"


def same_sort(value: Any, dtype: torch.dtype) -> bool:
    """Every floating tensor in the tree has this dtype."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() or value.dtype == dtype
    if isinstance(value, dict):
        return all(same_sort(item, dtype) for item in value.values())
    if isinstance(value, (list, tuple)):
        return all(same_sort(item, dtype) for item in value)
    return True


def as_tensor(value: Any) -> Tensor | None:
    """A float64 tensor of a numeric value, or None."""
    if not _numeric(value):
        return None
    try:
        tensor = torch.as_tensor(value)
    except (OverflowError, RuntimeError):  # an int of more than 64 bits
        return None
    return None if tensor.is_complex() else tensor.detach().cpu().to(torch.float64)


def _numeric(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    return isinstance(value, (Tensor, bool, int, float))


def _as_numbers(value: Any) -> Tensor | None:
    """A (nested) list of numbers where a tensor is expected. A list of tensors is none: no gradient
    could be asked of it, and `torch.stack` is what was forgotten."""
    if not isinstance(value, (list, tuple)) or any(isinstance(item, Tensor) for item in value):
        return None
    try:
        return torch.as_tensor(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        return None


def _numbers(got: Any, want: Any, tolerance: float, absolute: float) -> str:
    if isinstance(got, float) and isinstance(want, float):  # no tensor is needed for it
        same = got == want or (got != got and want != want)
        allowed = absolute + tolerance * abs(want)  # infinite where `want` is
        return "" if same or abs(got - want) <= allowed < math.inf else "value"
    left, right = as_tensor(got), as_tensor(want)
    if left is None or right is None:
        return "type"
    if left.shape != right.shape:
        return "shape"
    if torch.equal(left, right):  # often so, and cheaper than what follows
        return ""
    close = torch.isclose(left, right, rtol=tolerance, atol=absolute, equal_nan=True)
    return "" if bool(close.all()) else "value"


def _unordered(got: list[Any], want: list[Any], tolerance: float) -> str:
    if len(got) != len(want):
        return "shape"
    left = list(got)
    for item in want:
        found = next(
            (i for i, other in enumerate(left) if not difference(other, item, tolerance)), None
        )
        if found is None:
            return "value"
        left.pop(found)
    return ""


def _worst(kinds: Any) -> str:
    found = set(kinds) - {""}
    return next((kind for kind in KINDS if kind in found), "")
