"""`clipedu grade exercises/03_the_loss.ipynb submissions/`: a class, graded.

Each submission runs in a worker process of its own (`sandbox`), asked over a pipe (`remote`) and
judged in a process that is ours (`grading.main`). Results are kept one file per student, so an
interrupted grading goes on where it stopped, and what has not changed is not run again.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import secrets
import select
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from clipedu_classroom import by_hand, gradebook, sandbox
from clipedu_classroom.assignment import Assignment, read_assignment
from clipedu_classroom.gradebook import Result
from clipedu_classroom.grading import Grading, Settings, content_key
from clipedu_classroom.sandbox import WORDS, Limits, own_environment
from clipedu_classroom.source import LESSONS, course_root
from clipedu_classroom.submissions import Submission, find_submissions

START_SECONDS = 120.0  # for a grading process, which loads torch
SPARE_SECONDS = (
    200.0  # for reading a submission and judging it, beside what the student's code gets
)


@dataclass(frozen=True)
class Request:
    """What the instructor asked for. `folder` keeps one result file per student."""

    assignment: Path
    submissions: Path
    folder: Path
    limits: Limits = Limits()
    protection: str = "auto"
    jobs: int = 1
    seed: int | None = None
    fresh: bool = False
    progress: bool = True


def grade(request: Request) -> tuple[Assignment, list[Result]]:
    """Grade a class; results in the order of the students' names.

    Raises FileNotFoundError or ValueError for a wrong path, notebook or protection, RuntimeError
    when grading cannot run at all.
    """
    assignment = read_assignment(request.assignment)
    found = find_submissions(request.submissions, assignment.name)
    marks = by_hand.read_marks(request.folder)
    protection = sandbox.choose(request.protection)
    if request.progress:
        print(f"Protection: {WORDS[protection]}.", flush=True)
    seed = secrets.randbits(31) if request.seed is None else request.seed
    settings = Settings(protection, request.limits, seed, hidden_folders(request))
    earlier = [
        None if request.fresh else gradebook.load_result(request.folder, submission.student)
        for submission in found
    ]
    todo = [
        submission
        for submission, result in zip(found, earlier, strict=True)
        if result is None or result.key != content_key(submission, assignment, settings)
    ]
    request.folder.mkdir(parents=True, exist_ok=True)
    if todo:
        _run(request, assignment, todo, settings)
    results = [
        gradebook.load_result(request.folder, submission.student)
        or _not_graded(assignment, submission, settings)
        for submission in found
    ]
    by_hand.apply_marks(request.folder, marks, assignment, results)
    return assignment, results


def hidden_folders(request: Request) -> tuple[Path, ...]:
    """What a worker must not read where files are visible at all: the course, the class, the
    results."""
    hidden = [Path(__file__).parent, request.submissions, request.folder, request.assignment.parent]
    with contextlib.suppress(FileNotFoundError):
        root = course_root(request.assignment.resolve().parent)
        names = (LESSONS, "clipedu", "solutions", "exercises", "notebooks", "tests")
        hidden += [root / name for name in names]
    if os.environ.get("CLIPEDU_SPECS"):
        hidden.append(Path(os.environ["CLIPEDU_SPECS"]))
    return tuple(path.resolve() for path in hidden if path.exists())


def _run(
    request: Request, assignment: Assignment, todo: list[Submission], settings: Settings
) -> None:
    """Grade submissions in `jobs` processes, each of which takes the next."""
    from tqdm import tqdm

    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number, submission in enumerate(todo):
        result = request.folder / f"{gradebook.file_name(submission.student)}.json"
        result.unlink(missing_ok=True)
        waiting.put(number)
    jobs = max(1, min(request.jobs, len(todo)))
    running: list[_Process] = []
    with (
        tempfile.TemporaryDirectory(prefix="clipedu-plan-") as folder,
        tqdm(
            total=len(todo), desc="grading", unit="submission", disable=not request.progress
        ) as bar,
        ThreadPoolExecutor(jobs) as pool,
    ):
        plan = Path(folder) / "plan"
        plan.write_bytes(pickle.dumps((assignment, todo, request.folder.resolve(), settings)))
        most = 3 * request.limits.wall_seconds + SPARE_SECONDS

        def work(slot: int) -> None:
            process: _Process | None = None
            with contextlib.suppress(queue.Empty):
                while True:
                    number = waiting.get_nowait()
                    if process is None:
                        process = _Process(plan, slot)
                        running.append(process)
                    if not process.answers(str(number), most):
                        process.end()
                        process = None
                    bar.update()
            if process is not None:
                process.end()

        try:
            for future in [pool.submit(work, slot) for slot in range(jobs)]:
                future.result()
        finally:
            with contextlib.suppress(queue.Empty):  # after an interruption nothing new begins
                while True:
                    waiting.get_nowait()
            for process in running:
                process.end()


class _Process:
    """A grading process: it is told one submission after the other."""

    def __init__(self, plan: Path, slot: int) -> None:
        command = [sys.executable, "-m", "clipedu_classroom.grading", str(plan), str(slot)]
        environment = own_environment() | {"OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment)
        if self._line(START_SECONDS) != b"ready\n":
            self.end()
            raise RuntimeError("The grading processes do not start; see above for the reason.")

    def answers(self, line: str, seconds: float) -> bool:
        """Whether it is done in time."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
            return self._line(seconds) == b"done\n"
        return False

    def _line(self, seconds: float) -> bytes:
        """Its next line; b"" when it has ended or is late."""
        assert self.process.stdout is not None
        ready = select.select([self.process.stdout], [], [], seconds)[0]
        return self.process.stdout.readline() if ready else b""

    def end(self) -> None:
        """It stops its worker and ends."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def _not_graded(assignment: Assignment, submission: Submission, settings: Settings) -> Result:
    """A submission on which the grader itself broke. Its points are none, and it says so."""
    result = replace(Grading(assignment, submission, settings).result(), key="")
    result.status = "crashed"
    result.message = (
        "The grader itself broke on this submission: grade it by hand, and please report it."
    )
    return result
