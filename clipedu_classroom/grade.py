"""`clipedu grade exercises/03_the_loss.ipynb submissions/ --csv grades.csv --json DIR --html DIR`:
a class, graded.

What is graded: the student's solution cells, and nothing else of the notebook, put into the
pristine notebook's place. Where: each submission in a worker process of its own (`sandbox`), asked
over a pipe (`remote`), judged here under pytest (`grading_session`). What it protects against, and
what not, is in `docs/GRADING.md`.

Results are kept one file per student, so a grading that was interrupted goes on where it stopped,
and a submission that has not changed is not run again (`--fresh` runs all).
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from clipedu_classroom import gradebook, sandbox
from clipedu_classroom.assignment import Assignment, read_assignment
from clipedu_classroom.gradebook import Result
from clipedu_classroom.grading import Grading, Settings
from clipedu_classroom.grading_session import Plan, need_pytest, run_share
from clipedu_classroom.sandbox import Limits
from clipedu_classroom.source import LESSONS, course_root
from clipedu_classroom.submissions import Submission, find_submissions

SLOWEST_START = 3  # a share that dies this often without grading anything is not started again


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
    need_pytest()  # before processes are started whose complaint nobody would see
    assignment = read_assignment(request.assignment)
    found = find_submissions(request.submissions, assignment.name)
    protection = sandbox.choose(request.protection)
    seed = secrets.randbits(31) if request.seed is None else request.seed
    settings = Settings(protection, request.limits, seed, hidden_folders(request))
    results, todo = [], []
    for submission in found:
        earlier = (
            None if request.fresh else gradebook.load_result(request.folder, submission.student)
        )
        if earlier is not None and earlier.key == Grading(assignment, submission, settings).key:
            results.append(earlier)
        else:
            todo.append(submission)
    if todo:
        results += _run(request, assignment, todo, settings)
    order = {submission.student: place for place, submission in enumerate(found)}
    return assignment, sorted(results, key=lambda result: order[result.student])


def hidden_folders(request: Request) -> tuple[Path, ...]:
    """What a worker must not read where files are visible at all: the course, the class, the
    results.
    """
    hidden = [
        Path(__file__).parent,
        request.submissions,
        request.folder,
        request.assignment.parent,
    ]
    try:
        root = course_root(request.assignment.resolve().parent)
        hidden += [
            root / name
            for name in (LESSONS, "clipedu", "solutions", "exercises", "notebooks", "tests")
        ]
    except FileNotFoundError:
        pass
    if os.environ.get("CLIPEDU_SPECS"):
        hidden.append(Path(os.environ["CLIPEDU_SPECS"]))
    return tuple(path.resolve() for path in hidden if path.exists())


def _run(
    request: Request, assignment: Assignment, todo: list[Submission], settings: Settings
) -> list[Result]:
    """Grade submissions in `jobs` processes (in this one when there is one job), and collect what
    they wrote.
    """
    request.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="clipedu-claims-") as claims:
        plan = Plan(
            assignment=str(request.assignment.resolve()),
            submissions=tuple((s.student, str(s.path.resolve()), s.problem) for s in todo),
            results=str(request.folder.resolve()),
            claims=claims,
            protection=settings.protection,
            limits=settings.limits,
            seed=settings.seed,
            hidden=tuple(str(path) for path in settings.hidden),
        )
        for submission in todo:
            (request.folder / f"{gradebook.file_name(submission.student)}.json").unlink(
                missing_ok=True
            )
        if request.jobs <= 1 or len(todo) == 1:
            run_share(plan)
        else:
            _run_shares(plan, min(request.jobs, len(todo)), Path(claims), request.progress)
    results = []
    for submission in todo:
        result = gradebook.load_result(request.folder, submission.student)
        results.append(result or _not_graded(assignment, submission, settings))
    return results


def _run_shares(plan: Plan, jobs: int, claims: Path, progress: bool) -> None:
    """Start the processes and show how far they are; start them again while work is left."""
    from tqdm import tqdm

    with tempfile.TemporaryDirectory(prefix="clipedu-plan-") as folder:
        path = Path(folder) / "plan.json"
        path.write_text(plan.to_json(), encoding="utf-8")
        total, futile = len(plan.submissions), 0
        with tqdm(total=total, desc="grading", unit="submission", disable=not progress) as bar:
            while (before := len(os.listdir(claims))) < total and futile < SLOWEST_START:
                shares = [_start_share(path, slot) for slot in range(jobs)]
                try:
                    while any(share.poll() is None for share in shares):
                        time.sleep(0.2)
                        if (done := len(os.listdir(claims)) - len(shares)) > bar.n:
                            bar.update(done - bar.n)
                finally:
                    _end(shares)
                futile = futile + 1 if len(os.listdir(claims)) == before else 0
            bar.update(total - bar.n)
    if futile:
        raise RuntimeError(
            "The grading processes do not start. Run the command again with --jobs 1 to see why."
        )


def _start_share(path: Path, slot: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "clipedu_classroom.grading_session", str(path), str(slot)]
    package = str(Path(__file__).parents[1])
    search = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": search}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=environment)


def _end(shares: list[subprocess.Popen[bytes]]) -> None:
    """After an interruption: ask the processes to stop their workers and end."""
    for share in shares:
        if share.poll() is None:
            share.send_signal(signal.SIGINT)
    for share in shares:
        try:
            share.wait(timeout=15)
        except subprocess.TimeoutExpired:
            share.kill()
            share.wait()


def _not_graded(assignment: Assignment, submission: Submission, settings: Settings) -> Result:
    """A submission on which the grader itself broke. Its points are none, and it says so."""
    grading = Grading(assignment, submission, settings)
    result = replace(grading.finish(), key="")
    result.status = "crashed"
    result.message = (
        "The grader itself broke on this submission: grade it by hand, and please report it."
    )
    return result
