"""The course's own exercises, in every lesson: solutions pass, stubs are not attempted, each wrong
variant fails under its own name, and each spec is sound."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from clipedu_classroom import specs
from clipedu_classroom.checks import report_on
from clipedu_classroom.exercise_reader import ExerciseRecord, parse_text
from clipedu_classroom.report import Report
from clipedu_classroom.specs import spec_problems
from clipedu_classroom.subject import MISSING, LocalSubject

LESSONS = Path(__file__).parents[2] / "clipedu_lessons"
SOURCES = [
    source
    for path in sorted(LESSONS.glob("l[0-9][0-9]_*/exercises.py"))
    for source in parse_text(path).exercises
    if source.kind != "investigate"
]
VARIANTS = [(source, wrong) for source in SOURCES for wrong in source.wrong]
each = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.id)


@cache
def setup(exercise_id: str) -> dict[str, Any]:
    source = next(one for one in SOURCES if one.id == exercise_id)
    space: dict[str, Any] = {"__name__": "exercise", **source.numbers()}
    exec(compile(source.setup, f"setup of {source.id}", "exec"), space)
    return space


def judge(source: ExerciseRecord, code: str, seed: int) -> Report:
    """The report on what a notebook with this cell would hand to check()."""
    exercise = specs.find(source.id)
    space = dict(setup(source.id))
    with contextlib.suppress(NotImplementedError):
        exec(compile(code, source.id, "exec"), space)
    found = tuple(space.get(name, MISSING) for name in exercise.names)
    answer: Any = found if isinstance(exercise.name, tuple) else found[0]
    if any(part is MISSING for part in found):
        answer = MISSING
    return report_on(exercise, LocalSubject(answer), seed=seed, points=1, title="")


@each
def test_spec_is_sound_and_asks_for_what_the_cell_defines(source: ExerciseRecord) -> None:
    exercise = specs.find(source.id)
    assert set(exercise.names) <= set(source.names)
    assert spec_problems(exercise, range(2)) == []


@each
def test_solution_passes(source: ExerciseRecord) -> None:
    for seed in range(3):
        report = judge(source, source.solution, seed)
        assert report.passed, report


@each
def test_stub_and_nothing_are_not_attempted(source: ExerciseRecord) -> None:
    for code in (source.stub, ""):
        report = judge(source, code, 0)
        assert (report.status, report.points) == ("not attempted", 0), report


@pytest.mark.parametrize(
    ("source", "wrong"), VARIANTS, ids=[f"{s.id}: {wrong.name}" for s, wrong in VARIANTS]
)
def test_wrong_variant_fails_under_its_own_name(source: ExerciseRecord, wrong: Any) -> None:
    for seed in range(3):
        report = judge(source, wrong.source, seed)
        assert (report.status, report.points) == ("failed", 0), report
        assert report.diagnosis == wrong.name, report


def test_every_spec_belongs_to_an_exercise() -> None:
    lessons = {path.name[1:3] for path in LESSONS.glob("l[0-9][0-9]_*")}
    written = {source.id for source in SOURCES}
    assert len(written) > 50
    for lesson in lessons:
        assert set(specs.of_lesson(lesson)) <= written
