"""What nbval cannot see in the committed notebooks, and a proof that nbval's gate can fail."""

from __future__ import annotations

import copy
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("notebooks", "exercises", "solutions")
MEGABYTE = 1_000_000

Notebook = dict[str, Any]


def problems(notebook: Notebook) -> list[str]:
    """One sentence per thing that would make a test of this notebook mean nothing, or mislead."""
    wrong = []
    kernel = notebook.get("metadata", {}).get("kernelspec", {}).get("name")
    if kernel != "python3":
        wrong.append(f"the kernel is {kernel}, not python3: it starts only on its author's machine")
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            continue
        tags, outputs = cell.get("metadata", {}).get("tags", []), cell.get("outputs", [])
        count = cell.get("execution_count")
        if "nbval-check-output" in tags:
            if not outputs:
                wrong.append(f"cell {number} is to be compared but has no output: nothing would be")
            if count is None:
                wrong.append(f"cell {number} is to be compared but was never run: nbval skips it")
        if outputs and count is None:
            wrong.append(f"cell {number} has outputs but no execution count")
        for output in outputs:
            if output["output_type"] == "error" and "raises-exception" not in tags:
                wrong.append(f"cell {number} stored an error: {output.get('ename')}")
        if "nbval-skip" in tags:
            wrong.append(f"cell {number} is never run: nbval-skip is not allowed")
    return wrong


def test_every_committed_notebook_can_be_tested() -> None:
    wrong = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("*.ipynb")):
            where = f"{folder}/{path.name}"
            if path.stat().st_size > MEGABYTE:
                wrong.append(f"{where}: {path.stat().st_size:,} bytes, more than 1 MB")
            notebook = json.loads(path.read_text("utf-8"))
            wrong += [f"{where}: {words}" for words in problems(notebook)]
            nbformat.validate(nbformat.from_dict(notebook))
    assert wrong == []


@pytest.fixture
def good() -> Notebook:
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "id": "a-cell",
        "metadata": {"tags": ["nbval-check-output"]},
        "outputs": [{"output_type": "stream", "name": "stdout", "text": ["5.545\n"]}],
        "source": ["print(5.545)"],
    }
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": [cell],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def tag(name: str) -> Callable[[Notebook], None]:
    return lambda notebook: notebook["cells"][0]["metadata"].update(tags=[name])


ERROR = {"output_type": "error", "ename": "NameError", "evalue": "x", "traceback": []}


@pytest.mark.parametrize(
    "change, problem",
    [
        (lambda n: n["metadata"]["kernelspec"].update(name="conda-env-ann"), "not python3"),
        (lambda n: n["metadata"].clear(), "the kernel is None"),
        (lambda n: n["cells"][0].update(outputs=[]), "has no output"),
        (lambda n: n["cells"][0].update(execution_count=None), "was never run"),
        (lambda n: n["cells"][0].update(outputs=[ERROR]), "stored an error: NameError"),
        (tag("nbval-skip"), "nbval-skip is not allowed"),
    ],
)
def test_each_problem_is_found(
    good: Notebook, change: Callable[[Notebook], None], problem: str
) -> None:
    assert problems(good) == []
    changed = copy.deepcopy(good)
    change(changed)
    assert any(problem in words for words in problems(changed))


def test_an_error_on_purpose_is_fine(good: Notebook) -> None:
    tag("raises-exception")(good)
    good["cells"][0]["outputs"] = [ERROR]
    assert problems(good) == []


@pytest.mark.timeout(300)
def test_nbval_compares_and_one_broken_cell_is_one_failure(good: Notebook, tmp_path: Path) -> None:
    """The flags of `make test` with the course's own conftest.py, on a notebook that lies."""
    spec = importlib.util.spec_from_file_location("run_script", ROOT / "tests" / "run.py")
    assert spec and spec.loader
    course = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(course)

    first = good["cells"][0]
    warns = copy.deepcopy(first) | {"id": "warns"}
    warns["source"] = ["import sys\nprint('new in this version', file=sys.stderr)\nprint(5.545)"]
    lies = copy.deepcopy(first) | {"id": "lies", "source": ["print(6.238)"]}
    after = copy.deepcopy(first) | {"id": "after", "source": ["print('not reached')"]}
    good["cells"] = [first, warns, lies, after]
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "notebooks" / "lies.ipynb").write_text(json.dumps(good))
    shutil.copy(ROOT / "conftest.py", tmp_path)
    shutil.copy(ROOT / "tests" / "nbval_sanitize.cfg", tmp_path / "tests")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rs", *course.NBVAL, "notebooks"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 2 passed, 1 skipped" in done.stdout
    assert "an earlier cell failed" in done.stdout and "6.238" in done.stdout
