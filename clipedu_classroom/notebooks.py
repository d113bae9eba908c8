"""From a lesson's text to notebooks: pure, deterministic, no kernel.

An exercises file makes two: the stubs (`exercises/`, nbgrader's release tree) and the solved form
(`solutions/`, its source tree). Cell ids never depend on chance: an exercise's cells are called
after it ("03-1-solution"), every other cell after its content.
"""

from __future__ import annotations

import hashlib
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from clipedu_classroom.exercise_reader import ExerciseFile, ExerciseSource, Item
from clipedu_classroom.source import LESSONS, Cell, Lesson

CHECKED = "nbval-check-output"
NEW_CELL = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
ANSWER_STUB = "*Your answer: double-click here, write, then press Shift + Enter.*"


def lesson_notebook(lesson: Lesson) -> NotebookNode:
    """The notebook of a lesson, not executed."""
    namer = _Namer(lesson.number)
    cells = [_plain(cell, namer(cell)) for cell in lesson.cells]
    return _notebook(cells, f"{LESSONS}/l{lesson.name}/lesson.py")


def exercise_notebook(file: ExerciseFile, *, solved: bool) -> NotebookNode:
    """The notebook of an exercises file: solved, or with stubs; not executed."""
    namer = _Namer(file.number)
    cells = []
    for item in file.items:
        if item.role in ("description", "wrong", "rubric"):
            continue
        if item.exercise is None or item.role == "context":
            cells.append(_plain(item.cell, namer(item.cell)))
        else:
            cells.append(_exercise_cell(item, file.exercises[item.exercise], solved=solved))
    return _notebook(cells, f"{LESSONS}/l{file.name}/exercises.py")


def text_of(notebook: NotebookNode) -> str:
    """The file's text: the same notebook always gives the same bytes."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def statement_text(exercise: ExerciseSource) -> str:
    """Heading, points, time, difficulty and goal in words, then what the author wrote, then the way
    to the hints."""
    unit = "point" if exercise.points == 1 else "points"
    by_hand = ", graded by hand" if exercise.kind == "investigate" else ""
    count = len(exercise.hints)
    hints = "1 hint" if count == 1 else f"{count} hints, one at a time"
    parts = [
        f"## Exercise {exercise.id}: {exercise.title}",
        f"**{exercise.points:g} {unit}{by_hand}, about {exercise.minutes:g} minutes, "
        f"{exercise.difficulty}.** Goal: {exercise.goal}",
        exercise.statement,
        f'Stuck? Run `hint("{exercise.id}")` in a new cell: {hints}.' if count else "",
    ]
    return "\n\n".join(part for part in parts if part)


def checksum(cell: NotebookNode) -> str:
    """nbgrader's fingerprint of a released cell (md5 over text, type, part, id and points); an
    answer cell that still has it counts as blank."""
    marks = cell.metadata["nbgrader"]
    locked = not marks["solution"] and (marks["grade"] or marks["locked"])
    parts = [cell.source, cell.cell_type, marks["grade"], marks["solution"], locked]
    parts.append(marks["grade_id"])
    if marks["grade"]:
        parts.append(float(marks["points"]))
    return hashlib.md5("".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


class _Namer:
    """Ids for cells that belong to no exercise: lesson number and a digest of the content."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.used: dict[str, int] = {}

    def __call__(self, cell: Cell) -> str:
        digest = hashlib.sha1(f"{cell.kind}\n{cell.source}".encode(), usedforsecurity=False)
        name = f"{self.number}-{digest.hexdigest()[:10]}"
        self.used[name] = self.used.get(name, 0) + 1
        return name if self.used[name] == 1 else f"{name}-{self.used[name]}"


def _plain(cell: Cell, cell_id: str) -> NotebookNode:
    metadata: dict[str, Any] = {}
    if cell.tags:
        metadata["tags"] = list(cell.tags)
    if cell.jupyter:
        metadata["jupyter"] = dict(cell.jupyter)
    return NEW_CELL[cell.kind](source=cell.source, id=cell_id, metadata=metadata)


def _exercise_cell(item: Item, exercise: ExerciseSource, *, solved: bool) -> NotebookNode:
    """The notebook's cell for a statement, solution, check or answer."""
    cell = _plain(item.cell, f"{exercise.key}-{item.role}")
    cell.metadata.pop("tags", None)
    if item.role == "statement":
        cell.source = statement_text(exercise)
        return _graded(cell, locked=True, release=not solved)
    if item.role == "solution":
        cell.source = exercise.solution if solved else exercise.stub
        return _graded(cell, solution=True, release=not solved)
    if item.role == "check":
        cell.metadata["tags"] = [CHECKED]
        return _graded(cell, locked=True, points=exercise.points, release=not solved)
    rubric = f"**How the points are given**\n\n{exercise.rubric}"
    cell.source = f"{exercise.answer}\n\n{rubric}" if solved else ANSWER_STUB
    return _graded(cell, solution=True, points=exercise.points, release=not solved)


def _graded(
    cell: NotebookNode,
    *,
    locked: bool = False,
    solution: bool = False,
    points: int | float | None = None,
    release: bool,
) -> NotebookNode:
    """Add nbgrader's metadata: a cell with points is graded. A released cell has a checksum and
    cannot be deleted, nor edited when it is locked."""
    marks: dict[str, Any] = {
        "grade": points is not None,
        "grade_id": cell.id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        marks["points"] = points
    cell.metadata["nbgrader"] = marks
    if release:
        cell.metadata["deletable"] = False
        if not solution:
            cell.metadata["editable"] = False
        cell.metadata["nbgrader"]["cell_type"] = cell.cell_type  # a node keeps a copy of `marks`
        cell.metadata["nbgrader"]["checksum"] = checksum(cell)
    return cell


def _notebook(cells: list[NotebookNode], made_from: str) -> NotebookNode:
    metadata = {
        "clipedu": {"made_from": made_from},
        "kernelspec": dict(KERNELSPEC),
        "language_info": dict(LANGUAGE),
    }
    notebook = new_notebook(cells=cells, metadata=metadata)
    notebook.nbformat_minor = 5
    return notebook
