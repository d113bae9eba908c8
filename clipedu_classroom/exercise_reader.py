"""One exercise, one record: what its author wrote in `clipedu_lessons/lNN_name/exercises.py`, whose
README shows one. Build, lint, check, hints and grade all read it here."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from clipedu_classroom.source import (
    LESSONS,
    Cell,
    LessonError,
    Problem,
    course_root,
    lesson_number,
    read_cells,
)
from clipedu_classroom.stubs import StubError, defined_names, has_marks, make_stub

#: What a description may say, and what is taken where it says nothing that makes sense.
DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("id", "title", "goal", "difficulty", "my_clip"), ""),
    **{"kind": "code", "points": 1, "minutes": 1, "hints": (), "personal": {}},
}
DIFFICULTIES = ["easy", "medium", "hard"]
FEWEST_HINTS = 2
MOST_MINUTES = 60
CELL_ROLES = ("statement", "solution", "check", "answer", "rubric")
#: Those of them that an exercise of each kind needs.
CELLS = {
    **dict.fromkeys(("code", "predict"), ("statement", "solution", "check")),
    "investigate": ("statement", "answer", "rubric"),
}
#: "this is what you get when <...>": no capital, no full stop.
ENDS_A_SENTENCE = re.compile(r"(?![A-Z][a-z]).*[^.]")
MODULE_NAME = re.compile(r"[a-z_]\w*(\.[a-z_]\w*)*")
Report = Callable[[int, str, str], None]  # line, rule, message


@dataclass(frozen=True)
class WrongVariant:
    """Code with one known misconception; `name` completes "this is what you get when ..."."""

    name: str
    source: str
    line: int

    @property
    def hint(self) -> str:
        """Where to look next: the variant's first line, when it is `# hint: ...`."""
        found = re.match("# hint: (.+)", self.source)
        return found[1] if found else ""


@dataclass(frozen=True)
class ExerciseRecord:
    """One exercise as written. Sources are code; statement, answer and rubric are Markdown."""

    id: str
    title: str = ""
    kind: str = "code"
    points: int | float = 1
    minutes: int | float = 1
    difficulty: str = ""
    goal: str = ""
    hints: tuple[str, ...] = ()
    statement: str = ""
    setup: str = ""  # code cells that run before it: the file's ordinary ones, then its own
    solution: str = ""  # the whole cell, marks included; "" for an investigation
    stub: str = ""
    names: tuple[str, ...] = ()  # what the solution cell defines, in order
    check: str = ""
    wrong: tuple[WrongVariant, ...] = ()
    answer: str = ""
    rubric: str = ""
    my_clip: str = ""  # the module whose object takes this part's place in my_clip.py
    personal: dict[str, list[Any]] = field(default_factory=dict)  # the course's number, then others
    line: int = 0

    def numbers(self, student: str = "") -> dict[str, Any]:
        """The `personal` numbers by name: the course's own, or those of a student, drawn from the
        exercise's id and the student's."""
        drawn = {}
        for name, (own, *others) in self.personal.items():
            digest = hashlib.sha256(f"{self.id} {name} {student}".encode()).digest()
            drawn[name] = others[int.from_bytes(digest[:8]) % len(others)] if student else own
        return drawn

    def stated(self, student: str = "") -> str:
        """The statement with those numbers in place of their names, as `{=tokens}`."""
        text = self.statement
        for name, value in self.numbers(student).items():
            text = text.replace(f"{{={name}}}", f"{value:,}" if type(value) is int else str(value))
        return text


@dataclass(frozen=True)
class Item:
    """A cell and its role: description, statement, context, solution, check, wrong, answer, rubric,
    or "ordinary" when it belongs to no exercise (`exercise` is then None)."""

    cell: Cell
    role: str
    exercise: int | None


@dataclass(frozen=True)
class LessonText:
    """A lesson.py or exercises.py: its cells in order and the exercises that they make (a lesson.py
    makes none). `number` is "03", `name` is "03_the_contrastive_loss"."""

    path: Path
    number: str
    name: str
    items: tuple[Item, ...]
    exercises: tuple[ExerciseRecord, ...]


def course_records(lesson: str = "", root: Path | None = None) -> dict[str, ExerciseRecord]:
    """The exercises of the course, or of one lesson ("03"), by id and in order, as far as they can
    be read. Raises FileNotFoundError without a course folder."""
    found: dict[str, ExerciseRecord] = {}
    for path in sorted(((root or course_root()) / LESSONS).glob("l[0-9][0-9]_*/exercises.py")):
        if path.parent.name.startswith(f"l{lesson}"):
            found.update(read_once(path, path.stat().st_mtime_ns))
    return found


def course_record(exercise_id: str) -> ExerciseRecord:
    """One exercise; only its id when there is no course folder or the course does not know it."""
    try:
        return course_records(exercise_id.partition(".")[0])[exercise_id]
    except (OSError, LessonError, KeyError):
        return ExerciseRecord(exercise_id)


@lru_cache(maxsize=64)
def read_once(path: Path, modified: int) -> dict[str, ExerciseRecord]:
    """The exercises of a file by id. `modified` makes an edited file be read again."""
    return {exercise.id: exercise for exercise in read_text(path)[0].exercises}


def parse_text(path: str | Path) -> LessonText:
    """All cells and exercises of a file. Raises LessonError (file, line) or FileNotFoundError."""
    parsed, problems = read_text(Path(path))
    if problems:
        raise LessonError(problems)
    return parsed


@dataclass
class _Draft:
    """An exercise while it is read."""

    line: int
    about: dict[str, Any]
    setup: list[str]
    cells: dict[str, list[Cell]] = field(default_factory=dict)


def read_text(path: Path) -> tuple[LessonText, list[Problem]]:
    """As `parse_text`, but returns what is wrong beside what could be understood.

    A description starts an exercise; an ordinary cell after its check (or rubric) ends it."""
    number, name = lesson_number(path)
    cells, problems = read_cells(path)

    def report(line: int, rule: str, message: str) -> None:
        problems.append(Problem(path, line, rule, message))

    items: list[Item] = []
    drafts: list[_Draft] = []
    shared: list[str] = []  # ordinary code so far
    first_lines: dict[str, int] = {}  # where each id was first seen
    draft: _Draft | None = None  # the exercise that the next cell may belong to
    for cell in cells:
        role = _tagged_role(cell, report)
        if role == "description":
            draft = _Draft(cell.line, _description(cell, number, report), list(shared))
            drafts.append(draft)
            first = first_lines.setdefault(draft.about["id"], cell.line)
            if first != cell.line:
                message = f"the id {draft.about['id']} is taken by the exercise of line {first}"
                report(cell.line, "duplicate-id", message)
        elif role == "ordinary" and draft:
            role = _untagged_role(cell, draft)
        elif role != "ordinary" and not draft:
            report(cell.line, "outside-exercise", f"this {role} cell is outside an exercise")
            role = "ordinary"
        if role == "ordinary":
            draft = None
            shared += [cell.source] if cell.kind == "code" else []
        elif draft:
            if role in draft.cells and role in CELL_ROLES:
                report(cell.line, f"two-{role}s", f"the exercise has a {role} cell already")
            draft.cells.setdefault(role, []).append(cell)
        items.append(Item(cell, role, len(drafts) - 1 if draft else None))
    exercises = tuple(_record(draft, report) for draft in drafts)
    return LessonText(path, number, name, tuple(items), exercises), problems


def _tagged_role(cell: Cell, report: Report) -> str:
    """What the cell says it is, by its tag, its marks or its call of check()."""
    kinds = {"exercise": "code", "wrong": "code", "answer": "markdown", "rubric": "markdown"}
    for tag, kind in kinds.items():
        if tag in cell.tags:
            if cell.kind != kind:
                marker = "# %%" if kind == "code" else "# %% [markdown]"
                report(cell.line, "cell-kind", f"a cell tagged {tag!r} starts with {marker!r}")
            return "description" if tag == "exercise" else tag
    if has_marks(cell.source):
        return "solution"
    return "check" if cell.kind == "code" and checked_id(cell.source) else "ordinary"


def _untagged_role(cell: Cell, draft: _Draft) -> str:
    if "check" in draft.cells or "rubric" in draft.cells:
        return "ordinary"
    if "solution" in draft.cells:
        return "context"
    if cell.kind == "markdown" and "statement" not in draft.cells:
        return "statement"
    draft.setup += [cell.source] if cell.kind == "code" else []
    return "context"


def _description(cell: Cell, number: str, report: Report) -> dict[str, Any]:
    """The description's literals by key; what is missing or makes no sense is reported, and
    replaced."""
    how = 'write one assignment: EXERCISE = dict(id="03.1", title="...", ...)'
    words: list[ast.keyword] = []
    try:
        match ast.parse(cell.source).body:
            case [ast.Assign(value=ast.Call(ast.Name("dict"), [], words))]:
                pass
            case _:
                report(cell.line, "description", f"the description cannot be read; {how}")
    except SyntaxError as error:
        message = f"the description is not valid Python ({error.msg}); {how}"
        report(cell.line + (error.lineno or 1), "description", message)
    about: dict[str, Any] = {}
    for word in words:
        line = cell.line + word.value.lineno
        if word.arg not in DEFAULTS:
            known = ", ".join(DEFAULTS)
            report(line, "description", f"{word.arg!r} is not one of its words: {known}")
            continue
        try:
            about[word.arg] = ast.literal_eval(word.value)
        except ValueError:
            report(line, "description", f"{word.arg} is not a plain text, number or list")
    optional = {key: DEFAULTS[key] for key in ("kind", "my_clip", "personal")}
    values: dict[str, Any] = dict.fromkeys(DEFAULTS) | optional | about
    for key, right, expected in _judged(values, number):
        if not right:
            said = repr(values[key]) if key in about else "missing"
            report(cell.line, key, f"{key} is {said}; expected {expected}")
            values[key] = DEFAULTS[key]
    return {**values, "hints": tuple(values["hints"])}


def _judged(values: dict[str, Any], number: str) -> Iterator[tuple[str, Any, str]]:
    """(key, whether its value makes sense, what is expected)."""
    for key in ("title", "goal"):
        yield key, _is_text(values[key]), "a text"
    for key, known in (("kind", [*CELLS]), ("difficulty", DIFFICULTIES)):
        yield key, values[key] in known, f"one of {', '.join(known)}"
    identity = _is_text(values["id"]) and re.fullmatch(rf"{number}\.\d+", values["id"])
    module = values["my_clip"]
    is_module = module == "" or isinstance(module, str) and MODULE_NAME.fullmatch(module)
    good = is_module and (not module or values["kind"] == "code")
    yield "my_clip", good, 'a module, as "clipedu.models.vit", of an exercise that asks for code'
    choices = values["personal"].values() if isinstance(values["personal"], dict) else [None]
    several = all(isinstance(some, list) and len({*map(repr, some)}) > 1 for some in choices)
    good = several and (not values["personal"] or values["kind"] == "predict")
    yield "personal", good, '{"name": [the course\'s number, others, ...]}, of a predict exercise'
    yield "id", identity, f'"{number}.1", "{number}.2", ...'
    yield "points", _is_amount(values["points"]), "a number above 0"
    short = _is_amount(values["minutes"]) and values["minutes"] <= MOST_MINUTES
    yield "minutes", short, f"a number above 0, at most {MOST_MINUTES}; split a longer exercise"
    hints = values["hints"]
    enough = isinstance(hints, list) and len(hints) >= FEWEST_HINTS and all(map(_is_text, hints))
    yield "hints", enough, f"at least {FEWEST_HINTS} texts, from nudge to formula or skeleton"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _record(draft: _Draft, report: Report) -> ExerciseRecord:
    """The finished exercise; reports what its kind needs and does not have."""
    exercise_id, kind, cells = draft.about["id"], draft.about["kind"], draft.cells
    for role in CELLS[kind]:
        if role not in cells:
            message = f"an exercise of the kind {kind!r} needs a {role} cell; there is none"
            report(draft.line, f"no-{role}", message)
    for role in ("wrong",) if kind == "investigate" else ("answer", "rubric"):
        if role in cells:
            message = f"an exercise of the kind {kind!r} has no {role} cell"
            report(cells[role][0].line, "kind", message)
    text = {role: cells[role][0].source if role in cells else "" for role in CELL_ROLES}
    if text["check"] and (said := checked_id(text["check"])) != exercise_id:
        message = f"the check is of {said!r}, the exercise is {exercise_id!r}"
        report(cells["check"][0].line, "check-id", message)
    made: dict[str, Any] = {}
    if text["solution"]:
        try:
            made["stub"] = make_stub(text["solution"], exercise_id)
            made["names"] = defined_names(text["solution"])
        except StubError as error:
            report(cells["solution"][0].line + error.line, "solution-marks", str(error))
    return ExerciseRecord(
        **{**draft.about, **text, **made},
        setup="\n\n".join(draft.setup),
        wrong=tuple(WrongVariant(c.title, c.source, c.line) for c in cells.get("wrong", ())),
        line=draft.line,
    )


def checked_id(source: str) -> str | None:
    """The id in a cell that is nothing but `check("03.1", ...)`, else None."""
    try:
        match ast.parse(source).body:
            case [ast.Expr(ast.Call(ast.Name("check"), [ast.Constant(str(found)), *_]))]:
                return found
    except SyntaxError:
        pass
    return None
