"""The class's results as tables: our CSV, the statistics, what Canvas and Moodle take, and
Gradescope's JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clipedu_classroom.assignment import Assignment
from clipedu_classroom.class_statistics import mistakes
from clipedu_classroom.gradebook import STATUSES, Result
from clipedu_classroom.roster import CANVAS, MOODLE, Roster, write_table


def write_csv(path: Path, assignment: Assignment, results: list[Result]) -> None:
    """One row per student. `points` are those that the checks gave; `by_hand` is how many a person
    still has to give; `total` has those that were given, less the penalty."""
    rows = []
    for result in results:
        marks = {report.exercise: report.points for report in result.reports}
        marks |= {key: a.given for key, a in result.by_hand.items() if a.given is not None}
        ids = [question.id for question in assignment.questions]
        rows.append(
            {
                "student": result.student,
                "status": result.status,
                "points": f"{result.points:g}",
                "max_points": f"{result.max_points:g}",
                "by_hand": f"{result.points_by_hand:g}",
                "total": f"{result.total:g}",
                **{key: f"{marks[key]:g}" if key in marks else "" for key in ids},
                "message": "; ".join(filter(None, [result.message, result.problem])),
                "remarks": " ".join(result.remarks)[:2000],
                "comments": comments(result),
                "suspicions": "; ".join(result.suspicions),
                "seconds": f"{result.seconds:.1f}",
                "protection": result.protection,
                "file": result.file,
                "lms_id": result.lms_id,
                "late": "yes" if result.late or result.late_days else "",
                "late_days": result.late_days,
                "penalty": f"{result.penalty:g}",
                "handed_in": result.handed_in,
                "handed_in_by": result.handed_in_by,
            }
        )
    write_table(path, rows)


def comments(result: Result) -> str:
    return "; ".join(answer.comment for answer in result.by_hand.values() if answer.comment)


def write_items(path: Path, summary: dict[str, Any]) -> None:
    """One row per checked exercise: attempts, mean, discrimination, misconceptions."""
    columns = ("exercise", "title", "attempts", "passed", "mean", "discrimination")
    rows = []
    for item in summary["exercises"]:
        if not item["by_hand"]:
            rows.append({key: item[key] for key in columns} | {"mistakes": mistakes(item)})
    if rows:
        write_table(path, rows)


def write_upload(
    path: Path, roster: Roster, assignment: Assignment, results: list[Result]
) -> list[str]:
    """Grades in the format in which Canvas or Moodle exported `roster`; returns the students that
    are not in it. Raises ValueError when it is neither's export."""
    if roster.kind == "own":
        raise ValueError(f"{roster.path} is no export of Canvas or Moodle: nothing to upload.")
    # Canvas knows its own column by the number after the name
    known = (name for name in roster.columns if name.startswith(assignment.name))
    grade = "Grade" if roster.kind == "Moodle" else next(known, assignment.name)
    wanted = MOODLE if roster.kind == "Moodle" else CANVAS
    columns = dict.fromkeys([*(name for name in wanted if name in roster.columns), grade])
    by_id = {roster.id_of(row): r for r in results if (row := roster.find(*r.known_as))}
    upload = []
    for row in roster.rows:
        line = {name: row.get(name, "") for name in columns}
        result = by_id.get(roster.id_of(row))
        if row.get("Student", "").strip() == "Points Possible":
            line[grade] = f"{assignment.max_points + assignment.points_by_hand:g}"
        elif result:
            line[grade] = f"{result.total:g}"
            if "Feedback comments" in line:
                line["Feedback comments"] = comments(result) or result.message
        upload.append(line)
    if upload:
        write_table(path, upload)
    found = {result.student for result in by_id.values()}
    return [result.student for result in results if result.student not in found]


def gradescope(result: Result) -> dict[str, Any]:
    """Gradescope's results.json. An open answer has a test once a person has given it points."""

    def test(key: str, title: str, score: float, most: float, words: str) -> dict[str, Any]:
        name = f"Exercise {key}" + (f": {title}" if title else "")
        points = {"score": score, "max_score": most}
        return {"name": name, "number": key, **points, "output": words, "visibility": "visible"}

    tests = [
        test(r.exercise, r.title, r.points, r.max_points, repr(r))
        | {"status": "passed" if r.passed else "failed"}
        for r in result.reports
    ]
    for key, answer in result.by_hand.items():
        if answer.given is not None:
            tests.append(test(key, "", answer.given, answer.possible, answer.comment))
    words = f"{STATUSES[result.status].capitalize()}."
    words += f" {result.message}" if result.status == "unreadable" else ""
    return {
        "score": result.total,
        "execution_time": result.seconds,
        "output": words,
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }
