"""The class's results as tables: our CSV, the statistics, what Canvas and Moodle take, and
Gradescope's JSON."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

from clipedu.files import write_whole
from clipedu_classroom.assignment import Assignment
from clipedu_classroom.gradebook import STATUSES, Result, read_table, result_path, write_json

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Section")
MOODLE = ("Identifier", "Full name", "ID number", "Email address", "Grade", "Feedback comments")


def write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    """A CSV of rows with the same keys, in which no spreadsheet finds a formula."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: plain_cell(value) for key, value in row.items()} for row in rows)
    write_whole(path, buffer.getvalue(), errors="replace")


def plain_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula, on one line."""
    text = " ".join(str("" if value is None else value).split())
    is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?", text)
    return "'" + text if text[:1] in ("=", "+", "-", "@") and not is_number else text


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
            mistakes = "; ".join(f"{d['students']} x {d['diagnosis']}" for d in item["diagnoses"])
            rows.append({key: item[key] for key in columns} | {"mistakes": mistakes})
    if rows:
        write_table(path, rows)


def write_upload(
    path: Path, roster: Path, assignment: Assignment, results: list[Result]
) -> list[str]:
    """Grades in the format in which Canvas or Moodle exported `roster`; returns the students that
    are not in it. Raises ValueError when it is neither's export."""
    names, rows = read_table(roster)
    is_moodle = "Identifier" in names
    if not is_moodle and not {"Student", "ID"} <= set(names):
        raise ValueError(
            f"{roster} is neither a Canvas grade book (columns Student, ID, ...) nor a Moodle "
            "grading worksheet (columns Identifier, Full name, ...). Export it again."
        )
    number, ids = (MOODLE[0], MOODLE[1:4]) if is_moodle else (CANVAS[1], CANVAS)
    # Canvas knows its own column by the number after the name
    known = next((name for name in names if name.startswith(assignment.name)), assignment.name)
    grade = "Grade" if is_moodle else known
    wanted = [name for name in (MOODLE if is_moodle else CANVAS) if name in names]
    by_key = {key: result for result in results for key in _names(result.student)}
    own = [result for result in results if result.handed_in_by != "Gradescope"]  # ids of its own
    by_key |= {f"#{result.lms_id}": result for result in own if result.lms_id}
    found, upload = set(), []
    for row in rows:
        line = {name: row.get(name, "") for name in dict.fromkeys([*wanted, grade])}
        keys = ["#" + row[number].strip().removeprefix("Participant ")]
        keys += [key for name in ids if name != number for key in _names(row.get(name, ""))]
        result = next((by_key[key] for key in keys if key in by_key), None)
        if row.get("Student", "").strip() == "Points Possible":
            line[grade] = f"{assignment.max_points + assignment.points_by_hand:g}"
        elif result:
            found.add(result.student)
            line[grade] = f"{result.total:g}"
            if "Feedback comments" in line:
                line["Feedback comments"] = comments(result) or result.message
        upload.append(line)
    if upload:
        write_table(path, upload)
    return [result.student for result in results if result.student not in found]


def _names(name: str) -> list[str]:
    """Ways to write a name: "Lee, Emil" is "emil lee"; of an address the part before the @."""
    last, _, first = name.partition(",")
    person = " ".join(re.findall(r"[^\W_]+", f"{first} {last}".casefold()))
    login = name.strip().partition("@")[0].casefold()
    return [key for key in dict.fromkeys([person, login]) if key]


def gradescope(result: Result) -> dict[str, Any]:
    """Gradescope's results.json. An open answer has a test once a person has given it points."""
    tests = [
        {
            "name": f"Exercise {report.exercise}" + (f": {report.title}" if report.title else ""),
            "number": report.exercise,
            "score": report.points,
            "max_score": report.max_points,
            "status": "passed" if report.passed else "failed",
            "output": repr(report),
            "visibility": "visible",
        }
        for report in result.reports
    ]
    for key, answer in result.by_hand.items():
        if answer.given is not None:
            test = {"name": f"Exercise {key}", "number": key, "visibility": "visible"}
            points = {"score": answer.given, "max_score": answer.possible}
            tests.append(test | points | {"output": answer.comment})
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


def write_gradescope(folder: Path, results: list[Result]) -> None:
    for result in results:
        write_json(result_path(folder, result.student), gradescope(result))
