"""Grade one submission: its answers in a worker, the judgement here.

A `Grading` is asked for one report after the other. When an answer hangs or kills its worker, that
exercise is over and a new worker is started for the rest, so one bad cell costs one exercise.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path

from clipedu_classroom.assignment import Assignment, Question
from clipedu_classroom.calling import Failure
from clipedu_classroom.checks import report_on
from clipedu_classroom.effort import Budget
from clipedu_classroom.gradebook import Result, message_of, status_of
from clipedu_classroom.remote import Client, RemoteSubject, failure_from
from clipedu_classroom.report import Report
from clipedu_classroom.sandbox import WORDS, Limits
from clipedu_classroom.source import LESSONS
from clipedu_classroom.subject import SubjectLost
from clipedu_classroom.submissions import (
    Answers,
    Submission,
    Unreadable,
    is_untouched,
    read_bytes,
    read_cells,
    take_answers,
)
from clipedu_classroom.suspicion import suspicions


@dataclass(frozen=True)
class Settings:
    """How to grade: the same for a whole class."""

    protection: str = "limits"
    limits: Limits = field(default_factory=Limits)
    seed: int = 0
    hidden: tuple[Path, ...] = ()
    slot: int = 0


class Grading:
    """One submission being graded. Call `report` for each question, then `finish`; `close` ends the
    worker in any case.
    """

    def __init__(self, assignment: Assignment, submission: Submission, settings: Settings) -> None:
        self.assignment, self.submission, self.settings = assignment, submission, settings
        self.started = time.monotonic()
        self.budget = Budget(settings.limits.wall_seconds)
        self.client: Client | None = None
        self.lost: dict[str, SubjectLost] = {}
        self.unloadable: set[str] = set()
        self.raised: dict[str, Failure] = {}
        self.reports: dict[str, Report] = {}
        self.notes: list[str] = []
        self.output = ""
        self.unreadable = ""
        self.answers = Answers()
        content = b""
        try:
            content = read_bytes(submission)
            self.answers = take_answers(assignment, read_cells(content))
        except Unreadable as error:
            self.unreadable = str(error)
        except Exception as error:  # a shape of JSON that nobody thought of
            self.unreadable = f"The notebook cannot be read ({type(error).__name__})."
        self.key = content_key(content, assignment, settings)

    def report(self, question: Question) -> Report:
        """The report of one exercise; the same one when asked again. Never raises for what a
        student did.
        """
        if question.id not in self.reports:
            self.reports[question.id] = self._report(question)
        return self.reports[question.id]

    def finish(self) -> Result:
        """The result, with a report for every exercise of the assignment, asked for or not."""
        auto = [question for question in self.assignment.questions if not question.by_hand]
        reports = [
            self.reports.get(q.id) or self._blank(q, "error", "this exercise was not reached")
            for q in auto
        ]
        self._keep_notes()
        found = [words for source in self.answers.code.values() for words in suspicions(source)]
        found = list(dict.fromkeys([*found, *(f"while running: {note}" for note in self.notes)]))
        result = Result(
            student=self.submission.student,
            file=self.submission.path.name,
            status="unreadable" if self.unreadable else status_of(reports, found),
            max_points=self.assignment.max_points,
            reports=reports,
            message=self.unreadable,
            remarks=self._remarks(),
            suspicions=found,
            by_hand={
                q.id: (q.points, self.answers.text[q.id])
                for q in self.assignment.questions
                if q.by_hand and q.id in self.answers.text
            },
            output=self.output[:4000],
            seconds=round(time.monotonic() - self.started, 2),
            protection=WORDS[self.settings.protection],
            seed=self.settings.seed,
            key=self.key,
        )
        if not self.unreadable:
            result.message = message_of(result)
        self.close()
        return result

    def close(self) -> None:
        if self.client is not None:
            self._keep_notes()
            self.client.stop()
            self.client = None

    # One exercise

    def _report(self, question: Question) -> Report:
        if self.unreadable:
            return self._blank(question, "not attempted", "the file cannot be read")
        source = self.answers.code.get(question.id)
        if source is None:
            return self._blank(
                question,
                "not attempted",
                "the answer is missing",
                "There is no cell with this answer.",
            )
        if is_untouched(question, source) or not source.strip():
            return self._blank(
                question,
                "not attempted",
                "the answer is still the stub",
                "The cell is as it was handed out.",
            )
        try:
            client = self._ready(question)
            exercise = question.exercise
            assert exercise is not None
            subject = RemoteSubject(
                client, exercise.names, isinstance(exercise.name, tuple), source
            )
            report = report_on(
                exercise,
                subject,
                seed=self.settings.seed,
                points=question.points,
                title=question.title,
            )
        except SubjectLost as lost:
            self._lose_client()
            self.lost[question.id] = lost
            words = "it did not end in time" if lost.reason == "timeout" else "its process ended"
            return self._blank(question, lost.reason, words, str(lost))
        raised = self.raised.get(question.id)
        if report.diagnosis == "the answer is missing" and raised is not None:
            return self._blank(
                question, "failed", f"the cell raises {raised.kind}", f"The cell raised {raised}."
            )
        return report

    def _ready(self, question: Question) -> Client:
        """A worker in which all answers that can be loaded are. Raises SubjectLost when this
        question's cannot.
        """
        while self.client is None and question.id not in self.unloadable:
            if self.budget.is_empty:
                raise SubjectLost(
                    "timeout",
                    f"The submission took longer than {self.settings.limits.wall_seconds:g} "
                    "seconds.",
                )
            client = Client(
                self.settings.protection,
                self.settings.limits,
                self.budget,
                library=self.assignment.library,
                hidden=self.settings.hidden,
                slot=self.settings.slot,
            )
            self.client = client
            self._load(client)
        if question.id in self.unloadable:
            raise self.lost[question.id]
        assert self.client is not None
        return self.client

    def _load(self, client: Client) -> None:
        """Run the cells in order. A cell that ends the worker is left out next time."""
        for step in self.assignment.steps:
            if step.question is None:
                key, source = step.cell_id, step.source
            elif step.question in self.answers.code:
                key, source = step.question, self.answers.code[step.question]
            else:
                continue
            if key in self.unloadable:
                continue
            try:
                answer = client.ask(
                    "load", id=step.cell_id, source=source, setup=step.question is None
                )
            except SubjectLost as lost:
                self._lose_client()
                self.unloadable.add(key)
                self.lost[key] = lost
                return
            raised = failure_from(answer.get("error"))
            if raised is not None and step.question is not None:
                self.raised[step.question] = raised

    def _lose_client(self) -> None:
        if self.client is not None:
            self.close()

    def _keep_notes(self) -> None:
        if self.client is not None:
            self.notes += [note for note in self.client.notes if note not in self.notes]
            self.output = self.output or bytes(self.client.running.output).decode(
                "utf-8", "replace"
            )

    def _blank(self, question: Question, status: str, diagnosis: str, message: str = "") -> Report:
        return Report(
            question.id,
            status,
            question.title,
            0,
            question.points,
            diagnosis=diagnosis,
            message=message,
        )

    def _remarks(self) -> list[str]:
        remarks = list(self.answers.remarks)
        if self.answers.dropped:
            unit = "cell is" if self.answers.dropped == 1 else "cells are"
            remarks.append(
                f"{self.answers.dropped} added {unit} not graded: only the answer cells are taken."
            )
        return remarks


def content_key(content: bytes, assignment: Assignment, settings: Settings) -> str:
    """Changes when a new grading could give another result: the submission, the assignment, the
    checks, the protection.
    """
    digest = hashlib.sha256()
    for part in (
        content,
        assignment.path.read_bytes(),
        checks_fingerprint(),
        str(settings.limits).encode(),
        settings.protection.encode(),
    ):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def checks_fingerprint() -> bytes:
    """A digest of the grader's code and of all lessons' checks."""
    digest = hashlib.sha256()
    here = Path(__file__).resolve().parent
    for path in sorted([*here.rglob("*.py"), *(here.parent / LESSONS).glob("*/checks/*.py")]):
        digest.update(path.read_bytes())
    return digest.digest()
