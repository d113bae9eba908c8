"""Start a worker so that what it does stays with it, and end it with everything that it started.

Three kinds of protection; the strongest that works here is used, and every result says which it
was:

* `bubblewrap`: an almost empty system. Only the Python installation and /usr are there, read-only;
  no network; its own processes; a work folder in memory. The course, the submissions and the grade
  book do not exist inside.
* `namespaces` (util-linux `unshare`): no network, its own processes. Files can be seen; the
  worker's audit hook keeps honest code from them.
* `limits`: only the limits and the audit hook. Enough for mistakes, not for malice.

With all three: time, CPU, memory, file-size and process limits, a temporary folder, no standard
input. As root, the worker becomes an unprivileged user wherever that user can read the Python
installation.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from clipedu_classroom.jail import bubblewrap, copy_library, python_folders

HERE = Path(__file__).resolve().parent
KIT = ("worker.py", "fence.py", "wire.py", "calling.py", "describing.py")
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
    leave out the time in which other programs had the processor (`effort`). `cpu_seconds` and
    the rest are limits that the system holds.
    """

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
    printed: int = 0


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
                "apt install "
                "bubblewrap) and allow user namespaces, or choose another with --protection."
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
        try:
            return (
                subprocess.run(
                    command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20
                ).returncode
                == 0
            )
        except (OSError, subprocess.TimeoutExpired):
            return False


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
            "work": str((inside / "work").resolve() if kind != "bubblewrap" else inside / "work"),
            "hidden": []
            if kind == "bubblewrap"
            else sorted({str(path.resolve()) for path in hidden}),
        }
        command = [
            *prefix(kind, folder),
            sys.executable,
            "-I",
            "-B",
            str(inside / "worker.py"),
            json.dumps(settings),
        ]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
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
    with other programs, their processes count too.
    """
    wanted = {key: value for key, value in asdict(limits).items() if isinstance(value, int)}
    if kind != "bubblewrap":
        wanted["processes"] += sum(1 for _ in Path("/proc").glob("[0-9]*/task/*"))
    return wanted


def prefix(kind: str, folder: Path) -> list[str]:
    """The command words that go before Python."""
    if kind == "bubblewrap":
        return bubblewrap(folder, KIT)
    if kind == "namespaces":
        words = ["unshare", "--pid", "--fork", "--kill-child", "--net", "--ipc", "--mount-proc"]
        return (
            words if os.geteuid() == 0 else [*words[:1], "--user", "--map-current-user", *words[1:]]
        )
    return []


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
    Python installation.
    """
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
            running.printed += len(part)
            running.output += part[: max(0, cap - len(running.output))]
    with contextlib.suppress(OSError):
        pipe.close()
