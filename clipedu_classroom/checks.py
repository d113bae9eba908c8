"""`check("03.1", my_loss)`: the question a student asks in a notebook.

It never raises there: a bug in the check itself, too, comes back as a `Report`. (nbgrader counts a
cell that does not raise as right, so under nbgrader it raises unless passed.)"""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import replace
from typing import Any

from clipedu_classroom import my_clip, specs, state
from clipedu_classroom.examine import examine
from clipedu_classroom.exercise_reader import course_record
from clipedu_classroom.report import Report
from clipedu_classroom.spec import Exercise
from clipedu_classroom.start import reveal
from clipedu_classroom.subject import MISSING, LocalSubject, Subject, SubjectLost


def check(exercise_id: str, *answers: Any, seed: int | None = None, student: str = "") -> Report:
    """Check an answer and say what was found. Shows itself when it is the last line of a cell.

    exercise_id: "03.1". answers: the object itself (function, class or value); several when the
    exercise asks for several names; none at all looks the names up where the call stands. seed:
    draws the same inputs again. student: whose numbers the exercise has, where they are personal.
    """
    about = course_record(str(exercise_id))
    try:
        exercise = specs.find(exercise_id, student)
    except specs.UnknownExercise as error:
        if about.kind != "investigate":
            return _without_points(about, "error", "there is no such exercise", str(error))
        words = f'An open question, read by people. `give_up("{about.id}")` answers it.'
        return _without_points(about, "not attempted", "an open question", words)
    except Exception as error:  # a spec that cannot be loaded
        words = f"The check itself failed ({type(error).__name__}: {error}). This is our bug."
        return _without_points(about, "error", "the check failed", words)
    if not answers:
        around = sys._getframe(1).f_globals
        answers = tuple(around.get(name, MISSING) for name in exercise.names)
    if about.my_clip and (name := my_clip.borrowed(answers)):
        words = f"`{name}` comes from clipedu. Run the cell with your own, then this check."
        said = "the answer is the library's own"
        report = _without_points(about, "not attempted", said, words)
    else:
        several = exercise.names if len(answers) > 1 else exercise.names[0]
        report = report_on(exercise, LocalSubject.of(several, answers), seed=seed)
    messages = [state.record_check(exercise.id, report.status, report.diagnosis)]
    if report.passed and not os.environ.get("NBGRADER_EXECUTION"):
        if about.my_clip:
            messages.append(my_clip.keep(about, answers, sys._getframe(1).f_globals))
        messages.append(reveal(about))
    print("".join(f"{message}\n" for message in messages if message), end="")
    return report.raise_if_failed() if os.environ.get("NBGRADER_EXECUTION") else report


def _without_points(about: Any, status: str, diagnosis: str, words: str) -> Report:
    report = Report(about.id, status, about.title, 0, about.points)
    return replace(report, diagnosis=diagnosis, message=words)


def report_on(
    exercise: Exercise,
    subject: Subject,
    *,
    seed: int | None = None,
    points: float | None = None,
    title: str | None = None,
) -> Report:
    """Examine one answer and report. points and title: as in the notebook that is graded; by
    default, as the course says. Raises only SubjectLost, when a remote answer is."""
    points = course_record(exercise.id).points if points is None else points
    title = course_record(exercise.id).title if title is None else title
    try:
        report = examine(exercise, subject, secrets.randbits(31) if seed is None else seed)
    except SubjectLost:
        raise
    except Exception as error:
        words = f"The check itself failed ({type(error).__name__}: {error}). "
        words += "This is a bug in the course, not in your answer."
        report = Report(exercise.id, "error", diagnosis="the check failed", message=words)
    earned = points if report.passed else 0
    return replace(report, title=title, points=earned, max_points=points)
