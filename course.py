#!/usr/bin/env python3
"""Set the course up and run it: python course.py course, test, lab ... (`make` has the same words).

Only the standard library, so it works before anything is installed, on Linux, macOS and Windows.
Set-up makes .venv beside this file, installs PyTorch in the build that fits this machine, then the
rest, tries it, and writes a stamp last: a second run sees the stamp and takes no time, a run after
an interruption does what is left.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("CLIPEDU_VENV") or ROOT / ".venv")
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
# Bytecode is written when a module is first imported (`environment` sees to it that it may be);
# doing it for all takes a third of the time.
PIP_INSTALL = (PYTHON, "-m", "pip", "install", "--no-compile", "--disable-pip-version-check")
STAMP = VENV / "clipedu-setup.json"
LOG = VENV / "clipedu-setup.log"
CONSTRAINTS = ROOT / "constraints-ci.txt"
OLDEST, NEWEST = (3, 11), (3, 14)
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
# OpenAI's code is an oracle in tests; what it depends on would replace torch, so it comes alone.
OPENAI_CODE = "clip-anytorch>=2.6,<3"
MAIN_LESSONS = ("00", "01", "02", "03", "04")  # what `course` runs when no lesson is named
NOTEBOOK_FOLDERS = ("notebooks", "exercises", "solutions")
TRAINS_FOR_MINUTES = "04"  # the lesson that `test` starts first, beside the rest
LONGEST_FIRST = ("03", "10", "09", "12", "11", "08")  # then these, before the other notebooks
# Lax: every cell runs, those tagged nbval-check-output are compared. A lesson may train for minutes
# in one cell, so its limit is long; pytest's own, for one cell too, must be longer.
NBVAL = (
    "--nbval-lax",
    "--nbval-current-env",
    "--nbval-cell-timeout=1200",
    "--nbval-kernel-startup-timeout=120",
    "--nbval-sanitize-with=tests/nbval_sanitize.cfg",
    "--timeout=1500",
)


class SetupError(Exception):
    """Set-up cannot go on; the message says what to do."""


# -------------------- talking and running
def say(text: str) -> None:
    print(text, flush=True)


def ask(*command: str | Path) -> str | None:
    """The output of a short command, or None when it fails or does not exist."""
    try:
        words = [str(word) for word in command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def environment() -> dict[str, str]:
    """This process's environment with .venv first, as if it had been activated.

    Containers often forbid bytecode. Without it every process compiles torch anew, which takes
    longer than most tests and most exercises; so it is allowed here, in .venv and the course.
    """
    env = dict(
        os.environ, VIRTUAL_ENV=str(VENV), PATH=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    )
    env.pop("PYTHONHOME", None)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    return env


def wait_for(job: subprocess.Popen[bytes]) -> int:
    """The exit code. Ctrl-C reaches the job too, which gets time to save its work; the third kills.

    Raises KeyboardInterrupt afterwards, unless the job took the interruption well (exit code 0).
    """
    for interruptions in range(3):
        try:
            code = job.wait()
        except KeyboardInterrupt:
            continue
        if interruptions and code != 0:
            raise KeyboardInterrupt
        return code
    job.kill()
    raise KeyboardInterrupt


def run(*command: str | Path, **extra_env: str) -> int:
    """Run with this terminal; returns the exit code."""
    words = [str(word) for word in command]
    return wait_for(subprocess.Popen(words, cwd=ROOT, env={**environment(), **extra_env}))


def run_quietly(*command: str | Path, **extra_env: str) -> bool:
    """Run with the output in the log, a sign of life every 15 seconds; True when it succeeded."""
    words = [str(word) for word in command]
    start, over = time.monotonic(), threading.Event()

    def signs_of_life() -> None:
        while not over.wait(15):
            say(f"      ... {time.monotonic() - start:.0f} s")

    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(words)}\n")
        log.flush()
        env = {**environment(), **extra_env}
        job = subprocess.Popen(words, cwd=ROOT, env=env, stdout=log, stderr=log)
        threading.Thread(target=signs_of_life, daemon=True).start()
        try:
            return wait_for(job) == 0
        finally:
            over.set()


def end_of_log(lines: int = 15) -> str:
    try:
        return "\n".join(
            "      " + line for line in LOG.read_text("utf-8", "replace").splitlines()[-lines:]
        )
    except OSError:
        return ""


def step(what: str, job: Callable[[], str | None]) -> None:
    """Say what is done, do it, say how long it took."""
    say(f"  * {what}")
    start = time.monotonic()
    note = job()
    say(f"      {note + ', ' if note else ''}{time.monotonic() - start:.1f} s")


# -------------------- set-up
def check_machine(version: tuple[int, ...], system: str, machine: str) -> None:
    """Raise SetupError where the course cannot run: a Python out of range, or an Intel Mac."""
    if not OLDEST <= version[:2] <= NEWEST:
        raise SetupError(
            f"this is Python {version[0]}.{version[1]}; the course needs "
            f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}. Install one of these and start "
            "this script with it, for example: python3.12 course.py course"
        )
    if system == "Darwin" and machine == "x86_64":
        raise SetupError(
            "PyTorch makes no build for Intel Macs any more. Use a Mac with Apple silicon (if this "
            "is one, use its arm64 Python), or a Linux or Windows machine"
        )


def better_python() -> str | None:
    """Another interpreter on PATH that is in range, newest first."""
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and ask(found, "-c", "import venv, ensurepip") is not None:
            return found
    return None


def fingerprint() -> str:
    """Changes when what has to be installed changes."""
    digest = hashlib.sha256()
    for file in (ROOT / "pyproject.toml", CONSTRAINTS):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict[str, object]:
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
        return stamp if isinstance(stamp, dict) else {}
    except (OSError, ValueError):
        return {}


def stamped_extras() -> set[str]:
    extras = read_stamp().get("extras", [])
    return set(extras) if isinstance(extras, list) else set()


def is_set_up(extras: set[str]) -> bool:
    return (
        PYTHON.exists()
        and read_stamp().get("fingerprint") == fingerprint()
        and extras <= stamped_extras()
    )


def make_venv() -> str:
    works = (
        ask(PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
        if PYTHON.exists()
        else None
    )
    if works:
        check_machine(tuple(int(n) for n in works.split(".")), "", "")
        if ask(PYTHON, "-m", "pip", "--version") is None and ask(PYTHON, "-m", "ensurepip") is None:
            raise SetupError(f"{VENV} has no pip. Delete that folder and run this again")
        return f"kept, Python {works}"
    if VENV.exists() and any(VENV.iterdir()) and not (VENV / "pyvenv.cfg").exists():
        raise SetupError(
            f"{VENV} exists and is no virtual environment. Move it away, or set CLIPEDU_VENV to "
            "another folder"
        )
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise SetupError(
            "Python could not make a virtual environment. On Debian and Ubuntu: "
            "apt install python3-venv. Then run this again"
        )
    return f"Python {platform.python_version()}"


def find_uv() -> str | None:
    """uv from PATH or from .venv; it installs about five times faster than pip."""
    return shutil.which("uv", path=f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}")


def get_uv() -> str | None:
    """uv, fetched into .venv when it is nowhere; None when it can't be had."""
    if find_uv() is None:
        run_quietly(*PIP_INSTALL, "uv>=0.8,<1")
    return find_uv()


def pips_settings() -> dict[str, str]:
    """pip's indexes, folders, constraints and certificates, in the variables that uv reads.

    uv does not read pip's configuration, and behind a mirror it would ask the wrong server. Like
    pip it takes the best release of all indexes. What is set for uv itself stays.
    """
    names = {
        "index-url": ("UV_INDEX_URL", " "),
        "extra-index-url": ("UV_EXTRA_INDEX_URL", " "),
        "find-links": ("UV_FIND_LINKS", ","),
        "constraint": ("UV_CONSTRAINT", " "),
        "cert": ("SSL_CERT_FILE", " "),
    }
    found = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for line in (ask(PYTHON, "-m", "pip", "config", "list") or "").splitlines():
        key, _, value = line.partition("=")
        name, between = names.get(key.rpartition(".")[2], ("", ""))
        if name:  # the first line has the last word, as with pip
            found.setdefault(name, between.join(value.strip("'\"").replace("\\n", " ").split()))
    return {name: value for name, value in found.items() if name not in os.environ}


def pinned_torch() -> str:
    """The release that CI tests, from constraints-ci.txt."""
    found = re.search(r"^torch==(\S+)$", CONSTRAINTS.read_text("utf-8"), re.M)
    if not found:
        raise SetupError(f"{CONSTRAINTS.name} names no torch==VERSION line")
    return found.group(1)


def installed_torch() -> str | None:
    return ask(PYTHON, "-c", "import importlib.metadata as m; print(m.version('torch'))")


def pip_offers_cpu_build(release: str) -> bool:
    """Does pip, as it is configured on this machine, see a CPU build of this release?

    Asks for names only: a dry run fetches the whole file from an index that serves no metadata.
    """
    seen = ask(PYTHON, "-m", "pip", "index", "versions", "torch") or ""
    return f"{release}+cpu" in re.split(r"[\s,()]+", seen)


def torch_sources(system: str, gpu: bool, pip_has_cpu: bool, wish: str) -> list[str]:
    """Where to take torch from, best first; "cpu" and "auto" are uv's names of PyTorch's indexes.

    On macOS the default build is the right one, on Windows without a GPU too. On Linux the default
    is built for CUDA, about 3 GB, so without a GPU it is the last resort.
    wish (CLIPEDU_TORCH) overrides: cpu, auto or pip.
    """
    if wish in ("cpu", "auto"):
        return [wish, "pip"]
    if wish == "pip" or system == "Darwin":
        return ["pip"]
    if gpu:
        return ["auto", "pip"]
    if system == "Windows" or pip_has_cpu:
        return ["pip"]
    return ["cpu", "pip"]


def install_torch() -> str:
    release, have = pinned_torch(), installed_torch()
    if have and (not CI or have.split("+")[0] == release):
        return f"kept, {have}"
    gpu = ask("nvidia-smi", "-L") is not None
    wish = os.environ.get("CLIPEDU_TORCH", "")
    if wish not in ("", "cpu", "auto", "pip"):
        raise SetupError(
            f"CLIPEDU_TORCH={wish} is not known: set it to cpu, auto or pip, or unset it"
        )
    system = platform.system()
    ask_pip = system == "Linux" and not gpu and not wish
    sources = torch_sources(system, gpu, ask_pip and pip_offers_cpu_build(release), wish)
    for source in sources:
        if source == "pip" and sources[0] == "cpu":
            say("      PyTorch's CPU build could not be fetched, so pip takes the default one: on")
            say("      Linux about 3 GB, with CUDA libraries that this machine does not need.")
            say("      It works all the same. Ctrl-C stops here.")
        if fetch_torch(source, f"torch=={release}"):
            break
    have = installed_torch()
    if not have:
        raise SetupError(
            "PyTorch was not installed; the lines above say why. With a network and 4 GB of free "
            "disk, run this again; behind a proxy, set HTTPS_PROXY first"
        )
    return f"{have}, {'an' if gpu else 'no'} NVIDIA GPU is here"


def fetch_torch(source: str, release: str) -> bool:
    """Not quiet: this is the large download, and both tools draw a bar."""
    if source == "pip":
        return run(*PIP_INSTALL, release) == 0
    uv = get_uv()
    if uv is None:
        return False
    return run(uv, "pip", "install", "--python", PYTHON, f"--torch-backend={source}", release) == 0


def install_rest(extras: set[str]) -> str:
    """Everything else, with torch held at what is installed."""
    held = VENV / "clipedu-held.txt"
    held.write_text(f"torch=={installed_torch()}\n", "utf-8")
    constraints = ["-c", str(held), *(["-c", str(CONSTRAINTS)] if CI else [])]
    project = ["-e", f".[{','.join(sorted(extras))}]" if extras else "."]
    tool = install(*project, *constraints)
    if "test" in extras:
        install("--no-deps", OPENAI_CODE, *constraints)
    return f"with {tool}"


def install(*what: str) -> str:
    """Install with uv where it is and works, else with pip; the name of the tool that did it."""
    uv = get_uv()
    if uv and run_quietly(uv, "pip", "install", "--python", PYTHON, *what, **pips_settings()):
        return "uv"
    if run_quietly(*PIP_INSTALL, *what):
        return "pip"
    raise SetupError(f"installing failed; the end of {LOG} says why:\n{end_of_log()}")


def smoke_test() -> str:
    code = (
        "import clipedu, ipykernel, IPython, ipywidgets, jupyterlab, jupytext, matplotlib\n"
        "import anywidget, nbclient, numpy, regex, resvg_py, safetensors, sklearn, torch, tqdm\n"
        "assert float((torch.ones(8, 8) @ torch.ones(8, 8)).sum()) == 512"
    )
    if not run_quietly(PYTHON, "-c", code):
        raise SetupError(
            f"what was installed does not work:\n{end_of_log(6)}\n"
            "      Start from nothing: python course.py setup --fresh"
        )
    return "imports and a multiplication work"


def setup(extras: Sequence[str] = (), fresh: bool = False) -> None:
    """Make .venv hold what pyproject.toml asks for, with these extras; quick when it does."""
    wanted = {"course", *extras}
    if not fresh and is_set_up(wanted):
        return
    check_machine(tuple(sys.version_info[:3]), platform.system(), platform.machine())
    start = time.monotonic()
    wanted |= stamped_extras()
    say(f"Setting up in {VENV}" + (f" with {', '.join(sorted(wanted))}" if wanted else ""))
    STAMP.unlink(missing_ok=True)
    if fresh and (VENV / "pyvenv.cfg").exists():
        if Path(sys.prefix).resolve() == VENV.resolve():
            raise SetupError("this Python lives in .venv: deactivate it first (type: deactivate)")
        shutil.rmtree(VENV)
    step("virtual environment", make_venv)
    LOG.write_text("", "utf-8")
    step("PyTorch", install_torch)
    step("the other packages and clipedu", lambda: install_rest(wanted))
    step("trying it", smoke_test)
    partial = STAMP.with_suffix(".partial")
    partial.write_text(
        json.dumps({"fingerprint": fingerprint(), "extras": sorted(wanted)}), "utf-8"
    )
    os.replace(partial, STAMP)
    say(f"Set up in {time.monotonic() - start:.0f} s.\n")


# -------------------- verbs
def clipedu(*arguments: str | Path) -> int:
    return run(PYTHON, "-m", "clipedu", *arguments)


def notebooks_in(folder: str) -> list[Path]:
    return sorted((ROOT / folder).glob("*.ipynb"))


def summaries(folder: Path) -> list[str]:
    """What the cells that a lesson tags `summary` printed, in the notebooks below folder."""
    texts = []
    for path in sorted(folder.rglob("*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if "summary" not in cell.get("metadata", {}).get("tags", []):
                continue
            for output in cell.get("outputs", []):
                text = output.get("text") or output.get("data", {}).get("text/plain", "")
                texts.append("".join(text).rstrip())
    return texts


def do_setup(options: argparse.Namespace) -> int:
    setup(["test", "grading"] if options.test else [], fresh=options.fresh)
    say("Ready. Next: python course.py course")
    return 0


def do_course(options: argparse.Namespace) -> int:
    setup()
    start, out = time.monotonic(), ROOT / "runs" / "course"
    lessons = [] if options.lessons == ["all"] else options.lessons or list(MAIN_LESSONS)
    say(f"Running {'lesson ' + ', '.join(lessons) if lessons else 'every lesson'}.")
    shutil.rmtree(out, ignore_errors=True)  # an older run's tables are not this one's
    code = clipedu("build", *lessons, "--execute", "--only", "lessons", "--out", out)
    if code != 0:
        say("The run stopped; the lines above say where. `make doctor` looks at this machine.")
        return code
    for text in summaries(out):
        say(f"\n{text}")
    say(f"\nDone in {time.monotonic() - start:.0f} s; what was run is in {out.relative_to(ROOT)}.")
    say("Next: make lab (or: python course.py lab) opens the lessons in JupyterLab.")
    return 0


def do_lab(options: argparse.Namespace) -> int:
    setup()
    lessons = notebooks_in("notebooks")
    page = f"/lab/tree/notebooks/{lessons[0].name}" if lessons else "/lab"
    say("JupyterLab opens in the browser; Ctrl-C twice ends it.")
    where = [f"--ServerApp.root_dir={ROOT}", f"--LabApp.default_url={page}"]
    return run(PYTHON, "-m", "jupyterlab", *where, *options.rest)


class Step(NamedTuple):
    """A part of `test`: a command, and what is added to its environment."""

    name: str
    command: list[str | Path]
    extra_env: dict[str, str]


class Ran(NamedTuple):
    """How a step went. `computing`: its CPU seconds; None where they are not known."""

    name: str
    code: int
    took: float
    computing: float | None = None


class Job:
    """A step that was started. What it says goes to the terminal, or to a file.

    `yields`: leave the processor to others that want it, where the system knows such a thing.
    """

    def __init__(self, step: Step, log: Path | None = None, yields: bool = False) -> None:
        self.step, self.log, self.ran = step, log, Ran(step.name, 1, 0.0)
        self.began = time.monotonic()
        words, env = [str(word) for word in step.command], {**environment(), **step.extra_env}
        if log is None:
            self.process = subprocess.Popen(words, cwd=ROOT, env=env)
        else:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("wb") as out:
                self.process = subprocess.Popen(words, cwd=ROOT, env=env, stdout=out, stderr=out)
        if yields and hasattr(os, "setpriority"):
            nice = os.getpriority(os.PRIO_PROCESS, 0) + 5
            with contextlib.suppress(OSError):  # it may be forbidden, and is not needed
                os.setpriority(os.PRIO_PROCESS, self.process.pid, nice)
        self.waiting = threading.Thread(target=self._wait, daemon=True)
        self.waiting.start()

    def _wait(self) -> None:
        computing = None
        if hasattr(os, "wait4"):
            _, status, usage = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
            computing = usage.ru_utime + usage.ru_stime
        code = self.process.wait()
        self.ran = Ran(self.step.name, code, time.monotonic() - self.began, computing)

    def wait(self) -> Ran:
        """Until it has ended. Raises KeyboardInterrupt, which the job has met too."""
        self.waiting.join()
        return self.ran

    def end(self) -> None:
        """After an interruption: give it time to end; another interruption kills it."""
        try:
            self.waiting.join(timeout=60)
        except KeyboardInterrupt:
            pass
        if self.waiting.is_alive():
            self.process.kill()


def lesson_of(notebook: Path) -> str:
    """The number of a lesson's notebook; "" for its exercises and solutions, which are short."""
    return notebook.name[:2] if notebook.parent.name == "notebooks" else ""


def steps_of_test(cores: int) -> tuple[list[Step], list[Step]]:
    """What `test` runs: beside the rest, from the start; and one after the other.

    A notebook is run whole by one process. One that trains for minutes would end long after all
    others, so it starts first and has a core of its own.
    """
    workers = min(4, cores)
    parallel = ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
    parallel, one_thread = (parallel, {"OMP_NUM_THREADS": "1"}) if workers > 1 else ([], {})
    # One worker more for tests: some wait for something, such as a program that hangs. Notebooks
    # compute all the time, and would only be in each other's way.
    more = ["-n", str(workers + 1), *parallel[2:]] if parallel else []
    pytest: list[str | Path] = [PYTHON, "-m", "pytest", "-q", "--durations=10"]
    steps = [
        Step("lint", [PYTHON, "-m", "ruff", "check"], {}),
        Step("types", [PYTHON, "-m", "mypy"], {}),
        # nbval costs seconds to import and is for the notebooks only.
        Step("unit tests", [*pytest, "-p", "no:nbval", *more, "tests"], one_thread),
    ]
    files = []
    for folder in NOTEBOOK_FOLDERS:
        found = [path.relative_to(ROOT) for path in notebooks_in(folder)]
        if not found:
            say(f"{folder}/ holds no notebooks: nothing to run there.")
        files += found
    if not files:
        return [], steps
    steps.append(Step("freshness", [PYTHON, "-m", "clipedu", "build", "--check"], {}))
    long = [path for path in files if lesson_of(path) == TRAINS_FOR_MINUTES and parallel]
    threads = {"OMP_NUM_THREADS": str(cores // 2)}
    beside = [Step(f"lesson {lesson_of(path)}", [*pytest, *NBVAL, path], threads) for path in long]
    # The longest start first, so that none ends alone.
    files.sort(key=lambda path: (LONGEST_FIRST + (lesson_of(path),)).index(lesson_of(path)))
    rest = [path for path in files if path not in long]
    if rest:
        steps.append(Step("notebooks", [*pytest, *NBVAL, *parallel, *rest], one_thread))
    return beside, steps


def do_test(options: argparse.Namespace) -> int:
    start = time.monotonic()
    setup(["test", "grading"])
    went = [Ran("set-up", 0, time.monotonic() - start)]
    beside, steps = steps_of_test(os.cpu_count() or 1)
    jobs, logs = [], ROOT / "runs" / "test"
    try:
        for step in beside:
            say(f"\n== {step.name}, beside the rest: {words_of(step)}")
            jobs.append(Job(step, logs / f"{step.name.replace(' ', '_')}.txt"))
            say(f"   what it says is in {jobs[-1].log}, and below when it has ended")
        for step in steps:
            say(f"\n== {step.name}: {words_of(step)}")
            jobs.append(Job(step, yields=bool(beside)))
            went.append(jobs[-1].wait())
        for job in jobs[: len(beside)]:
            say(f"\n== {job.step.name}")
            went.append(job.wait())
            say(job.log.read_text("utf-8", "replace").rstrip() if job.log else "")
    except KeyboardInterrupt:
        for job in jobs:
            job.end()
        raise
    say("\n== make test: where the time went           computing")
    for name, code, took, computing in went:
        cpu = "" if computing is None else f"{computing:12.1f} s"
        say(f"  {'ok    ' if code == 0 else 'FAILED'}  {name:20} {took:6.1f} s {cpu}".rstrip())
    failed = [ran.name for ran in went if ran.code != 0]
    verdict = f"FAILED: {', '.join(failed)}" if failed else "all green"
    say(f"  {verdict}, {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


def words_of(step: Step) -> str:
    return " ".join(str(part) for part in step.command[2:])


def do_test_browser(options: argparse.Namespace) -> int:
    """Apart from `test`: it needs a Chromium, which most machines hold under another name."""
    setup(["test", "browser"])
    tests = ["-p", "no:nbval", "-q", "--durations=5", "tests/browser", *options.rest]
    return run(PYTHON, "-m", "pytest", *tests, CLIPEDU_BROWSER_TESTS="1")


def do_lint(options: argparse.Namespace) -> int:
    setup(["test", "grading"])
    return max(run(PYTHON, "-m", "ruff", "check"), run(PYTHON, "-m", "mypy"))


def do_checkpoints(options: argparse.Namespace) -> int:
    setup()
    return run(PYTHON, ROOT / "benchmarks" / "checkpoint.py", *options.rest)


def do_tasks(options: argparse.Namespace) -> int:
    setup()
    return run(PYTHON, ROOT / "benchmarks" / "tasks.py", *options.rest)


def do_clipedu(*arguments: str) -> Callable[[argparse.Namespace], int]:
    def verb(options: argparse.Namespace) -> int:
        setup()
        return clipedu(*arguments, *options.rest)

    return verb


def do_run(options: argparse.Namespace) -> int:
    """Run a command of .venv, for hooks: `python course.py run ruff check`."""
    if not options.rest:
        raise SetupError("name the command, for example: python course.py run clipedu doctor")
    setup(["test", "grading"])
    program = shutil.which(options.rest[0], path=str(BIN))
    if program is None:
        raise SetupError(f"{options.rest[0]} is not installed in {VENV}")
    return run(program, *options.rest[1:])


def do_clean(options: argparse.Namespace) -> int:
    """Remove what runs leave behind; .venv and the picture cache stay."""
    left = "runs build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis __pycache__".split()
    doomed = [ROOT / name for name in left]
    for top in ("clipedu", "clipedu_classroom", "clipedu_lessons", "tests", "benchmarks"):
        doomed += (ROOT / top).rglob("__pycache__")
    for folder in NOTEBOOK_FOLDERS:
        doomed += (ROOT / folder).rglob(".ipynb_checkpoints")
    for path in filter(Path.exists, doomed):
        say(f"  removing {path.relative_to(ROOT)}")
        shutil.rmtree(path)
    return 0


VERBS: dict[str, tuple[str, Callable[[argparse.Namespace], int]]] = {
    "course": (
        "set up, then watch a CLIP being trained and tried; name lessons (course 00 03) or all",
        do_course,
    ),
    "test": ("set up, then lint, types, unit tests and the notebooks", do_test),
    "test-browser": (
        "set up, then use the lessons' widgets in a real JupyterLab (needs Chromium)",
        do_test_browser,
    ),
    "lab": ("set up, then open JupyterLab on the first lesson", do_lab),
    "setup": (
        "only set up; --fresh starts from nothing, --test adds what the tests need",
        do_setup,
    ),
    "checkpoints": ("train the shipped checkpoint again", do_checkpoints),
    "tasks": ("ask the shipped checkpoint every zero-shot task, write the table again", do_tasks),
    "build": (
        "make notebooks/, exercises/ and solutions/ from clipedu_lessons/ and execute them",
        do_clipedu("build", "--execute"),
    ),
    "check": ("fail when a notebook is not what its lesson says", do_clipedu("build", "--check")),
    "lint": ("ruff and mypy", do_lint),
    "doctor": ("look at this machine and say what is wrong", do_clipedu("doctor")),
    "clean": ("remove what runs left behind", do_clean),
    "run": ("run a command of .venv: run ruff check", do_run),
}

PASS_ON = (
    "test-browser",
    "lab",
    "checkpoints",
    "tasks",
    "build",
    "check",
    "doctor",
    "run",
)  # what follows is another's


def parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="course.py", description="Set the course up and run it.")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (words, _) in VERBS.items():
        verb = verbs.add_parser(name, help=words, description=words)
        if name == "course":
            verb.add_argument(
                "lessons",
                nargs="*",
                metavar="NN",
                help=f"lessons to run, or all (default: {' '.join(MAIN_LESSONS)})",
            )
        elif name == "setup":
            verb.add_argument("--fresh", action="store_true", help="delete .venv first")
            verb.add_argument(
                "--test", action="store_true", help="with what the tests and the grader need"
            )
        elif name in PASS_ON:
            verb.add_argument("rest", nargs="*", metavar="...", help="passed on as it stands")
    # argparse would take options that are meant for another program for its own.
    if argv and argv[0] in PASS_ON and list(argv[1:2]) not in (["-h"], ["--help"]):
        return argparse.Namespace(verb=argv[0], rest=list(argv[1:]))
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    options = parse(argv)
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        other = better_python()
        if other and not os.environ.get("CLIPEDU_REEXEC"):
            say(f"This is Python {platform.python_version()}; going on with {other}.")
            return subprocess.call(
                [other, str(ROOT / "course.py"), *argv], env=dict(os.environ, CLIPEDU_REEXEC="1")
            )
    try:
        return VERBS[options.verb][1](options)
    except SetupError as problem:
        print(f"\nStopped: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again: it goes on from here.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
