"""What the course says about each exercise: title, points, hints, solution.

A notebook's check must not wait for a notebook parser, so this reads `exercises.py` as plain
Python. Without a course folder checks still work; titles, hints and solutions are then not known.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from clipedu_classroom.source import LESSONS, course_root, plain_cells
from clipedu_classroom.stubs import BEGIN, END, StubError, make_stub


@dataclass(frozen=True)
class Entry:
    """One exercise as the author described it. `solution` and `stub` are the code of its solution
    cell, `rubric` says how an open question's points are given; each may be "".
    """

    id: str
    title: str = ""
    points: float = 1.0
    minutes: float = 0.0
    kind: str = "code"
    hints: tuple[str, ...] = ()
    solution: str = ""
    stub: str = ""
    rubric: str = ""


def entries(root: Path | None = None) -> dict[str, Entry]:
    """Every exercise of the course by id, in the order of the course. Raises FileNotFoundError
    without a course folder."""
    folder = (root or course_root()) / LESSONS
    found: dict[str, Entry] = {}
    for path in sorted(folder.glob("l[0-9][0-9]_*/exercises.py")):
        found.update(_read(path, path.stat().st_mtime_ns))
    return found


def entry(exercise_id: str) -> Entry:
    """One exercise; only its id when there is no course folder or the course does not know it."""
    try:
        return entries().get(exercise_id, Entry(exercise_id))
    except (OSError, SyntaxError):
        return Entry(exercise_id)


@lru_cache(maxsize=64)
def _read(path: Path, modified: int) -> dict[str, Entry]:
    """The exercises of one file. `modified` makes an edited file be read again."""
    found: dict[str, Entry] = {}
    current: dict[str, Any] = {}
    for marker, source in plain_cells(path.read_text(encoding="utf-8-sig")):
        about = description(source)
        if about:
            current = about
            found[about["id"]] = Entry(**about)
        elif current and '"rubric"' in marker:
            rubric = re.sub(r"^# ?", "", source, flags=re.MULTILINE)
            found[current["id"]] = replace(found[current["id"]], rubric=rubric)
        elif current and BEGIN in source and not found[current["id"]].solution:
            found[current["id"]] = Entry(
                **current, solution=_without_marks(source), stub=_stub(source, current["id"])
            )
    return found


def description(source: str) -> dict[str, Any]:
    """The fields of `EXERCISE = dict(id=..., ...)`; {} when the cell is something else."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return {}
    if (
        len(body) != 1
        or not isinstance(body[0], ast.Assign)
        or not isinstance(body[0].value, ast.Call)
    ):
        return {}
    call = body[0].value
    if not isinstance(call.func, ast.Name) or call.func.id != "dict" or not call.keywords:
        return {}
    try:
        fields = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except ValueError:
        return {}
    if "id" not in fields or "title" not in fields:
        return {}
    wanted: dict[str, Any] = {
        name: fields[name]
        for name in ("id", "title", "points", "minutes", "kind")
        if name in fields
    }
    return {**wanted, "hints": tuple(fields.get("hints", ()))}


def _without_marks(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))


def _stub(source: str, exercise_id: str) -> str:
    try:
        return make_stub(source, exercise_id)
    except StubError:
        return ""
