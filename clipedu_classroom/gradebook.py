"""One student's result, and the rule by which a submission gets its status. Points are counted
here, from the assignment's own list of exercises, and from nothing that a student's process said
about itself."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipedu.files import write_whole
from clipedu_classroom.report import Report

STATUSES = {
    "graded": "every exercise was attempted and judged",
    "partial": "judged, but some exercises have no answer",
    "timeout": "an answer did not end; the others are judged",
    "crashed": "an answer ended its process; the others are judged",
    "suspicious": "judged, but the code does what no exercise needs: have a look",
    "blank": "no exercise was attempted",
    "unreadable": "the file is not a notebook that can be read",
}


@dataclass
class Written:
    """An answer that a person grades: its text, and a page with its tables and figures. `given` is
    None until the person has given points."""

    possible: float
    text: str
    page: str = ""
    given: float | None = None
    comment: str = ""


@dataclass
class Result:
    """One submission, graded. `by_hand` are open answers by exercise id."""

    student: str
    file: str
    status: str
    max_points: float
    reports: list[Report] = field(default_factory=list)
    message: str = ""
    remarks: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    by_hand: dict[str, Written] = field(default_factory=dict)
    output: str = ""
    seconds: float = 0.0
    protection: str = ""
    seed: int = 0
    key: str = ""
    lms_id: str = ""
    late: bool = False

    @property
    def points(self) -> float:
        return sum(report.points for report in self.reports)

    @property
    def points_by_hand(self) -> float:
        """Points that a person still has to give."""
        return sum(answer.possible for answer in self.by_hand.values() if answer.given is None)

    @property
    def total(self) -> float:
        """The points of the checks and those that a person has given so far."""
        return self.points + sum(answer.given or 0 for answer in self.by_hand.values())

    def to_dict(self) -> dict[str, Any]:
        by_hand = {key: vars(answer) for key, answer in self.by_hand.items()}
        reports = [report.to_dict() for report in self.reports]
        entry = vars(self) | {"points": self.points, "by_hand": by_hand, "exercises": reports}
        return {name: value for name, value in entry.items() if name != "reports"}

    @classmethod
    def from_dict(cls, entry: dict[str, Any]) -> Result:
        reports = [Report.from_dict(item) for item in entry["exercises"]]
        by_hand = {key: Written(**value) for key, value in entry["by_hand"].items()}
        known = {name: entry[name] for name in entry if name not in ("points", "exercises")}
        return cls(**known | {"by_hand": by_hand, "reports": reports})


def status_of(reports: list[Report], suspicions: list[str]) -> str:
    """The submission's status: the first that applies, worst news first."""
    statuses = {report.status for report in reports}
    for status in ("timeout", "crashed"):
        if status in statuses:
            return status
    if suspicions:
        return "suspicious"
    if statuses <= {"not attempted"}:
        return "blank"
    return "partial" if "not attempted" in statuses else "graded"


def message_of(result: Result) -> str:
    """One line for the CSV: what is not right, exercise by exercise."""
    parts = [result.message] if result.message else []
    wrong = [r for r in result.reports if not r.passed and r.status != "not attempted"]
    empty = [r.exercise for r in result.reports if r.status == "not attempted"]
    parts += [f"{report.exercise}: {report.diagnosis or report.status}" for report in wrong]
    if empty:
        all_of_them = len(empty) == len(result.reports)
        parts.append("nothing attempted" if all_of_them else f"not attempted: {', '.join(empty)}")
    return "; ".join(parts)[:2000]


def file_name(student: str) -> str:
    """A safe file name for a student. Different students get different names."""
    safe = re.sub(r"[^\w.@+-]", "_", student).strip(".") or "student"
    if safe == student and len(safe.encode()) <= 100 and not re.search(r"-[0-9a-f]{8}$", safe):
        return safe
    digest = hashlib.sha256(student.encode(errors="surrogatepass")).hexdigest()
    short = safe.encode(errors="replace")[:80].decode(errors="ignore")
    return f"{short}-{digest[:8]}"


def write_json(path: Path, entry: Any) -> None:
    text = json.dumps(entry, indent=1, ensure_ascii=False) + "\n"
    write_whole(path, text, errors="replace")


def save_result(folder: Path, result: Result) -> None:
    write_json(folder / f"{file_name(result.student)}.json", result.to_dict())


def load_result(folder: Path, student: str) -> Result | None:
    """A result of an earlier run; None when there is none that can be read."""
    try:
        return Result.from_dict(
            json.loads((folder / f"{file_name(student)}.json").read_text(encoding="utf-8"))
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
