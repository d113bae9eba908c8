"""One student's result, and the rule by which a submission gets its status. Points are counted
here, from the assignment's own list of exercises, and from nothing that a student's process said
about itself."""

from __future__ import annotations

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
class Result:
    """One submission, graded. `by_hand` are open answers: exercise id -> [points possible, the
    student's text].
    """

    student: str
    file: str
    status: str
    max_points: float
    reports: list[Report] = field(default_factory=list)
    message: str = ""
    remarks: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    by_hand: dict[str, tuple[float, str]] = field(default_factory=dict)
    output: str = ""
    seconds: float = 0.0
    protection: str = ""
    seed: int = 0
    key: str = ""

    @property
    def points(self) -> float:
        return sum(report.points for report in self.reports)

    @property
    def points_by_hand(self) -> float:
        """Points that a person still has to give."""
        return sum(points for points, _ in self.by_hand.values())

    def to_dict(self) -> dict[str, Any]:
        entry = {name: value for name, value in vars(self).items() if name != "reports"}
        entry["by_hand"] = {key: list(value) for key, value in self.by_hand.items()}
        return {
            **entry,
            "points": self.points,
            "exercises": [report.to_dict() for report in self.reports],
        }

    @classmethod
    def from_dict(cls, entry: dict[str, Any]) -> Result:
        fields = {
            name: value for name, value in entry.items() if name not in ("points", "exercises")
        }
        fields["by_hand"] = {
            key: (value[0], value[1]) for key, value in entry.get("by_hand", {}).items()
        }
        return cls(**fields, reports=[Report.from_dict(item) for item in entry["exercises"]])


def status_of(reports: list[Report], suspicions: list[str]) -> str:
    """The submission's status: the first that applies, worst news first."""
    statuses = {report.status for report in reports}
    if "timeout" in statuses:
        return "timeout"
    if "crashed" in statuses:
        return "crashed"
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
    return "; ".join(parts)


def file_name(student: str) -> str:
    """A safe file name for a student. Different students get different names."""
    safe = re.sub(r"[^\w.@+-]", "_", student).strip(".") or "student"
    if safe == student and len(safe) <= 100:
        return safe
    import hashlib

    return f"{safe[:80]}-{hashlib.sha256(student.encode(errors='surrogatepass')).hexdigest()[:8]}"


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
