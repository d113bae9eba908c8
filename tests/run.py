"""Run everything that has to hold, or the steps that are named: python course.py test lint types

A notebook is run whole by one process. Lesson 04 trains for minutes and would end long after all
others, so it starts first, beside the rest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LOG = ROOT / "runs" / "test" / "lesson_04.txt"
NOTEBOOK_FOLDERS = ("notebooks", "exercises", "solutions")
LONGEST_FIRST = ("07", "03", "10", "09", "12", "11", "08")  # before the other notebooks
# Lax: every cell runs, those tagged nbval-check-output are compared. pytest's own time limit for a
# cell must be longer than nbval's.
NBVAL = (
    "--nbval-lax --nbval-current-env --nbval-cell-timeout=1200 --nbval-kernel-startup-timeout=120 "
    "--nbval-sanitize-with=tests/nbval_sanitize.cfg --timeout=1500"
).split()
PYTEST = ["pytest", "-q", "--durations=10"]


class Step(NamedTuple):
    """A Python module to run with these words; `threads`: OMP_NUM_THREADS, if it matters."""

    name: str
    words: list[str]
    threads: int | None = None

    def __str__(self) -> str:
        return " ".join(self.words)

    def start(self, log: Path | None = None) -> subprocess.Popen[bytes]:
        env = {**os.environ, **({"OMP_NUM_THREADS": str(self.threads)} if self.threads else {})}
        command = [sys.executable, "-m", *self.words]
        if log is None:
            return subprocess.Popen(command, cwd=ROOT, env=env)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as out:
            return subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out)


def notebooks() -> list[str]:
    """All notebooks, the longest first, so that none of those ends alone."""

    def rank(path: Path) -> int:
        number = path.name[:2] if path.parent.name == "notebooks" else ""  # exercises are short
        return (*LONGEST_FIRST, number).index(number)

    found = [path for name in NOTEBOOK_FOLDERS for path in sorted((ROOT / name).glob("*.ipynb"))]
    return [path.relative_to(ROOT).as_posix() for path in sorted(found, key=rank)]


def all_steps(cores: int) -> tuple[list[Step], list[Step]]:
    """What runs beside the rest, and the rest. On one core nothing is gained by running beside."""
    workers = min(4, cores)
    several, threads = workers > 1, 1 if workers > 1 else None

    def parallel(workers: int) -> list[str]:
        options = ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
        return options if several else []

    found = notebooks()
    trains = [path for path in found if several and path.startswith("notebooks/04")]
    rest = [path for path in found if path not in trains]
    beside = [Step("lesson 04", [*PYTEST, *NBVAL, path], cores // 2) for path in trains]
    others = [
        Step("lint", ["ruff", "check"]),
        Step("types", ["mypy"]),
        # nbval takes seconds to import, so only the notebooks get it. A worker more than cores, as
        # some tests wait for a program; notebooks compute all the time.
        Step("unit tests", [*PYTEST, "-p", "no:nbval", *parallel(workers + 1), "tests"], threads),
        Step("freshness", ["clipedu", "build", "--check"]),
    ]
    if rest:
        others.append(Step("notebooks", [*PYTEST, *NBVAL, *parallel(workers), *rest], threads))
    return beside, others


def say(text: str) -> None:
    print(text, flush=True)


def wait_for(process: subprocess.Popen[bytes], began: float) -> int:
    """The exit code; meanwhile a line every ten seconds."""
    while True:
        try:
            return process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            say(f"   ... {time.time() - began:.0f} s")


def main(names: Sequence[str], cores: int) -> int:
    began = time.time()
    beside, others = all_steps(cores)
    known = [step.name for step in (*beside, *others)]
    if not set(names) <= set(known):
        say(f"There are these steps: {', '.join(known)}.")
        return 2
    beside = [step for step in beside if step.name in (names or known)]
    others = [step for step in others if step.name in (names or known)]
    rows: list[tuple[str, int, float]] = []
    started: list[subprocess.Popen[bytes]] = []
    try:
        for step in beside:
            say(f"== {step.name}, beside the rest: {step}; its output is in {LOG}")
            started.append(step.start(LOG))
            if hasattr(os, "nice"):
                os.nice(5)  # what starts from now on leaves a core to it
        for step in others:
            say(f"\n== {step.name}: {step}")
            start = time.time()
            started.append(step.start())
            rows.append((step.name, started[-1].wait(), time.time() - start))
        for step, process in zip(beside, started, strict=False):
            say(f"\n== {step.name}, until it has ended")
            code = wait_for(process, began)
            say(LOG.read_text("utf-8", "replace").rstrip())
            rows.append((step.name, code, LOG.stat().st_mtime - began))  # it wrote until its end
    except KeyboardInterrupt:
        for process in started:  # Ctrl-C has reached them too
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
        raise
    say("\n== where the time went")
    for name, code, seconds in rows:
        say(f"  {'ok    ' if code == 0 else 'FAILED'}  {name:12} {seconds:6.1f} s")
    failed = [name for name, code, _ in rows if code != 0]
    verdict = f"FAILED: {', '.join(failed)}" if failed else "all green"
    say(f"  {verdict}, {time.time() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:], os.cpu_count() or 1))
    except KeyboardInterrupt:
        sys.exit(130)
