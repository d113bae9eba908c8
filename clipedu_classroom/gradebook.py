"""One student's result, its status and its points, which come from the assignment's own list of
exercises and from what a person gives by hand, and from nothing that a student's process said."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clipedu.files import write_whole
from clipedu_classroom.report import Report
from clipedu_classroom.roster import read_table

STATUSES = {
    "graded": "every exercise was attempted and judged",
    "partial": "judged, but some exercises have no answer",
    "timeout": "an answer did not end; the others are judged",
    "crashed": "an answer ended its process; the others are judged",
    "suspicious": "judged, but the code does what no exercise needs: have a look",
    "blank": "no exercise was attempted",
    "unreadable": "the file is not a notebook that can be read",
}
BY_HAND = "by_hand.csv"
COLUMNS = ("student", "exercise", "possible", "points", "comment", "answer")
Marks = dict[tuple[str, str], dict[str, str]]


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
    """One submission, graded. `by_hand` are open answers and `code` the others, by exercise id.
    `handed_in` is an ISO time, known from `handed_in_by`; `penalty` is in percent."""

    student: str
    file: str
    status: str
    max_points: float
    reports: list[Report] = field(default_factory=list)
    message: str = ""
    remarks: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    by_hand: dict[str, Written] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    protection: str = ""
    problem: str = ""  # with the points given by hand; no student sees it
    seed: int = 0
    key: str = ""
    lms_id: str = ""
    late: bool = False  # as the learning platform says
    handed_in: str = ""
    handed_in_by: str = ""
    late_days: int = 0
    penalty: float = 0.0

    @property
    def known_as(self) -> tuple[str, str]:
        """The name, and the id that the learning platform has; Gradescope's ids are its own."""
        return self.student, "" if self.handed_in_by == "Gradescope" else self.lms_id

    @property
    def points(self) -> float:
        """The points of the checks."""
        return sum(report.points for report in self.reports)

    @property
    def points_by_hand(self) -> float:
        """Points that a person still has to give."""
        return sum(answer.possible for answer in self.by_hand.values() if answer.given is None)

    @property
    def is_marked(self) -> bool:
        """Whether a person has given points."""
        return any(answer.given is not None for answer in self.by_hand.values())

    @property
    def total(self) -> float:
        """The points of the checks and those that a person has given so far, less the penalty."""
        given = sum(answer.given or 0 for answer in self.by_hand.values())
        return round((self.points + given) * (1 - self.penalty / 100), 2)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"points": self.points}

    @classmethod
    def from_dict(cls, entry: dict[str, Any]) -> Result:
        reports = [Report.from_dict(item) for item in entry["reports"]]
        by_hand = {key: Written(**value) for key, value in entry["by_hand"].items()}
        known = {name: entry[name] for name in entry if name != "points"}
        return cls(**known | {"by_hand": by_hand, "reports": reports})


def status_of(reports: list[Report], suspicions: list[str]) -> str:
    """The submission's status: the first that applies, worst news first."""
    statuses = {report.status for report in reports}
    if ended := [status for status in ("timeout", "crashed") if status in statuses]:
        return ended[0]
    if suspicions or statuses <= {"not attempted"}:
        return "suspicious" if suspicions else "blank"
    return "partial" if "not attempted" in statuses else "graded"


def message_of(result: Result) -> str:
    """One line for the CSV: what is not right, exercise by exercise."""
    wrong = [r for r in result.reports if not r.passed and r.status != "not attempted"]
    empty = [r.exercise for r in result.reports if r.status == "not attempted"]
    parts = [f"{report.exercise}: {report.diagnosis or report.status}" for report in wrong]
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


def result_path(folder: Path, student: str) -> Path:
    return folder / f"{file_name(student)}.json"


def read_result(path: Path) -> Result | None:
    """The result of an earlier run; None when there is none that can be read."""
    try:
        return Result.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def remove_others(folder: Path, results: list[Result], *copies: Path | None) -> list[str]:
    """Remove the results of students who handed in nothing any more, and their files in the folders
    `copies`; return their names."""
    present = {result.student for result in results}
    gone = []
    for path in sorted(folder.glob("*.json")):
        result = read_result(path)
        if result is not None and result.student not in present:
            gone.append(result.student)
            for place in filter(None, [folder, *copies]):
                (place / path.name).unlink(missing_ok=True)
                (place / f"{path.stem}.html").unlink(missing_ok=True)
    return gone


# `grade` writes a line of by_hand.csv for each open answer, a person fills in `points` and
# `comment`, and the next `grade` reads them back. What was filled in is never lost.


def read_marks(folder: Path) -> Marks:
    """The lines of by_hand.csv by student and exercise. Raises ValueError when it has no such
    columns or is no text: nothing is graded, and nothing written over."""
    path = folder / BY_HAND
    if not path.exists():
        return {}
    names, rows = read_table(path)
    if not set(COLUMNS[:5]) <= set(names):
        columns = ", ".join(COLUMNS)
        raise ValueError(f"{path} does not have the columns {columns}. Fix it, or move it away.")
    marks: Marks = {}
    for row in rows:
        known = {name: row.get(name, "").strip() for name in COLUMNS}
        marks[_plain(known["student"]), _plain(known["exercise"])] = known
    return marks


def apply_marks(folder: Path, marks: Marks, results: list[Result]) -> None:
    """Put the points and comments into the results, and write the file for the next round."""
    rows = []
    for result in results:
        for exercise_id, answer in result.by_hand.items():
            digest = hashlib.sha256(answer.page.encode(errors="replace")).hexdigest()[:8]
            mark = marks.pop((_plain(result.student), exercise_id), dict.fromkeys(COLUMNS, ""))
            if problem := _apply(mark, answer, digest):
                result.problem += f"{'; ' * bool(result.problem)}{exercise_id}: {problem}"
            if not (mark["answer"] and (mark["points"] or mark["comment"])):
                mark["answer"] = digest
            about = {"student": result.student, "exercise": f"Exercise {exercise_id}"}
            rows.append({**mark, **about, "possible": f"{answer.possible:g}"})
    rows += [mark for mark in marks.values() if mark["points"] or mark["comment"]]
    if not rows:
        return
    for row in rows:
        if row["student"][:1] in ("=", "+", "-", "@"):  # a formula
            row["student"] = "'" + row["student"]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(folder / BY_HAND, buffer.getvalue(), errors="replace")


def _apply(mark: dict[str, str], answer: Written, digest: str) -> str:
    """What is wrong with the points, in words; "" when nothing is."""
    answer.comment, answer.given = mark["comment"], None
    if not mark["points"]:
        return ""
    try:
        points = float(mark["points"].replace(",", "."))
    except ValueError:
        points = -1
    if not 0 <= points <= answer.possible:
        return f"{mark['points']!r} in {BY_HAND} is not 0 to {answer.possible:g} points"
    answer.given = points
    return "" if mark["answer"] in ("", digest) else "the answer has changed since it got points"


def _plain(cell: str) -> str:
    """Without what keeps a spreadsheet from reading a formula, a date or a number."""
    return cell.lstrip("'").removeprefix("Exercise ")
