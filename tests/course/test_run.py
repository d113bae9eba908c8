"""tests/run.py: every notebook is run once, lesson 04 beside the rest, and failures are named."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["lint", "types", "unit tests", "freshness", "notebooks"]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """tests/run.py in a course with three lessons, which only writes down what it would start.

    A step whose words contain `runner.broken` fails.
    """
    spec = importlib.util.spec_from_file_location("run_script", ROOT / "tests" / "run.py")
    assert spec and spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "run_script", module)
    spec.loader.exec_module(module)
    module.ROOT, module.LOG = tmp_path, tmp_path / "runs" / "lesson_04.txt"
    module.started, module.niced, module.broken = [], [], "nothing"
    module.real_start = module.Step.start

    def start(step: Any, log: Path | None = None) -> SimpleNamespace:
        module.started.append((step, log, bool(module.niced)))
        if log is not None:
            log.parent.mkdir(exist_ok=True)
            log.write_text("all cells passed")
        code = int(module.broken in str(step))
        return SimpleNamespace(wait=lambda timeout=None: code)

    monkeypatch.setattr(module.Step, "start", start)
    monkeypatch.setattr(module.os, "nice", module.niced.append, raising=False)
    for folder in module.NOTEBOOK_FOLDERS:
        (tmp_path / folder).mkdir()
        for name in ("00_a", "03_b", "04_train_a_clip"):
            (tmp_path / folder / f"{name}.ipynb").touch()
    return module


@pytest.mark.parametrize(
    "broken, failed",
    [
        ("nothing", []),
        ("mypy", ["types"]),
        ("notebooks/04", ["lesson 04"]),
        ("ruff check", ["lint"]),
        ("nbval-lax", ["notebooks", "lesson 04"]),
    ],
)
def test_every_step_runs_and_one_that_fails_is_named(
    runner: Any, capsys: pytest.CaptureFixture[str], broken: str, failed: list[str]
) -> None:
    runner.broken = broken
    assert runner.main([], cores=2) == int(bool(failed))
    (first, log, polite), *others = runner.started
    assert first.name == "lesson 04" and log == runner.LOG and not polite
    assert str(first).endswith(" notebooks/04_train_a_clip.ipynb") and first.threads == 1
    assert [step.name for step, _, _ in others] == NAMES
    assert all(log is None and polite for _, log, polite in others), "they leave it a core"
    run = [word for step, _, _ in runner.started for word in step.words if word.endswith(".ipynb")]
    files = [path.relative_to(runner.ROOT).as_posix() for path in runner.ROOT.rglob("*.ipynb")]
    assert sorted(run) == sorted(files) and run[1] == "notebooks/03_b.ipynb"  # the longest first
    assert set(runner.NBVAL) <= set(first.words) & set(others[-1][0].words)
    said = capsys.readouterr().out
    assert "all cells passed" in said
    table = said[said.index("where the time went") :]
    for name in ("lesson 04", *NAMES):
        word = "FAILED" if name in failed else "ok"
        assert re.search(rf"\n  {word}\s+{name}\s+\d+\.\d s", table), name
    assert (f"FAILED: {', '.join(failed)}" if failed else "all green") in table


def test_on_one_core_nothing_runs_beside(runner: Any) -> None:
    assert runner.main([], cores=1) == 0
    assert [step.name for step, _, _ in runner.started] == NAMES and not runner.niced
    assert not any(step.threads or "-n" in step.words for step, _, _ in runner.started)
    assert sum(word.endswith(".ipynb") for word in runner.started[-1][0].words) == 9


def test_steps_can_be_named(runner: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["types", "lint"], cores=2) == 0
    assert [step.name for step, _, _ in runner.started] == ["lint", "types"]
    assert runner.main(["linnt"], cores=2) == 2 and len(runner.started) == 2
    assert "lesson 04, lint, types, unit tests, freshness, notebooks" in capsys.readouterr().out


def test_a_step_is_a_module_with_its_threads_and_log(runner: Any, tmp_path: Path) -> None:
    (tmp_path / "words.py").write_text(
        "import os, sys; print(sys.argv[1:], os.environ['OMP_NUM_THREADS']); raise SystemExit(3)"
    )
    step = runner.Step("try", ["words", "a", "b"], threads=2)
    process = runner.real_start(step, tmp_path / "logs" / "try.txt")
    assert runner.wait_for(process, 0.0) == 3
    assert (tmp_path / "logs" / "try.txt").read_text().strip() == "['a', 'b'] 2"
