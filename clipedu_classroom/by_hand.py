"""Points and comments that a person gives: `by_hand.csv` in the results folder.

`grade` writes a line for each open answer, the person fills in `points` and `comment`, and the next
`grade` reads them back and adds them up. What was filled in is never lost.
"""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

from clipedu.files import write_whole
from clipedu_classroom.assignment import Assignment
from clipedu_classroom.gradebook import Result

FILE = "by_hand.csv"
COLUMNS = ("student", "exercise", "possible", "points", "comment", "answer")
Marks = dict[tuple[str, str], dict[str, str]]


def read_marks(folder: Path) -> Marks:
    """The lines of by_hand.csv by student and exercise. Raises ValueError when it has no such
    columns or is no text: nothing is graded, and nothing written over."""
    path = folder / FILE
    if not path.exists():
        return {}
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:  # Excel on Windows
        text = content.decode("cp1252", "replace")
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    if not set(COLUMNS[:5]) <= {name.strip() for name in head.replace('"', "").split(delimiter)}:
        raise ValueError(
            f"{path} does not have the columns {', '.join(COLUMNS)}. Fix it, or move it away."
        )
    marks: Marks = {}
    for row in rows:
        known = {name: (row.get(name) or "").strip() for name in COLUMNS}
        marks[_plain(known["student"]), _plain(known["exercise"])] = known
    return marks


def apply_marks(folder: Path, marks: Marks, assignment: Assignment, results: list[Result]) -> None:
    """Put the points and comments into the results, and write the file for the next round."""
    rows = []
    for result in results:
        for exercise_id, answer in result.by_hand.items():
            digest = hashlib.sha256(answer.page.encode(errors="replace")).hexdigest()[:8]
            mark = marks.pop((_plain(result.student), exercise_id), None)
            mark = mark or dict.fromkeys(COLUMNS, "")
            answer.comment = mark["comment"]
            if mark["points"]:
                points = _points(mark["points"], answer.possible)
                problem = ""
                if points is None:
                    problem = f"{mark['points']!r} in {FILE} is not 0 to {answer.possible:g} points"
                elif mark["answer"] not in ("", digest):
                    problem = "the answer has changed since it was given points"
                if problem:  # in a column that students do not see
                    result.message = f"{result.message}; {exercise_id}: {problem}".lstrip("; ")
                answer.given = points
            given = bool(mark["points"] or mark["comment"])
            mine = {"student": result.student, "exercise": f"Exercise {exercise_id}"}
            rows.append(
                {**mark, **mine, "possible": f"{answer.possible:g}"}
                | {"answer": mark["answer"] if given and mark["answer"] else digest}
            )
    rows += [mark for mark in marks.values() if mark["points"] or mark["comment"]]
    if not rows:
        return
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        formula = row["student"][:1] in ("=", "+", "-", "@")
        writer.writerow(row | ({"student": "'" + row["student"]} if formula else {}))
    write_whole(folder / FILE, buffer.getvalue(), errors="replace")


def _points(text: str, possible: float) -> float | None:
    try:
        points = float(text.replace(",", "."))
    except ValueError:
        return None
    return points if 0 <= points <= possible else None


def _plain(cell: str) -> str:
    """Without what keeps a spreadsheet from reading a formula, a date or a number."""
    return cell.lstrip("'").removeprefix("Exercise ")
