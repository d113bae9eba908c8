"""The class's results as files: CSV for a grade book, JSON for Gradescope, HTML for people, and a
summary of misconceptions.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from clipedu.files import write_whole
from clipedu_classroom.assignment import Assignment
from clipedu_classroom.gradebook import STATUSES, Result, file_name
from clipedu_classroom.report import prose_html

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;"
    "color:#1f2328;background:#fff}table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #8c959f;padding:.3em .6em;text-align:left;vertical-align:top}"
    "caption{text-align:left;font-weight:bold;padding:.4em 0}pre{white-space:pre-wrap}"
    "img,iframe{max-width:100%}iframe{width:100%;height:18em;resize:vertical}"
    ".beside{display:flex;gap:1em;border-top:1px solid #8c959f}.beside section{flex:2;min-width:0}"
    ".beside aside{flex:1}"
)
# What students wrote runs no script and asks no server
NOTHING_LOADED = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
    "style-src 'unsafe-inline'; frame-src 'self'\">"
)


def write_csv(path: Path, assignment: Assignment, results: list[Result]) -> None:
    """One row per student. `points` are those that the checks gave; `by_hand` is how many a person
    still has to give; `total` has those that were given, too."""
    rows: list[dict[str, str]] = []
    for result in results:
        marks = {report.exercise: report.points for report in result.reports}
        marks |= {key: a.given for key, a in result.by_hand.items() if a.given is not None}
        ids = [question.id for question in assignment.questions]
        row = {
            "student": result.student,
            "status": result.status,
            "points": f"{result.points:g}",
            "max_points": f"{result.max_points:g}",
            "by_hand": f"{result.points_by_hand:g}",
            "total": f"{result.total:g}",
            **{key: f"{marks[key]:g}" if key in marks else "" for key in ids},
            "message": result.message,
            "remarks": " ".join(result.remarks)[:2000],
            "comments": "; ".join(answer.comment for answer in result.by_hand.values()),
            "suspicions": "; ".join(result.suspicions),
            "seconds": f"{result.seconds:.1f}",
            "protection": result.protection,
            "file": result.file,
            "lms_id": result.lms_id,
            "late": "yes" if result.late else "",
        }
        rows.append({key: plain_cell(value) for key, value in row.items()})
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, buffer.getvalue(), errors="replace")


def plain_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula, on one line."""
    text = " ".join(str(value).split())
    is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?", text)
    return "'" + text if text[:1] in ("=", "+", "-", "@") and not is_number else text


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
        text = json.dumps(gradescope(result), indent=1, ensure_ascii=False)
        write_whole(folder / f"{file_name(result.student)}.json", text + "\n", errors="replace")


def summarize(assignment: Assignment, results: list[Result]) -> dict[str, Any]:
    """The class at a glance: statuses, and per exercise how many passed and which misconception how
    often."""
    exercises: list[dict[str, Any]] = []
    for question in assignment.questions:
        about = {"exercise": question.id, "title": question.title, "by_hand": question.by_hand}
        if question.by_hand:
            answered = sum(question.id in result.by_hand for result in results)
            exercises.append(about | {"answered": answered})
            continue
        reports = [r for result in results for r in result.reports if r.exercise == question.id]
        bad = ("failed", "timeout", "crashed")
        wrong = Counter(report.diagnosis for report in reports if report.status in bad)
        counts = [{"diagnosis": name, "students": count} for name, count in wrong.most_common()]
        exercises.append(
            {
                **about,
                "passed": sum(report.passed for report in reports),
                "failed": sum(wrong.values()),
                "not_attempted": sum(report.status == "not attempted" for report in reports),
                "diagnoses": counts,
            }
        )
    statuses = Counter(result.status for result in results)
    points = [result.points for result in results]
    return {
        "assignment": assignment.name,
        "submissions": len(results),
        "statuses": {status: statuses[status] for status in STATUSES if statuses[status]},
        "max_points": assignment.max_points,
        "median_points": median(points) if points else 0,
        "exercises": exercises,
    }


def summary_in_words(summary: dict[str, Any]) -> str:
    """The summary as plain lines, for the terminal."""
    count, statuses = summary["submissions"], summary["statuses"]
    counts = ", ".join(f"{number} {status}" for status, number in statuses.items())
    lines = [
        f"{summary['assignment']}: {count} submissions ({counts}); median "
        f"{summary['median_points']:g} of {summary['max_points']:g} points."
    ]
    for item in summary["exercises"]:
        name = f"{item['exercise']} {item['title']}".strip()
        if item["by_hand"]:
            noun = "answer" if item["answered"] == 1 else "answers"
            lines.append(f"  {name}: {item['answered']} {noun} to read")
            continue
        lines.append(
            f"  {name}: {item['passed']} passed, {item['failed']} failed, {item['not_attempted']} "
            "not attempted"
        )
        lines += [
            f"      {entry['students']} x {entry['diagnosis']}" for entry in item["diagnoses"][:5]
        ]
    return "\n".join(lines)


def write_html(folder: Path, assignment: Assignment, results: list[Result]) -> None:
    """A page for each student, `students/NAME.html`, to hand out; and `index.html` for the
    instructor only."""
    for result in results:
        write_whole(
            folder / "students" / f"{file_name(result.student)}.html",
            student_page(assignment, result),
            errors="replace",
        )
    write_whole(folder / "index.html", class_page(assignment, results), errors="replace")


def student_page(assignment: Assignment, result: Result) -> str:
    """What one student may see: the reports, no reference values, nothing about anybody else."""
    parts = [
        f"<h1>{_text(assignment.name)}: feedback for {_text(result.student)}</h1>",
        f"<p><strong>{result.points:g} of {result.max_points:g} points</strong> from the checks. "
        f"Status: {_text(result.status)} ({_text(STATUSES[result.status])}).</p>",
    ]
    if result.status == "unreadable":
        parts.append(f"<p>{_text(result.message)}</p>")
    parts += [f"<p>{prose_html(remark)}</p>" for remark in result.remarks]
    parts += [report._repr_html_() for report in result.reports]
    for question in assignment.questions:
        if question.by_hand:
            answer = result.by_hand.get(question.id)
            words = "handed in, read by a person" if answer else "no answer"
            words = f"{words}, {question.points:g} points."
            if answer and answer.given is not None:
                words = f"{answer.given:g} of {question.points:g} points. {answer.comment}"
            parts.append(f"<p>Exercise {question.id} ({_text(question.title)}): {_text(words)}</p>")
    if any(answer.given is not None for answer in result.by_hand.values()):
        parts.append(f"<p><strong>Total: {result.total:g} points.</strong></p>")
    return _page(f"{assignment.name}: {result.student}", parts)


def class_page(assignment: Assignment, results: list[Result]) -> str:
    """For the instructor: everybody's points, what to look at, which misconception how often."""
    summary = summarize(assignment, results)
    parts = [
        f"<h1>{_text(assignment.name)}: the class</h1>",
        f"<pre>{_text(summary_in_words(summary))}</pre>",
    ]
    rows = [
        f'<tr><th scope="row"><a href="students/{html.escape(file_name(r.student), quote=True)}'
        f'.html">{_text(r.student)}</a></th>'
        f"<td>{r.points:g} of {r.max_points:g}</td><td>{r.points_by_hand:g}</td>"
        f"<td>{r.total:g}</td><td>{_text(r.status)}</td>"
        f"<td>{prose_html(' '.join([r.message, *r.remarks]))}</td>"
        f"<td>{_text('; '.join(r.suspicions))}</td></tr>"
        for r in results
    ]
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("student", "points", "to read", "total", "status", "message", "to look at")
    )
    parts.append(
        f"<table><caption>Submissions</caption><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}"
        "</tbody></table>"
    )
    for question in assignment.questions:
        answered = [(r, r.by_hand[question.id]) for r in results if question.id in r.by_hand]
        if not answered:
            continue
        parts.append(
            f"<h2>Answers to read: {_text(question.id)} {_text(question.title)}</h2><p>Fill in "
            "<code>points</code> and <code>comment</code> in <code>by_hand.csv</code> in the "
            "results folder, then run the same command again.</p>"
        )
        for r, answer in answered:
            given = "points to give" if answer.given is None else f"{answer.given:g}"
            parts.append(
                f"<h3>{_text(question.id)}: {_text(r.student)}</h3><p>Points: {given} of "
                f"{answer.possible:g}. {_text(answer.comment)}</p><div class=beside>"
                f"<section>{answer.page}</section><aside><h4>How the points are given</h4>"
                f"<pre>{_text(question.rubric)}</pre></aside></div>"
            )
    protections = sorted({result.protection for result in results})
    parts.append(f"<p>Protection while grading: {_text('; '.join(protections))}.</p>")
    return _page(f"{assignment.name}: the class", parts)


def _page(title: str, parts: list[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{NOTHING_LOADED}'
        f"<title>{_text(title)}"
        "</title>"
        f"<style>{STYLE}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


def _text(value: Any) -> str:
    return html.escape(str(value))
