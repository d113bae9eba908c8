"""The result of one check: plain lines, a card for a browser, an exception for a test, a dict. Its
text is stable and holds no reference value: it can be stored, compared and shown to anybody."""

from __future__ import annotations

import html
import re
import textwrap
from dataclasses import dataclass
from functools import partial
from typing import Any


class Fault(Exception):
    """A stage failed, or, with the status "not attempted", there is nothing to judge yet."""

    def __init__(self, diagnosis: str, message: str, status: str = "failed") -> None:
        super().__init__(message)
        self.diagnosis, self.message, self.status = diagnosis, message, status


STATUSES = ("passed", "failed", "not attempted", "timeout", "crashed", "error")
_COLOURS = {"passed": "#1a7f37", "not attempted": "#57606a", "error": "#8250df"}
_CODE = re.compile(r"`([^`\n]+)`")
_MARKS = {"passed": "✓", "failed": "✗", "not attempted": "○"}


def prose_html(text: str) -> str:
    """Escaped for HTML, what stands between backticks as code. A terminal shows the text as it is.

    >>> prose_html("Is `a < b`?")
    'Is <code>a &lt; b</code>?'
    """
    return _CODE.sub(r"<code>\1</code>", html.escape(text))


class CheckFailed(AssertionError):
    """Raised by `Report.raise_if_failed`; carries the report as `.report`."""

    def __init__(self, report: Report) -> None:
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True)
class Report:
    """What a check found out about one answer.

    "timeout" and "crashed" occur in grading only; "error" means that the check itself broke. "This
    is what you get when <diagnosis>" is a sentence for a known misconception; the diagnosis is
    empty when passed. `message` says what was seen, what was expected and what to look at."""

    exercise: str
    status: str
    title: str = ""
    points: float = 0.0
    max_points: float = 1.0
    checked: tuple[str, ...] = ()
    failed_at: str = ""
    diagnosis: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"status is {self.status!r}; expected one of {', '.join(STATUSES)}.")
        if self.points and self.status != "passed":
            words = f"{self.points:g} points with status {self.status!r}"
            raise ValueError(f"{words}; only a pass earns points.")

    @property
    def passed(self) -> bool:
        return self.status == "passed"

    @property
    def headline(self) -> str:
        name = f"Exercise {self.exercise}" + (f" ({self.title})" if self.title else "")
        unit = "point" if self.max_points == 1 else "points"
        return f"{name}: {self.status}, {self.points:g} of {self.max_points:g} {unit}."

    @property
    def looked_at(self) -> str:
        """One sentence or two: what was looked at, in order, and where it failed; "" for a value,
        of which nothing else is asked."""
        if [*self.checked, self.failed_at] in (["value", ""], ["value"]):
            return ""
        good = ", ".join(self.checked)
        if not self.failed_at:
            return f"Checked: {good}." if good else ""
        return f"{f'Right so far: {good}. ' if good else ''}Not yet: {self.failed_at}."

    def lines(self) -> list[str]:
        """The report as plain lines, the same in every face."""
        return [line for line in (self.headline, self.message, self.looked_at) if line]

    def __repr__(self) -> str:
        parts = [part for line in self.lines() for part in line.splitlines()]
        wrap = partial(textwrap.fill, width=96, break_on_hyphens=False)
        return "\n".join(map(wrap, parts))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        """A card. The words carry the meaning; the colour and the mark only repeat it."""
        colour, mark = _COLOURS.get(self.status, "#b35900"), _MARKS.get(self.status, "!")
        first, *rest = self.lines()
        style = "margin:0.4em 0 0 0;white-space:pre-wrap"
        body = "".join(f'<p style="{style}">{prose_html(line)}</p>' for line in rest)
        return (
            f'<div role="status" style="border-left:4px solid {colour};padding:0.5em 0.8em;'
            f'margin:0.3em 0;max-width:52em"><strong><span aria-hidden="true">{mark} </span>'
            f"{prose_html(first)}</strong>{body}</div>"
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; the inverse of `from_dict`."""
        return vars(self).copy()

    @classmethod
    def from_dict(cls, entry: dict[str, Any]) -> Report:
        return cls(**{**entry, "checked": tuple(entry.get("checked", ()))})

    def raise_if_failed(self) -> Report:
        """For tests. Raises CheckFailed unless passed; returns itself."""
        if not self.passed:
            raise CheckFailed(self)
        return self
