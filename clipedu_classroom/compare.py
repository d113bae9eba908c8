"""Are two results the same, and if not, in which way do they differ? Works on trees of tensors,
numbers, strings and lists, and says in words what a result is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clipedu_classroom.calling import leaves, tensors
from clipedu_classroom.protocol import is_record

KINDS = ("type", "shape", "value")


def difference(
    got: Any, want: Any, tolerance: float, *, unordered: bool = False, absolute: float | None = None
) -> str:
    """ "" when equal, else the first way in which they differ: "type", "shape" or "value".

    Legitimate variants are equal: a number for a () tensor, an array for a tensor, a list, tensor
    or array for a tuple, any dtype; nan and nan. `tolerance` is relative and absolute; `absolute`
    gives the absolute one its own value."""
    if unordered and isinstance(got, (list, tuple)) and isinstance(want, (list, tuple)):
        return _unordered(list(got), want, tolerance)
    absolute = tolerance if absolute is None else absolute
    if is_record(want) and is_record(got):  # from a sandbox a dataclass returns as a namespace
        got, want = vars(got), vars(want)
    if is_numeric(want):
        got = got if is_numeric(got) else _as_numbers(got)
        return "type" if got is None else _numbers(got, want, tolerance, absolute)
    if isinstance(want, (list, tuple)):
        if isinstance(got, (Tensor, np.ndarray)):
            got = got.tolist()
        if not isinstance(got, (list, tuple)):
            return "type"
        if len(got) != len(want):
            return "shape"
        pairs: Iterable[tuple[Any, Any]] = zip(got, want, strict=True)
    elif isinstance(want, dict):
        if not isinstance(got, dict):
            return "type"
        if set(got) != set(want):
            return "value"
        pairs = ((got[key], want[key]) for key in want)
    elif isinstance(want, (set, frozenset)):
        return "type" if not isinstance(got, (set, frozenset)) else "" if got == want else "value"
    else:
        return "type" if type(got) is not type(want) else "" if got == want else "value"
    found = {difference(one, other, tolerance, absolute=absolute) for one, other in pairs}
    return next((kind for kind in KINDS if kind in found), "")


def _unordered(left: list[Any], want: Iterable[Any], tolerance: float) -> str:
    want = list(want)
    if len(left) != len(want):
        return "shape"
    for item in want:
        same = [i for i, other in enumerate(left) if not difference(other, item, tolerance)]
        if not same:
            return "value"
        left.pop(same[0])
    return ""


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


def is_numeric(value: Any) -> bool:
    """A number, or a tensor or array of numbers."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    return isinstance(value, (Tensor, bool, int, float))


def as_tensor(value: Any) -> Tensor | None:
    """A float64 tensor of a numeric value, or None."""
    if not is_numeric(value):
        return None
    try:
        tensor = torch.as_tensor(value)
    except (OverflowError, RuntimeError):  # an int of more than 64 bits
        return None
    return None if tensor.is_complex() else tensor.detach().cpu().to(torch.float64)


def _as_numbers(value: Any) -> Tensor | None:
    """A (nested) list of numbers where a tensor is expected. A list of tensors is none: no gradient
    could be asked of it, and `torch.stack` is what was forgotten."""
    if not isinstance(value, (list, tuple)) or any(isinstance(item, Tensor) for item in value):
        return None
    try:
        return torch.as_tensor(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        return None


def finite(value: Any) -> bool:
    """No nan and no inf anywhere in the tree."""
    numbers = [as_tensor(leaf) for leaf in leaves(value)]
    return all(number is None or bool(number.isfinite().all()) for number in numbers)


def same_sort(value: Any, dtype: torch.dtype) -> bool:
    """Every floating tensor in the tree has this dtype."""
    return all(not x.is_floating_point() or x.dtype == dtype for x in tensors(value))


def describe_apart(got: Any, want: Any) -> tuple[str, str]:
    """Both in words, with their entries where the words would be the same otherwise."""
    left, right = describe_result(got), describe_result(want)
    if left == right and isinstance(want, (list, tuple)):
        entries = [", ".join(map(describe_result, list(value)[:4])) for value in (got, want)]
        left, right = f"{left} ({entries[0]})", f"{right} ({entries[1]})"
    return left, right


def describe_result(value: Any) -> str:
    """A result in words, without its numbers: "a float64 tensor of shape (3, 4)"."""
    if value is None:
        return "nothing (None)"
    if isinstance(value, Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        article = "an" if kind.startswith("int") else "a"
        return f"{article} {kind} tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a {value.dtype} NumPy array of shape {value.shape}"
    name = type(value).__name__
    if isinstance(value, (list, tuple, dict, set)):
        return f"a {name} of {len(value)} " + ("entry" if len(value) == 1 else "entries")
    names = {"bool": "True or False", "int": "an int", "float": "a float", "str": "a string"}
    return names.get(name, f"an object of type {getattr(value, 'type_name', name)}")


def is_plain(value: Any) -> bool:
    """Numbers, strings, small tensors of whole numbers, and lists, tuples and dicts of these."""
    if isinstance(value, dict):
        return is_plain(list(value)) and is_plain(list(value.values()))
    if isinstance(value, Tensor):
        return not value.is_floating_point() and not value.is_complex() and value.numel() <= 12
    if isinstance(value, (list, tuple)):
        return all(is_plain(item) for item in value)
    return type(value) in (bool, int, float, str)


def in_code(value: Any) -> str:
    """The value as one would type it; floats with four digits."""
    if isinstance(value, Tensor):
        kind = "" if value.dtype in (torch.int64, torch.bool) else f", dtype={value.dtype}"
        return f"torch.tensor({value.tolist()}{kind})"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{in_code(k)}: {in_code(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(in_code(item) for item in value)
        comma = "," if len(value) == 1 else ""
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{comma})"
    return repr(value)
