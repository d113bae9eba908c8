"""The class's results as HTML, made of `templates/grades`: a page for each student, to hand out,
and one for the instructor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from clipedu.files import write_whole
from clipedu_classroom.assignment import Assignment
from clipedu_classroom.class_statistics import mistakes, summary_in_words
from clipedu_classroom.gradebook import STATUSES, Result, file_name
from clipedu_classroom.report import prose_html

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates" / "grades"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"g": "{:g}".format, "prose": lambda text: Markup(prose_html(text))}


def write_html(
    folder: Path, assignment: Assignment, results: list[Result], summary: dict[str, Any]
) -> None:
    """`students/NAME.html` for each student, and `index.html` for the instructor only."""
    pages = {"index.html": class_page(assignment, results, summary)}
    student = TEMPLATES.get_template("student.html")
    for result in results:
        page = student.render(assignment=assignment, result=result, statuses=STATUSES)
        pages[f"students/{file_name(result.student)}.html"] = page
    for name, page in pages.items():
        write_whole(folder / name, page, errors="replace")


def class_page(assignment: Assignment, results: list[Result], summary: dict[str, Any]) -> str:
    """The instructor's page: what students wrote is escaped, and no script runs."""
    rows = [
        (
            Markup('<a href="students/{}.html">{}</a>').format(file_name(r.student), r.student),
            f"{r.points:g} of {r.max_points:g}",
            *(f"{r.points_by_hand:g}", r.late_days, f"{r.total:g}", r.status),
            Markup(prose_html(" ".join([r.message, r.problem, *r.remarks]))),
            "; ".join(r.suspicions),
        )
        for r in results
    ]
    items = [
        (
            f"{item['exercise']} {item['title']}",
            item["attempts"],
            f"{item['mean']:.2f}",
            "" if item["discrimination"] is None else f"{item['discrimination']:.2f}",
            mistakes(item, 3),
        )
        for item in summary["exercises"]
        if not item["by_hand"]
    ]
    alike = [(p["exercise"], *p["students"], f"{p['share']:.0%}") for p in summary["similar"]]
    facts = {"assignment": assignment, "results": results, "summary": summary}
    more = {"rows": rows, "items": items, "alike": alike, "words": summary_in_words(summary)}
    return TEMPLATES.get_template("class.html").render(facts | more)
