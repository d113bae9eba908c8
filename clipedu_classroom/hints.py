"""Hints one at a time, the solution when it is earned or asked for, and where you stand.

Solutions are in the course's folder in plain sight; `solution` only keeps you from reading one by
accident. Grading does not rely on its being secret (`docs/GRADING.md`).
"""

from __future__ import annotations

import html
from dataclasses import dataclass, replace

from clipedu_classroom import catalogue, specs, state
from clipedu_classroom.catalogue import Entry
from clipedu_classroom.report import prose_html


@dataclass(frozen=True)
class Note:
    """A few lines to read in a notebook or a terminal; `code` is shown as code, `rows` as a table
    (first row: headings)."""

    text: str
    code: str = ""
    rows: tuple[tuple[str, ...], ...] = ()

    def __repr__(self) -> str:
        parts = [self.text, self.code, _aligned(self.rows)]
        return "\n\n".join(part for part in parts if part)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        parts = (
            [f'<p style="white-space:pre-wrap;max-width:52em">{prose_html(self.text)}</p>']
            if self.text
            else []
        )
        if self.code:
            parts.append(f"<pre><code>{html.escape(self.code)}</code></pre>")
        if self.rows:
            head, *body = self.rows
            left = 'style="text-align:left"'  # a browser's own choice may be to the right
            cells = "".join(f'<th scope="col" {left}>{html.escape(cell)}</th>' for cell in head)
            lines = [
                "<tr>" + "".join(f"<td {left}>{html.escape(cell)}</td>" for cell in row) + "</tr>"
                for row in body
            ]
            parts.append(
                f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
            )
        return f'<div role="status">{"".join(parts)}</div>'


def hint(exercise_id: str) -> Note:
    """The next hint of an exercise, with those already shown. Each call opens one more, from a
    nudge to a skeleton."""
    found = _entry(exercise_id)
    if isinstance(found, Note):
        return found
    if not found.hints:
        return Note(f"Exercise {exercise_id} has no hints.")
    progress, _ = state.load()
    shown = min(progress.get(exercise_id, state.Progress()).hints + 1, len(found.hints))
    _, message = state.update(exercise_id, hints=shown)
    lines = [
        f"Hint {i} of {len(found.hints)}: {text}" for i, text in enumerate(found.hints[:shown], 1)
    ]
    if shown == len(found.hints):
        lines.append(f'That was the last hint. `give_up("{exercise_id}")` opens the solution.')
    return Note("\n".join([*lines, *([message] if message else [])]))


def solution(exercise_id: str) -> Note:
    """The model solution, once the exercise is passed or given up; else how to get there."""
    found = _entry(exercise_id)
    if isinstance(found, Note):
        return found
    if found.kind == "investigate":
        return Note(
            f"Exercise {exercise_id} is an open question: no check can pass it. A model answer and "
            f"how its points are given stand in the notebook of this lesson in solutions/."
        )
    progress, message = state.load()
    item = progress.get(exercise_id, state.Progress())
    if not item.passed and not item.gave_up:
        text = (
            f"The solution of exercise {exercise_id} opens when its check passes. "
            f'`hint("{exercise_id}")` helps; `give_up("{exercise_id}")` opens it now, '
            "and that is recorded."
        )
        return Note(f"{text} {message}".strip())
    if not found.solution:
        return Note(
            f"Exercise {exercise_id} has no solution in code; see solutions/ in the course."
        )
    return Note(
        f"One solution of exercise {exercise_id}; yours may differ and be as good.", found.solution
    )


def give_up(exercise_id: str) -> Note:
    """Open the solution without a pass. Your own progress file records it, and nothing else."""
    found = _entry(exercise_id)
    if isinstance(found, Note):
        return found
    progress, message = state.load()
    if not progress.get(exercise_id, state.Progress()).passed:
        _, message = state.update(exercise_id, gave_up=True)
    note = solution(exercise_id)
    return replace(note, text=f"{note.text} {message}".strip())


def reset(exercise_id: str) -> Note:
    """Forget attempts, hints and passes of one exercise, and show the stub to start again from."""
    found = _entry(exercise_id)
    if isinstance(found, Note):
        return found
    message = state.forget(exercise_id)
    text = (
        f"Exercise {exercise_id} is as new. Put this in its cell to start again:"
        if found.stub
        else ""
    )
    text = text or f"Exercise {exercise_id} is as new."
    return Note(f"{text} {message}".strip(), found.stub)


def progress(lesson: str | int | None = None) -> Note:
    """Where you stand: one line per exercise, and the points so far.

    lesson: of this lesson alone, as "04" or 4; of the whole course without one.
    """
    try:
        known = list(catalogue.entries().values())
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
    for item in known:
        entry = done.get(item.id, state.Progress())
        score = f"{item.points if entry.passed else 0:g} of {item.points:g}"
        rows.append(
            (
                item.id,
                item.title,
                _in_words(item, entry),
                f"{item.points:g}, by hand" if item.kind == "investigate" else score,
                str(entry.hints),
                str(entry.attempts),
            )
        )
    points = sum(item.points for item in known if done.get(item.id, state.Progress()).passed)
    total = sum(item.points for item in known if item.kind != "investigate")
    text = f"{points:g} of {total:g} points{where}, counting exercises that a check can judge."
    return Note(f"{text} {message}".strip(), rows=tuple(rows))


def _in_words(item: Entry, entry: state.Progress) -> str:
    if entry.passed:
        return "passed"
    if item.kind == "investigate":
        return "open question, read by a person"
    return "given up" if entry.gave_up else entry.status or "not attempted"


def _entry(exercise_id: str) -> Entry | Note:
    """The exercise as the course describes it, or what to say when it does not."""
    try:
        known = catalogue.entries()
    except FileNotFoundError as error:
        return Note(f"Hints and solutions are read from the course's folder: {error}")
    except (OSError, SyntaxError) as error:
        return Note(f"The course's exercises cannot be read: {error}")
    if exercise_id in known:
        return known[exercise_id]
    lesson = str(exercise_id).partition(".")[0]
    near = (
        [key for key in known if key.startswith(f"{lesson}.")]
        or list(specs.of_lesson(lesson))
        or list(known)
    )
    return Note(f"There is no exercise {exercise_id!r}. There are: {', '.join(near)}.")


def _aligned(rows: tuple[tuple[str, ...], ...]) -> str:
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
