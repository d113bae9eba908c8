"""Read a lesson as a careful editor would: every finding has a file, a line and a rule's name. What
the builder cannot read comes from the readers; here is what makes a poor lesson or exercise."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from clipedu_classroom.exercise_reader import ENDS_A_SENTENCE, ExerciseRecord, LessonText, read_text
from clipedu_classroom.notebooks import CHECKED, make_notebook
from clipedu_classroom.prose_numbers import PLACEHOLDER, names_given
from clipedu_classroom.source import Cell, LessonError, Problem
from clipedu_classroom.stubs import bound_names, solution_lines

SAYS_NOTHING = ("here", "click here", "this", "link", "this link", "this page", "read more", "")
FEWEST_VARIANTS = 3
MOST_CODE_LINES = 15
LESSON_CELLS = range(35, 71)
TAGS = {
    *(CHECKED, "nbval-ignore-output", "raises-exception"),
    "summary",  # what `make course` prints at its end
    *("exercise", "wrong", "answer", "rubric"),
}
TOLERANCE_TAG = re.compile(r"tolerance-\d+(\.\d+)?(e-?\d+)?")  # the root's conftest.py reads it
Note = tuple[int, str, str]  # line (in a cell, 0 is its marker), rule, message


def lint(path: Path) -> list[Problem]:
    """Everything wrong with a lesson.py or exercises.py, by line. Raises FileNotFoundError when
    there is no such file."""
    try:
        text, problems = read_text(path)
    except LessonError as error:
        return error.problems
    # a text that cannot be built makes no notebook to look for leaks in
    notes = [] if problems else list(_leaks(text))
    is_lesson = path.name == "lesson.py"
    prose = Prose(path.resolve().parents[2] / ("notebooks" if is_lesson else "exercises"))
    for item in text.items:
        cell = item.cell
        if item.role == "description":
            prose.heading(2)  # the builder's own heading of the exercise
        notes += [(cell.line + line, rule, why) for line, rule, why in _cell_notes(cell, prose)]
        notes += _length_notes(cell) if is_lesson else []
        if item.role == "statement" and re.match(r"#{1,2}\s", cell.source):
            message = "the builder makes the exercise's heading"
            notes.append((cell.line + 1, "repeated-heading", message))
    notes += _numbers(text)
    for exercise in text.exercises:
        notes += _variants(exercise)
    problems += [Problem(path, *note) for note in notes]
    if is_lesson and len(text.items) not in LESSON_CELLS:
        few, many = LESSON_CELLS[0], LESSON_CELLS[-1]
        message = f"the lesson has {len(text.items)} cells; {few} to {many} can be read in an hour"
        problems.append(Problem(path, 1, "lesson-length", message, level="warning"))
    return sorted(problems, key=lambda problem: (problem.line, problem.rule))


def _length_notes(cell: Cell) -> Iterator[Note]:
    count = sum(bool(line.strip()) for line in cell.source.splitlines())
    if cell.kind == "code" and count > MOST_CODE_LINES:
        message = f"the code cell has {count} lines, at most {MOST_CODE_LINES} can be taken in"
        remedy = "split it, or move what is not the lesson's point into the library"
        yield cell.line, "long-cell", f"{message}; {remedy}"


def _cell_notes(cell: Cell, prose: Prose) -> list[Note]:
    notes = [] if cell.source.strip() else [(0, "empty-cell", "the cell is empty")]
    for tag in set(cell.tags) - TAGS:
        if not TOLERANCE_TAG.fullmatch(tag):
            known = ", ".join([*sorted(TAGS), "tolerance-0.05"])
            notes.append((0, "unknown-tag", f"the tag {tag!r} is not one of {known}"))
        elif CHECKED not in cell.tags:
            notes.append((0, "unknown-tag", f"the tag {tag!r} needs {CHECKED!r} beside it"))
    return notes + (prose.notes(cell.source) if cell.kind == "markdown" else [])


class Prose:
    """Judges the text cells of one notebook, which will be in `folder`, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.level = 0
        self.parser = MarkdownIt("commonmark")

    def notes(self, text: str) -> list[Note]:
        """What is wrong with one text cell."""
        found: list[Note] = []
        for token in self.parser.parse(text):
            line = token.map[0] + 1 if token.map else 0
            if token.type == "heading_open":
                found += [(line, "heading", why) for why in self.heading(int(token.tag[1]))]
            found += self._parts([token] if token.type == "html_block" else token.children, line)
        return found

    def heading(self, level: int) -> list[str]:
        """What is wrong when a heading of this level follows the last one; remembers it."""
        last, self.level = self.level, level
        if last == 0 and level > 1:
            return ["the notebook's first heading is its title, with one #"]
        if level > last + 1:
            return [f"a heading of level {level} follows one of level {last}"]
        return []

    def _parts(self, parts: list[Token] | None, line: int) -> Iterator[Note]:
        """The pictures and links of one paragraph that starts on `line`."""
        words = ""  # since the last link began
        for part in parts or ():
            line += part.type in ("softbreak", "hardbreak")
            words = "" if part.type == "link_open" else words + part.content
            if part.type == "link_close" and words.strip().lower() in SAYS_NOTHING:
                why = f"the link is called {words!r}; call it by what it leads to"
                yield line, "link-text", why
            if part.type.startswith("html_") and "<img" in part.content:
                yield line, "alt-text", "write a picture as ![what one sees](file), not as <img>"
            if part.type == "image":
                target = str(part.attrs["src"])
                if not part.content.strip():
                    yield line, "alt-text", f"the picture {target} has no alternative text"
                if not re.match(r"[a-z]+:|#", target) and not (self.folder / target).is_file():
                    why = f"there is no picture {target}, seen from {self.folder.name}/"
                    yield line, "missing-picture", why


def _numbers(text: LessonText) -> Iterator[Note]:
    """`{=name}` in a text cell that no cell gives, and a name that is given twice."""
    cells = [item.cell for item in text.items if item.role != "wrong"]
    known = [names_given(cell.source) if cell.kind == "code" else [] for cell in cells]
    names = [name for exercise in text.exercises for name in exercise.personal]
    for cell, found in zip(cells, known, strict=True):
        for name in found or ():
            if name in names:
                yield cell.line, "number", f"numbers({name}=...) is given twice"
            names.append(name)
    if None in known:  # only a run can tell what they are
        return
    for cell in cells:
        for line, words in enumerate(cell.source.splitlines(), 1):
            for name in PLACEHOLDER.findall(words) if cell.kind == "markdown" else ():
                if name not in names:
                    yield cell.line + line, "number", f"no cell says numbers({name}=...)"


def _variants(exercise: ExerciseRecord) -> Iterator[Note]:
    """Wrong variants that prove nothing. (That each is caught, under its own name, is tested.)"""
    count = len(exercise.wrong)
    if count < FEWEST_VARIANTS and exercise.kind != "investigate":
        message = f"there are {count} wrong variants; write at least {FEWEST_VARIANTS}"
        yield exercise.line, "variants", message
    for variant in exercise.wrong:
        line, name = variant.line, variant.name
        if not ENDS_A_SENTENCE.fullmatch(name):
            message = f"the title {name!r} does not end 'this is what you get when ...'"
            yield line, "variant-name", f"{message}: some words, no capital, no full stop"
        try:
            missing = [name for name in exercise.names if name not in bound_names(variant.source)]
        except SyntaxError as error:
            yield line + (error.lineno or 1), "variant-code", f"it does not parse: {error.msg}"
            continue
        if missing:
            yield line, "variant-code", f"the wrong variant does not define {', '.join(missing)}"


def _leaks(text: LessonText) -> Iterator[Note]:
    """Lines of a solution or model answer that can be read in the exercise notebook."""
    cells = make_notebook(text).cells
    shown = "\n".join(_squeezed(line) for cell in cells for line in cell.source.splitlines())
    for exercise in text.exercises:
        code = map(_squeezed, solution_lines(exercise.solution))
        prose = map(_squeezed, (exercise.answer + "\n" + exercise.rubric).splitlines())
        secrets = [line for line in code if _tells(line, 16)]
        secrets += [line for line in prose if _tells(line, 30)]
        for line in dict.fromkeys(secrets):
            if line in shown:
                message = f"a line of the solution can be read in the exercise notebook: {line!r}"
                yield exercise.line, "leak", message


def _squeezed(line: str) -> str:
    return " ".join(line.split())


def _tells(line: str, least: int) -> bool:
    return len(line) >= least and not line.startswith(("#", "import ", "from ", '"""'))
