"""course.py: what is refused, where torch comes from, and when set-up counts as done."""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def course(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """course.py as a module of its own, with its .venv in a temporary folder."""
    monkeypatch.setenv("CLIPEDU_VENV", str(tmp_path / "venv"))
    monkeypatch.delenv("CLIPEDU_TORCH", raising=False)
    monkeypatch.delenv("CI", raising=False)
    spec = importlib.util.spec_from_file_location("course_script", ROOT / "course.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_the_standard_library_and_old_pythons_can_read_it() -> None:
    """A Python too old for the course must get as far as the sentence that says so."""
    tree = ast.parse((ROOT / "course.py").read_text("utf-8"), feature_version=(3, 8))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    assert names <= sys.stdlib_module_names


@pytest.mark.parametrize(
    "version, system, machine, words",
    [
        ((3, 10, 4), "Linux", "x86_64", "this is Python 3.10; the course needs 3.11 to 3.14"),
        ((3, 15, 0), "Linux", "x86_64", "python3.12 course.py course"),
        ((3, 12, 1), "Darwin", "x86_64", "Intel Macs"),
    ],
)
def test_machines_that_cannot_run_it_are_told(
    course: ModuleType, version: tuple[int, ...], system: str, machine: str, words: str
) -> None:
    with pytest.raises(course.SetupError, match=re.escape(words)):
        course.check_machine(version, system, machine)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 2)])
@pytest.mark.parametrize(
    "system, machine", [("Linux", "aarch64"), ("Darwin", "arm64"), ("Windows", "AMD64")]
)
def test_machines_that_can(
    course: ModuleType, version: tuple[int, ...], system: str, machine: str
) -> None:
    course.check_machine(version, system, machine)


@pytest.mark.parametrize(
    "system, gpu, pip_has_cpu, wish, sources",
    [
        ("Linux", False, False, "", ["cpu", "pip"]),  # never the CUDA build first
        ("Linux", False, True, "", ["pip"]),  # pip's own configuration knows better
        ("Linux", True, False, "", ["auto", "pip"]),
        ("Windows", True, False, "", ["auto", "pip"]),
        ("Windows", False, False, "", ["pip"]),
        ("Darwin", False, False, "", ["pip"]),
        ("Linux", True, False, "cpu", ["cpu", "pip"]),
        ("Linux", False, False, "pip", ["pip"]),
    ],
)
def test_where_torch_comes_from(
    course: ModuleType, system: str, gpu: bool, pip_has_cpu: bool, wish: str, sources: list[str]
) -> None:
    assert course.torch_sources(system, gpu, pip_has_cpu, wish) == sources


@pytest.mark.parametrize(
    "answer, expected",
    [
        ("torch (2.15.0)\nAvailable versions: 2.15.0, 2.13.0+cpu, 2.13.0", True),
        ("torch (2.13.0+cpu)", True),
        ("torch (2.15.0)\nAvailable versions: 2.15.0, 2.13.0", False),
        ("torch (2.15.0)\nAvailable versions: 12.13.0+cpu", False),
        (None, False),
    ],
)
def test_pip_is_asked_for_a_cpu_build(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, answer: str | None, expected: bool
) -> None:
    monkeypatch.setattr(course, "ask", lambda *command: answer)
    assert course.pip_offers_cpu_build("2.13.0") is expected


def test_uv_looks_where_pip_looks(course: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    said = """:env:.find-links='/a'
global.find-links='/never'
global.extra-index-url='https://one.example/simple\\nfile:///two'
install.constraint='/c.txt'
global.timeout='60'
global.index-url='https://mirror.example/simple?a=b'"""
    asked: list[tuple[Any, ...]] = []
    monkeypatch.setattr(course, "ask", lambda *command: asked.append(command) or said)
    for name in ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX_STRATEGY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UV_CONSTRAINT", "/mine.txt")
    assert course.pips_settings() == {
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/a",
        "UV_EXTRA_INDEX_URL": "https://one.example/simple file:///two",
        "UV_INDEX_URL": "https://mirror.example/simple?a=b",
    }
    assert asked[0][1:] == ("-m", "pip", "config", "list")
    monkeypatch.setattr(course, "ask", lambda *command: None)
    assert course.pips_settings() == {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def test_without_uv_pip_installs(course: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    works = {"uv": True, "pip": True}

    def quietly(*command: Any, **env: str) -> bool:
        ran.append([str(word) for word in command])
        return works["pip"] if "-m" in ran[-1] and "uv>=0.8,<1" not in ran[-1] else works["uv"]

    monkeypatch.setattr(course, "run_quietly", quietly)
    monkeypatch.setattr(course, "find_uv", lambda: "/bin/uv" if ran else None)
    monkeypatch.setattr(course, "ask", lambda *command: None)
    assert course.install("-e", ".") == "uv" and len(ran) == 2  # fetched, then used
    works["uv"] = False
    assert course.install("-e", ".") == "pip"
    works["pip"] = False
    with pytest.raises(course.SetupError, match="installing failed"):
        course.install("-e", ".")


def test_the_pin_is_read_from_the_constraints(course: ModuleType) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", course.pinned_torch())


def pretend(course: ModuleType, monkeypatch: pytest.MonkeyPatch, **broken: BaseException) -> list:
    """Replace the steps of set-up by ones that only write down that they ran (or break)."""
    ran: list[Any] = []

    def fake(name: str) -> Callable[..., str]:
        def job(*arguments: Any) -> str:
            ran.append((name, *arguments))
            if name in broken:
                raise broken[name]
            if name == "make_venv":
                course.BIN.mkdir(parents=True, exist_ok=True)
                course.PYTHON.touch()
            return ""

        return job

    for name in ("make_venv", "install_torch", "install_rest", "smoke_test"):
        monkeypatch.setattr(course, name, fake(name))
    return ran


def test_a_second_set_up_does_nothing_and_more_extras_do(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = pretend(course, monkeypatch)
    course.setup()
    assert [name for name, *_ in ran] == [
        "make_venv",
        "install_torch",
        "install_rest",
        "smoke_test",
    ]
    capsys.readouterr()
    course.setup()
    assert len(ran) == 4 and capsys.readouterr().out == ""
    course.setup(["test"])
    assert ran[6] == ("install_rest", {"course", "test"}) and len(ran) == 8
    course.setup()  # fewer are asked for than are there
    assert len(ran) == 8


@pytest.mark.parametrize("change", ["requirements", "stamp", "python"])
def test_a_change_sets_up_again_and_keeps_the_extras(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    ran = pretend(course, monkeypatch)
    course.setup(["test"])
    if change == "requirements":
        monkeypatch.setattr(course, "fingerprint", lambda: "another")
    elif change == "stamp":
        course.STAMP.write_text("{ half a sta")
    else:
        course.PYTHON.unlink()
    course.setup(["test"])
    assert len(ran) == 8 and ran[6] == ("install_rest", {"course", "test"})


@pytest.mark.parametrize("where", ["make_venv", "install_torch", "install_rest", "smoke_test"])
def test_an_interrupted_set_up_is_not_taken_for_done(
    course: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    where: str,
) -> None:
    pretend(course, monkeypatch, **{where: KeyboardInterrupt()})
    assert course.main(["setup"]) == 130
    assert "Run the same command again" in capsys.readouterr().err
    assert not course.STAMP.exists()
    ran = pretend(course, monkeypatch)
    assert course.main(["setup"]) == 0 and len(ran) == 4 and course.STAMP.exists()


def test_a_failure_is_one_message_and_1(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(course, monkeypatch, install_torch=course.SetupError("no network: try again"))
    assert course.main(["course"]) == 1
    assert capsys.readouterr().err.strip() == "Stopped: no network: try again"


def test_a_folder_of_someone_else_is_left_alone(course: ModuleType) -> None:
    course.VENV.mkdir()
    (course.VENV / "thesis.txt").write_text("precious")
    with pytest.raises(course.SetupError, match="no virtual environment. Move it away"):
        course.make_venv()
    assert (course.VENV / "thesis.txt").read_text() == "precious"


def test_a_half_made_environment_is_made_again(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    course.VENV.mkdir()
    (course.VENV / "pyvenv.cfg").write_text("home = gone")
    calls: list[list[str]] = []
    monkeypatch.setattr(course.subprocess, "call", lambda command: calls.append(command) or 0)
    course.make_venv()
    assert calls == [[sys.executable, "-m", "venv", "--clear", str(course.VENV)]]


def test_torch_that_is_there_stays_except_another_release_in_ci(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(course, "installed_torch", lambda: fetched[-1] if fetched else "2.9.1")
    monkeypatch.setattr(course, "pip_offers_cpu_build", lambda release: True)
    monkeypatch.setattr(course, "ask", lambda *command: None)  # no nvidia-smi
    monkeypatch.setattr(course.platform, "system", lambda: "Linux")
    monkeypatch.setattr(
        course,
        "fetch_torch",
        lambda source, release: fetched.append(release.split("==")[1]) or True,
    )
    assert course.install_torch() == "kept, 2.9.1" and not fetched
    monkeypatch.setattr(course, "CI", True)
    course.install_torch()
    assert fetched == [course.pinned_torch()]


def test_the_large_download_is_announced(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[str] = []
    monkeypatch.setattr(course, "installed_torch", lambda: "2.13.0" if "pip" in tried else None)
    monkeypatch.setattr(course, "pip_offers_cpu_build", lambda release: False)
    monkeypatch.setattr(course, "ask", lambda *command: None)
    monkeypatch.setattr(course.platform, "system", lambda: "Linux")

    def fetch(source: str, release: str) -> bool:
        if source == "pip":
            assert "about 3 GB" in capsys.readouterr().out
        tried.append(source)
        return source == "pip"

    monkeypatch.setattr(course, "fetch_torch", fetch)
    assert course.install_torch() == "2.13.0, no NVIDIA GPU is here"
    assert tried == ["cpu", "pip"]
    monkeypatch.setenv("CLIPEDU_TORCH", "tpu")
    tried.clear()
    with pytest.raises(course.SetupError, match="CLIPEDU_TORCH=tpu is not known"):
        course.install_torch()


def test_another_python_is_looked_for(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(course, "OLDEST", sys.version_info[:2])
    monkeypatch.setattr(course, "NEWEST", sys.version_info[:2])
    monkeypatch.setattr(course.shutil, "which", lambda name: sys.executable)
    assert course.better_python() == sys.executable
    monkeypatch.setattr(course, "ask", lambda *command: None)  # there, but it cannot make a venv
    assert course.better_python() is None

    calls: list[list[str]] = []
    monkeypatch.setattr(course, "OLDEST", (99, 0))
    monkeypatch.setattr(course, "better_python", lambda: "python99")
    monkeypatch.setattr(course.subprocess, "call", lambda command, env: calls.append(command) or 7)
    assert course.main(["clean"]) == 7
    assert calls == [["python99", str(ROOT / "course.py"), "clean"]]
    assert "going on with python99" in capsys.readouterr().out


class Job:
    """A process that answers to Ctrl-C after `deaf` of them."""

    def __init__(self, deaf: int, code: int) -> None:
        self.deaf, self.code, self.killed = deaf, code, False

    def wait(self) -> int:
        if self.deaf:
            self.deaf -= 1
            raise KeyboardInterrupt
        return self.code

    def kill(self) -> None:
        self.killed = True


def test_ctrl_c_gives_a_job_time_to_save(course: ModuleType) -> None:
    assert course.wait_for(Job(0, 3)) == 3
    assert course.wait_for(Job(2, 0)) == 0  # JupyterLab asked, then ended well
    job = Job(1, 130)
    with pytest.raises(KeyboardInterrupt):
        course.wait_for(job)
    assert not job.killed
    job = Job(3, 0)
    with pytest.raises(KeyboardInterrupt):
        course.wait_for(job)
    assert job.killed


def write_notebook(path: Path, tags: list[str], text: str) -> None:
    output = {"output_type": "stream", "name": "stdout", "text": [text]}
    cell = {"cell_type": "code", "metadata": {"tags": tags}, "outputs": [output], "source": []}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))


def test_course_runs_the_lesson_and_prints_its_summary(
    course: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls: list[tuple[Any, ...]] = []

    def build(*arguments: Any) -> int:
        calls.append(arguments)
        out = arguments[-1]
        write_notebook(out / "notebooks" / "04_train_a_clip.ipynb", ["summary"], "lucide 61 %\n")
        write_notebook(out / "notebooks" / "05_zero_shot.ipynb", [], "chatter\n")
        return 0

    monkeypatch.setattr(course, "ROOT", tmp_path)
    monkeypatch.setattr(course, "setup", lambda *a, **k: None)
    monkeypatch.setattr(course, "clipedu", build)
    write_notebook(tmp_path / "runs" / "course" / "old.ipynb", ["summary"], "last year's\n")
    assert course.main(["course"]) == 0
    said = capsys.readouterr().out
    assert "lucide 61 %" in said and "chatter" not in said and "last year" not in said
    assert "Next: make lab" in said
    lessons = course.MAIN_LESSONS
    assert calls[0][:-1] == ("build", *lessons, "--execute", "--only", "lessons", "--out")
    assert course.main(["course", "all"]) == 0 and calls[1][1] == "--execute"
    monkeypatch.setattr(course, "clipedu", lambda *arguments: 1)
    assert course.main(["course", "00"]) == 1
    assert "The run stopped" in capsys.readouterr().out


@pytest.fixture
def steps(course: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Let `test` only write down what it would start; a step whose words hold `broken` fails."""
    started: list[Any] = []

    class Job:
        broken = ""

        def __init__(self, step: Any, log: Path | None = None, yields: bool = False) -> None:
            self.step, self.log, self.yields = step, log, yields
            self.words = course.words_of(step)
            if log is not None:
                log.parent.mkdir(parents=True)
                log.write_text("all cells passed")
            started.append(self)

        def wait(self) -> Any:
            broken = bool(self.broken) and self.broken in self.words
            return course.Ran(self.step.name, int(broken), 61.0, 83.5)

    monkeypatch.setattr(course, "ROOT", tmp_path)
    monkeypatch.setattr(course, "setup", lambda *a, **k: None)
    monkeypatch.setattr(course, "Job", Job)
    return started


def test_test_runs_every_step_and_fails_when_one_does(
    course: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    steps: list[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert course.main(["test"]) == 0
    assert [job.words.split()[0] for job in steps] == ["ruff", "mypy", "pytest"]
    said = capsys.readouterr().out
    for folder in course.NOTEBOOK_FOLDERS:
        assert f"{folder}/ holds no notebooks" in said
    write_notebook(tmp_path / "notebooks" / "05_zero_shot.ipynb", [], "")
    monkeypatch.setattr(course.Job, "broken", "mypy")
    steps.clear()
    assert course.main(["test"]) == 1
    assert len(steps) == 5 and steps[3].words == "clipedu build --check"
    assert "--nbval-lax" in steps[4].words and steps[4].words.endswith("05_zero_shot.ipynb")
    said = capsys.readouterr().out
    assert "FAILED: types" in said and "solutions/ holds no notebooks" in said


@pytest.mark.parametrize("broken", ["", "notebooks/04"])
def test_the_lesson_that_trains_runs_beside_the_rest(
    course: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    steps: list[Any],
    capsys: pytest.CaptureFixture[str],
    broken: str,
) -> None:
    """Every notebook is run once, whole, by nbval; the table at the end counts every step."""
    names = ("00_a", "03_b", "04_train_a_clip")
    files = [f"{folder}/{name}.ipynb" for folder in course.NOTEBOOK_FOLDERS for name in names]
    for file in files:
        write_notebook(tmp_path / file, [], "")
    monkeypatch.setattr(course.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(course.Job, "broken", broken)
    assert course.main(["test"]) == int(bool(broken))
    first, *others = steps
    assert first.words.endswith(" notebooks/04_train_a_clip.ipynb") and not first.yields
    assert first.step.extra_env == {"OMP_NUM_THREADS": "1"} and all(job.yields for job in others)
    run = [word for job in steps for word in job.words.split() if word.endswith(".ipynb")]
    assert sorted(run) == sorted(files) and run[1] == "notebooks/03_b.ipynb"  # the longest first
    assert all("--nbval-lax" in job.words for job in (first, others[-1]))
    said = capsys.readouterr().out
    assert "all cells passed" in said
    table = said[said.index("where the time went") :]
    for name in ("set-up", "lint", "types", "unit tests", "freshness", "notebooks", "lesson 04"):
        assert re.search(rf"(ok|FAILED)\s+{name}\s+\d+\.\d s", table), name
    assert ("FAILED: lesson 04" if broken else "all green") in table

    steps.clear()
    monkeypatch.setattr(course.os, "cpu_count", lambda: 1)  # nothing gains by running beside
    course.main(["test"])
    assert not any(job.yields or job.log for job in steps)
    assert sum(word in files for word in steps[-1].words.split()) == len(files)


def test_a_job_tells_how_it_went(course: ModuleType, tmp_path: Path) -> None:
    code = "import os; print(os.environ['WORD']); sum(range(10**6)); raise SystemExit(3)"
    step = course.Step("try", [sys.executable, "-c", code], {"WORD": "hello"})
    log = tmp_path / "logs" / "try.txt"
    ran = course.Job(step, log, yields=True).wait()
    assert (ran.name, ran.code) == ("try", 3) and ran.took > 0
    assert ran.computing > 0 or not hasattr(course.os, "wait4")
    assert log.read_text().strip() == "hello"


def test_commands_may_keep_bytecode(course: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip does not compile here, so where it is forbidden every process compiles torch again."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in course.environment()
    assert "--no-compile" in course.PIP_INSTALL


def test_make_and_ci_only_alias_the_script(course: ModuleType) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    found = re.search(r"^VERBS := (.*)$", makefile, re.M)
    assert found and set(found[1].split()) <= set(course.VERBS)
    assert {"course", "test", "lab", "checkpoints"} <= set(found[1].split())
    ci = ROOT / ".ci" / "run"
    assert ci.stat().st_mode & 0o111, ".ci/run must be executable"
    assert ci.read_text("utf-8").splitlines()[-2:] == ["make test", "make test-browser"]


def test_help_names_the_lessons_that_course_runs(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert course.MAIN_LESSONS == ("00", "01", "02", "03", "04")
    for lessons, words in ((course.MAIN_LESSONS, "00 01 02 03 04"), (("07", "08"), "07 08")):
        monkeypatch.setattr(course, "MAIN_LESSONS", lessons)
        with pytest.raises(SystemExit):
            course.parse(["course", "--help"])
        assert f"(default: {words})" in " ".join(capsys.readouterr().out.split())


def test_every_verb_parses(course: ModuleType) -> None:
    for verb in course.VERBS:
        assert isinstance(course.parse([verb]), argparse.Namespace)
    assert course.parse(["run", "ruff", "check", "--fix"]).rest == ["ruff", "check", "--fix"]
    assert course.parse(["lab", "--no-browser"]).rest == ["--no-browser"]
    assert course.parse(["setup", "--fresh"]).fresh
    with pytest.raises(SystemExit) as stop:
        course.parse(["lab", "--help"])
    assert stop.value.code == 0
