"""The plan of the house: which package may know which, how large each may grow, what is said once.

Every rule is a function from a folder of source to sentences; each is shown to find a violation
that was planted.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY, CLASSROOM, LESSONS = "clipedu", "clipedu_classroom", "clipedu_lessons"
COURSE_TEXT = ("lesson.py", "exercises.py")  # text for notebooks, not modules

#: Lines of code (wc -l) that a package may have: ceilings, not targets. They are where the packages
#: are today. The plan is 9,000 for the library with the real CLIP's weights, CLIP's predecessors
#: and pairs of one's own, 5,000 for the classroom and 16,000 for the lessons' companions.
BUDGETS = {LIBRARY: 11_400, CLASSROOM: 8_620, LESSONS: 18_900, "course.py": 300}
LONGEST_FILE = 400
LONGEST_STEP = 40  # lines of the plain training step

#: A module of the library imports only from the floors below its own room.
FLOORS = {
    "cli": 7,
    "training": 6,
    "evaluation": 5,
    "objectives": 4,
    "pairs": 3,
    "models": 3,
    "downloads": 2,
    "tokenizer": 1,
    "device": 1,
    "plots": 1,
    "numbers": 0,
    "files": 0,
}
#: What only notebooks need.
JUPYTER = {"ipywidgets", "anywidget", "IPython", "ipykernel", "nbformat", "nbclient", "jupytext"}


class Source:
    """One file: its dotted name and what it imports."""

    def __init__(self, root: Path, path: Path) -> None:
        self.path = path.relative_to(root)
        self.text = path.read_text("utf-8")
        self.tree = ast.parse(self.text)
        parts = self.path.with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)

    def imports(self) -> Iterator[tuple[int, str, str]]:
        """(line, module, name) of each import, also inside functions; name "" for a module."""
        package = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                yield from ((node.lineno, module, alias.name) for alias in node.names)


def sources(root: Path, package: str) -> list[Source]:
    """The modules of a package; the course's text is none."""
    paths = sorted((root / package).rglob("*.py"))
    return [Source(root, path) for path in paths if path.name not in COURSE_TEXT]


def lines_of(path: Path) -> int:
    return path.read_text("utf-8").count("\n")


# ------------------------------------------------------------------------------------- rules
def upward_imports(root: Path) -> list[str]:
    """Imports in the library that go up a floor or to another room of the same floor."""
    wrong = []
    for source in sources(root, LIBRARY):
        parts = source.name.split(".")
        if len(parts) == 1 or parts[1] == "__main__":
            room, floor = LIBRARY, 0 if len(parts) == 1 else 9
        else:
            room = parts[1]
            if room not in FLOORS:
                wrong.append(f"{source.path}: the room {room} has no floor; give it one")
                continue
            floor = FLOORS[room]
        for line, module, name in source.imports():
            path = f"{module}.{name}".split(".")
            if path[0] != LIBRARY or len(path) < 2 or path[1].startswith("__"):
                continue
            other = path[1]
            if other != room and FLOORS.get(other, 99) >= floor:
                wrong.append(f"{source.path}:{line}: {room} imports {other}")
    return wrong


def strangers(root: Path) -> list[str]:
    """What a package imports though it should not know it."""
    wrong = []
    for source in sources(root, LIBRARY):
        for line, module, _ in source.imports():
            top = module.split(".")[0]
            if top in JUPYTER | {CLASSROOM, LESSONS} or (
                top == "matplotlib" and source.name != f"{LIBRARY}.plots"
            ):
                wrong.append(f"{source.path}:{line}: the library imports {module}")
    for source in sources(root, CLASSROOM):
        for line, module, name in source.imports():
            full = f"{module}.{name}" if module == LIBRARY else module
            if module.split(".")[0] == LESSONS or (
                module.split(".")[0] == LIBRARY and not full.startswith(f"{LIBRARY}.files")
            ):
                wrong.append(f"{source.path}:{line}: the classroom imports {full}")
    return wrong


def borrowed(root: Path) -> list[str]:
    """A lesson's module that another lesson uses, and one in common/ that is used by one lesson."""
    wrong = []
    users: dict[str, set[str]] = {}
    modules = {source.name: source for source in sources(root, LESSONS)}
    paths = [path for path in sorted((root / LESSONS).rglob("*.py"))]
    for path in paths:
        source = Source(root, path)
        lesson = source.path.parts[1]
        for line, module, name in source.imports():
            full = f"{module}.{name}" if f"{module}.{name}" in modules else module
            parts = full.split(".")
            if parts[0] != LESSONS or len(parts) < 2:
                continue
            if parts[1].startswith("l") and parts[1] != lesson and lesson != "commands.py":
                wrong.append(f"{source.path}:{line}: {lesson} uses a module of {parts[1]}")
            if parts[1] == "common":
                users.setdefault(full, set()).add(source.name if lesson == "common" else lesson)
    for name in modules:
        if name.startswith(f"{LESSONS}.common."):
            known = lessons_behind(name, users)
            if len(known) < 2:
                who = ", ".join(sorted(known)) or "nobody"
                wrong.append(f"{name} is in common/ and used by {who}")
    return wrong


def lessons_behind(module: str, users: dict[str, set[str]], seen: tuple[str, ...] = ()) -> set[str]:
    """The lessons that use a module of common/, also through other modules there."""
    found: set[str] = set()
    for user in users.get(module, ()):
        if user.startswith(f"{LESSONS}.common."):
            found |= set() if user in seen else lessons_behind(user, users, (*seen, user))
        else:
            found.add(user)
    return found


def circles(root: Path) -> list[str]:
    """Modules that import each other, directly or through others, when they are loaded."""
    everything = {s.name: s for p in (LIBRARY, CLASSROOM, LESSONS) for s in sources(root, p)}
    edges: dict[str, set[str]] = {}
    for name, source in everything.items():
        edges[name] = set()
        late = {
            id(inner)
            for node in ast.walk(source.tree)
            if isinstance(node, (ast.FunctionDef, ast.If))
            for inner in ast.walk(node)
        }
        early = ast.Module(
            [n for n in ast.walk(source.tree) if isinstance(n, ast.stmt) and id(n) not in late], []
        )
        loaded = Source.__new__(Source)
        loaded.__dict__.update(source.__dict__, tree=early)
        for _, module, item in loaded.imports():
            target = f"{module}.{item}" if f"{module}.{item}" in everything else module
            if target in everything and target != name and not everything[target].is_package:
                edges[name].add(target)
    state: dict[str, int] = {}
    found: list[str] = []

    def visit(name: str, path: list[str]) -> None:
        state[name] = 1
        for other in sorted(edges[name]):
            if state.get(other) == 1:
                found.append(" -> ".join([*path[path.index(other) :], other]))
            elif other not in state:
                visit(other, [*path, other])
        state[name] = 2

    for name in sorted(edges):
        if name not in state:
            visit(name, [name])
    return found


def private_names(root: Path) -> list[str]:
    """Names with an underscore that one module takes from another of the project."""
    wrong = []
    for package in (LIBRARY, CLASSROOM, LESSONS):
        for source in sources(root, package):
            for line, module, name in source.imports():
                private = name.startswith("_") and not name.startswith("__")
                if private and module.split(".")[0] in (LIBRARY, CLASSROOM, LESSONS):
                    wrong.append(f"{source.path}:{line}: takes {name} from {module}")
    return wrong


def over_budget(root: Path) -> list[str]:
    """Packages and files that have grown too large."""
    wrong = []
    for name, most in BUDGETS.items():
        paths = [root / name] if name.endswith(".py") else [s.path for s in sources(root, name)]
        total = sum(lines_of(root / path) for path in paths)
        if total > most:
            wrong.append(f"{name} has {total} lines, its budget is {most}")
    for package in (LIBRARY, CLASSROOM, LESSONS):
        for source in sources(root, package):
            count = lines_of(root / source.path)
            if count > LONGEST_FILE:
                wrong.append(f"{source.path} has {count} lines, more than {LONGEST_FILE}")
    return wrong


def spelled_elsewhere(root: Path) -> list[str]:
    """ "cuda" in another file than device.py."""
    return [
        f"{source.path}:{number}: spells cuda"
        for source in sources(root, LIBRARY)
        if source.name != f"{LIBRARY}.device"
        for number, line in enumerate(source.text.splitlines(), 1)
        if re.search(r"""["']cuda|torch\.cuda""", line)
    ]


def long_step(root: Path) -> list[str]:
    """The plain training step is one function that fits on a screen."""
    (step,) = (s for s in sources(root, LIBRARY) if s.name == f"{LIBRARY}.training.step")
    for node in step.tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "train_step":
            assert node.end_lineno
            count = node.end_lineno - node.lineno + 1
            return [f"train_step has {count} lines"] if count > LONGEST_STEP else []
    return ["there is no function train_step in clipedu/training/step.py"]


RULES: dict[str, Callable[[Path], list[str]]] = {
    rule.__name__: rule
    for rule in (
        upward_imports,
        strangers,
        borrowed,
        circles,
        private_names,
        over_budget,
        spelled_elsewhere,
        long_step,
    )
}


@pytest.mark.parametrize("rule", RULES)
def test_the_house_is_as_planned(rule: str) -> None:
    assert RULES[rule](ROOT) == []


# ------------------------------------------------------------------------ each rule can fail
def plant(root: Path, files: dict[str, str]) -> None:
    small = {
        "course.py": "",
        "clipedu/__init__.py": "",
        "clipedu/training/step.py": "def train_step():\n    pass\n",
        "clipedu_classroom/__init__.py": "",
        "clipedu_lessons/__init__.py": "",
    }
    for name, text in {**small, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


VIOLATIONS = [
    ("upward_imports", "clipedu/pairs/a.py", "from clipedu.models import build"),
    ("upward_imports", "clipedu/models/a.py", "import clipedu.training.trainer"),
    ("upward_imports", "clipedu/models/a.py", "from clipedu import pairs"),
    ("upward_imports", "clipedu/models/a.py", "from ..objectives import info_nce"),
    ("upward_imports", "clipedu/device.py", "def f():\n    from clipedu.cli import main"),
    ("upward_imports", "clipedu/__init__.py", "from clipedu.models import CLIP"),
    ("upward_imports", "clipedu/attic.py", "import torch"),
    ("strangers", "clipedu/pairs/a.py", "def f():\n    from IPython.display import display"),
    ("strangers", "clipedu/models/a.py", "import matplotlib.pyplot as plt"),
    ("strangers", "clipedu/evaluation/a.py", "from clipedu_lessons.common import records"),
    ("strangers", "clipedu_classroom/a.py", "from clipedu.models import build"),
    ("strangers", "clipedu_classroom/a.py", "from clipedu_lessons.l00_x import a"),
    ("borrowed", "clipedu_lessons/l01_x/lesson.py", "from clipedu_lessons.l00_y.a import b"),
    ("borrowed", "clipedu_lessons/common/a.py", "from clipedu_lessons.l00_y.a import b"),
    ("borrowed", "clipedu_lessons/common/lonely.py", "x = 1"),
    ("private_names", "clipedu/models/a.py", "from clipedu.models.b import _hidden"),
    ("over_budget", "clipedu/models/a.py", "\n" * 401),
    ("over_budget", "course.py", "\n" * 301),
    ("spelled_elsewhere", "clipedu/models/a.py", "x.to('cuda')"),
    ("long_step", "clipedu/training/step.py", "def train_step():\n" + "    x = 1\n" * 40),
    ("long_step", "clipedu/training/step.py", "x = 1"),
]


@pytest.mark.parametrize(("rule", "file", "text"), VIOLATIONS)
def test_a_planted_violation_is_found(tmp_path: Path, rule: str, file: str, text: str) -> None:
    plant(tmp_path, {})
    assert RULES[rule](tmp_path) == []
    plant(tmp_path, {file: text + "\n"})
    assert len(RULES[rule](tmp_path)) >= 1


def test_a_package_over_its_budget_is_found(tmp_path: Path) -> None:
    files = BUDGETS[LIBRARY] // 390 + 1
    plant(tmp_path, {f"clipedu/models/a{k}.py": "\n" * 390 for k in range(files)})
    (found,) = over_budget(tmp_path)
    assert found == f"clipedu has {files * 390 + 2} lines, its budget is {BUDGETS[LIBRARY]}"


def test_a_circle_is_found(tmp_path: Path) -> None:
    texts = {"a": "from clipedu.models.b import x", "b": "import clipedu.models.c",
             "c": "from clipedu.models.a import y"}  # fmt: skip
    plant(tmp_path, {f"clipedu/models/{name}.py": text for name, text in texts.items()})
    assert circles(tmp_path) == [
        "clipedu.models.a -> clipedu.models.b -> clipedu.models.c -> clipedu.models.a"
    ]


def test_what_is_allowed_passes(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "clipedu/training/trainer.py": "from clipedu.models.clip import CLIP",
            "clipedu/training/run.py": "from clipedu import __version__",
            "clipedu/models/vit.py": "from .transformer import Block",
            "clipedu/plots.py": "import matplotlib",
            "clipedu_classroom/a.py": "from clipedu.files import write_whole",
            "clipedu_lessons/common/a.py": "from clipedu.models import build",
            "clipedu_lessons/l00_x/lesson.py": "from clipedu_lessons.common.a import f",
            "clipedu_lessons/l01_y/a.py": "from clipedu_lessons.common.a import f",
        },
    )
    assert [sentence for rule in RULES.values() for sentence in rule(tmp_path)] == []
