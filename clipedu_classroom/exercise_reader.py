"""Read `clipedu_lessons/lNN_name/exercises.py`: which run of cells is which exercise.

An exercise is description, statement, solution, check, wrong variants, in this order;
`clipedu_lessons/README.md` shows one. Here the text is only read and its structure judged; what
makes an exercise good is `lint`'s business.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipedu_classroom.source import Cell, LessonError, Problem, lesson_number, read_cells
from clipedu_classroom.stubs import StubError, defined_names, has_marks, make_stub


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


KINDS = ("code", "predict", "investigate")
KEYS = ("id", "title", "points", "minutes", "difficulty", "goal", "hints", "kind")


def parse_exercises(path: str | Path) -> list[ExerciseSource]:
    """The exercises of a file, in order. Raises LessonError (file, line) or FileNotFoundError."""
    return list(parse_exercise_file(path).exercises)


def parse_exercise_file(path: str | Path) -> ExerciseFile:
    """All cells and exercises of a file. Raises LessonError (file, line) or FileNotFoundError."""
    parsed, problems = read_exercise_file(Path(path))
    if problems:
        raise LessonError(problems)
    return parsed


def read_exercise_file(path: Path) -> tuple[ExerciseFile, list[Problem]]:
    """As `parse_exercise_file`, but hands back what is wrong beside what could be understood."""
    number, name = lesson_number(path)
    cells, problems = read_cells(path)
    reader = _Reader(path, number, problems)
    for cell in cells:
        reader.take(cell)
    exercises = tuple(reader.finish(draft) for draft in reader.drafts)
    return ExerciseFile(path, number, name, tuple(reader.items), exercises), problems


@dataclass
class _Draft:
    about: dict[str, Any]
    line: int
    setup: list[str]
    cells: dict[str, list[Cell]] = field(default_factory=dict)

    def put(self, role: str, cell: Cell) -> None:
        self.cells.setdefault(role, []).append(cell)

    def has(self, role: str) -> bool:
        return role in self.cells

    def text(self, role: str) -> str:
        return self.cells[role][0].source if role in self.cells else ""


class _Reader:
    """Gives every cell its part. A description starts an exercise; after its check (or rubric) an
    ordinary cell ends it."""

    def __init__(self, path: Path, number: str, problems: list[Problem]) -> None:
        self.path, self.number, self.problems = path, number, problems
        self.items: list[Item] = []
        self.drafts: list[_Draft] = []
        self.shared: list[str] = []  # ordinary code so far
        self.open = False

    def error(self, line: int, rule: str, message: str) -> None:
        self.problems.append(Problem(self.path, line, rule, message))

    def take(self, cell: Cell) -> None:
        role = self.role(cell)
        if role == "description":
            self.drafts.append(_Draft(self.describe(cell), cell.line, list(self.shared)))
            self.open = True
        elif role == "ordinary" and self.open:
            draft = self.drafts[-1]
            if draft.has("check") or draft.has("rubric"):
                self.open = False
            else:
                first_text = cell.kind == "markdown" and not draft.has("statement")
                role = "statement" if first_text and not draft.has("solution") else "context"
                if role == "context" and cell.kind == "code" and not draft.has("solution"):
                    draft.setup.append(cell.source)
        elif role != "ordinary" and not self.open:
            self.error(
                cell.line, "outside-exercise", f"this {role} cell stands outside an exercise"
            )
            role = "ordinary"
        inside = role != "ordinary"
        if inside and role != "description":
            if role in ("solution", "check", "answer", "rubric") and self.drafts[-1].has(role):
                self.error(cell.line, f"two-{role}s", f"the exercise has a {role} cell already")
            self.drafts[-1].put(role, cell)
        elif not inside and cell.kind == "code":
            self.shared.append(cell.source)
        self.items.append(Item(cell, role, len(self.drafts) - 1 if inside else None))

    def role(self, cell: Cell) -> str:
        for tag, role in (("exercise", "description"), ("wrong", "wrong")):
            if cell.is_tagged(tag):
                if cell.kind != "code":
                    self.error(cell.line, "cell-kind", f"a {tag} cell is code ('# %%')")
                return role
        for tag in ("answer", "rubric"):
            if cell.is_tagged(tag):
                if cell.kind != "markdown":
                    self.error(
                        cell.line,
                        "cell-kind",
                        f"an {tag} cell is text ('# %% [markdown]')".replace("an r", "a r"),
                    )
                return tag
        if has_marks(cell.source):
            return "solution"
        is_check = cell.kind == "code" and checked_id(cell.source) is not None
        return "check" if is_check else "ordinary"

    def describe(self, cell: Cell) -> dict[str, Any]:
        """The description's literals by key; what cannot be read is reported and left out."""
        how = 'write one assignment: EXERCISE = dict(id="03.1", title="...", ...)'
        try:
            [node] = ast.parse(cell.source).body
        except SyntaxError as error:
            line = cell.line + (error.lineno or 1)
            self.error(
                line, "description", f"the description is not valid Python ({error.msg}); {how}"
            )
            return {}
        except ValueError:
            self.error(cell.line, "description", f"the description is not one statement; {how}")
            return {}
        value = node.value if isinstance(node, ast.Assign | ast.Expr) else None
        if not isinstance(value, ast.Call) or ast.unparse(value.func) != "dict" or value.args:
            self.error(cell.line, "description", f"the description cannot be read; {how}")
            return {}
        about: dict[str, Any] = {}
        for word in value.keywords:
            line = cell.line + word.value.lineno
            if word.arg not in KEYS:
                known = ", ".join(KEYS)
                self.error(line, "description", f"{word.arg!r} is not one of its words: {known}")
                continue
            try:
                about[word.arg] = ast.literal_eval(word.value)
            except ValueError:
                self.error(line, "description", f"{word.arg} is not a plain text, number or list")
        return about

    def finish(self, draft: _Draft) -> ExerciseSource:
        """The finished exercise; reports what its kind needs and does not have."""
        about, line = draft.about, draft.line
        kind = about.get("kind", "code")
        if kind not in KINDS:
            self.error(line, "kind", f"kind is {kind!r}; it is one of {', '.join(KINDS)}")
            kind = "code"
        exercise_id = self.identify(draft)
        if not draft.has("statement"):
            message = "no text cell follows the description: say what is to be done"
            self.error(line, "no-statement", message)
        needed = ("answer", "rubric") if kind == "investigate" else ("solution", "check")
        for role in needed:
            if not draft.has(role):
                message = f"a {kind} exercise needs a {role} cell; there is none"
                self.error(line, f"no-{role}", message)
        wrong_kind = ("wrong",) if kind == "investigate" else ("answer", "rubric")
        for role in wrong_kind:
            for cell in draft.cells.get(role, []):
                self.error(cell.line, "kind", f"a {kind} exercise has no {role} cell")
        stub, names = self.stub(draft, exercise_id)
        self.compare_check(draft, exercise_id)
        return ExerciseSource(
            id=exercise_id,
            title=str(about.get("title", "")),
            points=self.amount(draft, "points"),
            minutes=self.amount(draft, "minutes"),
            difficulty=str(about.get("difficulty", "")),
            goal=str(about.get("goal", "")),
            hints=self.hints(draft),
            kind=kind,
            statement=draft.text("statement"),
            setup="\n\n".join(draft.setup),
            solution=draft.text("solution"),
            stub=stub,
            names=names,
            check=draft.text("check"),
            wrong=tuple(
                WrongVariant(cell.title, cell.source, cell.line)
                for cell in draft.cells.get("wrong", ())
            ),
            answer=draft.text("answer"),
            rubric=draft.text("rubric"),
            path=self.path,
            line=line,
        )

    def identify(self, draft: _Draft) -> str:
        exercise_id = draft.about.get("id", "")
        prefix, _, rest = str(exercise_id).partition(".")
        if not isinstance(exercise_id, str) or prefix != self.number or not rest.isdecimal():
            message = (
                f'the id is {exercise_id!r}; here it is "{self.number}.1", "{self.number}.2", ...'
            )
            self.error(draft.line, "id", message)
        earlier = [other.line for other in self.drafts if other.about.get("id") == exercise_id]
        if exercise_id and earlier[0] != draft.line:
            message = f"the id {exercise_id} is taken by the exercise of line {earlier[0]}"
            self.error(draft.line, "duplicate-id", message)
        return str(exercise_id)

    def amount(self, draft: _Draft, key: str) -> int | float:
        value = draft.about.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            said = "missing" if value is None else repr(value)
            self.error(draft.line, key, f"{key} is {said}; it is a number above 0")
            return 1
        return value

    def hints(self, draft: _Draft) -> tuple[str, ...]:
        value = draft.about.get("hints", ())
        is_list = isinstance(value, list | tuple)
        if not is_list or not all(isinstance(hint, str) for hint in value):
            self.error(draft.line, "hints", "hints is a list of texts, from nudge to skeleton")
            return ()
        return tuple(value)

    def stub(self, draft: _Draft, exercise_id: str) -> tuple[str, tuple[str, ...]]:
        if not draft.has("solution"):
            return "", ()
        cell = draft.cells["solution"][0]
        try:
            return make_stub(cell.source, exercise_id), defined_names(cell.source)
        except StubError as error:
            self.error(cell.line + error.line, "solution-marks", str(error))
            return "", ()

    def compare_check(self, draft: _Draft, exercise_id: str) -> None:
        for cell in draft.cells.get("check", []):
            if checked_id(cell.source) != exercise_id:
                said = checked_id(cell.source)
                message = f"the check is of {said!r}, the exercise is {exercise_id!r}"
                self.error(cell.line, "check-id", message)


def checked_id(source: str) -> str | None:
    """The id in a cell that is nothing but `check("03.1", ...)`, else None."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return None
    call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != "check" or not call.args:
        return None
    first = call.args[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
