"""Start a worker so that what it does stays with it, and end it with all that it started: in
`bubblewrap`, where the course, the submissions and the grade book do not exist, or, where that does
not work, with `limits` only, enough for mistakes, not for malice. See `docs/GRADING.md`."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import site
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("clipedu", "clipedu_classroom", "clipedu_lessons")
KIT = ("worker.py", "protocol.py", "calling.py")
FIRST_USER = 61_000  # from here to 61,183 no system hands out user ids
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc", "/proc", "/sys", "/dev")
STANDS_IN = """def check(*answers, **named): pass
hint = solution = progress = reset = give_up = check
"""
KINDS = ("bubblewrap", "limits")
WORDS = {
    "bubblewrap": "bubblewrap: no network, no other files, own processes",
    "limits": "limits only: network and files are open to malicious code",
}


@dataclass(frozen=True)
class Limits:
    """`call_seconds` is for one question, not counting the time in which other programs had the
    processor; `wall_seconds` is plain time for all that one submission asks for. `memory_mb` is
    for all its processes together."""

    call_seconds: float = 10.0
    wall_seconds: float = 300.0
    memory_mb: int = 3000
    file_mb: int = 16
    processes: int = 64

    def system(self, kind: str) -> dict[str, int]:
        """The limits that a worker sets for itself before it runs anything. Where it shares a user
        with other programs, their processes count too."""
        shared = 0 if kind == "bubblewrap" else len(list(Path("/proc").glob("[0-9]*/task/*")))
        return {
            "RLIMIT_CPU": max(2, int(self.wall_seconds)),
            "RLIMIT_AS": self.memory_mb << 20,
            "RLIMIT_FSIZE": self.file_mb << 20,
            "RLIMIT_NPROC": self.processes + shared,
        }


def choose(wish: str = "auto") -> str:
    """The protection to use: the strongest that works here, or the one wished for.

    Raises ValueError when the wish is unknown or does not work here."""
    if wish == "auto":
        return next(kind for kind in KINDS if works(kind))
    if wish not in KINDS:
        raise ValueError(f"protection {wish!r} is unknown; expected auto, {', '.join(KINDS)}.")
    if not works(wish):
        words = "Install bubblewrap (Debian: apt install bubblewrap), allow user namespaces, or"
        words = f"does not work on this machine. {words} choose --protection limits."
        raise ValueError(f"protection {wish!r} {words}")
    return wish


@cache
def works(kind: str) -> bool:
    """Try it once, with a Python that does nothing."""
    if kind == "limits":
        return True
    if not sys.platform.startswith("linux") or shutil.which("bwrap") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="clipedu-probe-") as folder:
        command = [*bubblewrap(Path(folder)), sys.executable, "-I", "-c", "import json"]
        how: dict[str, Any] = {"stdin": subprocess.DEVNULL, "capture_output": True, "timeout": 20}
        try:
            return subprocess.run(command, **how).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False


def python_folders() -> list[Path]:
    """What a Python needs to run with its installed packages: the environment and the installation
    under it."""
    folders = [Path(sys.prefix), Path(sys.base_prefix), *map(Path, site.getsitepackages())]
    folders += [Path(os.path.realpath(sys.executable)).parent.parent]
    there = {path.resolve() for path in folders if path.is_dir()}
    found: list[Path] = []
    for folder in sorted(there, key=lambda path: len(path.parts)):
        if not any(folder.is_relative_to(other) for other in [*found, Path("/usr")]):
            found.append(folder)
    return found


def bubblewrap(folder: Path) -> list[str]:
    """The command words that go before Python. `folder` holds what the worker needs."""
    words = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    words += [] if os.geteuid() == 0 else ["--unshare-user"]
    words += ["--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        top = Path("/", name)
        if top.is_symlink():
            words += ["--symlink", os.readlink(top), str(top)]
        elif top.is_dir():
            words += ["--ro-bind", str(top), str(top)]
    for name in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/nix/store"):
        words += ["--ro-bind-try", name, name]
    words += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/tmp", "/dev/shm"):  # before the folders, one of which may be below /tmp
        words += ["--perms", "1777", "--size", str(16 << 20), "--tmpfs", path]
    folders = python_folders()
    # Parents that bubblewrap makes by itself are closed to the unprivileged user
    for parent in sorted({parent for folder in folders for parent in folder.parents}):
        if parent not in (Path("/"), Path("/tmp")) and not parent.is_relative_to("/usr"):
            words += ["--perms", "0755", "--dir", str(parent)]
    for installed in folders:
        words += ["--ro-bind", str(installed), str(installed)]
    words += ["--perms", "0755", "--dir", "/sandbox"]
    for name in [*KIT, "library"]:
        words += ["--ro-bind-try", str(folder / name), f"/sandbox/{name}"]
    words += ["--perms", "1777", "--size", str(64 << 20), "--tmpfs", "/sandbox/work"]
    # The course itself, where it is installed inside one of the folders and not in a clone beside
    if any(ROOT.is_relative_to(installed) for installed in [*folders, Path("/usr")]):
        for name in PACKAGES:
            words += ["--tmpfs", str(ROOT / name)]
    return [*words, "--chdir", "/sandbox/work"]


def copy_library(modules: Sequence[str], target: Path) -> None:
    """What a worker imports instead of the course: the named modules of `clipedu`, and a classroom
    that does nothing. Raises ValueError when there is no such module."""
    for name in (*PACKAGES, "clipedu/classroom"):  # the first edition's name of the classroom
        (target / name).mkdir(parents=True)
        text = STANDS_IN if name.endswith("classroom") else ""
        (target / name / "__init__.py").write_text(text)
    for module in modules:
        path = module.replace(".", "/")
        source, destination = ROOT / path, target / path
        destination.parent.mkdir(parents=True, exist_ok=True)
        if path.startswith("clipedu/") and source.is_dir():
            shutil.copytree(source, destination, dirs_exist_ok=True)
        elif path.startswith("clipedu/") and source.with_suffix(".py").is_file():
            shutil.copy(source.with_suffix(".py"), destination.with_suffix(".py"))
        else:
            words = "there is no such module in clipedu."
            raise ValueError(f"LIBRARY_NEEDED names {module!r}; {words}")


def start(
    kind: str, limits: Limits, *, library: Sequence[str] = (), slot: int = 0
) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a worker: the process and its folder, for `stop`. `library`: course modules that it may
    import. `slot` tells workers that run at the same time apart."""
    folder = Path(tempfile.mkdtemp(prefix="clipedu-grade-"))
    try:
        work = folder / "work"
        work.mkdir()
        for name in KIT:
            shutil.copy(Path(__file__).parent / name, folder / name)
        copy_library(library, folder / "library")
        boxed = kind == "bubblewrap"
        # Who has a number of their own has processes of their own, which a limit can count
        number = FIRST_USER + os.getpid() % 11 * 16 + slot % 16
        inside = Path("/sandbox") if boxed else folder.resolve()
        readable = ["/"] if boxed else [*map(str, python_folders()), str(inside), *SYSTEM]
        hidden = [str(ROOT / name) for name in PACKAGES]
        files = {"work": str(inside / "work"), "readable": readable, "hidden": hidden}
        user = number if boxed and os.geteuid() == 0 else 0
        settings = {"limits": limits.system(kind), "user": user, "files": files}
        script = [sys.executable, "-I", "-B", str(inside / "worker.py"), json.dumps(settings)]
        command = [*(bubblewrap(folder) if boxed else []), *script]
        how: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
        how |= {"cwd": work, "env": environment(inside / "work"), "start_new_session": True}
        process: subprocess.Popen[bytes] = subprocess.Popen(command, **how)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return process, folder


def stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    """End the worker and whatever it started, now; remove its folder. Safe to call twice."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    shutil.rmtree(folder, ignore_errors=True)


def own_environment() -> dict[str, str]:
    """In which `python -m` finds this package, wherever it is started."""
    search = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search))}


def environment(work: Path) -> dict[str, str]:
    """Nothing of the instructor's environment."""
    words = "PATH=/usr/bin:/bin LANG=C.UTF-8 OMP_NUM_THREADS=1 CUDA_VISIBLE_DEVICES= MPLBACKEND=Agg"
    named = dict(word.split("=") for word in words.split())
    return {**named, "USER": "student", "HOME": str(work), "TMPDIR": str(work)}
