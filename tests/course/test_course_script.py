"""course.py: what is refused, what is installed from where, and when set-up counts as done."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("make_venv", "install_torch", "install_rest")
DEFAULT_ONLY = "torch (2.15.0)\nAvailable versions: 2.15.0, 2.13.0, 12.13.0+cpu"
WITH_CPU = "torch (2.15.0)\nAvailable versions: 2.15.0, 2.13.0+cpu, 2.13.0"


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
        ((3, 10), "Linux", "x86_64", "this is Python 3.10; the course needs 3.11 to 3.14"),
        ((3, 15), "Linux", "x86_64", "python3.12 course.py course"),
        ((3, 12), "Darwin", "x86_64", "Intel Macs"),
        ((3, 11), "Linux", "aarch64", None),
        ((3, 14), "Darwin", "arm64", None),
        ((3, 11), "Windows", "AMD64", None),
    ],
)
def test_machines_that_cannot_run_it_are_told(
    course: ModuleType, version: tuple[int, ...], system: str, machine: str, words: str | None
) -> None:
    if words is None:
        course.check_machine(version, system, machine)
    else:
        with pytest.raises(course.SetupError, match=re.escape(words)):
            course.check_machine(version, system, machine)


class Machine:
    """A pretended machine: what short questions are answered, and which commands fail.

    `ran` collects the words of each command after .venv's `python -m`.
    """

    def __init__(self, course: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
        self.course, self.ran = course, list[list[str]]()
        self.torch: str | None = None
        self.pip_sees, self.pip_config, self.has_gpu = DEFAULT_ONLY, "", False
        self.fails: Callable[[list[str]], bool] = lambda words: False
        monkeypatch.setattr(course, "ask", self.answer)
        monkeypatch.setattr(course, "run", self.run)
        monkeypatch.setattr(course.platform, "system", lambda: "Linux")
        course.CONSTRAINTS = course.VENV.parent / "constraints.txt"
        course.CONSTRAINTS.write_text("numpy==2.4.6\ntorch==2.13.0\ntorchvision==1.0\n")

    def answer(self, *command: Any) -> str | None:
        if command[0] == "nvidia-smi":
            return "GPU 0" if self.has_gpu else None
        if command == self.course.TORCH_VERSION:
            return self.torch
        return self.pip_sees if "index" in command else self.pip_config

    def run(self, *command: Any, log: Path | None = None, **env: str) -> int:
        assert log == self.course.LOG, "what set-up runs is logged"
        words = [str(word) for word in command[2:]]
        self.ran.append(words)
        if self.fails(words):
            return 1
        if "torch==2.13.0" in words:
            self.torch = "2.13.0+cpu"
        return 0

    def torch_tools(self) -> list[str]:
        """What installed torch, in the order in which it was tried: "pip", "uv cpu"."""
        tried = [" ".join(words) for words in self.ran if "torch==2.13.0" in words]
        return [re.sub(r" .*?(--torch-backend=(\w+) .*|$)", r" \2", t).strip() for t in tried]


@pytest.fixture
def machine(course: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(course, monkeypatch)


@pytest.mark.parametrize(
    "system, gpu, pip_sees, wish, tools",
    [
        ("Linux", False, DEFAULT_ONLY, "", ["uv cpu", "pip"]),  # never the CUDA build first
        ("Linux", False, "", "", ["uv cpu", "pip"]),
        ("Linux", False, WITH_CPU, "", ["pip"]),  # pip's own configuration knows better
        ("Linux", False, "Available versions: 2.13.0+cpu", "", ["pip"]),
        ("Linux", True, WITH_CPU, "", ["uv auto", "pip"]),
        ("Windows", True, DEFAULT_ONLY, "", ["uv auto", "pip"]),
        ("Windows", False, DEFAULT_ONLY, "", ["pip"]),
        ("Darwin", False, DEFAULT_ONLY, "", ["pip"]),
        ("Linux", True, DEFAULT_ONLY, "cpu", ["uv cpu", "pip"]),
        ("Linux", False, DEFAULT_ONLY, "pip", ["pip"]),
        ("Linux", False, WITH_CPU, "auto", ["uv auto", "pip"]),
    ],
)
def test_where_torch_comes_from(
    course: ModuleType,
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    system: str,
    gpu: bool,
    pip_sees: str,
    wish: str,
    tools: list[str],
) -> None:
    """`tools` are the ones that are tried when uv fails; when it does not, the first is enough."""
    monkeypatch.setattr(course.platform, "system", lambda: system)
    monkeypatch.setenv("CLIPEDU_TORCH", wish)
    machine.has_gpu, machine.pip_sees = gpu, pip_sees
    for uv_fails, expected in ((True, tools), (False, tools[:1])):
        machine.torch = None
        machine.ran.clear()
        machine.fails = lambda words, fails=uv_fails: fails and words[0] == "uv"
        note = course.install_torch()
        assert machine.torch_tools() == expected
        assert note == f"2.13.0+cpu, {'an' if gpu else 'no'} NVIDIA GPU was found"
        announced = "about 3 GB" in capsys.readouterr().out
        assert announced == (expected == ["uv cpu", "pip"]), "the large download is announced"


def test_torch_that_is_there_stays_except_another_release_in_ci(
    course: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.torch = "2.9.1"
    assert course.install_torch() == "kept, 2.9.1" and not machine.ran
    monkeypatch.setattr(course, "CI", True)
    machine.fails = lambda words: True
    with pytest.raises(course.SetupError, match="PyTorch was not installed. It needs a network"):
        course.install_torch()
    monkeypatch.setenv("CLIPEDU_TORCH", "tpu")
    with pytest.raises(course.SetupError, match="CLIPEDU_TORCH=tpu is not known"):
        course.install_torch()
    machine.torch = "2.13.0+cpu"
    assert course.install_torch() == "kept, 2.13.0+cpu"


def test_uv_looks_where_pip_looks(course: ModuleType, machine: Machine) -> None:
    machine.pip_config = """:env:.find-links='/a'
global.find-links='/never'
global.extra-index-url='https://one.example/simple\\nfile:///two'
install.constraint='/c.txt'
global.timeout='60'
global.index-url='https://mirror.example/simple?a=b'"""
    assert course.uv("numpy")
    fetched, used = machine.ran
    assert fetched[-1] == "uv>=0.8,<1" and used[:3] == ["uv", "pip", "install"]
    settings = """--find-links=/a --extra-index-url=https://one.example/simple
        --extra-index-url=file:///two --index-url=https://mirror.example/simple?a=b
        --constraint=/c.txt --index-strategy=unsafe-best-match"""
    assert set(used[3:]) == {*settings.split(), "numpy"}
    machine.pip_config = ""
    assert course.uv("numpy") and machine.ran[-1][3:] == [settings.split()[-1], "numpy"]


@pytest.mark.parametrize("broken", ["uv", "uv>=0.8,<1"])
def test_without_uv_pip_installs(course: ModuleType, machine: Machine, broken: str) -> None:
    machine.torch = "2.13.0+cpu"
    machine.fails = lambda words: broken in words
    course.install_rest({"course"})
    last, smoke_test = machine.ran[-2:]
    assert last[:2] == ["pip", "install"] and last[-3:] == ["-e", ".[course]", "torch==2.13.0+cpu"]
    machine.fails = lambda words: "-e" in words
    with pytest.raises(course.SetupError, match="installing failed"):
        course.install_rest({"course"})
    machine.fails = lambda words: words == smoke_test
    with pytest.raises(course.SetupError, match="does not work. Try: .* setup --fresh"):
        course.install_rest({"course"})


@pytest.mark.parametrize("ci", [False, True])
def test_tests_get_openais_code_alone_and_ci_the_pinned_releases(
    course: ModuleType, machine: Machine, monkeypatch: pytest.MonkeyPatch, ci: bool
) -> None:
    monkeypatch.setattr(course, "CI", ci)
    course.install_rest({"course", "test"})
    course_itself, openai = [words for words in machine.ran if words[0] == "uv"]
    assert ".[course,test]" in course_itself and "--no-deps" not in course_itself
    assert "--no-deps" in openai and set(course.PEERS) <= set(openai)
    for words in (course_itself, openai):
        assert (words[-2:] == ["-c", str(course.CONSTRAINTS)]) == ci


def pretend(course: ModuleType, monkeypatch: pytest.MonkeyPatch, **broken: BaseException) -> list:
    """Replace the steps of set-up by ones that only write down that they ran (or break)."""
    ran: list[Any] = []

    def fake(name: str) -> Callable[..., str]:
        def job(*arguments: Any) -> str:
            ran.append((name, *arguments))
            course.BIN.mkdir(parents=True, exist_ok=True)
            course.LOG.write_text("one\ntwo\n")
            if name in broken:
                raise broken[name]
            course.PYTHON.touch()
            return ""

        return job

    for name in STEPS:
        monkeypatch.setattr(course, name, fake(name))
    return ran


def test_a_second_set_up_does_nothing_and_more_extras_do(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = pretend(course, monkeypatch)
    course.setup()
    assert tuple(name for name, *_ in ran) == STEPS
    capsys.readouterr()
    course.setup()
    assert len(ran) == 3 and capsys.readouterr().out == ""
    course.setup(["test"])
    assert ran[5] == ("install_rest", {"course", "test"}) and len(ran) == 6
    course.setup()  # fewer are asked for than are there
    assert len(ran) == 6
    course.setup(fresh=True)
    assert ran[6] == ("make_venv", True) and ran[8] == ("install_rest", {"course", "test"})


@pytest.mark.parametrize("change", ["requirements", "stamp", "python"])
def test_a_change_sets_up_again_and_keeps_the_extras(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str
) -> None:
    ran = pretend(course, monkeypatch)
    course.setup(["test"])
    if change == "requirements":
        course.CONSTRAINTS = tmp_path / "other.txt"
        course.CONSTRAINTS.write_text("torch==3.0.0\n")
    elif change == "stamp":
        course.STAMP.write_text("half a sta")
    else:
        course.PYTHON.unlink()
    course.setup(["test"] if change == "stamp" else [])
    assert len(ran) == 6 and ran[5] == ("install_rest", {"course", "test"})


@pytest.mark.parametrize("where", STEPS)
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
    assert course.main(["setup"]) == 0 and len(ran) == 3 and course.STAMP.exists()


def test_a_failure_is_one_message_with_the_log_and_1(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pretend(course, monkeypatch, install_torch=course.SetupError("no network: try again"))
    assert course.main(["course"]) == 1
    said = capsys.readouterr().err.split()
    ends = f"Stopped: no network: try again. The log is {course.LOG}; it ends: one two"
    assert said == ends.split()
    assert course.main(["setup", "--frehs"]) == 1
    assert "setup takes --fresh" in capsys.readouterr().err


def test_a_long_step_shows_where_the_log_has_got_to(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    course.VENV.mkdir()
    course.LOG.write_text("Collecting torch\nDownloading torch (190 MB)\n")
    enough = threading.Event()
    ticks = [False, False, True]

    class Event(threading.Event):
        """Ten seconds pass at once, twice."""

        def wait(self, timeout: float | None = None) -> bool:
            if timeout != 10:  # one of the thread's own
                return super().wait(timeout)
            if len(ticks) == 1:
                enough.set()
            return ticks.pop(0)

    monkeypatch.setattr(course.threading, "Event", Event)
    course.step("PyTorch", lambda: f"2.13.0, {enough.wait(60)}")
    said = capsys.readouterr().out
    beat = r"      \.\.\. \d+ s  Downloading torch \(190 MB\)\n"
    assert re.fullmatch(rf"  \* PyTorch\n({beat}){{2}}      2\.13\.0, True, \d+\.\d s\n", said)


def test_a_command_is_logged_with_its_output(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytecode is allowed: pip does not compile here, so every process would compile torch."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    course.VENV.mkdir()
    course.LOG.write_text("before\n")
    code = "import os; print(os.environ['WORD'], 'PYTHONDONTWRITEBYTECODE' in os.environ, "
    code += "os.environ['PATH'].split(os.pathsep)[0]); raise SystemExit(3)"
    assert course.run(sys.executable, "-c", code, log=course.LOG, WORD="hello") == 3
    lines = course.LOG.read_text("utf-8").splitlines()
    assert lines[0] == "before" and lines[2].startswith(f"$ {sys.executable} -c import os")
    assert lines[-1] == course.end_of_log(1) == f"hello False {course.BIN}"


@pytest.mark.parametrize("fresh", [False, True])
def test_a_folder_of_someone_else_is_left_alone(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    course.VENV.mkdir()
    (course.VENV / "thesis.txt").write_text("precious")
    with pytest.raises(course.SetupError, match="no virtual environment. Move it away"):
        course.make_venv(fresh)
    assert (course.VENV / "thesis.txt").read_text() == "precious"
    monkeypatch.setattr(course.sys, "prefix", str(course.VENV))
    with pytest.raises(course.SetupError, match="deactivate it first"):
        course.setup(fresh=True)


@pytest.mark.parametrize("fresh, works", [(False, False), (True, True), (False, True)])
def test_a_half_made_environment_is_made_again(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, fresh: bool, works: bool
) -> None:
    course.VENV.mkdir()
    (course.VENV / "pyvenv.cfg").write_text("home = gone")
    calls: list[list[str]] = []
    monkeypatch.setattr(course, "ask", lambda *command: "pip 23" if works else None)
    monkeypatch.setattr(course.subprocess, "call", lambda command: calls.append(command) or 0)
    kept = course.make_venv(fresh) == "kept"
    assert kept == (works and not fresh)
    assert calls == ([] if kept else [[sys.executable, "-m", "venv", "--clear", str(course.VENV)]])


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


class Process:
    """A process that answers to Ctrl-C after `deaf` of them."""

    def __init__(self, deaf: int, code: int) -> None:
        self.deaf, self.code, self.killed = deaf, code, False
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode

    def wait(self) -> None:
        if self.deaf and not self.killed:
            self.deaf -= 1
            raise KeyboardInterrupt
        self.returncode = -9 if self.killed else self.code

    def kill(self) -> None:
        self.killed = True


def test_ctrl_c_gives_a_process_time_to_save(course: ModuleType) -> None:
    assert course.wait_for(Process(0, 3)) == 3
    assert course.wait_for(Process(2, 0)) == 0  # JupyterLab asked, then ended well
    for deaf in (1, 3):
        process = Process(deaf, 130)
        with pytest.raises(KeyboardInterrupt):
            course.wait_for(process)
        assert process.killed == (deaf == 3)


def test_verbs_set_up_what_they_need_and_pass_their_words_on(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extras, calls, code = list[set[str]](), list[list[str]](), 0

    def run(*command: Any, **env: Any) -> int:
        calls.append([str(word) for word in command[1:]])
        return code

    monkeypatch.setattr(course, "setup", lambda wanted=(), fresh=False: extras.append(set(wanted)))
    monkeypatch.setattr(course, "run", run)
    for verb in course.VERBS.keys() - {"course", "setup", "clean"}:
        assert course.main([verb, "--fix", "and", "--more"]) == 0
        assert calls[-1][-3:] == ["--fix", "and", "--more"]
        assert ("test" in extras[-1]) == (verb in ("test", "lint", "run", "test-browser"))
        assert (ROOT / calls[-1][0]).is_file() or calls[-1][0] == "-m"
    assert course.main(["setup", "--test"]) == 0 and extras[-1] == {"test", "grading", "real"}
    course.main(["run", "ruff", "check"])
    assert calls[-1] == ["-m", "ruff", "check"]
    course.main(["lab"])
    assert (ROOT / calls[-1][-1].partition("/lab/tree/")[2]).is_file()

    build = ["-m", "clipedu", "build", "--only", "lessons", "--out", "runs/course"]
    named = {"": ["00", "01", "02", "03", "04"], "all": [], "05 07": ["05", "07"]}
    capsys.readouterr()
    for words, lessons in named.items():
        assert course.main(["course", *words.split()]) == 0 and calls[-1] == [*build, *lessons]
        assert "Next: make lab" in capsys.readouterr().out
    code = 1
    assert course.main(["course"]) == 1 and "The run stopped" in capsys.readouterr().out


def test_clean_removes_what_runs_left_and_nothing_else(
    course: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(course, "ROOT", tmp_path)
    left = ["runs/a/__pycache__", ".mypy_cache", "clipedu/pairs/__pycache__", "__pycache__"]
    kept = ["venv/lib/__pycache__", "clipedu/pairs", "docs/runs"]
    for name in [*left, *kept]:
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    assert course.main(["clean"]) == 0
    assert not any((tmp_path / name).exists() for name in [*left, "runs"])
    assert all((tmp_path / name).exists() for name in kept)


def test_make_and_ci_only_alias_the_script(course: ModuleType) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    found = re.search(r"^VERBS := (.*)$", makefile, re.M)
    assert found and set(found[1].split()) <= set(course.VERBS)
    assert {"course", "test", "lab", "checkpoints"} <= set(found[1].split())
    ci = ROOT / ".ci" / "run"
    assert ci.stat().st_mode & 0o111, ".ci/run must be executable"
    assert ci.read_text("utf-8").splitlines()[-3:] == [
        "make test",
        "make site",
        "make test-browser",
    ]


@pytest.mark.parametrize("words, code", [("", 0), ("--help", 0), ("lab --help", 0), ("lap", 2)])
def test_help_lists_every_verb_and_the_lessons_that_course_runs(
    course: ModuleType, capsys: pytest.CaptureFixture[str], words: str, code: int
) -> None:
    assert course.main(words.split()) == code
    said = capsys.readouterr().out
    assert all(f"\n  {verb} " in said for verb in course.VERBS)
    assert "run lessons 00 01 02 03 04" in said
