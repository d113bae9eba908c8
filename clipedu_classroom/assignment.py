"""The pristine exercise notebook as the grader sees it: what is asked, what it is worth, and the
cells around it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipedu_classroom import specs
from clipedu_classroom.spec import Exercise


@dataclass(frozen=True)
class Question:
    """One exercise of the notebook. `exercise` is None for an open question: a person grades it."""

    id: str
    title: str
    points: float
    cell_id: str
    stub: str
    exercise: Exercise | None

    @property
    def by_hand(self) -> bool:
        return self.exercise is None


@dataclass(frozen=True)
class Step:
    """A cell to run, in the notebook's order: the course's own (`question` is None), or the place
    of an answer.
    """

    cell_id: str
    source: str
    question: str | None


@dataclass(frozen=True)
class Assignment:
    """`own_ids`: every cell id of the pristine notebook."""

    lesson: str
    name: str
    path: Path
    questions: tuple[Question, ...]
    steps: tuple[Step, ...]
    own_ids: frozenset[str]
    library: tuple[str, ...]

    @property
    def max_points(self) -> float:
        """The points that the checks can give."""
        return sum(question.points for question in self.questions if not question.by_hand)

    @property
    def points_by_hand(self) -> float:
        return sum(question.points for question in self.questions if question.by_hand)


def read_assignment(path: str | Path) -> Assignment:
    """Read `exercises/NN_name.ipynb`. Raises FileNotFoundError, or ValueError when it is no
    exercise notebook of this course.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no exercise notebook {path}. Run `clipedu build` to make it."
        )
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        parts = [_Part(cell) for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a notebook ({error}). Run `clipedu build` to make it again."
        ) from None
    points = {part.exercise: part.points for part in parts if part.role in ("check", "answer")}
    titles = {part.exercise: part.title for part in parts if part.role == "statement"}
    questions = [
        _question(path, part, points, titles)
        for part in parts
        if part.role in ("solution", "answer")
    ]
    if not questions:
        raise ValueError(
            f"{path} has no exercise in it: expected cells with ids like 03-1-solution, as "
            "`clipedu build` makes them."
        )
    lesson = questions[0].id.partition(".")[0]
    module = specs.lesson_module(lesson)
    return Assignment(
        lesson=lesson,
        name=path.stem,
        path=path,
        questions=tuple(questions),
        steps=tuple(_steps(parts)),
        own_ids=frozenset(part.cell_id for part in parts if part.cell_id),
        library=tuple(getattr(module, "LIBRARY_NEEDED", ())),
    )


def text_of(cell: dict[str, Any]) -> str:
    """A cell's source; "" when it has none that is text."""
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def id_of(cell: dict[str, Any]) -> str:
    """The id that the builder gave: nbgrader's, which survives editors that renew cell ids, else
    the cell's own.
    """
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    found = marks.get("grade_id") if isinstance(marks, dict) else None
    found = found or cell.get("id", "")
    return found if isinstance(found, str) else ""


class _Part:
    """A cell of the pristine notebook and its part in an exercise, by its id ("03-1-solution")."""

    def __init__(self, cell: dict[str, Any]) -> None:
        self.cell_id, self.source, self.kind = id_of(cell), text_of(cell), cell["cell_type"]
        match = re.fullmatch(r"(\d\d)-(\d{1,2})-(statement|solution|check|answer)", self.cell_id)
        self.role = match[3] if match else "ordinary"
        self.exercise = f"{match[1]}.{match[2]}" if match else ""
        marks = cell.get("metadata", {}).get("nbgrader", {})
        self.points = float(marks.get("points", 0))
        heading = re.search(r"^#+\s*Exercise [\d.]+: (.+)$", self.source, re.MULTILINE)
        self.title = heading[1].strip() if heading else ""


def _question(
    path: Path, part: _Part, points: dict[str, float], titles: dict[str, str]
) -> Question:
    exercise: Exercise | None = None
    if part.role == "solution":
        try:
            exercise = specs.find(part.exercise)
        except specs.UnknownExercise as error:
            raise ValueError(f"{path} asks for exercise {part.exercise}: {error}") from None
    if part.exercise not in points:
        raise ValueError(
            f"{path}: exercise {part.exercise} has no check cell, so nobody knows its points."
        )
    return Question(
        part.exercise,
        titles.get(part.exercise, ""),
        points[part.exercise],
        part.cell_id,
        part.source,
        exercise,
    )


def _steps(parts: list[_Part]) -> list[Step]:
    """The course's ordinary code cells and the places of answers. What stands between an answer and
    its check only shows the answer to the student, so it is left out."""
    steps: list[Step] = []
    showing = False
    for part in parts:
        if part.role == "solution":
            steps.append(Step(part.cell_id, part.source, part.exercise))
            showing = True
        elif part.role == "check":
            showing = False
        elif part.role == "ordinary" and part.kind == "code" and not showing:
            steps.append(Step(part.cell_id or "setup", part.source, None))
    return steps
