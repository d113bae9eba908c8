"""A small course (`course/`) that the tests of checks, hints and grading share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

COURSE = Path(__file__).parent / "course"


@pytest.fixture(autouse=True)
def small_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Point the classroom at the small course and at a progress file of the test's own."""
    monkeypatch.setenv("CLIPEDU_STATE", str(tmp_path / "state" / "progress.json"))
    yield COURSE


@pytest.fixture(scope="session", autouse=True)
def small_specs() -> Iterator[None]:
    """The specs of lesson 90, also for the processes that grading starts."""
    before = os.environ.get("CLIPEDU_SPECS")
    os.environ["CLIPEDU_SPECS"] = str(COURSE / "specs")
    yield
    if before is None:
        del os.environ["CLIPEDU_SPECS"]
    else:
        os.environ["CLIPEDU_SPECS"] = before


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The small course built: {"exercises": path of the stubs, "solutions": path of the solved}."""
    from clipedu_classroom.exercise_reader import parse_text
    from clipedu_classroom.notebooks import make_notebook, text_of

    parsed = parse_text(COURSE / "clipedu_lessons" / "l90_small" / "exercises.py")
    folder = tmp_path_factory.mktemp("course")
    paths = {}
    for tree, solved in (("exercises", False), ("solutions", True)):
        paths[tree] = folder / tree / "90_small.ipynb"
        paths[tree].parent.mkdir()
        text = text_of(make_notebook(parsed, solved=solved))
        paths[tree].write_text(text, encoding="utf-8")
    return paths
