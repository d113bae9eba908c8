"""The classroom: exercises that say what is wrong, hints, progress, and grading for a class.

A notebook needs one line: `from clipedu_classroom import check, give_up, hint, progress, reset,
solution`. The rest of this room (`build`, `grade`) is reached through the command line."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipedu_classroom.checks import check
    from clipedu_classroom.hints import give_up, hint, progress, reset, solution
    from clipedu_classroom.report import Report

_HOMES = {
    "check": "checks",
    "Report": "report",
    **dict.fromkeys(("give_up", "hint", "progress", "reset", "solution"), "hints"),
}
__all__ = ["Report", "check", "give_up", "hint", "progress", "reset", "solution"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: building notebooks needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
