"""Grade one submission: its answers in a worker, the judgement here.

The worker runs the student's answers in the student's order, and each exercise is judged where the
notebook checked it. When an answer hangs or kills its worker, that exercise is over and a new
worker is started for the rest, so one bad cell costs one exercise.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import stat
import sys
import time
import traceback
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from clipedu_classroom import specs
from clipedu_classroom.answers import Answers, Load, is_untouched
from clipedu_classroom.assignment import Assignment, Question
from clipedu_classroom.calling import Failure
from clipedu_classroom.checks import report_on
from clipedu_classroom.gradebook import Result, Written, message_of, save_result, status_of
from clipedu_classroom.remote import Budget, Client, RemoteSubject, failure_from
from clipedu_classroom.report import Report
from clipedu_classroom.sandbox import WORDS, Limits
from clipedu_classroom.source import LESSONS
from clipedu_classroom.subject import SubjectLost
from clipedu_classroom.submissions import MAX_BYTES, Submission, Unreadable, read

MAX_REMARKS = 20


@dataclass(frozen=True)
class Settings:
    """How to grade: the same for a whole class."""

    protection: str = "limits"
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    hidden: tuple[Path, ...] = ()
    slot: int = 0


class Grading:
    """One submission being graded: `run` gives its result, `close` ends the worker in any case."""

    def __init__(self, assignment: Assignment, submission: Submission, settings: Settings) -> None:
        self.assignment, self.submission, self.settings = assignment, submission, settings
        self.started = time.monotonic()
        self.client: Client | None = None
        self.unloadable: set[int] = set()
        self.raised: dict[str, Failure] = {}
        self.reports: dict[str, Report] = {}
        self.notes: list[str] = []
        self.output = ""
        self.unreadable = ""
        self.answers = Answers()
        self.auto = [question for question in assignment.questions if not question.by_hand]

    def run(self) -> Result:
        """Never raises for what a student did."""
        try:
            self.answers = read(self.assignment, self.submission)
        except Unreadable as error:
            self.unreadable = str(error)
        self.budget = Budget(self.settings.limits.wall_seconds)
        for question in self.auto:
            self._note_blank(question)
        while any(question.id not in self.reports for question in self.auto):
            try:
                self._run_notebook()
                break
            except SubjectLost as lost:
                if not lost.exercises:  # the worker could not start, or the time is up
                    lost.exercises = tuple(q.id for q in self.auto if q.id not in self.reports)
                for exercise_id in lost.exercises:
                    self._lose(exercise_id, lost)
            finally:
                self.close()
        return self.result()

    def result(self) -> Result:
        """The result, with a report for every exercise of the assignment."""
        reports = [
            self.reports.get(q.id) or _blank(q, "error", "this exercise was not reached")
            for q in self.auto
        ]
        notes = (f"while running: {note}" for note in self.notes)
        found = list(dict.fromkeys([*self.answers.suspicions, *notes]))[:MAX_REMARKS]
        remarks = [*self.submission.remarks, *self.answers.remarks]
        more = len(remarks) - MAX_REMARKS
        result = Result(
            student=self.submission.student,
            file=self.submission.path.name.encode("utf-8", "replace").decode(),
            status="unreadable" if self.unreadable else status_of(reports, found),
            max_points=self.assignment.max_points,
            reports=reports,
            message=self.unreadable,
            remarks=remarks[:MAX_REMARKS] + ([f"And {more} remarks more."] if more > 0 else []),
            suspicions=found,
            by_hand={
                q.id: Written(q.points, self.answers.text[q.id], self.answers.pages[q.id])
                for q in self.assignment.questions
                if q.by_hand and q.id in self.answers.text
            },
            output=self.output[:4000],
            seconds=round(time.monotonic() - self.started, 2),
            protection=WORDS[self.settings.protection],
            seed=self.settings.seed,
            key=content_key(self.submission, self.assignment, self.settings),
            lms_id=self.submission.lms_id,
            late=self.submission.late,
        )
        if not self.unreadable:
            result.message = message_of(result)
        return result

    def close(self) -> None:
        if self.client is not None:
            self.notes += [note for note in self.client.notes if note not in self.notes]
            printed = bytes(self.client.running.output).decode("utf-8", "replace")
            self.output = self.output or printed
            self.client.stop()
            self.client = None

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
        if self.budget.is_empty:
            seconds = self.settings.limits.wall_seconds
            raise SubjectLost("timeout", f"The submission took longer than {seconds:g} seconds.")
        self.client = Client(
            self.settings.protection,
            self.settings.limits,
            self.budget,
            library=self.assignment.library,
            hidden=self.settings.hidden,
            slot=self.settings.slot,
        )
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
            lost.exercises = load.exercises or ("",)
            if kind == "added":
                self.answers.remarks.append(f"Code of {load.key} was left out: {lost}")
            raise
        raised = failure_from(answer.get("error"))
        for exercise_id in load.exercises if raised else ():
            self.raised.setdefault(exercise_id, raised)  # type: ignore[arg-type]

    def _judge(self, question: Question, client: Client) -> Report:
        exercise = specs.find(question.id)
        source = self.answers.code[question.id]
        several = isinstance(exercise.name, tuple)
        subject = RemoteSubject(client, exercise.names, several, source)
        seed = self.settings.seed
        try:
            report = report_on(
                exercise, subject, seed=seed, points=question.points, title=question.title
            )
        except SubjectLost as lost:
            lost.exercises = (question.id,)
            raise
        raised = self.raised.get(question.id)
        if report.diagnosis == "the answer is missing" and raised is not None:
            words = f"the cell raises {raised.kind}", f"The cell raised {raised}."
            return _blank(question, "failed", *words)
        return report

    def _lose(self, exercise_id: str, lost: SubjectLost) -> None:
        words = "it did not end in time" if lost.reason == "timeout" else "its process ended"
        for question in [question for question in self.auto if question.id == exercise_id]:
            report = _blank(question, lost.reason, words, str(lost))
            self.reports.setdefault(exercise_id, report)


def _blank(question: Question, status: str, diagnosis: str, message: str = "") -> Report:
    report = Report(question.id, status, question.title, 0, question.points)
    return replace(report, diagnosis=diagnosis, message=message)


def content_key(submission: Submission, assignment: Assignment, settings: Settings) -> str:
    """Changes when a new grading could give another result: the submission, the assignment, the
    checks, the protection."""
    digest = hashlib.sha256()
    for part in (
        repr(submission).encode("utf-8", "replace"),
        repr(assignment).encode(),
        checks_fingerprint(),
        str(settings.limits).encode(),
        settings.protection.encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    for path in dict.fromkeys(file.path for file in submission.files):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            digest.update(f"{size} {os.path.getmtime(path) if size > MAX_BYTES else 0}".encode())
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and size <= MAX_BYTES:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@cache
def checks_fingerprint() -> bytes:
    """A digest of the grader's code and of all lessons' checks and wrong variants."""
    digest = hashlib.sha256()
    here = Path(__file__).resolve().parent
    lessons = here.parent / LESSONS
    parts = [lessons.glob(f"*/{name}.py") for name in ("checks", "checks/*", "exercises")]
    own = os.environ.get("CLIPEDU_SPECS")
    parts += [Path(own).glob("*.py")] if own else []
    for path in sorted([*here.rglob("*.py"), *(path for part in parts for path in part)]):
        digest.update(path.read_bytes())
    return digest.digest()


def main() -> None:
    """A process that grades: `grade` names a submission by its number, on a line of standard input.

    It writes the result into the results folder and answers with a line. A submission on which it
    breaks or hangs costs itself alone: `grade` starts another process for the rest.
    """
    import torch

    torch.set_num_threads(1)
    assignment, submissions, folder, settings = pickle.loads(Path(sys.argv[1]).read_bytes())
    settings = replace(settings, slot=int(sys.argv[2]))
    print("ready", flush=True)
    for line in sys.stdin:
        grading = Grading(assignment, submissions[int(line)], settings)
        try:
            save_result(folder, grading.run())
        except Exception:  # a bug of ours
            traceback.print_exc()
        finally:
            grading.close()
        print("done", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # half a result would look like a whole one: nothing is written
        sys.exit(130)
