"""What an examination ends in."""

from __future__ import annotations

from dataclasses import dataclass

from clipedu_classroom.report import Stage


@dataclass(frozen=True)
class Verdict:
    """`status` is "passed", "failed" or "not attempted"."""

    status: str
    diagnosis: str = ""
    message: str = ""
    stages: tuple[Stage, ...] = ()


class Fault(Exception):
    """A stage failed."""

    def __init__(self, diagnosis: str, message: str) -> None:
        super().__init__(message)
        self.diagnosis, self.message = diagnosis, message


class NotAttempted(Exception):
    """There is nothing to judge yet."""
