"""The floors of the house: a file imports only from the floors below its own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "clipedu"

# A room is a file or a folder directly in clipedu/. Two rooms of one floor do not know each other.
FLOORS = {
    "__main__": 6,
    "cli": 5,
    "training": 4,
    "evaluation": 3,
    "objectives": 3,
    "pairs": 2,
    "models": 2,
    "tokenizer": 1,
    "device": 1,
    "plots": 1,
    "files": 0,
    "__init__": 0,
}


def imported_rooms(tree: ast.AST, package: list[str]) -> list[tuple[int, str]]:
    """(line, room) of every import from clipedu, also inside functions; package: the file's own."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            paths = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            # `from clipedu import pairs` is about a room, `from clipedu import __version__` is not.
            rooms = [[*base, a.name] for a in node.names if a.name in FLOORS]
            paths = [base] if len(base) != 1 else rooms or [base]
        else:
            continue
        for path in paths:
            if path[0] == "clipedu":
                found.append((node.lineno, path[1] if len(path) > 1 else "__init__"))
    return found


def violations(package: Path) -> list[str]:
    """One sentence per import that goes up, across, or to a room that has no floor."""
    wrong = []
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        room, where = parts[0], f"{package.name}/{file.relative_to(package).as_posix()}"
        if room not in FLOORS:
            wrong.append(f"{where}: {room} has no floor; give it one in tests/test_layering.py")
            continue
        inside = [package.name, *parts[:-1]]
        for line, other in imported_rooms(ast.parse(file.read_text("utf-8")), inside):
            if other != room and FLOORS.get(other, 99) >= FLOORS[room]:
                wrong.append(
                    f"{where}:{line}: {room} (floor {FLOORS[room]}) imports {other} "
                    f"(floor {FLOORS.get(other, 'unknown')})"
                )
    return wrong


def test_every_import_goes_down() -> None:
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    "file, line, problem",
    [
        ("pairs/icons.py", "from clipedu.models import build", "pairs (floor 2) imports models"),
        ("models/vit.py", "import clipedu.training.trainer", "models (floor 2) imports training"),
        ("models/vit.py", "from clipedu import pairs", "models (floor 2) imports pairs"),
        ("models/vit.py", "from ..objectives import info_nce", "(floor 2) imports objectives"),
        ("models/vit.py", "from .. import evaluation", "models (floor 2) imports evaluation"),
        ("device.py", "def f():\n    from clipedu.cli import main", "device (floor 1) imports cli"),
        ("tokenizer/a.py", "from clipedu.plots import show", "tokenizer (floor 1) imports plots"),
        ("__init__.py", "from clipedu.models import CLIP", "__init__ (floor 0) imports models"),
        ("models/vit.py", "from clipedu.attic import old", "imports attic (floor unknown)"),
        ("models/vit.py", "from clipedu.cli import data", "models (floor 2) imports cli"),
        ("attic.py", "import torch", "attic has no floor"),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, file: str, line: str, problem: str) -> None:
    planted = tmp_path / "clipedu" / file
    planted.parent.mkdir(parents=True)
    planted.write_text(line + "\n")
    found = violations(tmp_path / "clipedu")
    assert len(found) == 1 and problem in found[0]


@pytest.mark.parametrize(
    "file, line",
    [
        ("training/trainer.py", "from clipedu.models.clip import CLIP"),
        ("training/trainer.py", "from clipedu import __version__"),
        ("models/vit.py", "from .transformer import Block\nfrom clipedu.models import text"),
        ("tokenizer/a.py", "from clipedu.tokenizer.bpe import merge"),
        ("cli/main.py", "import torch\nimport clipedu\nfrom clipedu.cli import data"),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, file: str, line: str) -> None:
    planted = tmp_path / "clipedu" / file
    planted.parent.mkdir(parents=True)
    planted.write_text(line + "\n")
    assert violations(tmp_path / "clipedu") == []
