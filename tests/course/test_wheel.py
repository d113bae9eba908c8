"""The wheel: what a `pip install` brings, and what it asks for."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
JUPYTER = {"jupyterlab", "ipykernel", "ipython", "ipywidgets", "anywidget", "nbformat", "nbclient"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built offline from a copy, so that no build folder appears beside the sources."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE.md"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for package in ("clipedu", "clipedu_classroom", "clipedu_lessons"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                target = copy / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, "-w", str(out), str(copy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(out.glob("*.whl")))


def test_it_carries_every_file_of_the_three_packages(wheel: zipfile.ZipFile) -> None:
    carried = set(wheel.namelist())
    wanted = [
        path.relative_to(ROOT).as_posix()
        for package in ("clipedu", "clipedu_classroom", "clipedu_lessons")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
    ]
    assert len(wanted) > 200
    assert [name for name in wanted if name not in carried] == []


def test_the_library_alone_asks_for_no_jupyter(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("METADATA"))
    about = Parser().parsestr(wheel.read(name).decode())
    lines = [Requirement(line) for line in about.get_all("Requires-Dist") or []]
    base = {line.name for line in lines if line.marker is None}
    course = {
        line.name for line in lines if line.marker and line.marker.evaluate({"extra": "course"})
    }
    assert "torch" in base and not base & JUPYTER
    assert JUPYTER <= course
    assert {"course", "grading", "test", "browser"} <= set(about.get_all("Provides-Extra") or [])


def test_its_commands_are_found_by_entry_points(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    text = wheel.read(name).decode()
    assert "[clipedu.commands]" in text and "clipedu = clipedu.cli.main:main" in text
