"""The wheel: what a `pip install` brings, and what it asks for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
MERGE_PAIR = """
def merge_pair(symbols, pair):
    merged, i = [], 0
    while i < len(symbols):
        found = tuple(symbols[i : i + 2]) == pair
        merged.append(pair[0] + pair[1] if found else symbols[i])
        i += 2 if found else 1
    return tuple(merged)
"""
JUPYTER = {"jupyterlab", "ipykernel", "ipython", "ipywidgets", "anywidget", "nbformat", "nbclient"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and sdist, built offline as a release does: the wheel from the unpacked sdist."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    top = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "NOTICE.md")
    for name in (*top, "CHANGELOG.md", "CITATION.cff", "environment.yml", "constraints-ci.txt"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    for package in ("clipedu", "clipedu_classroom", "clipedu_lessons", "notebooks", "exercises"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                target = copy / path.relative_to(ROOT)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
    command = [sys.executable, "-m", "build", "--no-isolation", "-o", str(out), str(copy)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(dist.glob("*.whl")))


def test_the_sdist_carries_the_notebooks(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    trees = [ROOT / tree for tree in ("notebooks", "exercises")]
    wanted = {path.relative_to(ROOT).as_posix() for t in trees for path in t.glob("*.ipynb")}
    assert len(wanted) > 20 and wanted <= names
    assert {"setup.py", "pyproject.toml", "NOTICE.md"} <= names


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


def test_a_course_folder_is_made_from_the_wheel_alone(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    """Unpacked, without the checkout, in a folder with spaces and letters that are not ASCII."""
    wheel.extractall(tmp_path / "site")
    env = {k: v for k, v in os.environ.items() if not k.startswith("CLIPEDU_")}
    env |= {"PYTHONPATH": str(tmp_path / "site"), "CLIPEDU_STATE": str(tmp_path / "progress.json")}
    course = tmp_path / "mein Kurs über CLIP"

    def run(*words: str, cwd: Path = tmp_path) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=cwd, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("-m", "clipedu", "start", course.name)
    stored = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {path.name for path in (course / "notebooks").glob("*.ipynb")} == stored
    # One exercise, run as a notebook would: from its folder, and with cells of the laid-out file
    made = json.loads((course / "exercises" / "01_words_to_vectors.ipynb").read_text("utf-8"))
    cells = {cell["id"]: "".join(cell["source"]) for cell in made["cells"]}
    script = f"{next(c for c in cells.values() if c.startswith('import math'))}\n{MERGE_PAIR}\n"
    (course / "exercises" / "try.py").write_text(
        script + f"print({cells['01-2-check']})\n", "utf-8"
    )
    said = run("try.py", cwd=course / "exercises")
    assert "my_clip.py: merge_pair is now yours (exercise 01.2)." in said
    assert "One solution of exercise 01.2 is now in solutions/01.md." in said
    assert "def merge_pair" in (course / "my_clip.py").read_text("utf-8")
    assert "def merge_pair" in (course / "solutions" / "01.md").read_text("utf-8")
    assert not (tmp_path / "site" / "my_clip.py").exists()
