"""Find the class's notebooks and take the answers out of them: only solution cells, by id, then by
the names they define.

A submission is hostile until shown otherwise: it may be huge, empty, no JSON, or JSON of any other
shape. All of these end in `Unreadable`, which says what a person can do about it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipedu_classroom.assignment import Assignment, Question, id_of, text_of

MAX_BYTES = 30 * 2**20
MAX_CELLS = 5000


class Unreadable(ValueError):
    """This file is not a notebook that can be graded."""


@dataclass(frozen=True)
class Submission:
    """One student's file. `problem` is set when no single notebook could be chosen."""

    student: str
    path: Path
    problem: str = ""


@dataclass
class Answers:
    """What one student handed in: code by exercise id, open answers by exercise id, and what the
    grader noticed.
    """

    code: dict[str, str] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    dropped: int = 0


def find_submissions(folder: str | Path, name: str = "") -> list[Submission]:
    """One submission per student, sorted by name. Three layouts, which may be mixed:

    `alice.ipynb`; `alice/anything.ipynb`; nbgrader's `alice/03_the_loss/03_the_loss.ipynb`. A
    folder with several notebooks is taken by the file called `name`. Raises FileNotFoundError or
    ValueError when there is nothing.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"There is no folder {folder}. Put one notebook per student in it: {folder}"
            "/alice.ipynb."
        )
    found: dict[str, Submission] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            submission = _in_folder(path, name)
        elif path.suffix.lower() == ".ipynb":
            submission = Submission(path.stem, path)
        else:
            continue
        student = submission.student
        if student in found:
            submission = Submission(
                student, path, f"handed in twice: {found[student].path.name} and {path.name}"
            )
        found[student] = submission
    if not found:
        raise ValueError(
            f"There is no notebook (*.ipynb) in {folder}. Expected {folder}/alice.ipynb or {folder}"
            "/alice/….ipynb."
        )
    return list(found.values())


def _in_folder(folder: Path, name: str) -> Submission:
    notebooks = [
        path
        for path in sorted(folder.rglob("*.ipynb"))
        if ".ipynb_checkpoints" not in path.parts and len(path.relative_to(folder).parts) <= 3
    ]
    exact = [path for path in notebooks if path.stem == name]
    chosen = exact if len(exact) == 1 else notebooks
    if len(chosen) == 1:
        return Submission(folder.name, chosen[0])
    if not notebooks:
        return Submission(folder.name, folder, "there is no notebook in the student's folder")
    names = ", ".join(str(path.relative_to(folder)) for path in notebooks[:5])
    return Submission(
        folder.name, folder, f"several notebooks and none called {name}.ipynb: {names}"
    )


def read_bytes(submission: Submission) -> bytes:
    """The file's content. Raises Unreadable."""
    if submission.problem:
        raise Unreadable(f"Not graded: {submission.problem}.")
    try:
        information = os.stat(submission.path)
        if not stat.S_ISREG(information.st_mode):
            raise Unreadable("This is not a regular file.")
        if information.st_size > MAX_BYTES:
            raise Unreadable(
                f"The file has {information.st_size / 2**20:.0f} MB; at most {MAX_BYTES >> 20} MB "
                "are read."
            )
        return submission.path.read_bytes()
    except OSError as error:
        raise Unreadable(f"The file cannot be opened: {error.strerror}.") from None


def read_cells(content: bytes) -> list[dict[str, Any]]:
    """The notebook's cells, version 4. Raises Unreadable."""
    if not content.strip():
        raise Unreadable("The file is empty. Ask for it again: was it saved?")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in content[:100]:
        raise Unreadable(
            "The file is not UTF-8 (UTF-16, perhaps). Open it in Jupyter, save it, and hand it in "
            "again."
        )
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("The file is not UTF-8 text. Is it really a notebook?") from None
    except (ValueError, RecursionError):
        raise Unreadable(
            "The file is not valid JSON: it is damaged or no notebook. Ask for it again."
        ) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("The file is JSON but has no cells: it is not a notebook of version 4.")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has {len(cells)} cells; at most {MAX_CELLS} are read.")
    return [cell for cell in cells if isinstance(cell, dict)]


def take_answers(assignment: Assignment, cells: list[dict[str, Any]]) -> Answers:
    """The code of each exercise. The cell with the exercise's id when it defines what is asked for,
    else the last other cell that does; so swapped, renewed and duplicated ids do no harm."""
    answers = Answers()
    code = [
        (id_of(cell), clean(text_of(cell))) for cell in cells if cell.get("cell_type") == "code"
    ]
    used: set[int] = set()
    for question in assignment.questions:
        if question.by_hand:
            texts = [text_of(cell) for cell in cells if id_of(cell) == question.cell_id]
            if texts and texts[-1].strip() and texts[-1].strip() != question.stub.strip():
                answers.text[question.id] = texts[-1]
            continue
        place = _find(question, code, assignment, answers.remarks)
        if place is not None:
            used.add(place)
            answers.code[question.id] = code[place][1]
    answers.dropped = sum(
        1
        for place, (cell_id, source) in enumerate(code)
        if place not in used and source.strip() and cell_id not in assignment.own_ids
    )
    return answers


def is_untouched(question: Question, source: str) -> bool:
    """Is this still the stub, but for white space?"""
    return "".join(source.split()) == "".join(question.stub.split())


def defined_names(source: str) -> set[str]:
    """Names bound at the top level (also by import, loops, with); empty when the code does not
    parse.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        else:
            inner = (leaf for leaf in ast.walk(node) if isinstance(leaf, ast.Name))
            names |= {leaf.id for leaf in inner if isinstance(leaf.ctx, ast.Store)}
    return names


def clean(source: str) -> str:
    """Code without notebook magics (`%time`, `!pip`), which plain Python cannot run. Only lines
    that stop it from parsing go.
    """
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return re.sub(r"^(\s*)[%!?].*$", r"\1pass", source, flags=re.MULTILINE)
    except (RecursionError, MemoryError):
        return source
    return source


def _find(
    question: Question, code: list[tuple[str, str]], assignment: Assignment, remarks: list[str]
) -> int | None:
    assert question.exercise is not None
    wanted = set(question.exercise.names)
    by_id = [place for place, (cell_id, _) in enumerate(code) if cell_id == question.cell_id]
    others = assignment.own_ids - {other.cell_id for other in assignment.questions}
    by_name = [
        place
        for place, (cell_id, source) in enumerate(code)
        if cell_id not in others and wanted <= defined_names(source)
    ]
    if len(by_id) > 1:
        remarks.append(
            f"{question.id}: {len(by_id)} cells have the id {question.cell_id}; the last one with "
            "an answer counts."
        )
    written = [place for place in by_id if not is_untouched(question, code[place][1])]
    good = [place for place in written if place in by_name]
    elsewhere = [
        place
        for place in by_name
        if place not in by_id and not is_untouched(question, code[place][1])
    ]
    if good:
        return good[-1]
    if elsewhere:
        remarks.append(
            f"{question.id}: found by the name {', '.join(sorted(wanted))}, in a cell with another "
            "id."
        )
        return elsewhere[-1]
    if written:
        return written[-1]
    return by_id[-1] if by_id else None
