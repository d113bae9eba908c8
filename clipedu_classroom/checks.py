"""`check("03.1", my_loss)`: the question a student asks in a notebook.

It never raises there: a wrong answer, an answer that crashes, and a bug in the check itself all
come back as a `Report`. (nbgrader counts a cell that does not raise as right, so under nbgrader it
raises unless passed.) Inputs are drawn anew at every call: an answer cannot be fitted to them.
"""

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


def check(exercise_id: str, *answers: Any, seed: int | None = None) -> Report:
    """Check an answer and say what was found. Shows itself when it is the last line of a cell.

    exercise_id: "03.1". answers: the object itself (function, class or value); several when the
    exercise asks for several names; none at all looks the names up where the call stands. seed:
    draws the same inputs again.
    """
    try:
        exercise = specs.find(exercise_id)
    except specs.UnknownExercise as error:
        about = course_record(str(exercise_id))
        if about.kind == "investigate":
            return Report(
                about.id,
                "not attempted",
                title=about.title,
                diagnosis="an open question",
                message=f'An open question, read by people. `give_up("{about.id}")` answers it.',
            )
        return Report(
            str(exercise_id), "error", diagnosis="there is no such exercise", message=str(error)
        )
    except Exception as error:  # a spec that cannot be loaded
        words = f"The check itself failed ({type(error).__name__}: {error}). This is our bug."
        return Report(str(exercise_id), "error", diagnosis="the check failed", message=words)
    if not answers:
        around = sys._getframe(1).f_globals
        answers = tuple(around.get(name, MISSING) for name in exercise.names)
    about = course_record(exercise.id)
    if about.my_clip and (name := my_clip.borrowed(answers)):
        words = f"`{name}` comes from clipedu. Run the cell with your own, then this check."
        report = Report(exercise.id, "not attempted", about.title, 0, about.points)
        report = replace(report, diagnosis="the answer is the library's own", message=words)
    else:
        report = report_on(exercise, LocalSubject(_one(exercise, answers)), seed=seed)
    messages = [state.record_check(exercise.id, report.status, report.diagnosis)]
    if report.passed and not os.environ.get("NBGRADER_EXECUTION"):
        if about.my_clip:
            messages.append(my_clip.keep(about, answers, sys._getframe(1).f_globals))
        messages.append(reveal(about))
    print("".join(f"{message}\n" for message in messages if message), end="")
    return report.raise_if_failed() if os.environ.get("NBGRADER_EXECUTION") else report


def report_on(
    exercise: Exercise,
    subject: Subject,
    *,
    seed: int | None = None,
    points: float | None = None,
    title: str | None = None,
) -> Report:
    """Examine one answer and report. points and title: as in the notebook that is graded; by
    default, as the course says.

    Never raises, except SubjectLost when a remote answer times out or dies.
    """
    about = course_record(exercise.id) if points is None or title is None else None
    points = about.points if points is None and about else float(points or 0)
    title = about.title if title is None and about else title or ""
    try:
        report = examine(exercise, subject, secrets.randbits(31) if seed is None else seed)
    except SubjectLost:
        raise
    except Exception as error:
        words = (
            f"The check itself failed ({type(error).__name__}: {error}). "
            "This is a bug in the course, not in your answer."
        )
        return Report(
            exercise.id, "error", title, 0, points, diagnosis="the check failed", message=words
        )
    earned = points if report.passed else 0
    return replace(report, title=title, points=earned, max_points=points)


def _one(exercise: Exercise, answers: tuple[Any, ...]) -> Any:
    """One object: the answer, or the tuple of answers of an exercise with several names; MISSING
    when one is."""
    if any(answer is MISSING for answer in answers):
        return MISSING
    return answers[0] if len(answers) == 1 else answers
