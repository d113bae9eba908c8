"""The class's results as HTML: a page for each student, to hand out, and one for the instructor."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from clipedu.files import write_whole
from clipedu_classroom.assignment import Assignment
from clipedu_classroom.class_statistics import summary_in_words
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


def write_html(
    folder: Path, assignment: Assignment, results: list[Result], summary: dict[str, Any]
) -> None:
    """`students/NAME.html` for each student, and `index.html` for the instructor only."""
    pages = {"index.html": class_page(assignment, results, summary)}
    for result in results:
        pages[f"students/{file_name(result.student)}.html"] = student_page(assignment, result)
    for name, page in pages.items():
        write_whole(folder / name, page, errors="replace")


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
    if result.penalty:
        words = f"{result.late_days} days late: {result.penalty:g} % of the points are taken off."
        parts.append(f"<p>{words}</p>")
    if result.penalty or any(answer.given is not None for answer in result.by_hand.values()):
        parts.append(f"<p><strong>Total: {result.total:g} points.</strong></p>")
    return _page(f"{assignment.name}: {result.student}", parts)


def class_page(assignment: Assignment, results: list[Result], summary: dict[str, Any]) -> str:
    """For the instructor: everybody's points, what to look at, each exercise's statistics, answers
    that are alike, and the written answers beside their rubric."""
    columns = ("student", "points", "to read", "late days", "total", "status", "message", "look at")
    rows = [
        (
            f'<a href="students/{html.escape(file_name(r.student), quote=True)}.html">'
            f"{_text(r.student)}</a>",
            f"{r.points:g} of {r.max_points:g}",
            f"{r.points_by_hand:g}",
            str(r.late_days),
            f"{r.total:g}",
            r.status,
            prose_html(" ".join([r.message, r.problem, *r.remarks])),
            _text("; ".join(r.suspicions)),
        )
        for r in results
    ]
    parts = [
        f"<h1>{_text(assignment.name)}: the class</h1>",
        f"<pre>{_text(summary_in_words(summary))}</pre>",
        _table("Submissions", columns, rows),
        _items(summary),
    ]
    if summary["similar"]:
        alike = [
            (pair["exercise"], *map(_text, pair["students"]), f"{pair['share']:.0%}")
            for pair in summary["similar"]
        ]
        names = ("exercise", "student", "student", "in common")
        parts.append(
            "<p>Beyond what the task explains, these answers are nearly equal. That proves "
            "nothing: read both, and ask.</p>" + _table("Answers that are alike", names, alike)
        )
    for question in assignment.questions:
        answered = [(r, r.by_hand[question.id]) for r in results if question.id in r.by_hand]
        if answered:
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


def _items(summary: dict[str, Any]) -> str:
    rows = [
        (
            _text(f"{item['exercise']} {item['title']}"),
            str(item["attempts"]),
            f"{item['mean']:.2f}",
            "" if item["discrimination"] is None else f"{item['discrimination']:.2f}",
            _text("; ".join(f"{d['students']} x {d['diagnosis']}" for d in item["diagnoses"][:3])),
        )
        for item in summary["exercises"]
        if not item["by_hand"]
    ]
    names = ("exercise", "attempts", "mean", "discrimination", "most common mistakes")
    return _table("Exercises", names, rows)


def _table(caption: str, names: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Rows of HTML; the first cell of each names its row."""
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = ""
    for first, *rest in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in rest)
        body += f'<tr><th scope="row">{first}</th>{cells}</tr>'
    return (
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _page(title: str, parts: list[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{NOTHING_LOADED}'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _text(value: Any) -> str:
    return html.escape(str(value))
