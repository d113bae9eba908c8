"""Say on which inputs an answer goes wrong, with a call that the student can repeat where one fits
in a line.

Only inputs and what the answer itself made of them are shown, never what would be right.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.diagnose import Record

LONGEST_CALL = 320  # characters
LONGEST_RESULT = 160


def where_wrong(name: str, records: list[Record], wrong: list[Record]) -> str:
    """One or two sentences, or "": the cases that go wrong when only special ones do, and the
    shortest call that shows it.
    """
    cases = [record.extreme for record in wrong if record.extreme]
    special_only = len(cases) == len(wrong) < len(records)
    words = f"It goes wrong for: {'; '.join(cases[:3])}." if special_only else ""
    calls = [example(name, record) for record in wrong]
    return f"{words} {min(filter(None, calls), key=len, default='')}".strip()


def example(name: str, record: Record) -> str:
    """ "For example, `f(2)` returns 3.", or "" when it is too long to read or no plain data."""
    if record.got.error or not plain(record.got.value):
        return ""
    if not all(plain(value) for value in record.trial.inputs.values()):
        return ""
    call = f"{name}({', '.join(in_code(value) for value in record.trial.inputs.values())})"
    result = in_code(record.got.value)
    if len(call) > LONGEST_CALL or len(result) > LONGEST_RESULT:
        return ""
    return f"For example, `{call}` returns `{result}`."


def plain(value: Any) -> bool:
    """Numbers, strings, small tensors of whole numbers, and lists, tuples and dicts of these."""
    if isinstance(value, Tensor):
        return not value.is_floating_point() and not value.is_complex() and value.numel() <= 12
    if isinstance(value, dict):
        return all(plain(key) and plain(item) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return all(plain(item) for item in value)
    return value is not None and type(value) in (bool, int, float, str)


def in_code(value: Any) -> str:
    """The value as one would type it; floats with four digits."""
    if isinstance(value, Tensor):
        kind = "" if value.dtype in (torch.int64, torch.bool) else f", dtype={value.dtype}"
        return f"torch.tensor({value.tolist()}{kind})"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{in_code(k)}: {in_code(v)}" for k, v in value.items()) + "}"
    if isinstance(value, tuple):
        inside = ", ".join(in_code(item) for item in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    if isinstance(value, list):
        return "[" + ", ".join(in_code(item) for item in value) + "]"
    return repr(value)
