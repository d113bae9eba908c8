"""Hints one at a time, the solution when it is earned or asked for, and where you stand. Solutions
are in plain sight; `solution` only keeps you from reading one by accident."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace

from clipedu_classroom import my_clip, specs, state
from clipedu_classroom.exercise_reader import ExerciseRecord, course_records
from clipedu_classroom.report import prose_html
from clipedu_classroom.source import LessonError
from clipedu_classroom.stubs import without_marks


@dataclass(frozen=True)
class Note:
    """A few lines to read in a notebook or a terminal; `code` is shown as code, `rows` as a table
    (first row: headings)."""

    text: str
    code: str = ""
    rows: tuple[tuple[str, ...], ...] = ()

    def __repr__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in self.rows]
        return "\n\n".join(filter(None, [self.text, self.code, "\n".join(lines)]))

    __str__ = __repr__

    def _repr_html_(self) -> str:
        parts = []
        if self.text:
            style = "white-space:pre-wrap;max-width:52em"
            parts.append(f'<p style="{style}">{prose_html(self.text)}</p>')
        if self.code:
            parts.append(f"<pre><code>{html.escape(self.code)}</code></pre>")
        if self.rows:
            head, *body = self.rows
            parts += ["<table><thead>", _row(head, 'th scope="col"'), "</thead><tbody>"]
            parts += [*(_row(row, "td") for row in body), "</tbody></table>"]
        return f'<div role="status">{"".join(parts)}</div>'


def _row(cells: tuple[str, ...], tag: str) -> str:
    start = f'<{tag} style="text-align:left">'  # a browser's own choice may be to the right
    end = f"</{tag[:2]}>"
    return f"<tr>{''.join(start + html.escape(cell) + end for cell in cells)}</tr>"


def hint(exercise_id: str) -> Note:
    """The next hint of an exercise, with those already shown. Each call opens one more, from a
    nudge to a skeleton."""
    if isinstance(found := _record(exercise_id), Note):
        return found
    count = len(found.hints)
    if not count:
        return Note(f"Exercise {exercise_id} has no hints.")
    shown = min(state.of(exercise_id)[0].hints + 1, count)
    message = state.update(exercise_id, hints=shown)
    lines = [f"Hint {i} of {count}: {text}" for i, text in enumerate(found.hints[:shown], 1)]
    if shown == count:
        lines.append(f'That was the last hint. `give_up("{exercise_id}")` opens the solution.')
    return Note("\n".join([*lines, *([message] if message else [])]))


def solution(exercise_id: str) -> Note:
    """The model solution, once the exercise is passed or given up; else how to get there."""
    if isinstance(found := _record(exercise_id), Note):
        return found
    item, message = state.of(exercise_id)
    if found.kind == "investigate":
        told = f'Write yours; `give_up("{exercise_id}")` then shows a model answer and its points.'
        told = f"{found.answer}\n\n{found.rubric}" if item.gave_up else told
        return Note(f"Exercise {exercise_id} is an open question: no check can pass it. {told}")
    if not item.passed and not item.gave_up:
        text = f"The solution of exercise {exercise_id} opens when its check passes."
        ways = f'`hint("{exercise_id}")` helps; `give_up("{exercise_id}")` opens it now,'
        return Note(f"{text} {ways} and that is recorded. {message}".strip())
    text = f"One solution of exercise {exercise_id}; yours may differ and be as good."
    text += " It has the course's own numbers." if found.personal else ""
    return Note(text, without_marks(found.solution))


def give_up(exercise_id: str) -> Note:
    """Open the solution without a pass. Your own progress file records it, and nothing else."""
    if isinstance(found := _record(exercise_id), Note):
        return found
    item, message = state.of(exercise_id)
    if not item.passed:
        message = state.update(exercise_id, gave_up=True)
    note = solution(exercise_id)
    return replace(note, text=f"{note.text} {message}".strip())


def reset(exercise_id: str) -> Note:
    """Forget attempts, hints and passes of one exercise, and show the stub to start again from."""
    if isinstance(found := _record(exercise_id), Note):
        return found
    message = state.forget(exercise_id)
    how = " Put this in its cell to start again:" if found.stub else ""
    return Note(f"Exercise {exercise_id} is as new.{how} {message}".strip(), found.stub)


def progress(lesson: str | int | None = None) -> Note:
    """Your progress, one line per exercise, and the points so far; of one lesson, as "04" or 4."""
    try:
        known = list(course_records().values())
    except FileNotFoundError as error:
        return Note(str(error))
    where = ""
    if lesson is not None:
        wanted = str(lesson).strip().partition(".")[0].zfill(2)
        lessons = dict.fromkeys(item.id.partition(".")[0] for item in known)
        if wanted not in lessons:
            return Note(f"No lesson {lesson!r} has exercises. These have: {', '.join(lessons)}.")
        known = [item for item in known if item.id.startswith(f"{wanted}.")]
        where = f" in lesson {wanted}"
    done, message = state.load()
    rows = [("exercise", "title", "state", "points", "hints used", "attempts")]
    points = total = 0.0
    for item in known:
        entry = done.get(item.id, state.Progress())
        by_hand = item.kind == "investigate"
        earned = item.points if entry.passed else 0
        score = f"{item.points:g}, by hand" if by_hand else f"{earned:g} of {item.points:g}"
        points += earned
        total += 0 if by_hand else item.points
        words = _in_words(entry, by_hand)
        rows.append((item.id, item.title, words, score, str(entry.hints), str(entry.attempts)))
    text = f"{points:g} of {total:g} points{where}, counting exercises that a check can judge."
    lines = [f"{text} {message}".strip(), my_clip.bar()]
    return Note("\n".join(line for line in lines if line), rows=tuple(rows))


def _in_words(entry: state.Progress, by_hand: bool) -> str:
    if entry.passed:
        return "passed"
    words = "given up" if entry.gave_up else entry.status or "not attempted"
    return "open question, read by a person" if by_hand else words


def _record(exercise_id: str) -> ExerciseRecord | Note:
    """The exercise as the course describes it, or what to say when it does not."""
    try:
        known = course_records()
    except FileNotFoundError as error:
        return Note(f"Hints and solutions are read from the course's folder: {error}")
    except (OSError, LessonError) as error:
        return Note(f"The course's exercises cannot be read: {error}")
    if exercise_id in known:
        return known[exercise_id]
    lesson = str(exercise_id).partition(".")[0]
    near = [key for key in known if key.startswith(f"{lesson}.")]
    near = near or list(specs.of_lesson(lesson)) or list(known)
    return Note(f"There is no exercise {exercise_id!r}. There are: {', '.join(near)}.")
