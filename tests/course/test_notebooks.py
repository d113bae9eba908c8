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

from clipedu import plots

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


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"loaded_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


COMPARE = load(ROOT / "conftest.py")


@pytest.mark.parametrize(
    ("stored", "fresh", "tolerance"),
    [
        ("loss 4.1600", "loss 4.1601", 1e-3),
        ("loss 4.16 and 12 %", "loss 4.30 and 12 %", 0.05),
        ("a  1.50\nbb 2.0", "a 1.501\n bb  2.001 ", 1e-3),
        ("1,234.5 and -0.25 and 1e-07", "1,234.4 and -0.25001 and 1.0001e-07", 1e-3),
        ("tensor([0.3333, 0.6667])", "tensor([0.3334, 0.6666])", 1e-3),
        ("\u22120.50", "-0.50", 1e-3),
        ("-0.000", "0.000", 1e-3),
    ],
)
def test_what_is_alike_is_let_through(stored: str, fresh: str, tolerance: float) -> None:
    assert COMPARE.alike(fresh, stored, tolerance)


@pytest.mark.parametrize(
    ("stored", "fresh", "tolerance"),
    [
        ("1,688 pictures", "1,689 pictures", 0.5),  # an integer
        ("step 100", "step 101", 0.5),
        ("a red ball 0.50", "a red bell 0.50", 0.5),  # a word
        ("True", "False", 0.5),
        ("loss 4.160", "loss 4.170", 1e-3),  # a float beyond the tolerance
        ("loss 4.16", "loss -4.16", 0.5),
        ("loss 4.16", "loss nan", 0.5),
        ("loss 4.16", "loss 4.16 4.16", 0.5),
        ("5", "5.0", 0.5),
        ("torch 2.13.0", "torch 2.13.1", 0.5),  # a version is no number
    ],
)
def test_what_differs_is_found(stored: str, fresh: str, tolerance: float) -> None:
    assert not COMPARE.alike(fresh, stored, tolerance)


def test_the_tolerance_is_read_from_the_tags() -> None:
    assert COMPARE.tolerance_of(["nbval-check-output"]) == 1e-3
    assert COMPARE.tolerance_of(["nbval-check-output", "tolerance-0.05"]) == 0.05
    assert COMPARE.tolerance_of(["tolerance-1e-4"]) == 1e-4


FIGURE = {
    "output_type": "display_data",
    "data": {"image/png": "AAAA", "text/plain": "A curve that falls."},
    "metadata": {"image/png": {"alt": "A curve that falls."}},
}
DETAILS = {
    "output_type": "display_data",
    "data": {"text/html": plots.FOLDED.format("A curve that falls.")},
    "metadata": {},
}


def stream(text: str) -> dict[str, str]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def test_a_figure_is_not_compared_nor_its_description_old_or_new() -> None:
    old = [FIGURE, stream("A curve that falls.\nloss 4.16\n")]
    new = [FIGURE, DETAILS, stream("loss 4.16\n")]
    assert COMPARE.without_figures(old) == COMPARE.without_figures(new) == [stream("loss 4.16\n")]
    assert COMPARE.without_figures([FIGURE, stream("A curve that falls.\n")]) == []
    assert old[0]["data"], "the outputs themselves stay"


def tagged(name: str, prints: str, stored: str, *tags: str) -> dict[str, Any]:
    """A cell that prints one text and has another one stored."""
    return {
        "cell_type": "code",
        "execution_count": 1,
        "id": name,
        "metadata": {"tags": ["nbval-check-output", *tags]},
        "outputs": [stream(stored)],
        "source": [f"print({prints!r})"],
    }


def run_nbval(tmp_path: Path, made: dict[str, Notebook]) -> subprocess.CompletedProcess[str]:
    """pytest with the flags of `make test` and the course's own conftest.py."""
    course = load(ROOT / "tests" / "run.py")
    (tmp_path / "tests").mkdir()
    for name, notebook in made.items():
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(notebook))
    shutil.copy(ROOT / "conftest.py", tmp_path)
    shutil.copy(ROOT / "tests" / "nbval_sanitize.cfg", tmp_path / "tests")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rsf", *course.NBVAL, "notebooks"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )


@pytest.mark.timeout(300)
def test_nbval_compares_and_one_broken_cell_is_one_failure(good: Notebook, tmp_path: Path) -> None:
    """The flags of `make test` with the course's own conftest.py, on a notebook that lies."""
    first = good["cells"][0]
    warns = copy.deepcopy(first) | {"id": "warns"}
    warns["source"] = ["import sys\nprint('new in this version', file=sys.stderr)\nprint(5.545)"]
    lies = copy.deepcopy(first) | {"id": "lies", "source": ["print(6.238)"]}
    after = copy.deepcopy(first) | {"id": "after", "source": ["print('not reached')"]}
    good["cells"] = [first, warns, lies, after]
    done = run_nbval(tmp_path, {"lies": good})
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 2 passed, 1 skipped" in done.stdout
    assert "an earlier cell failed" in done.stdout and "6.238" in done.stdout


@pytest.mark.timeout(300)
def test_nbval_has_a_tolerance_for_floats_and_counts_what_it_compares(
    good: Notebook, tmp_path: Path
) -> None:
    fine = [
        tagged("near", "loss 4.16001", "loss 4.16000\n"),
        tagged("wide", "loss  4.30", "loss 4.16\n", "tolerance-0.05"),
        *(tagged(f"more-{n}", f"{n}", f"{n}\n") for n in range(6)),
    ]
    planted = {
        "integer": tagged("last", "12 of 20, 0.60", "13 of 20, 0.60\n"),
        "word": tagged("last", "a red bell 0.60", "a red ball 0.60\n"),
        "beyond": tagged("last", "loss 4.20", "loss 4.16\n"),
        "wider": tagged("last", "loss 4.50", "loss 4.16\n", "tolerance-0.05"),
        "sound": tagged("last", "loss 4.16", "loss 4.16\n"),
    }
    made = {name: {**good, "cells": [*fine, last]} for name, last in planted.items()}
    unrun = copy.deepcopy(fine)
    for cell in unrun[3:]:  # nbval runs such a cell and compares nothing
        cell.update(execution_count=None, outputs=[])
    made["unrun"] = {**good, "cells": unrun}
    done = run_nbval(tmp_path, made)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "5 failed, 48 passed" in done.stdout, done.stdout
    for name in ("integer", "word", "beyond", "wider", "unrun"):
        assert f"FAILED notebooks/{name}.ipynb::Cell {7 if name == 'unrun' else 8}" in done.stdout
    assert "unrun.ipynb compared the outputs of 3 cells, at least 7 are due" in done.stdout
