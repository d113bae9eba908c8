"""Read a lesson's text: jupytext py:percent files as cells that know their line.

The two files of `clipedu_lessons/lNN_name/` are the only text edited by hand. Everything that reads
them (builder, lint, checks, grader) goes through this module, so a message can name file and line.
How the files are written is in `clipedu_lessons/README.md`.
"""

from __future__ import annotations

import io
import os
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LESSONS = "clipedu_lessons"
#: The l makes a folder an importable package; a course without checks of its own may leave it out.
FOLDER_NAME = re.compile(r"l?((\d\d)_[a-z0-9_]+)")
MARKER = re.compile(r"# ?%%(?!\w)")
CELL_OPTIONS = {"tags", "jupyter", "title"}
JUPYTEXT_NOTES = {"lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker"}


@dataclass(frozen=True)
class Problem:
    """One finding about one place: `level` is "error" or "warning", `rule` its short name."""

    path: Path
    line: int
    rule: str
    message: str
    level: str = "error"

    def __str__(self) -> str:
        return f"{shown_path(self.path)}:{self.line}: {self.level}: {self.message} [{self.rule}]"


class LessonError(ValueError):
    """A lesson's text cannot be turned into a notebook; `problems` says where and why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Cell:
    """One cell of the text. `line` is the line of its `# %%` marker, counted from 1."""

    kind: str  # "code", "markdown" or "raw"
    source: str
    line: int
    tags: tuple[str, ...] = ()
    title: str = ""
    jupyter: dict[str, Any] = field(default_factory=dict)

    def is_tagged(self, tag: str) -> bool:
        return tag in self.tags


@dataclass(frozen=True)
class Lesson:
    """A lesson.py: `number` is "03", `name` is "03_the_contrastive_loss"."""

    path: Path
    number: str
    name: str
    cells: tuple[Cell, ...]


def course_root(start: Path | None = None) -> Path:
    """The folder that holds `clipedu_lessons/`: $CLIPEDU_COURSE, else `start` (the current folder)
    or one above it, else the checkout that this package lies in.

    Raises FileNotFoundError when there is none.
    """
    named = os.environ.get("CLIPEDU_COURSE")
    if named:
        if (Path(named) / LESSONS).is_dir():
            return Path(named).resolve()
        raise FileNotFoundError(
            f"CLIPEDU_COURSE is {named!r}, and there is no folder {LESSONS!r} in it. "
            "Set it to the course's folder, or unset it."
        )
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[1]):
        if (folder / LESSONS).is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    raise FileNotFoundError(
        f"no course (a folder with {LESSONS!r} and 'pyproject.toml') is at {here} or above it. "
        "Run this inside the course's folder, or set CLIPEDU_COURSE to it."
    )


def shown_path(path: Path) -> str:
    """`path` as short as it can be said: relative to the current folder when it lies there."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def lesson_number(path: Path) -> tuple[str, str]:
    """("03", "03_the_contrastive_loss") for a file in that folder; LessonError for another name."""
    folder = path.resolve().parent.name
    match = FOLDER_NAME.fullmatch(folder)
    if not match:
        message = f"the folder is called {folder!r}; a lesson's is called lNN_name, as l03_the_loss"
        raise LessonError([Problem(path, 1, "folder-name", message)])
    return match[2], match[1]


def read_cells(path: Path) -> tuple[list[Cell], list[Problem]]:
    """The cells of a py:percent file in order, and what is wrong with their markers.

    Raises FileNotFoundError when there is no such file.
    """
    import jupytext  # here and not above: it costs two seconds that a hint() need not always pay

    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no lesson text {shown_path(path)}") from None
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        raise LessonError([Problem(path, 1, "encoding", message)]) from None
    lines = marker_lines(text)
    if not lines:
        message = "there is no cell: start each one with a line '# %%' or '# %% [markdown]'"
        return [], [Problem(path, 1, "no-cells", message)]
    try:
        parsed = jupytext.reads(text, fmt="py:percent").cells
    except Exception as error:  # jupytext promises no kind of its own
        message = f"jupytext cannot read it ({error}); look at what stands after each '# %%'"
        return [], [Problem(path, 1, "unreadable", message)]
    if len(parsed) == len(lines) + 1:
        message = "there is text before the first '# %%'; put it in a cell"
        return [], [Problem(path, 1, "text-before-cells", message)]
    if len(parsed) != len(lines):
        message = (
            f"{len(lines)} lines start with '# %%' but {len(parsed)} cells were read: is one stray?"
        )
        return [], [Problem(path, 1, "cells-unclear", message)]
    cells, problems = [], []
    for raw, line in zip(parsed, lines, strict=True):
        unknown = sorted(set(raw.metadata) - CELL_OPTIONS - JUPYTEXT_NOTES)
        if unknown:
            message = (
                f"the cell's options {unknown} are not known; use tags=[...], jupyter={{...}} and, "
                "straight after '# %%', a title in plain words without '='"
            )
            problems.append(Problem(path, line, "cell-option", message))
        cells.append(
            Cell(
                kind=raw.cell_type,
                source=raw.source,
                line=line,
                tags=tuple(raw.metadata.get("tags", ())),
                title=str(raw.metadata.get("title") or ""),
                jupyter=dict(raw.metadata.get("jupyter") or {}),
            )
        )
    return cells, problems


def parse_lesson(path: str | Path) -> Lesson:
    """A lesson.py as cells. Raises LessonError with file and line, or FileNotFoundError."""
    path = Path(path)
    number, name = lesson_number(path)
    cells, problems = read_cells(path)
    if problems:
        raise LessonError(problems)
    return Lesson(path, number, name, tuple(cells))


def plain_cells(text: str) -> list[tuple[str, str]]:
    """(marker line, source) of each cell, read as plain Python: quick, and without jupytext."""
    starts = marker_lines(text)
    lines = text.splitlines()
    ends = [*[start - 1 for start in starts[1:]], len(lines)]
    return [
        (lines[start - 1], "\n".join(lines[start:end]).strip("\n"))
        for start, end in zip(starts, ends, strict=True)
    ]


def marker_lines(text: str) -> list[int]:
    """Line numbers of the cell markers; a '# %%' inside a string is none."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):  # magics and half-written code do not tokenize
        return [n for n, line in enumerate(text.splitlines(), 1) if MARKER.match(line)]
    return [
        token.start[0]
        for token in tokens
        if token.type == tokenize.COMMENT and token.start[1] == 0 and MARKER.match(token.string)
    ]
