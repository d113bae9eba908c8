"""No exercise of lessons 00 to 04 passes by pasting what a lesson shows.

All that the text shows is tried under the exercise's name: functions and classes (also those whose
source a cell prints) as they are, and every computation in a cell, a loop or a function, wrapped as
a function of the names that it takes from elsewhere, in every order of the exercise's arguments. A
lesson is tried with its own exercises, its functions and classes with those of later lessons, too.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import inspect
import io
import re
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch

from clipedu_classroom import specs
from clipedu_classroom.calling import fresh, run
from clipedu_classroom.checks import report_on
from clipedu_classroom.compare import difference
from clipedu_classroom.examine import draw_trial
from clipedu_classroom.exercise_reader import course_records
from clipedu_classroom.judge import USUAL_IMPORTS
from clipedu_classroom.source import read_cells
from clipedu_classroom.spec import CodeExercise, FunctionExercise, ModuleExercise
from clipedu_classroom.stubs import bound_by
from clipedu_classroom.subject import LocalSubject

ROOT = Path(__file__).resolve().parents[2]
LESSONS = ("00", "01", "02", "03", "04")
SECONDS = 0.1  # of the processor that one candidate may take, or three times the answer's
#: To call these is not to paste a computation; to load pictures or train takes long.
LIBRARY = ("clipedu", "clipedu_lessons", "clipedu_classroom", "matplotlib", "IPython", "ipywidgets")
MOST_ARGUMENTS = 8  # that a computation may take
MOST_ORDERED = 4  # 24 orders; of more arguments each is given by its name
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
DEFINITIONS = ast.FunctionDef | ast.ClassDef
BUILTIN = frozenset(dir(builtins))


# Called with what they are not made for, computations warn; a busy machine is no failure.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(900)]


# ------------------------------------------------------------------------- what a text shows
@dataclass
class Shown:
    """A text's functions and classes by name, and its computations as functions: (source, names of
    the arguments, function)."""

    objects: dict[str, Any] = field(default_factory=dict)
    computations: list[tuple[str, list[str], Callable[..., Any]]] = field(default_factory=list)


def shown_by(cells: list[str]) -> Shown:
    """What code shows, without running more of it than imports and definitions."""
    trees = [tree for tree in map(parsed, cells) if tree]
    shown, space = Shown(), {"__name__": "__main__"}
    exec(USUAL_IMPORTS, space)
    library: set[str] = set()
    for node in [node for tree in trees for node in tree.body]:
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or node.names[0].name
            library |= set(bound_by(node)) if module.partition(".")[0] in LIBRARY else set()
        if isinstance(node, ast.Import | ast.ImportFrom | DEFINITIONS):
            with contextlib.suppress(Exception):
                exec(compile(ast.Module([node], []), "<lesson>", "exec"), space)
                if isinstance(node, DEFINITIONS):
                    shown.objects[node.name] = space[node.name]
    printed = []
    for tree in trees:
        for thing in sources_printed(tree, space):
            shown.objects[thing.__name__] = thing
            printed.append(parsed(textwrap.dedent(inspect.getsource(thing))))
    seen = set()
    for block in [block for tree in [*trees, *filter(None, printed)] for block in blocks(tree)]:
        for statements, value in computations(block):
            names = taken(statements, value)
            plain = ast.Constant | ast.JoinedStr if statements else ast.Name | ast.Constant
            asks = bool(names & library) or isinstance(value, plain)
            names -= {*space, *BUILTIN}
            if asks or not 1 <= len(names) <= MOST_ARGUMENTS:
                continue
            source = ast.unparse(ast.Module([*statements, ast.Return(value)], []))
            if source not in seen:
                seen.add(source)
                body = textwrap.indent(source, "    ")
                with contextlib.suppress(SyntaxError):
                    exec(f"def pasted({', '.join(sorted(names))}):\n{body}", space)
                    shown.computations.append((source, sorted(names), space.pop("pasted")))
    return shown


def parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except SyntaxError:
        return None


def sources_printed(tree: ast.Module, space: dict[str, Any]) -> Iterator[Any]:
    """The functions and classes whose source the code prints: `inspect.getsource(thing)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and "source" in ast.unparse(node.func):
            for argument in node.args:
                with contextlib.suppress(Exception):
                    thing = eval(ast.unparse(argument), space)
                    if inspect.isfunction(thing) or inspect.isclass(thing):
                        yield thing


def blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements: of a cell, a function, a loop."""
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list) and not isinstance(node, ast.ClassDef):
                yield block


def computations(block: list[ast.stmt]) -> Iterator[tuple[list[ast.stmt], ast.expr]]:
    """Each value that a block computes, with none of the statements before it that it needs, with
    the nearest, with the two nearest, ..."""
    for number, node in enumerate(block):
        for own, value in values_of(node):
            needed = list(own)
            yield list(needed), value
            for earlier in reversed(block[:number]):
                if bound(earlier) & taken(needed, value):
                    needed.insert(0, earlier)
                    yield list(needed), value


def values_of(node: ast.stmt) -> Iterator[tuple[list[ast.stmt], ast.expr]]:
    """(statements, the value that they make) of one statement."""
    match node:
        case ast.Return(ast.expr() as value) | ast.Assign([ast.Name()], value):
            yield [], value
        case ast.Assign() | ast.AugAssign() | ast.For() | ast.With() | ast.If():
            yield from (([node], ast.Name(name, ast.Load())) for name in sorted(bound(node)))
        case ast.Expr(value):
            yield [], value
    if isinstance(node, ast.Expr | ast.Assign | ast.Assert):
        for part in ast.walk(node):  # what is printed or asserted
            if isinstance(part, ast.FormattedValue):
                yield [], part.value
            elif isinstance(part, ast.Call):
                yield from (([], argument) for argument in part.args)
                yield from (([], keyword.value) for keyword in part.keywords)
            elif isinstance(part, ast.Compare):
                yield from (([], side) for side in (part.left, *part.comparators))


def bound(node: ast.AST) -> set[str]:
    """The names that a statement assigns, or defines."""
    names = {x.id for x in ast.walk(node) if isinstance(x, ast.Name) and not is_load(x)}
    return names | set(bound_by(node) if isinstance(node, ast.stmt) else ())


def is_load(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Load)


def taken(statements: list[ast.stmt], value: ast.expr) -> set[str]:
    """The names that the statements and the value take from elsewhere."""
    names: set[str] = set()
    known: set[str] = set()
    for node in [*statements, value]:
        loads = {x.id for x in ast.walk(node) if isinstance(x, ast.Name) and is_load(x)}
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            loads.add(node.target.id)
        inner = {x.arg for x in ast.walk(node) if isinstance(x, ast.arg)}
        if not isinstance(node, ast.Assign | ast.AugAssign):
            inner |= bound(node)  # of a loop or a comprehension
        else:
            inner |= bound(node.value)
        names |= loads - inner - known
        known |= bound(node)
    return names


# ----------------------------------------------------------------------- does a paste pass?
class TooSlow(BaseException):  # which no `except Exception` of a candidate stops
    pass


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooSlow inside when it takes more of the processor's time."""

    def stop(number: int, frame: Any) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass
class Judge:
    """Says quickly of a candidate that it is wrong, and asks the check about the others."""

    exercise: CodeExercise

    def __post_init__(self) -> None:
        trial = draw_trial(self.exercise, 0, 0, torch.float32)
        self.trial = replace(trial, grad=())
        right = (self.exercise.reference, *self.exercise.accepts)
        began = time.process_time()
        self.wanted = [run(answer, self.trial) for answer in right]
        self.seconds = max(SECONDS, 3 * (time.process_time() - began))

    def passes(self, candidate: Any) -> bool:
        """Raises TooSlow."""
        with limited(self.seconds), contextlib.redirect_stdout(io.StringIO()):
            if not self.may_be_called(candidate):
                return False
            got = run(candidate, self.trial)
        if got.error and got.error.kind == "TooSlow":
            raise TooSlow
        if not any(self.alike(got, want) for want in self.wanted):
            return False
        subject = LocalSubject(candidate)
        with contextlib.redirect_stdout(io.StringIO()):
            return report_on(self.exercise, subject, seed=0, points=1, title="").passed

    def may_be_called(self, candidate: Any) -> bool:
        """Most cannot, and this says so sooner than `run`, which looks for the line."""
        if self.trial.driver or self.trial.init is not None or self.exercise.keywords:
            return True
        try:
            candidate(*map(fresh, self.trial.inputs.values()))
        except Exception:
            return any(want.error for want in self.wanted)
        return True

    def alike(self, got: Any, want: Any) -> bool:
        if got.error or want.error:
            return bool(got.error and want.error)
        tolerance = max(self.exercise.tolerance, 1e-3)
        for name in self.exercise.changes:
            if difference(got.after.get(name), want.after.get(name), tolerance):
                return False
        if self.exercise.changes and want.value is None:
            return True
        return not difference(got.value, want.value, tolerance, unordered=self.exercise.unordered)


def arguments(exercise: CodeExercise, stub: str) -> list[str]:
    """The arguments of the function that the student writes; none for a class."""
    for node in parsed(stub).body if parsed(stub) else ():
        if isinstance(node, ast.FunctionDef) and node.name == exercise.names[0]:
            given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            return [argument.arg for argument in given]
    return []


def pastes(exercise: CodeExercise, stub: str, own: Shown, earlier: Shown) -> list[str]:
    """What passes the check without a thought: names of objects, or the code of computations."""
    judge, asked = Judge(exercise), arguments(exercise, stub)
    count, wraps = len(asked), isinstance(exercise, FunctionExercise) and bool(asked)
    found = []
    for name, thing in {**earlier.objects, **own.objects}.items():
        orders: list[tuple[int, ...]] = [()]  # as it is
        if wraps and inspect.isfunction(thing):
            same = len(inspect.signature(thing).parameters) == count
            orders += list(permutations(range(count)))[1:] if same and count <= MOST_ORDERED else []
        if first_that_passes(judge, thing, orders):
            found.append(name)
    for source, names, function in own.computations if wraps else ():
        orders = []
        if set(names) <= set(asked):
            orders = [tuple(map(asked.index, names))]
        elif count <= MOST_ORDERED and len(names) in (count, count - 1):
            orders = list(permutations(range(count), len(names)))
        if first_that_passes(judge, function, orders):
            found.append(source)
    return found


def first_that_passes(judge: Judge, thing: Any, orders: list[tuple[int, ...]]) -> bool:
    """Does it pass with its arguments in one of these orders? What takes long in one does so in
    the others."""
    try:
        return any(judge.passes(in_order(thing, order) if order else thing) for order in orders)
    except TooSlow:
        return False


def in_order(function: Callable[..., Any], order: tuple[int, ...]) -> Callable[..., Any]:
    return lambda *given: function(*(given[place] for place in order))


# ----------------------------------------------------------------------------- the course
@lru_cache(maxsize=8)
def lesson(number: str) -> Shown:
    (path,) = ROOT.glob(f"clipedu_lessons/l{number}_*/lesson.py")
    cells, _ = read_cells(path)
    fenced = [code for cell in cells for code in FENCE.findall(cell.source)]
    return shown_by([cell.source for cell in cells if cell.kind == "code"] + fenced)


@pytest.mark.parametrize("number", LESSONS)
def test_no_exercise_passes_by_pasting(number: str) -> None:
    earlier = Shown()
    for other in LESSONS[: LESSONS.index(number)]:
        earlier.objects |= lesson(other).objects
    found = {}
    for name, record in course_records(number).items():
        if record.kind == "code":
            exercise = specs.find(name)
            assert isinstance(exercise, CodeExercise)
            found[name] = pastes(exercise, record.stub, lesson(number), earlier)
    assert found, "there are exercises to try"
    assert {name: texts for name, texts in found.items() if texts} == {}


# -------------------------------------------------------------------------- that it can fail
LOSS = FunctionExercise(
    "90.2",
    "symmetric",
    reference=lambda a, b: (a @ b.T).logsumexp(1).mean() + (a @ b.T).diagonal().sum(),
    inputs=lambda g: {"a": torch.rand(4, 3, generator=g), "b": torch.rand(4, 3, generator=g)},
)
MANY = FunctionExercise(
    "90.4",
    "many",
    reference=lambda a, b, c, d, e: a - b * c + d / e,
    inputs=lambda g: {name: 1 + torch.rand(3, generator=g) for name in "abcde"},
)
STUB = "def symmetric(a, b):\n    raise NotImplementedError\n"
PLANTED = {
    "a function": """
def other_name(x, y):
    scores = x @ y.T
    return scores.logsumexp(1).mean() + scores.diagonal().sum()
""",
    "with its arguments turned round": """
def other_name(texts, pictures):
    scores = pictures @ texts.T
    return scores.logsumexp(1).mean() + scores.diagonal().sum()
""",
    "in a cell": """
vectors = load_them("somewhere")
scores = pictures @ texts.T
total = scores.logsumexp(1).mean()
total = total + scores.diagonal().sum()
print(f"{total:.3f}")
""",
    "in what is printed": """
print(f"{(u @ v.T).logsumexp(1).mean() + (u @ v.T).diagonal().sum():.2f}")
""",
    "in a loop": """
for step in range(10):
    scores = model(pictures) @ texts.T
    scores = a @ z.T
    loss = scores.logsumexp(1).mean() + scores.diagonal().sum()
    loss.backward()
""",
    "in a function that does more": """
def train(pictures, texts, rate):
    scores = pictures @ texts.T
    loss = scores.logsumexp(1).mean() + scores.diagonal().sum()
    loss.backward()
    return rate * loss
""",
}
SIBLINGS = {
    "the diagonal is missing": "def f(a, b):\n    return (a @ b.T).logsumexp(1).mean()\n",
    "another sign": """
scores = a @ b.T
loss = scores.logsumexp(1).mean() - scores.diagonal().sum()
""",
    "it never ends": "def f(a, b):\n    while True:\n        pass\n",
}


@pytest.mark.parametrize("where", PLANTED)
def test_a_planted_copy_is_found(where: str) -> None:
    assert pastes(LOSS, STUB, shown_by([PLANTED[where]]), Shown())


def test_of_many_arguments_each_is_found_by_its_name() -> None:
    stub = "def many(a, b, c, d, e):\n    raise NotImplementedError\n"
    assert pastes(MANY, stub, shown_by(["first = a - b * c\nprint(first + d / e)"]), Shown())
    assert not pastes(MANY, stub, shown_by(["first = a - b * c\nprint(first - d / e)"]), Shown())


@pytest.mark.parametrize("what", SIBLINGS)
def test_a_sibling_is_not_taken_for_the_answer(what: str) -> None:
    assert pastes(LOSS, STUB, shown_by([SIBLINGS[what]]), Shown()) == []


def test_a_class_whose_source_is_printed_is_found() -> None:
    shown = shown_by(["import inspect\nfrom torch import nn", "print(inspect.getsource(nn.ReLU))"])
    exercise = ModuleExercise(
        "90.3",
        "Rectifier",
        reference=torch.nn.ReLU,
        init={},
        inputs=lambda g: {"x": torch.randn(3, generator=g)},
    )
    assert pastes(exercise, "class Rectifier: ...", shown, Shown()) == ["ReLU"]
