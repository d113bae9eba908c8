"""Start a worker so that what it does stays with it, and end it with all that it started.

The strongest protection that works is used: `bubblewrap` (the course, the submissions and the grade
book do not exist inside), `namespaces` (files can be seen; an audit hook keeps honest code from
them) or `limits` (enough for mistakes, not for malice). As root, the worker becomes an unprivileged
user wherever that user can read the Python installation. See `docs/GRADING.md`.
"""

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
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("clipedu", "clipedu_classroom", "clipedu_lessons")


def python_folders() -> list[Path]:
    """What a Python needs to run with its installed packages: the environment and the installation
    under it."""
    folders = [Path(sys.prefix), Path(sys.base_prefix), *map(Path, site.getsitepackages())]
    folders += [Path(os.path.realpath(sys.executable)).parent.parent]
    found: list[Path] = []
    for folder in sorted(
        {path.resolve() for path in folders if path.is_dir()}, key=lambda path: len(path.parts)
    ):
        if not any(folder.is_relative_to(other) for other in [*found, Path("/usr")]):
            found.append(folder)
    return found


def bubblewrap(folder: Path, kit: Sequence[str]) -> list[str]:
    """The command words that go before Python. `folder` holds the kit of files that the worker
    needs."""
    words = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    words += [] if os.geteuid() == 0 else ["--unshare-user"]
    words += ["--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    for name in ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/nix/store"):
        words += ["--ro-bind-try", name, name]
    words += ["--proc", "/proc", "--dev", "/dev"]
    folders = python_folders()
    # Parents that bubblewrap makes by itself are closed to the unprivileged user
    for parent in sorted(
        {parent for path in folders for parent in path.parents if parent != Path("/")}
    ):
        if not parent.is_relative_to("/usr"):
            words += ["--perms", "0755", "--dir", str(parent)]
    for path in folders:
        words += ["--ro-bind", str(path), str(path)]
    words += ["--perms", "0755", "--dir", "/sandbox"]
    for name in [*kit, "library"]:
        words += ["--ro-bind-try", str(folder / name), f"/sandbox/{name}"]
    words += ["--perms", "1777", "--size", str(64 << 20), "--tmpfs", "/sandbox/work"]
    words += ["--perms", "1777", "--size", str(16 << 20), "--tmpfs", "/tmp"]
    for path in hidden_inside(folders):
        words += ["--tmpfs", str(path)]
    return [*words, "--chdir", "/sandbox/work"]


def hidden_inside(folders: Sequence[Path]) -> list[Path]:
    """The course's own packages where they are installed inside one of the folders (not in a clone
    beside them)."""
    inside = any(ROOT.is_relative_to(folder) for folder in [*folders, Path("/usr")])
    return [ROOT / name for name in PACKAGES] if inside else []


def copy_library(modules: Sequence[str], target: Path) -> None:
    """Copy the named course modules (and nothing else of the course) where a worker can import
    them.

    Raises ValueError when there is no such module.
    """
    (target / "clipedu").mkdir(parents=True)
    package = ROOT / "clipedu"
    for module in modules:
        parts = module.split(".")[1:]
        source = package.joinpath(*parts)
        destination = (target / "clipedu").joinpath(*parts)
        destination.parent.mkdir(parents=True, exist_ok=True)
        if module.startswith("clipedu.") and source.is_dir():
            shutil.copytree(source, destination, dirs_exist_ok=True)
        elif module.startswith("clipedu.") and source.with_suffix(".py").is_file():
            shutil.copy(source.with_suffix(".py"), destination.with_suffix(".py"))
        else:
            raise ValueError(
                f"LIBRARY_NEEDED names {module!r}; there is no such module in clipedu."
            )


HERE = Path(__file__).resolve().parent
KIT = ("worker.py", "audit_hook.py", "protocol.py", "calling.py")
FIRST_USER = 61_000  # from here to 61,183 no system hands out user ids
KINDS = ("bubblewrap", "namespaces", "limits")
WORDS = {
    "bubblewrap": "bubblewrap: no network, no other files, own processes",
    "namespaces": "namespaces: no network, own processes; files can be read",
    "limits": "limits only: network and files are open to malicious code",
}


@dataclass(frozen=True)
class Limits:
    """`call_seconds` is for one question, `wall_seconds` for all that one submission asks for; both
    leave out the time in which other programs had the processor (`cpu_time`). `cpu_seconds` and
    the rest are limits that the system holds."""

    call_seconds: float = 10.0
    wall_seconds: float = 120.0
    cpu_seconds: int = 60
    memory_mb: int = 3000
    file_mb: int = 16
    processes: int = 64
    output_kb: int = 64


@dataclass
class Running:
    """A started worker: its pipes, and the beginning of what it printed."""

    process: subprocess.Popen[bytes]
    folder: Path
    output: bytearray = field(default_factory=bytearray)


def choose(wish: str = "auto") -> str:
    """The protection to use: the strongest that works here, or the one wished for.

    Raises ValueError when the wish is unknown or does not work here.
    """
    if wish != "auto":
        if wish not in KINDS:
            raise ValueError(f"protection {wish!r} is unknown; expected auto, {', '.join(KINDS)}.")
        if not works(wish):
            raise ValueError(
                f"protection {wish!r} does not work on this machine. Install bubblewrap (Debian: "
                "apt install bubblewrap), allow user namespaces, or choose another --protection."
            )
        return wish
    return next(kind for kind in KINDS if works(kind))


@cache
def works(kind: str) -> bool:
    """Try it once, with a Python that does nothing."""
    if kind == "limits":
        return True
    tool = {"bubblewrap": "bwrap", "namespaces": "unshare"}[kind]
    if not sys.platform.startswith("linux") or shutil.which(tool) is None:
        return False
    with tempfile.TemporaryDirectory(prefix="clipedu-probe-") as folder:
        command = [*prefix(kind, Path(folder)), sys.executable, "-I", "-c", "import json"]
        nothing = subprocess.DEVNULL
        try:
            done = subprocess.run(command, stdin=nothing, capture_output=True, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0


def start(
    kind: str,
    limits: Limits,
    *,
    library: Sequence[str] = (),
    hidden: Sequence[Path] = (),
    slot: int = 0,
) -> Running:
    """Start a worker. `library`: course modules that it may import. `hidden`: folders that it must
    not read.

    `slot` tells workers that run at the same time apart. End it with `stop`.
    """
    folder = Path(tempfile.mkdtemp(prefix="clipedu-grade-"))
    try:
        work = folder / "work"
        work.mkdir()
        for name in KIT:
            shutil.copy(HERE / name, folder / name)
        copy_library(library, folder / "library")
        user = unprivileged_user(kind, slot)
        if user:
            for path in (folder, work):
                os.chmod(path, 0o755)
            os.chown(work, user, user)
        inside = Path("/sandbox") if kind == "bubblewrap" else folder
        settings = {
            "limits": system_limits(kind, limits),
            "user": user,
            "library": list(library),
            "library_path": str(inside / "library"),
            "work": str(inside / "work"),
            "hidden": [],
        }
        if kind != "bubblewrap":
            settings["work"] = str(work.resolve())
            settings["hidden"] = sorted({str(path.resolve()) for path in hidden})
        script = [sys.executable, "-I", "-B", str(inside / "worker.py"), json.dumps(settings)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [*prefix(kind, folder), *script],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            bufsize=0,
            cwd=work,
            env=environment(inside / "work"),
            start_new_session=True,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    running = Running(process, folder)
    threading.Thread(target=_drain, args=(running, limits.output_kb * 1024), daemon=True).start()
    return running


def stop(running: Running) -> None:
    """End the worker and whatever it started, now; remove its folder. Safe to call twice."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(running.process.pid, signal.SIGKILL)
    for pipe in (running.process.stdin, running.process.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.process.wait(timeout=10)
    shutil.rmtree(running.folder, ignore_errors=True)


def system_limits(kind: str, limits: Limits) -> dict[str, int]:
    """The limits that the worker sets for itself before it runs anything. Where it shares a user
    with other programs, their processes count too."""
    wanted = {key: value for key, value in asdict(limits).items() if isinstance(value, int)}
    if kind != "bubblewrap":
        wanted["processes"] += sum(1 for _ in Path("/proc").glob("[0-9]*/task/*"))
    return wanted


def prefix(kind: str, folder: Path) -> list[str]:
    """The command words that go before Python."""
    if kind == "bubblewrap":
        return bubblewrap(folder, KIT)
    if kind == "namespaces":
        user = [] if os.geteuid() == 0 else ["--user", "--map-current-user"]
        own = ["--pid", "--fork", "--kill-child", "--net", "--ipc", "--mount-proc"]
        return ["unshare", *user, *own]
    return []


def own_environment() -> dict[str, str]:
    """In which `python -m` finds this package, wherever it is started."""
    search = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, search))}


def environment(work: Path) -> dict[str, str]:
    """Nothing of the instructor's environment."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(work),
        "TMPDIR": str(work),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "MPLBACKEND": "Agg",
        "USER": "student",
    }


def unprivileged_user(kind: str, slot: int) -> int:
    """A user id to become, or 0 to stay: only root can change, and only when the user can read the
    Python installation."""
    if os.geteuid() != 0 or (
        kind != "bubblewrap" and not all(_open_to_all(path) for path in python_folders())
    ):
        return 0
    return FIRST_USER + os.getpid() % 11 * 16 + slot % 16


def _open_to_all(path: Path) -> bool:
    """Can any user list and enter this folder, and all folders above it?"""
    return all(parent.stat().st_mode & 0o5 == 0o5 for parent in [path, *path.parents])


def _drain(running: Running, cap: int) -> None:
    """Empty the worker's output so that it never blocks; keep only the beginning."""
    pipe = running.process.stderr
    assert pipe is not None
    with contextlib.suppress(OSError, ValueError):
        while part := os.read(pipe.fileno(), 1 << 16):
            running.output += part[: max(0, cap - len(running.output))]
    with contextlib.suppress(OSError):
        pipe.close()
