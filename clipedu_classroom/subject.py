"""Where an answer lives. The checks talk to a `Subject` and do not know whether the answer sits in
this notebook or in a sandboxed process at the other end of a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from clipedu_classroom.calling import Description, Outcome, Trial, describe, run, snapshot

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "<missing>"})()


class Subject(Protocol):
    """An answer that can be looked at and called. Methods may raise SubjectLost."""

    def describe(self) -> Description: ...

    def run(self, trial: Trial) -> Outcome: ...

    def value(self) -> Any:
        """The answer itself, as plain data (for predicted values)."""
        ...


class SubjectLost(Exception):
    """The answer cannot be asked any more. `reason` is "timeout" or "crashed"; `exercises` are lost
    by it, as far as this is known."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.exercises: tuple[str, ...] = ()


class LocalSubject:
    """An object of this process: the student's in a notebook, or a wrong variant in a test."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    @classmethod
    def of(cls, name: str | tuple[str, ...], found: Sequence[Any]) -> LocalSubject:
        """The object of an exercise's name, or the tuple of those of its names; MISSING when one
        is."""
        if any(item is MISSING for item in found):
            return cls(MISSING)
        return cls(found[0] if isinstance(name, str) else tuple(found))

    def describe(self) -> Description:
        if self.answer is MISSING:
            return Description("missing")
        try:
            return describe(self.answer)
        except Exception:  # an object may answer no question at all
            return Description("value", type(self.answer).__name__)

    def run(self, trial: Trial) -> Outcome:
        return run(self.answer, trial)

    def value(self) -> Any:
        return snapshot(self.answer)
