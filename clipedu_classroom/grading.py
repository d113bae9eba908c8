"""Grade a class, and each submission of it: its answers in a worker, the judgement here.

Each thread grades one submission at a time, whose code runs in a sandboxed process of its own, the
worker. When an answer hangs or kills its worker, that exercise is over and a new worker is started
for the rest. Results are kept one file per student; what has not changed is not run again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from clipedu_classroom import gradebook, sandbox, specs
from clipedu_classroom.answers import Answers, Load, is_untouched, read
from clipedu_classroom.assignment import Assignment, Question, read_assignment
from clipedu_classroom.calling import Failure
from clipedu_classroom.checks import report_on
from clipedu_classroom.exercise_reader import course_record
from clipedu_classroom.gradebook import Result, Written
from clipedu_classroom.lateness import Policy, apply_policy
from clipedu_classroom.remote import Client, RemoteSubject, failure_from
from clipedu_classroom.report import Report
from clipedu_classroom.roster import Roster
from clipedu_classroom.sandbox import WORDS, Limits
from clipedu_classroom.subject import SubjectLost
from clipedu_classroom.submissions import Submission, Unreadable, digest_of, find_submissions
from clipedu_classroom.values import is_right

MAX_REMARKS = 20
JUDGE = threading.Lock()  # held while this process computes: torch's random state is one for all
BROKE = "The grader itself broke on this submission: grade it by hand, and please report it."


@dataclass(frozen=True)
class Request:
    """What the instructor asked for. `folder` keeps one result file per student. `fresh`: names of
    students to grade again though nothing has changed, or True for all. `seed`: None for the
    class's own. `personal`: the class, of which each student has their own numbers."""

    assignment: Path
    submissions: Path
    folder: Path
    limits: Limits = Limits()
    protection: str = "auto"
    jobs: int = 1
    seed: int | None = None
    fresh: bool | tuple[str, ...] = False
    progress: bool = True
    policy: Policy = Policy()
    personal: Roster | None = None


def grade(request: Request) -> tuple[Assignment, list[Result]]:
    """Grade a class; results in the order of the students' names.

    Raises FileNotFoundError or ValueError for a wrong path, notebook or protection."""
    assignment = read_assignment(request.assignment)
    found = find_submissions(request.submissions)
    marks = gradebook.read_marks(request.folder)
    protection = sandbox.choose(request.protection)
    settings = load_settings(request.folder)
    asked = (request.seed, None if request.fresh is True else settings.get("seed"))
    seed = next((number for number in asked if isinstance(number, int)), secrets.randbits(31))
    request = replace(request, protection=protection, seed=seed)
    if request.progress:
        print(f"Protection: {WORDS[protection]}. Seed: {request.seed}.", flush=True)
    again = request.fresh if isinstance(request.fresh, tuple) else ()
    if unknown := set(again) - {submission.student for submission in found}:
        known = ", ".join(submission.student for submission in found)
        words = f"There is no submission of {', '.join(sorted(unknown))}."
        raise ValueError(f"{words} There is {known}.")
    todo = []
    for submission in found:
        result = gradebook.read_result(path_in(request, submission))
        key = content_key(submission, assignment, request)
        if request.fresh is True or submission.student in again or not result or result.key != key:
            todo.append(submission)
    if request.progress and settings.get("versions", versions()) != versions():
        words = "everybody is graded again."
        print(f"Graded before with {settings['versions']}, now {versions()}: {words}")
    settings |= {"seed": request.seed, "versions": versions()}
    gradebook.write_json(settings_path(request.folder), settings)
    _run(request, assignment, todo)
    results = []
    for submission in found:
        kept = gradebook.read_result(path_in(request, submission))
        kept = kept or Grading(assignment, submission, request).result(BROKE)
        kept.handed_in, kept.handed_in_by = submission.handed_in, submission.handed_in_by
        results.append(kept)
    gradebook.apply_marks(request.folder, marks, results)
    apply_policy(request.policy, results)
    return assignment, results


def path_in(request: Request, submission: Submission) -> Path:
    return gradebook.result_path(request.folder, submission.student)


def settings_path(folder: Path) -> Path:
    """Beside the class's summary, since a student can have any name."""
    return folder / "summary" / "settings.json"


def load_settings(folder: Path) -> dict[str, Any]:
    """The seed and the versions of a class that was graded; {} when there is none."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(settings_path(folder).read_text(encoding="utf-8")))
    return {}


def _run(request: Request, assignment: Assignment, todo: list[Submission]) -> None:
    """Grade submissions in `jobs` threads, and keep each result as soon as it is there."""
    import torch
    from tqdm import tqdm

    running: list[Grading] = []

    def one(slot: int, submission: Submission) -> None:
        grading = Grading(assignment, submission, request, slot)
        running.append(grading)
        try:
            result = grading.run()
            if not grading.interrupted:  # half a result would look like a whole one
                gradebook.write_json(path_in(request, submission), result.to_dict())
        except Exception:  # a bug of ours costs this submission alone
            traceback.print_exc()
        finally:
            running.remove(grading)

    for submission in todo:
        path_in(request, submission).unlink(missing_ok=True)
    bar = tqdm(total=len(todo), desc="grading", unit="submission", disable=not request.progress)
    jobs = max(1, request.jobs)
    with bar, ThreadPoolExecutor(jobs, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for _ in as_completed([pool.submit(one, *numbered) for numbered in enumerate(todo)]):
                bar.update()
        except BaseException:  # Ctrl-C: nothing new begins, and no worker stays behind
            pool.shutdown(wait=False, cancel_futures=True)
            for grading in list(running):
                grading.interrupt()
            raise


# One submission


class Grading:
    """One submission being graded: `run` gives its result; `interrupt`, from another thread, makes
    it end soon. The request's protection and seed are chosen."""

    def __init__(
        self, assignment: Assignment, submission: Submission, request: Request, slot: int = 0
    ) -> None:
        self.assignment, self.submission = assignment, submission
        self.request, self.slot = request, slot
        self.started = self.until = time.monotonic()
        self.client: Client | None = None
        self.interrupted = False
        self.unloadable: set[int] = set()
        self.raised: dict[str, Failure] = {}
        self.reports: dict[str, Report] = {}
        self.notes: list[str] = []
        self.unreadable = ""
        self.answers = Answers()
        self.auto = [question for question in assignment.questions if not question.by_hand]
        self.person = person_of(submission, request)

    def interrupt(self) -> None:
        self.interrupted, self.until = True, 0
        if self.client is not None:
            self.client.until = 0

    def run(self) -> Result:
        """Never raises for what a student did."""
        try:
            self.answers = read(self.assignment, self.submission)
            self._note_numbers()
        except Unreadable as error:
            self.unreadable = str(error)
        if not self.interrupted:
            self.until = time.monotonic() + self.request.limits.wall_seconds
        for question in self.auto:
            self._note_blank(question)
        while left := [q.id for q in self.auto if q.id not in self.reports]:
            try:
                self._run_notebook()
                break
            except SubjectLost as lost:
                # Without exercises: the worker could not start, or the time is up
                for exercise_id in lost.exercises or left:
                    self._lose(exercise_id, lost)
            finally:
                self._close()
        return self.result()

    def result(self, trouble: str = "") -> Result:
        """The result, with a report for every exercise. `trouble`: on what the grader broke."""
        missed = "this exercise was not reached"
        reports = [self.reports.get(q.id) or _blank(q, "error", missed) for q in self.auto]
        notes = (f"while running: {note}" for note in self.notes)
        found = list(dict.fromkeys([*self.answers.suspicions, *notes]))[:MAX_REMARKS]
        remarks = [*self.submission.remarks, *self.answers.remarks]
        more = len(remarks) - MAX_REMARKS
        status = "unreadable" if self.unreadable else gradebook.status_of(reports, found)
        text, pages = self.answers.text, self.answers.pages
        open_ones = [q for q in self.assignment.questions if q.by_hand and q.id in text]
        by_hand = {q.id: Written(q.points, text[q.id], pages[q.id]) for q in open_ones}
        result = Result(
            student=self.submission.student,
            file=self.submission.path.name.encode("utf-8", "replace").decode(),
            status="crashed" if trouble else status,
            max_points=self.assignment.max_points,
            reports=reports,
            message=trouble or self.unreadable,
            remarks=remarks[:MAX_REMARKS] + ([f"And {more} remarks more."] if more > 0 else []),
            suspicions=found,
            by_hand=by_hand,
            code=self.answers.code,
            seconds=round(time.monotonic() - self.started, 2),
            protection=WORDS[self.request.protection],
            seed=self.request.seed or 0,
            key="" if trouble else content_key(self.submission, self.assignment, self.request),
            lms_id=self.submission.lms_id,
            late=self.submission.late,
        )
        if not result.message:
            result.message = gradebook.message_of(result)
        return result

    def _close(self) -> None:
        if self.client is not None:
            self.notes += [note for note in self.client.notes if note not in self.notes]
            self.client.stop()
            self.client = None

    def _note_numbers(self) -> None:
        """Whose numbers the personal exercises have, where they are not the student's own."""
        ids = [q.id for q in self.auto if self.request.personal and course_record(q.id).personal]
        told = "the notebook has the course's numbers, not the student's own; judged on those."
        given = [key for key in ids if key in self.answers.as_given]
        if ids and not self.person:
            told = "not in the list of the class; judged on the course's numbers."
            given = ids
        self.answers.remarks += [f"{key}: {told}" for key in given]

    def _note_blank(self, question: Question) -> None:
        """The report of an exercise that has nothing to run."""
        source = self.answers.code.get(question.id)
        if self.unreadable:
            words = "the file cannot be read", ""
        elif source is None:
            words = "the answer is missing", "There is no cell with this answer."
        elif is_untouched(question, source) or not source.strip():
            words = "the answer is still the stub", "The cell is as it was handed out."
        else:
            return
        self.reports[question.id] = _blank(question, "not attempted", *words)

    def _run_notebook(self) -> None:
        """Run the cells in order, and judge what has no report yet. Raises SubjectLost, with the
        exercises that are lost by it."""
        if time.monotonic() > self.until:
            seconds = self.request.limits.wall_seconds
            raise SubjectLost("timeout", f"The submission took longer than {seconds:g} seconds.")
        how = self.request.protection, self.request.limits, self.until
        self.client = Client(*how, self.assignment.library, self.slot)
        self.client.until = self.until  # interrupted while it started?
        for number, load in enumerate(self.answers.loads):
            if number not in self.unloadable:
                self._load(number, load, self.client)
            for question in self.auto:
                if question.id in load.judged and question.id not in self.reports:
                    self.reports[question.id] = self._judge(question, self.client)

    def _load(self, number: int, load: Load, client: Client) -> None:
        """A cell that ends the worker is left out next time."""
        kind = "setup" if load.setup else "answer" if load.exercises else "added"
        try:
            answer = client.ask("load", id=load.key, source=load.source, kind=kind)
        except SubjectLost as lost:
            self.unloadable.add(number)
            lost.exercises = tuple(load.exercises) or ("",)
            if kind == "added":
                self.answers.remarks.append(f"Code of {load.key} was left out: {lost}")
            raise
        if raised := failure_from(answer.get("error")):
            for exercise_id in load.exercises:
                self.raised.setdefault(exercise_id, raised)

    def _judge(self, question: Question, client: Client) -> Report:
        own = "" if question.id in self.answers.as_given else self.person
        exercise = specs.find(question.id, own)
        subject = RemoteSubject(client, exercise.name, JUDGE)
        seed, points, title = self.request.seed, question.points, question.title
        try:
            with JUDGE:
                report = report_on(exercise, subject, seed=seed, points=points, title=title)
                if own and report.status == "failed" and course_record(question.id).personal:
                    report = self._whose(question, subject.value(), report)
        except SubjectLost as lost:
            lost.exercises = (question.id,)
            raise
        raised = self.raised.get(question.id)
        if report.diagnosis == "the answer is missing" and raised is not None:
            words = f"the cell raises {raised.kind}", f"The cell raised {raised}."
            return _blank(question, "failed", *words)
        return report

    def _whose(self, question: Question, value: Any, report: Report) -> Report:
        """The report of values that are right for another student's numbers, or the course's."""
        assert self.request.personal
        known = {"": "the course's notebook"} | self.request.personal.students()
        ways = {student: specs.find(question.id, student) for student in known}
        others = [known[s] for s, way in ways.items() if is_right(way, value)]
        if not others:
            return report
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        words = f"{question.id} is right for the numbers of {', '.join(others[:3])}{more}"
        self.answers.suspicions.append(words)
        words = "These values are right for other numbers than yours. Look at your own notebook."
        return replace(report, diagnosis="the values are right for other numbers", message=words)

    def _lose(self, exercise_id: str, lost: SubjectLost) -> None:
        words = "it did not end in time" if lost.reason == "timeout" else "its process ended"
        for question in self.auto:
            if question.id == exercise_id and exercise_id not in self.reports:
                self.reports[exercise_id] = _blank(question, lost.reason, words, str(lost))


def _blank(question: Question, status: str, diagnosis: str, message: str = "") -> Report:
    report = Report(question.id, status, question.title, 0, question.points)
    return replace(report, diagnosis=diagnosis, message=message)


def person_of(submission: Submission, request: Request) -> str:
    """The id of the student in the class that has personal numbers; "" for nobody in it."""
    if request.personal is None:
        return ""
    lms_id = "" if submission.handed_in_by == "Gradescope" else submission.lms_id
    return request.personal.id_of(request.personal.find(submission.student, lms_id))


def content_key(submission: Submission, assignment: Assignment, request: Request) -> str:
    """Changes when a new grading could give another result."""
    how = (request.limits, request.protection, request.seed, person_of(submission, request))
    known = fingerprint(tuple(question.id for question in assignment.questions))
    parts = (digest_of(submission), repr(replace(assignment, path=Path())), known, repr(how))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


@cache
def fingerprint(exercise_ids: tuple[str, ...]) -> str:
    """A digest of the versions, the library, the grader's code and what the checks say."""
    here = Path(__file__).resolve().parent
    files = sorted([*here.glob("*.py"), *(here.parent / "clipedu").rglob("*.py")])
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in files))
    digest.update(repr((versions(), *map(specs.spec_fingerprint, exercise_ids))).encode())
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """What inputs and results depend on beside the course's own code."""
    found = {name: version(name) for name in ("torch", "numpy")}
    return {"python": sys.version.split()[0], **found}
