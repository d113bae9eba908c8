"""From a lesson's text to notebooks, without a kernel. An exercises file makes two: the stubs
(`exercises/`, nbgrader's release tree) and the solved form (`solutions/`, its source tree)."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from clipedu_classroom.exercise_reader import ExerciseRecord, Item, LessonText
from clipedu_classroom.source import LESSONS, Cell

CHECKED = "nbval-check-output"
NEW_CELL = {"code": new_code_cell, "markdown": new_markdown_cell}
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


def make_notebook(text: LessonText, *, solved: bool = False, student: str = "") -> NotebookNode:
    """The notebook of a lesson, or of its exercises, solved or with stubs; not executed. For a
    `student` with the numbers that are personal."""
    namer = _Namer(text.number)
    cells = []
    for item in text.items:
        if item.role in ("description", "wrong", "rubric"):
            continue
        if item.exercise is None or item.role == "context":
            tags = {"tags": list(item.cell.tags)} if item.cell.tags else {}
            new_cell = NEW_CELL[item.cell.kind]
            cells.append(new_cell(item.cell.source, id=namer(item.cell), metadata=tags))
        else:
            exercise = text.exercises[item.exercise]
            cells.append(_exercise_cell(item, exercise, solved, student))
    metadata = {
        "clipedu": {"made_from": f"{LESSONS}/l{text.name}/{text.path.name}"},
        "kernelspec": dict(KERNELSPEC),
        "language_info": dict(LANGUAGE),
    }
    notebook = new_notebook(cells=cells, metadata=metadata)
    notebook.nbformat_minor = 5
    return notebook


def text_of(notebook: NotebookNode) -> str:
    """The file's text: the same notebook always gives the same bytes."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


class _Namer:
    """Ids for cells that belong to no exercise: lesson number and a digest of the content."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.used: Counter[str] = Counter()

    def __call__(self, cell: Cell) -> str:
        digest = hashlib.sha1(f"{cell.kind}\n{cell.source}".encode(), usedforsecurity=False)
        name = f"{self.number}-{digest.hexdigest()[:10]}"
        self.used[name] += 1
        return name if self.used[name] == 1 else f"{name}-{self.used[name]}"


def _exercise_cell(
    item: Item, exercise: ExerciseRecord, solved: bool, student: str
) -> NotebookNode:
    """The notebook's cell for a statement, solution, check or answer."""
    answer = f"{exercise.answer}\n\n**How the points are given**\n\n{exercise.rubric}"
    source = {
        "statement": _statement(exercise, student),
        "solution": exercise.solution if solved else exercise.stub,
        "check": _check(exercise, student),
        "answer": answer if solved else ANSWER_STUB,
    }[item.role]
    metadata = {"tags": [CHECKED]} if item.role == "check" else {}
    name = f"{exercise.id.replace('.', '-')}-{item.role}"
    cell = NEW_CELL[item.cell.kind](source=source, id=name, metadata=metadata)
    points = exercise.points if item.role in ("check", "answer") else None
    return _graded(cell, item.role in ("statement", "check"), points, release=not solved)


def _check(exercise: ExerciseRecord, student: str) -> str:
    if not student or not exercise.personal:
        return exercise.check
    call = ast.parse(exercise.check, mode="eval")
    assert isinstance(call.body, ast.Call)
    call.body.keywords.append(ast.keyword("student", ast.Constant(student)))
    return ast.unparse(call)


def _statement(exercise: ExerciseRecord, student: str) -> str:
    """Heading, points, time, difficulty and goal in words, then what the author wrote, then the way
    to the hints."""
    unit = "point" if exercise.points == 1 else "points"
    by_hand = ", graded by hand" if exercise.kind == "investigate" else ""
    part = " It becomes a part of your `my_clip.py`." if exercise.my_clip else ""
    return (
        f"## Exercise {exercise.id}: {exercise.title}\n\n"
        f"**{exercise.points:g} {unit}{by_hand}, about {exercise.minutes:g} minutes, "
        f"{exercise.difficulty}.** Goal: {exercise.goal}{part}\n\n"
        f"{exercise.stated(student)}\n\n"
        f'Stuck? Run `hint("{exercise.id}")` in a new cell: {len(exercise.hints)} hints, '
        "one at a time."
    )


def _graded(
    cell: NotebookNode, locked: bool, points: float | None, *, release: bool
) -> NotebookNode:
    """Add nbgrader's metadata: a cell with points is graded, one that is not locked is to be
    filled in. A released cell has a checksum and cannot be deleted, nor edited when locked."""
    marks = {"grade": points is not None, "grade_id": cell.id, "locked": locked}
    marks |= {"schema_version": 3, "solution": not locked, "task": False}
    if points is not None:
        marks["points"] = points
    if release:
        cell.metadata["deletable"] = False
        if locked:
            cell.metadata["editable"] = False
        marks |= {"cell_type": cell.cell_type, "checksum": ""}
    cell.metadata["nbgrader"] = marks
    return sign(cell)


def sign(cell: NotebookNode) -> NotebookNode:
    """Renew nbgrader's checksum of a released cell, in place; an answer that has it is blank."""
    marks = cell.metadata.get("nbgrader", {})
    if "checksum" in marks:
        parts = [cell.source, cell.cell_type]
        parts += [str(marks[key]) for key in ("grade", "solution", "locked", "grade_id")]
        parts += [str(float(marks["points"]))] if marks["grade"] else []
        digest = hashlib.md5("".join(parts).encode(), usedforsecurity=False)
        marks["checksum"] = digest.hexdigest()
    return cell
