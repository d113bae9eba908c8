"""The pristine exercise notebook: what is asked, what it is worth, and the cells around it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Question:
    """One exercise of the notebook. `names` is what its answer defines; an open question, which a
    person grades, has none."""

    id: str
    title: str
    points: float
    cell_id: str
    stub: str
    names: tuple[str, ...] = ()
    rubric: str = ""

    @property
    def by_hand(self) -> bool:
        return not self.names


@dataclass(frozen=True)
class Part:
    """A cell of the pristine notebook. `role` is statement, solution, check or answer (of
    `exercise`), setup (code to run), shown (code between an answer and its check) or text."""

    cell_id: str
    role: str
    exercise: str
    source: str


@dataclass(frozen=True)
class Assignment:
    """`parts`: every cell of the pristine notebook, in its order. `given`: code that answers may
    use, since the library is not in the sandbox. `stand_ins`: what a setup cell imports of parts
    of `my_clip.py` of the same lesson, solved: cell id -> exercise id -> code."""

    lesson: str
    name: str
    path: Path
    questions: tuple[Question, ...]
    parts: tuple[Part, ...]
    library: tuple[str, ...]
    given: str = ""
    stand_ins: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def max_points(self) -> float:
        """The points that the checks can give."""
        return sum(question.points for question in self.questions if not question.by_hand)

    @property
    def points_by_hand(self) -> float:
        return sum(question.points for question in self.questions if question.by_hand)


def read_assignment(path: str | Path) -> Assignment:
    """Read `exercises/NN_name.ipynb`. Raises FileNotFoundError, or ValueError when it is no
    exercise notebook of this course."""
    from clipedu_classroom import specs  # loads torch, which a reader of submissions never needs

    path = Path(path)
    remedy = "Run `clipedu build` to make it"
    if not path.is_file():
        raise FileNotFoundError(f"There is no exercise notebook {path}. {remedy}.")
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        parts = _parts(cells)
        points = {
            part.exercise: float(cell["metadata"]["nbgrader"]["points"])
            for part, cell in zip(parts, cells, strict=True)
            if part.role in ("check", "answer")
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a notebook ({error!r}). {remedy} again.") from None
    heading = re.compile(r"^#+\s*Exercise [\d.]+: (.+)$", re.MULTILINE)
    titles = {p.exercise: found[1].strip() for p in parts if (found := heading.search(p.source))}
    asked = [part for part in parts if part.role in ("solution", "answer")]
    if not asked:
        words = "expected cells with ids like 03-1-solution, as `clipedu build` makes them."
        raise ValueError(f"{path} has no exercise in it: {words}")
    if missing := [part.exercise for part in asked if part.exercise not in points]:
        words = "has no check cell, so nobody knows its points."
        raise ValueError(f"{path}: exercise {missing[0]} {words}")
    try:
        questions = tuple(_question(part, points, titles) for part in asked)
    except specs.UnknownExercise as error:
        raise ValueError(f"{path}: {error}") from None
    lesson = questions[0].id.partition(".")[0]
    library = specs.library_needed(lesson)
    given = _earlier_parts(lesson) + specs.given(lesson)
    stand_ins = _stand_ins(lesson, parts)
    return Assignment(lesson, path.stem, path, questions, tuple(parts), library, given, stand_ins)


def _earlier_parts(lesson: str) -> str:
    """The parts of my_clip.py of earlier lessons, solved, where the lesson adds parts; else ""."""
    from clipedu_classroom import my_clip

    parts = my_clip.course_parts()
    earlier = [replace(part, text=part.solved) for key, part in parts.items() if key < lesson]
    adds = any(key.startswith(f"{lesson}.") for key in parts)
    return my_clip.render(my_clip.course_header(), earlier) if adds and earlier else ""


def _stand_ins(lesson: str, parts: list[Part]) -> dict[str, dict[str, str]]:
    """What setup cells import of this lesson's own parts of my_clip.py; see :class:`Assignment`."""
    from clipedu_classroom import my_clip

    mine = {k: p for k, p in my_clip.course_parts().items() if k.startswith(f"{lesson}.")}
    found = {}
    for part in parts:
        lists = re.findall(r"^from clipedu\S* import ([\w, ]+)", part.source, re.MULTILINE)
        names = {name.strip() for words in lists for name in words.split(",")}
        if part.role == "setup" and names:
            found[part.cell_id] = {k: p.solved for k, p in mine.items() if names & {*p.own}}
    return found


def _question(part: Part, points: dict[str, float], titles: dict[str, str]) -> Question:
    from clipedu_classroom import specs
    from clipedu_classroom.exercise_reader import course_record

    key = part.exercise
    names = specs.find(key).names if part.role == "solution" else ()
    rubric = "" if names else course_record(key).rubric
    about = titles.get(key, ""), points[key], part.cell_id, part.source
    return Question(key, *about, names, rubric)


def _parts(cells: list[dict[str, Any]]) -> list[Part]:
    """Code between an answer and its check only shows the answer to the student."""
    parts: list[Part] = []
    showing = False
    for cell in cells:
        cell_id, kind, source = id_of(cell), cell["cell_type"], text_of(cell)
        match = re.fullmatch(r"(\d\d)-(\d{1,2})-(statement|solution|check|answer)", cell_id)
        if match:
            showing = match[3] == "solution" or (showing and match[3] != "check")
            parts.append(Part(cell_id, match[3], f"{match[1]}.{match[2]}", source))
        else:
            role = "text" if kind != "code" else "shown" if showing else "setup"
            parts.append(Part(cell_id, role, "", source))
    return parts


def text_of(cell: dict[str, Any]) -> str:
    """A cell's source, lines ended by a newline alone; "" when it has none that is text."""
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return re.sub(r"\r\n?", "\n", source) if isinstance(source, str) else ""


def id_of(cell: dict[str, Any]) -> str:
    """The id that the builder gave: nbgrader's, which survives editors that renew cell ids, else
    the cell's own."""
    metadata = cell.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    found = marks.get("grade_id") if isinstance(marks, dict) else None
    found = found or cell.get("id", "")
    return found if isinstance(found, str) else ""
