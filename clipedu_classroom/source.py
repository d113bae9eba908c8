"""Read a lesson's text: py:percent files as cells that know their line, so that a message can name
it, and a notebook's check need not wait for a notebook parser."""

from __future__ import annotations

import io
import os
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

LESSONS = "clipedu_lessons"
MARK = ".clipedu-course.json"  # in a folder that `clipedu start` laid out
#: The l makes a folder an importable package; a course without checks of its own may leave it out.
FOLDER_NAME = re.compile(r"l?((\d\d)_[a-z0-9_]+)")
MARKER = re.compile(r"# ?%%(?!\w)")
#: A marker's title, kind and tags: `# %% a title [markdown] tags=["answer"]`, each optional.
OPTIONS = re.compile(r' *([^=[\]]*?) *(\[markdown\])? *(?:tags=\[((?:"[\w.-]+",? *)+)\])? *')
HEADER = re.compile(r"# ---\n(?:#.*\n)*?# ---\n")  # an editor of notebooks may put it first


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a text or a notebook: `level` is "error" or "warning", `rule` its short
    name, `mend` a command that puts it right. In a notebook `line` is a cell, counted from 1."""

    path: Path
    line: int
    rule: str
    message: str
    level: str = "error"
    mend: str = ""

    def __str__(self) -> str:
        if self.mend:
            return f"{shown_path(self.path)}: {self.message}. Mend it with: {self.mend}"
        return f"{shown_path(self.path)}:{self.line}: {self.level}: {self.message} [{self.rule}]"


class LessonError(ValueError):
    """A lesson's text cannot be turned into a notebook; `problems` says where and why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True)
class Cell:
    """One cell of the text. `line` is the line of its `# %%` marker, counted from 1."""

    kind: str  # "code" or "markdown"
    source: str
    line: int
    tags: tuple[str, ...] = ()
    title: str = ""


def course_root(start: Path | None = None) -> Path:
    """The folder that holds `clipedu_lessons/`: $CLIPEDU_COURSE, else `start` (the current folder)
    or one above it, else where this package lies, a checkout or site-packages.

    Raises FileNotFoundError when there is none."""
    if named := os.environ.get("CLIPEDU_COURSE"):
        if (Path(named) / LESSONS).is_dir():
            return Path(named).resolve()
        words = f"CLIPEDU_COURSE is {named!r}, and there is no folder {LESSONS!r} in it."
        raise FileNotFoundError(f"{words} Set it to the course's folder, or unset it.")
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / LESSONS).is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    if ((installed := Path(__file__).resolve().parents[1]) / LESSONS).is_dir():
        return installed
    words = f"no course (a folder with {LESSONS!r} and 'pyproject.toml') is at {here} or above it."
    remedy = "Run this inside the course's folder, or set CLIPEDU_COURSE to it."
    raise FileNotFoundError(f"{words} {remedy}")


def student_folder() -> Path:
    """Where a student's own files lie: the folder of `clipedu start` that this is in, else the
    course's checkout, else the current folder."""
    here = Path.cwd().resolve()
    for folder in (here, *here.parents):
        if (folder / MARK).is_file():
            return folder
    root = course_root()
    is_own = (root / "pyproject.toml").is_file() or "CLIPEDU_COURSE" in os.environ
    return root if is_own else here


def shown_path(path: Path) -> str:
    """`path` as short as possible: relative to the current folder when it lies there."""
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
    """The cells of a py:percent file in order, and what is wrong with it.

    Raises FileNotFoundError when there is no such file, LessonError when it is not UTF-8."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no lesson text {shown_path(path)}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        raise LessonError([Problem(path, 1, "encoding", message)]) from None
    starts = marker_lines(text)
    if not starts:
        message = "there is no cell: start each one with a line '# %%' or '# %% [markdown]'"
        return [], [Problem(path, 1, "no-cells", message)]
    lines = text.split("\n")
    problems = []
    if HEADER.sub("", "\n".join([*lines[: starts[0] - 1], ""])).strip():
        message = "there is text before the first '# %%'; put it in a cell"
        problems.append(Problem(path, 1, "text-before-cells", message))
    cells = []
    for start, end in pairwise([*starts, len(lines) + 1]):
        options = OPTIONS.fullmatch(MARKER.sub("", lines[start - 1], count=1))
        if not options:
            message = "the cell's options are not known; use [markdown], tags=[...] and, after"
            message += " '# %%', a title in plain words without '='"
            problems.append(Problem(path, start, "cell-option", message))
        title, markdown, tags = options.groups("") if options else ("", "", "")
        body = lines[start : end - 1]
        if markdown:
            body = [re.sub("^# ?", "", line) for line in body]
        source = "\n".join(body).rstrip("\n")
        found = tuple(re.findall(r'"(.+?)"', tags))
        cells.append(Cell("markdown" if markdown else "code", source, start, found, title))
    return cells, problems


def marker_lines(text: str) -> list[int]:
    """Line numbers of the cell markers; a '# %%' inside a string is none."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):  # half-written code does not tokenize
        return [n for n, line in enumerate(text.split("\n"), 1) if MARKER.match(line)]
    starts = [token for token in tokens if token.type == tokenize.COMMENT and token.start[1] == 0]
    return [token.start[0] for token in starts if MARKER.match(token.string)]
