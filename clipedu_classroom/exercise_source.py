"""What an author wrote about an exercise, as data: made by `exercise_reader`, used by builder,
lint and the checks' own tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clipedu_classroom.source import Cell


@dataclass(frozen=True)
class WrongVariant:
    """Code with one known misconception; `name` completes "this is what you get when ..."."""

    name: str
    source: str
    line: int


@dataclass(frozen=True)
class ExerciseSource:
    """One exercise as written. Sources are code; statement, answer and rubric are Markdown."""

    id: str
    title: str
    points: int | float
    minutes: int | float
    difficulty: str
    goal: str
    hints: tuple[str, ...]
    kind: str
    statement: str
    setup: str  # code cells that run before it: the file's ordinary ones, then its own
    solution: str  # the whole cell, marks included; "" for an investigation
    stub: str
    names: tuple[str, ...]  # what the solution cell defines, in order
    check: str
    wrong: tuple[WrongVariant, ...]
    answer: str
    rubric: str
    path: Path
    line: int

    @property
    def key(self) -> str:
        """The id as it can stand in a cell id: "03-1" for "03.1"."""
        return self.id.replace(".", "-")


@dataclass(frozen=True)
class Item:
    """A cell and its part: description, statement, context, solution, check, wrong, answer, rubric,
    or "ordinary" when it belongs to no exercise (`exercise` is then None)."""

    cell: Cell
    role: str
    exercise: int | None


@dataclass(frozen=True)
class ExerciseFile:
    """A whole exercises.py: its cells in order and the exercises that they make."""

    path: Path
    number: str
    name: str
    items: tuple[Item, ...]
    exercises: tuple[ExerciseSource, ...]
