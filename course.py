#!/usr/bin/env python3
"""Set the course up and run it: python course.py course, test, lab ... (`make` has the same words).

It needs only the standard library, so it works before anything is installed. Set-up makes .venv,
installs PyTorch in the build that fits this machine, then the rest, tries it, and writes a stamp
last: a second run sees the stamp and takes no time, and an interrupted one is continued.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("CLIPEDU_VENV") or ROOT / ".venv")
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP, LOG = VENV / "clipedu-setup.stamp", VENV / "clipedu-setup.log"
CONSTRAINTS = ROOT / "constraints-ci.txt"
OLDEST, NEWEST = (3, 11), (3, 14)
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")
TORCH_VERSION = (PYTHON, "-c", "import importlib.metadata as m; print(m.version('torch'))")
PEERS = ("clip-anytorch>=2.6,<3", "open_clip_torch>=3.2,<4")  # tests compare with them alone
# What `course` runs when no lesson is named, as far as it is here: a bundle has some lessons only
MAIN_LESSONS = [f"0{n}" for n in range(5) if any(ROOT.glob(f"notebooks/0{n}_*"))]


class SetupError(Exception):
    """Set-up cannot continue; the message says what to do."""


# -------------------- running programs
say = partial(print, flush=True)


def ask(*command: str | Path) -> str | None:
    """The output of a short command, or None when it fails or does not exist."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def run(*command: str | Path, log: Path | None = None, **env: str) -> int:
    """The exit code of a command that runs as if .venv were activated; its output goes to `log`."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}"
    env = {**os.environ, "VIRTUAL_ENV": str(VENV), "PATH": path, **env}
    env.pop("PYTHONHOME", None)
    # Containers often forbid bytecode, and then every process spends seconds on compiling torch.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    words = list(map(str, command))
    if log is None:
        return wait_for(subprocess.Popen(words, cwd=ROOT, env=env))
    with log.open("a", encoding="utf-8") as out:
        print("\n$", " ".join(words).replace(str(PYTHON), "python"), file=out, flush=True)
        return wait_for(subprocess.Popen(words, cwd=ROOT, env=env, stdout=out, stderr=out))


def wait_for(process: subprocess.Popen[bytes]) -> int:
    """The exit code. Ctrl-C reaches the process too, so it can save its work; the third kills."""
    interruptions = 0
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:
            interruptions += 1
            if interruptions == 3:
                process.kill()
    if interruptions and process.returncode != 0:
        raise KeyboardInterrupt
    return process.returncode


def end_of_log(lines: int) -> str:
    text = LOG.read_text("utf-8", "replace") if LOG.exists() else ""
    return "\n      ".join(text.splitlines()[-lines:])


def step(what: str, job: Callable[[], str]) -> None:
    """Say what is done, do it, say how long it took; meanwhile, where the log has got to."""
    say(f"  * {what}")
    began, over = time.monotonic(), threading.Event()

    def show_signs_of_life() -> None:
        while not over.wait(10):
            say(f"      ... {time.monotonic() - began:.0f} s  {end_of_log(1)[:120]}")

    threading.Thread(target=show_signs_of_life, daemon=True).start()
    try:
        note = job()
    finally:
        over.set()
    say(f"      {note}, {time.monotonic() - began:.1f} s")


# -------------------- set-up
def check_machine(version: tuple[int, ...], system: str, machine: str) -> None:
    """Raise SetupError where the course cannot run: a Python out of range, or an Intel Mac."""
    if not OLDEST <= version[:2] <= NEWEST:
        raise SetupError(
            f"this is Python {version[0]}.{version[1]}; the course needs 3.{OLDEST[1]} to "
            f"3.{NEWEST[1]}. Install one of these, then: python3.12 course.py course"
        )
    if (system, machine) == ("Darwin", "x86_64"):
        raise SetupError("PyTorch has no build for Intel Macs; on Apple silicon use arm64 Python")


def better_python() -> str | None:
    """Another interpreter on PATH that is in range and can make a .venv, newest first."""
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    found = filter(None, map(shutil.which, names))
    return next((path for path in found if ask(path, "-c", "import venv, ensurepip") == ""), None)


def make_venv(fresh: bool) -> str:
    if not fresh and (ask(PYTHON, "-m", "pip", "--version") or ask(PYTHON, "-m", "ensurepip")):
        return "kept"
    if VENV.exists() and any(VENV.iterdir()) and not (VENV / "pyvenv.cfg").exists():
        raise SetupError(f"{VENV} is no virtual environment. Move it away, or set CLIPEDU_VENV")
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        raise SetupError("no virtual environment. On Debian and Ubuntu: apt install python3-venv")
    return f"Python {platform.python_version()}"


def pip(*what: str) -> bool:
    # Modules are compiled when they are first imported; compiling all takes a third of the time.
    options = ("--no-compile", "--disable-pip-version-check")
    return run(PYTHON, "-m", "pip", "install", *options, *what, log=LOG) == 0


def uv(*what: str) -> bool:
    """Five times as fast as pip, but it has to be told what pip's configuration says."""
    names = r"\.(index-url|extra-index-url|find-links|constraint)=['\"](.*)['\"]"
    listed = re.findall(names, ask(PYTHON, "-m", "pip", "config", "list") or "")
    settings = dict(reversed(listed)).items()  # of two lines the first counts, as with pip
    options = [f"--{name}={word}" for name, words in settings for word in re.split(r" |\\n", words)]
    command = ("-m", "uv", "pip", "install", "--index-strategy=unsafe-best-match", *options)
    return pip("uv>=0.8,<1") and run(PYTHON, *command, *what, log=LOG) == 0


def install_torch() -> str:
    """The build for this machine: for CUDA where there is an NVIDIA GPU, else for the CPU.

    pip's default is the CPU build on macOS and Windows. On Linux it is made for CUDA, about 3 GB,
    unless pip's configuration offers another. uv knows PyTorch's own indexes, as "cpu" and "auto".
    """
    release = re.findall(r"^torch==(\S+)", CONSTRAINTS.read_text("utf-8"), re.M)[0]
    have, source = ask(*TORCH_VERSION), os.environ.get("CLIPEDU_TORCH", "")
    if have and (not CI or have.split("+")[0] == release):
        return f"kept, {have}"
    if source not in ("", "cpu", "auto", "pip"):
        raise SetupError(f"CLIPEDU_TORCH={source} is not known: set it to cpu, auto or pip")
    gpu = ask("nvidia-smi", "-L") is not None
    if not source:
        seen = re.split(r"[\s,()]+", ask(PYTHON, "-m", "pip", "index", "versions", "torch") or "")
        pip_is_right = platform.system() != "Linux" or f"{release}+cpu" in seen
        source = "auto" if gpu else "pip" if pip_is_right else "cpu"
    if source == "pip" or not uv(f"--torch-backend={source}", f"torch=={release}"):
        if source == "cpu":
            say("      no CPU build was found: pip takes CUDA's, about 3 GB; it works too")
        if not pip(f"torch=={release}"):
            raise SetupError("PyTorch was not installed. It needs a network and 4 GB of free disk")
    return f"{ask(*TORCH_VERSION)}, {'an' if gpu else 'no'} NVIDIA GPU was found"


def install_rest(extras: set[str]) -> str:
    """Everything else, with torch held at what is installed; in CI, exactly the pinned releases."""
    wanted = [["-e", f".[{','.join(sorted(extras))}]", f"torch=={ask(*TORCH_VERSION)}"]]
    if "test" in extras:
        wanted.append(["--no-deps", *PEERS])
    for what in wanted:
        what += ["-c", str(CONSTRAINTS)] if CI else []
        if not uv(*what) and not pip(*what):
            raise SetupError("installing failed")
    code = "import clipedu_lessons, jupyterlab, resvg_py, torch; assert torch.ones(9).sum() == 9"
    if run(PYTHON, "-c", code, log=LOG) != 0:
        raise SetupError("what was installed does not work. Try: python course.py setup --fresh")
    return "they can be imported"


def setup(extras: Sequence[str] = (), fresh: bool = False) -> None:
    """Make .venv hold what pyproject.toml asks for, with these extras; quick when it does."""
    requirements = (ROOT / "pyproject.toml").read_bytes() + CONSTRAINTS.read_bytes()
    fingerprint = hashlib.sha256(requirements).hexdigest()
    stamp = STAMP.read_text("utf-8").split() if STAMP.exists() else []
    wanted = {"course", *extras}
    if not fresh and PYTHON.exists() and stamp[:1] == [fingerprint] and wanted <= set(stamp):
        return
    check_machine(sys.version_info[:2], platform.system(), platform.machine())
    began = time.monotonic()
    wanted |= {"test", "grading", "real", "browser", "site"} & set(stamp)
    say(f"Setting up in {VENV} with {', '.join(sorted(wanted))}")
    if fresh and Path(sys.prefix).resolve() == VENV.resolve():
        raise SetupError("this Python lives in .venv: deactivate it first (type: deactivate)")
    for file in (STAMP, LOG):
        file.unlink(missing_ok=True)
    try:
        step("virtual environment", lambda: make_venv(fresh))
        step("PyTorch", install_torch)
        step("the other packages and clipedu", lambda: install_rest(wanted))
    except SetupError as problem:
        log = f". The log is {LOG}; it ends:\n      {end_of_log(15)}" if LOG.exists() else ""
        raise SetupError(f"{problem}{log}") from None
    STAMP.write_text("\n".join([fingerprint, *sorted(wanted)]), "utf-8")
    say(f"Set up in {time.monotonic() - began:.0f} s.\n")


# -------------------- verbs
def python(*words: str, extras: Sequence[str] = (), **env: str) -> int:
    setup(extras)
    return run(PYTHON, *words, log=None, **env)


def do_setup(*words: str) -> int:
    if not {"--fresh", "--test"}.issuperset(words):
        raise SetupError("setup takes --fresh (start from nothing) and --test (for the tests)")
    setup(FOR_TESTS if "--test" in words else [], fresh="--fresh" in words)
    say("Ready. Next: python course.py course")
    return 0


def do_course(*words: str) -> int:
    lessons = () if words == ("all",) else words or MAIN_LESSONS
    code = python("-m", "clipedu", "build", "--only", "lessons", "--out", "runs/course", *lessons)
    if code == 0:
        say("Next: make lab (or: python course.py lab) opens the lessons in JupyterLab.")
    else:
        say("The run stopped; the lines above say where. `make doctor` looks at this machine.")
    return code


def do_clean(*words: str) -> int:
    """Remove what runs leave behind; .venv and the picture cache stay."""
    left = ("runs", "build", "dist", ".*_cache", ".hypothesis", "**/__pycache__", "*/.ipynb_*")
    for path in [path for name in left for path in ROOT.glob(name) if VENV not in path.parents]:
        say(f"  removing {path.relative_to(ROOT)}")
        shutil.rmtree(path, ignore_errors=True)  # what lay in another one has gone with it
    return 0


FOR_TESTS, FOR_SITE = ["test", "grading", "real"], ["site", "real"]
FIRST = min(ROOT.glob("notebooks/*.ipynb"), default=ROOT).name
FIRST_PAGE = f"--LabApp.default_url=/lab/tree/notebooks/{FIRST}"
BUILD = partial(python, "-m", "clipedu", "build")
TESTS = partial(python, "tests/run.py", extras=FOR_TESTS)
BROWSER = partial(python, "-m", "pytest", "tests/browser", "-qp", "no:nbval", "--durations=5")
BROWSER_TESTS = partial(BROWSER, extras=["test", "browser", *FOR_SITE], CLIPEDU_BROWSER_TESTS="1")
VERBS: dict[str, tuple[str, Callable[..., int]]] = {
    "course": (f"run lessons {' '.join(MAIN_LESSONS)}; or those named, or all", do_course),
    "lab": ("open JupyterLab on the first lesson", partial(python, "-m", "jupyterlab", FIRST_PAGE)),
    "test": ("lint, types, unit tests, freshness, notebooks; or those named", TESTS),
    "test-browser": ("use the lessons' widgets and the site (needs Chromium)", BROWSER_TESTS),
    "lint": ("ruff and mypy", partial(TESTS, "lint", "types")),
    "build": ("make and execute all notebooks", partial(BUILD, "--execute")),
    "check": ("fail when a notebook is not what its lesson says", partial(BUILD, "--check")),
    "site": ("make the website (needs npm)", partial(python, "docs/site/make.py", extras=FOR_SITE)),
    "checkpoints": ("train the shipped model again", partial(python, "benchmarks/checkpoint.py")),
    "tasks": ("measure it on every task", partial(python, "benchmarks/tasks.py")),
    "setup": ("only set up; --fresh starts from nothing, --test adds the tests' needs", do_setup),
    "doctor": ("say what is wrong with this machine", partial(python, "-m", "clipedu", "doctor")),
    "run": ("run a module: run ruff check", partial(python, "-m", extras=FOR_TESTS)),
    "clean": ("remove what runs left behind", do_clean),
}


def main(argv: Sequence[str]) -> int:
    verb, *words = argv or ["--help"]
    if verb not in VERBS or words[:1] in (["-h"], ["--help"]):
        say("usage: python course.py VERB ...   (every verb sets up first where that is needed)\n")
        for name, (summary, _) in VERBS.items():
            say(f"  {name:14}{summary}")
        return 0 if verb in {"-h", "--help", *VERBS} else 2
    if not OLDEST <= sys.version_info[:2] <= NEWEST and "CLIPEDU_REEXEC" not in os.environ:
        if other := better_python():
            say(f"This is Python {platform.python_version()}; going on with {other}.")
            env = {**os.environ, "CLIPEDU_REEXEC": "1"}
            return subprocess.call([other, str(ROOT / "course.py"), *argv], env=env)
    try:
        return VERBS[verb][1](*words)
    except SetupError as problem:
        print(f"\nStopped: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. Run the same command again: it goes on from here.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
