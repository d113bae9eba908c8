"""What counts as a whole number in an argument: 3 and numpy's 3 do, True and 3.0 do not."""

from __future__ import annotations

import numbers


def is_whole(value: object) -> bool:
    """Whether `value` is an integer of any library, and no bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_whole(name: str, value: object, least: int = 1) -> int:
    """`value` as an int. Raises ValueError unless it is a whole number of at least `least`."""
    if not is_whole(value) or int(value) < least:  # type: ignore[call-overload]
        raise ValueError(f"{name} must be a whole number from {least}, not {value!r}.")
    return int(value)  # type: ignore[call-overload]
