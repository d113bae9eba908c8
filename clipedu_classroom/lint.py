"""Read a lesson as a careful editor would: every finding has a file, a line and a rule's name.

What makes a text unreadable to the builder comes from the readers; here is what makes it a poor
lesson or a poor exercise: no goal, no hints, a picture without words, a heading level skipped, a
solution that can be read in the exercise notebook.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipedu_classroom.exercise_reader import ExerciseFile, ExerciseSource, read_exercise_file
from clipedu_classroom.notebooks import exercise_notebook
from clipedu_classroom.source import Cell, LessonError, Problem, lesson_number, read_cells
from clipedu_classroom.stubs import StubError, bound_names, solution_lines

FENCE = re.compile(r"\s*(```|~~~)")
INLINE_CODE = re.compile(r"`[^`\n]*`")
IMAGE = re.compile(r"!\[([^\]]*)\]\(\s*<?([^)>\s]+)")
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\([^)]+\)")
IMAGE_TAG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
ALT = re.compile(r"""\balt\s*=\s*(["'])\s*\S.*?\1""", re.IGNORECASE)
HEADING = re.compile(r"(#{1,6})\s+\S")
PYPLOT_SHOW = re.compile(r"\b(plt|pyplot)\.show\(")
SAYS_NOTHING = ("here", "click here", "this", "link", "this link", "this page", "read more", "")


@dataclass(frozen=True)
class Note:
    """A finding inside a cell: `line` counts from 1, 0 is the cell's marker."""

    line: int
    rule: str
    message: str


class TextRules:
    """Judges the text cells of one notebook in order; it remembers the last heading's level.

    folder: where the notebook will be, for pictures named by a relative path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.level = 0

    def notes(self, text: str) -> list[Note]:
        """What is wrong with one text cell."""
        found: list[Note] = []
        for number, line in enumerate(prose_lines(text), 1):
            heading = HEADING.match(line)
            if heading:
                found += [Note(number, *why) for why in self.heading(len(heading[1]))]
            found += [Note(number, *why) for why in self._pictures(line)]
            for words in LINK.findall(line):
                if words.strip().strip("*_").lower() in SAYS_NOTHING:
                    why = f"the link is called {words!r}; call it by what it leads to"
                    found.append(Note(number, "link-text", why))
        return found

    def heading(self, level: int) -> list[tuple[str, str]]:
        """(rule, message) when a heading of this level cannot follow the last one; remembers it."""
        last, self.level = self.level, level
        if last == 0 and level > 1:
            return [("heading", "the notebook's first heading is its title, with one #")]
        if level > last + 1:
            return [("heading", f"a heading of level {level} follows one of level {last}")]
        return []

    def _pictures(self, line: str) -> list[tuple[str, str]]:
        found = []
        for words, target in IMAGE.findall(line):
            if not words.strip():
                found.append(("alt-text", f"the picture {target} has no alternative text"))
            local = not re.match(r"[a-z]+:", target) and not target.startswith("#")
            if local and not (self.folder / target).is_file():
                why = f"there is no picture {target}, seen from {self.folder.name}/"
                found.append(("missing-picture", why))
        for tag in IMAGE_TAG.findall(line):
            if not ALT.search(tag):
                found.append(("alt-text", f"the picture {tag} has no alternative text"))
        return found


def prose_lines(text: str) -> list[str]:
    """The lines of a Markdown text with code blanked out, so that line numbers stay."""
    lines, fence = [], ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if mark and (not fence or mark[1] == fence):
            fence = "" if fence else mark[1]
            lines.append("")
        else:
            lines.append("" if fence else INLINE_CODE.sub("`code`", line))
    return lines


def code_notes(code: str) -> list[Note]:
    """What is wrong with one code cell."""
    message = "show a figure with clipedu.plots.show(fig, words), so that it is described"
    return [
        Note(number, "plt-show", message)
        for number, line in enumerate(code.split("\n"), 1)
        if PYPLOT_SHOW.search(line.partition("#")[0])
    ]


DIFFICULTIES = ("easy", "medium", "hard")
FEWEST_HINTS = 2
FEWEST_VARIANTS = 3
MOST_MINUTES = 15
MOST_CODE_LINES = 15
LESSON_CELLS = range(35, 71)
TAGS = {
    *("nbval-check-output", "nbval-ignore-output", "raises-exception"),
    "summary",  # what `make course` prints at its end
    *("exercise", "wrong", "answer", "rubric"),
}


def lint(paths: Iterable[str | Path]) -> list[Problem]:
    """Everything wrong with the given lesson.py and exercises.py files, or folders of them, by file
    and line. Raises FileNotFoundError for a path that is not there."""
    found: list[Problem] = []
    for path in _texts(paths):
        try:
            found += _lint_lesson(path) if path.name == "lesson.py" else _lint_exercises(path)
        except LessonError as error:
            found += error.problems
    return sorted(found, key=lambda problem: (str(problem.path), problem.line, problem.rule))


def _texts(paths: Iterable[str | Path]) -> list[Path]:
    texts: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise FileNotFoundError(f"there is no {path} to read")
        inside = [text for name in ("lesson.py", "exercises.py") for text in path.rglob(name)]
        texts += sorted(inside) if path.is_dir() else [path]
    return texts


def _lint_lesson(path: Path) -> list[Problem]:
    lesson_number(path)  # LessonError for a folder that is not called NN_name
    cells, problems = read_cells(path)
    rules = TextRules(path.resolve().parents[2] / "notebooks")
    for cell in cells:
        notes = [*_cell_notes(cell, rules), *_length_notes(cell)]
        problems += [_problem(path, cell, note) for note in notes]
    if len(cells) not in LESSON_CELLS:
        few, many = LESSON_CELLS[0], LESSON_CELLS[-1]
        message = f"the lesson has {len(cells)} cells; {few} to {many} can be read in an hour"
        problems.append(Problem(path, 1, "lesson-length", message, level="warning"))
    return problems


def _lint_exercises(path: Path) -> list[Problem]:
    parsed, problems = read_exercise_file(path)
    sound = not problems  # a text that cannot be built makes no notebook to look for leaks in
    rules = TextRules(path.resolve().parents[2] / "exercises")
    for item in parsed.items:
        if item.role == "description" and item.exercise is not None:
            rules.heading(2)  # the builder's own heading of the exercise
        notes = _cell_notes(item.cell, rules)
        if item.role == "statement" and re.match(r"#{1,2}\s", item.cell.source):
            notes.append(Note(1, "repeated-heading", "the builder makes the exercise's heading"))
        problems += [_problem(path, item.cell, note) for note in notes]
    for exercise in parsed.exercises:
        problems += [Problem(path, line, rule, text) for line, rule, text in _about(exercise)]
        problems += [Problem(path, line, rule, text) for line, rule, text in _variants(exercise)]
    places = [exercise.id.partition(".")[2] for exercise in parsed.exercises]
    numbers = [int(place) for place in places if place.isdecimal()]
    if numbers != sorted(numbers):
        problems.append(Problem(path, 1, "order", f"the exercises come in the order {numbers}"))
    if sound:
        problems += _leaks(parsed)
    return problems


def _problem(path: Path, cell: Cell, note: Note) -> Problem:
    return Problem(path, cell.line + note.line, note.rule, note.message)


def _cell_notes(cell: Cell, rules: TextRules) -> list[Note]:
    notes = [] if cell.source.strip() else [Note(0, "empty-cell", "the cell is empty")]
    for tag in cell.tags:
        if tag not in TAGS:
            known = ", ".join(sorted(TAGS))
            notes.append(Note(0, "unknown-tag", f"the tag {tag!r} is not one of {known}"))
    notes += rules.notes(cell.source) if cell.kind == "markdown" else []
    return notes + (code_notes(cell.source) if cell.kind == "code" else [])


def _length_notes(cell: Cell) -> list[Note]:
    lines = [line for line in cell.source.splitlines() if line.strip()]
    if cell.kind != "code" or len(lines) <= MOST_CODE_LINES:
        return []
    message = (
        f"the code cell has {len(lines)} lines, at most {MOST_CODE_LINES} can be taken in; "
        "split it, or move what is not the lesson's point into the library"
    )
    return [Note(0, "long-cell", message)]


def _about(exercise: ExerciseSource) -> Iterator[tuple[int, str, str]]:
    """(line, rule, message) for a description that says too little."""
    line = exercise.line
    for key in ("title", "goal"):
        if not getattr(exercise, key).strip():
            yield line, f"no-{key}", f"the exercise has no {key}"
    if exercise.difficulty not in DIFFICULTIES:
        said, known = repr(exercise.difficulty), ", ".join(DIFFICULTIES)
        yield line, "difficulty", f"the difficulty is {said}; say it in a word: {known}"
    if exercise.minutes > MOST_MINUTES:
        message = f"{exercise.minutes:g} minutes is long; split it, at most {MOST_MINUTES}"
        yield line, "minutes", message
    hints = [hint for hint in exercise.hints if hint.strip()]
    if len(hints) < FEWEST_HINTS:
        message = (
            f"there are {len(hints)} hints; give at least {FEWEST_HINTS}, from nudge to formula"
        )
        yield line, "hints", message


def _variants(exercise: ExerciseSource) -> Iterator[tuple[int, str, str]]:
    """(line, rule, message) for wrong variants that prove nothing."""
    if exercise.kind == "investigate":
        return
    if len(exercise.wrong) < FEWEST_VARIANTS:
        message = (
            f"there are {len(exercise.wrong)} wrong variants; write at least {FEWEST_VARIANTS}"
        )
        yield exercise.line, "variants", message
    names: list[str] = []
    for variant in exercise.wrong:
        line = variant.line
        name = variant.name.strip()
        if not name:
            yield line, "variant-name", "the wrong variant has no title that says what is wrong"
        elif name.endswith(".") or (name[0].isupper() and not name[:2].isupper()):
            message = f"{name!r} ends 'this is what you get when ...': no capital, no full stop"
            yield line, "variant-name", message
        if name and name in names:
            yield line, "variant-name", f"two wrong variants are called {name!r}"
        names.append(name)
        try:
            missing = [name for name in exercise.names if name not in bound_names(variant.source)]
        except SyntaxError as error:
            yield line + (error.lineno or 1), "variant-code", f"it does not parse: {error.msg}"
            continue
        if missing:
            yield line, "variant-code", f"the wrong variant does not define {', '.join(missing)}"
        if _same_code(variant.source, exercise.solution):
            yield line, "variant-code", "the wrong variant is the solution"


def _same_code(one: str, other: str) -> bool:
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except SyntaxError:
        return False


def _leaks(parsed: ExerciseFile) -> Iterator[Problem]:
    """Solution or answer lines that can be read in the exercise notebook."""
    notebook = exercise_notebook(parsed, solved=False)
    texts = [cell.source for cell in notebook.cells]
    for exercise in parsed.exercises:
        for line in leaked_lines(exercise, texts):
            message = f"a line of the solution can be read in the exercise notebook: {line!r}"
            yield Problem(parsed.path, exercise.line, "leak", message)


def leaked_lines(exercise: ExerciseSource, texts: Sequence[str]) -> list[str]:
    """The telling lines of a solution (or model answer) that stand in any of `texts`."""
    try:
        lines = solution_lines(exercise.solution) if exercise.solution else []
    except StubError:
        lines = []
    secrets = [line for line in map(_squeezed, lines) if _tells(line, 16)]
    prose = (exercise.answer + "\n" + exercise.rubric).splitlines()
    secrets += [line for line in map(_squeezed, prose) if _tells(line, 30)]
    shown = "\n".join(_squeezed(line) for text in texts for line in text.splitlines())
    return [line for line in dict.fromkeys(secrets) if line in shown]


def _squeezed(line: str) -> str:
    return " ".join(line.split())


def _tells(line: str, least: int) -> bool:
    return len(line) >= least and not line.startswith(("#", "import ", "from ", '"""'))
