"""What a right answer is: a lesson's `checks` hold a list `EXERCISES`, and the folder that
$CLIPEDU_SPECS names may hold more, as `lesson_NN.py` (`docs/GRADING.md`)."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import os
import traceback
from collections.abc import Iterable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from clipedu_classroom.calling import on_the_cpu
from clipedu_classroom.diagnose import GENERAL_DIAGNOSES
from clipedu_classroom.examine import draw_trial, examine
from clipedu_classroom.exercise_reader import course_record, read_once
from clipedu_classroom.source import LESSONS, Problem
from clipedu_classroom.spec import Exercise, FunctionExercise, Misconception, ValueExercise
from clipedu_classroom.stubs import bound_by
from clipedu_classroom.subject import LocalSubject
from clipedu_classroom.values import holds


class UnknownExercise(ValueError):
    """No exercise has this id; the message lists those of the lesson."""


def find(exercise_id: str, student: str = "") -> Exercise:
    """The spec of exercise "03.1", with a student's own numbers where it has such. Raises
    UnknownExercise."""
    lesson = str(exercise_id).partition(".")[0]
    exercises = of_lesson(lesson)
    if exercise_id not in exercises:
        known = f"Lesson {lesson!r} has: {', '.join(exercises) or 'none'}."
        raise UnknownExercise(f"There is no check for exercise {exercise_id!r}. {known}")
    exercise = exercises[exercise_id]
    if not student or not isinstance(exercise, ValueExercise) or not exercise.personal:
        return exercise
    made = exercise.personal(**course_record(exercise_id).numbers(student))
    return replace(made, variants=partial(exercise.variants, student))


@cache
def of_lesson(lesson: str) -> dict[str, Exercise]:
    """The exercises of lesson "03" by id, in order: the course's, with the wrong variants of its
    exercises.py, then your own, which take the place of those with the same id. Raises ValueError
    when an id is wrong or given twice."""
    course, own = lesson_specs(lesson)
    found = _declared(course, lesson)
    for key, exercise in found.items():
        text = Path(str(_folder(lesson))) / "exercises.py"
        variants = partial(misconceptions_of, text, key, exercise.name)
        found[key] = replace(exercise, variants=variants)
    return found | _declared(own, lesson)


def _declared(space: dict[str, Any], lesson: str) -> dict[str, Exercise]:
    found: dict[str, Exercise] = {}
    for exercise in space.get("EXERCISES", ()):
        said = f"{space['__file__']} declares exercise {exercise.id}"
        if not exercise.id.startswith(f"{lesson}."):
            raise ValueError(f"{said}; expected {lesson}.something.")
        if exercise.id in found:
            raise ValueError(f"{said} twice.")
        found[exercise.id] = exercise
    return found


@cache
def lesson_specs(lesson: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the checks of lesson "03" define: the course's, and the file in $CLIPEDU_SPECS."""
    course, own = {}, {}
    with on_the_cpu():  # a notebook may have another default device
        folder = _folder(lesson)
        if folder and importlib.util.find_spec(f"{LESSONS}.{folder.name}.checks"):
            course = vars(importlib.import_module(f"{LESSONS}.{folder.name}.checks"))
        if file := _own_file(lesson):
            own = {"__name__": file.stem, "__file__": str(file)}
            exec(compile(file.read_text(encoding="utf-8"), file, "exec"), own)
    return course, own


def library_needed(lesson: str) -> tuple[str, ...]:
    """The modules of the library that a submission may import while it is graded."""
    return tuple(name for space in lesson_specs(lesson) for name in space.get("LIBRARY_NEEDED", ()))


def given(lesson: str) -> str:
    """Code of the library, `GIVEN` in the lesson's checks, that a submission may use."""
    return "\n\n".join(space["GIVEN"] for space in lesson_specs(lesson) if "GIVEN" in space)


def spec_fingerprint(exercise_id: str) -> str:
    """A digest of the text that says what is right in an exercise: of your own file if it declares
    the exercise, else of the lesson's checks and exercises and of what lessons share."""
    lesson = exercise_id.partition(".")[0]
    file, folder = _own_file(lesson), _folder(lesson)
    files: list[Path] = []
    if file and exercise_id in _declared(lesson_specs(lesson)[1], lesson):
        files = [file]
    elif folder:
        beside = [path for path in folder.rglob("*.py") if path.name != "lesson.py"]
        files = sorted([*beside, *(folder.parent / "common").glob("*.py")])
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _folder(lesson: str) -> Path | None:
    package = importlib.util.find_spec(LESSONS) if lesson.isdigit() else None
    for folder in package.submodule_search_locations or () if package else ():
        for path in Path(folder).glob(f"l{lesson}_*/exercises.py"):
            return path.parent
    return None


def _own_file(lesson: str) -> Path | None:
    own = Path(os.environ.get("CLIPEDU_SPECS") or "/nowhere") / f"lesson_{lesson}.py"
    return own if lesson.isdigit() and own.is_file() else None


# ------------------------------------------------------ misconceptions from the wrong variants


@cache
def misconceptions_of(
    path: Path, exercise_id: str, name: str | tuple[str, ...], student: str = ""
) -> tuple[Misconception, ...]:
    """Those of one exercise's wrong variants, which may use its personal numbers; in order, without
    the variants that a general diagnosis names."""
    exercise = read_once(path, path.stat().st_mtime_ns)[exercise_id]
    setup, numbers = ast.parse(exercise.setup).body, exercise.numbers(student)
    return tuple(
        Misconception(variant.name, _answer(variant.source, setup, name, numbers), variant.hint)
        for variant in exercise.wrong
        if variant.name not in GENERAL_DIAGNOSES
    )


def _answer(
    source: str, setup: list[ast.stmt], name: str | tuple[str, ...], numbers: dict[str, Any]
) -> Any:
    """What a variant defines. Of the setup only what it needs is run."""
    cell = ast.parse(source)
    wanted, needed = _names(cell), set[ast.stmt]()
    while more := {x for x in setup if x not in needed and wanted.intersection(bound_by(x))}:
        needed |= more
        wanted |= {name for statement in more for name in _names(statement)}
    cell.body = [*(statement for statement in setup if statement in needed), *cell.body]
    space: dict[str, Any] = {"__name__": "variant", **numbers}
    exec(compile(cell, "variant", "exec"), space)
    return space[name] if isinstance(name, str) else tuple(space[part] for part in name)


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


# ---------------------------------------------------------------------- is a spec sound?


def own_spec_problems(lessons: Iterable[str] | None = None) -> list[Problem]:
    """What is wrong with the specs in $CLIPEDU_SPECS (of these lessons; None for all), each with
    its file and line."""
    folder = Path(os.environ.get("CLIPEDU_SPECS", ""))
    files = {path.stem[-2:]: path for path in sorted(folder.glob("lesson_[0-9][0-9].py"))}
    if not files:
        message = "CLIPEDU_SPECS names it, and it holds no file lesson_NN.py; unset it, or add one"
        return [Problem(folder, 1, "spec", message)]
    problems = []
    for lesson, path in files.items():
        if lessons is not None and lesson not in lessons:
            continue
        try:
            declared = _declared(lesson_specs(lesson)[1], lesson)
        except Exception as error:  # whatever the file raises
            message = f"it cannot be loaded: {type(error).__name__}: {error}"
            problems.append(Problem(path, _line_of(error, path), "spec", message))
            continue
        if not declared:
            message = "it declares no exercise; write a list EXERCISES = [...]"
            problems.append(Problem(path, 1, "spec", message))
        lines = path.read_text(encoding="utf-8").splitlines()
        for key, exercise in declared.items():
            line = next((n for n, text in enumerate(lines, 1) if f'"{key}"' in text), 1)
            found = [f"exercise {key}: {words}" for words in spec_problems(exercise)]
            problems += [Problem(path, line, "spec", message) for message in found]
    return problems


def _line_of(error: Exception, path: Path) -> int:
    """The line of the file at which loading it went wrong."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 1 for f in reversed(frames) if f.filename == str(path)), 1)


def spec_problems(exercise: Exercise, seeds: range = range(3)) -> list[str]:
    """What is wrong with a spec, in words; [] when nothing is."""
    if not isinstance(exercise, ValueExercise):  # the slow and obvious way may hold what it likes
        exercise = replace(exercise, limits=())
    names = [misconception.when for misconception in exercise.all_misconceptions]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [f"misconception {name!r} is listed twice" for name in twice]
    general = [name for name in names if name in GENERAL_DIAGNOSES]
    problems += [f"misconception {name!r} has the name of a general diagnosis" for name in general]
    if len(names) < 2:
        problems.append("fewer than two misconceptions: what do students get wrong here?")
    for seed in seeds:
        right: Any = exercise.value() if isinstance(exercise, ValueExercise) else exercise.reference
        verdict = examine(exercise, LocalSubject(right), seed)
        if verdict.status != "passed":
            words = f"{verdict.diagnosis}: {verdict.message}"
            problems.append(f"seed {seed}: the reference itself does not pass: {words}")
            continue
        for other in () if isinstance(exercise, ValueExercise) else exercise.accepts:
            if examine(exercise, LocalSubject(other), seed).status != "passed":
                problems.append(f"seed {seed}: an accepted alternative does not pass")
        for misconception in exercise.all_misconceptions:
            problems += _misconception_problems(exercise, misconception, seed)
    if isinstance(exercise, FunctionExercise):
        before = torch.random.get_rng_state()
        draw_trial(exercise, 0, 0, torch.float64)
        if not torch.equal(before, torch.random.get_rng_state()):
            problems.append("inputs draw from the global random state; use the generator they get")
    return list(dict.fromkeys(problems))


def _misconception_problems(
    exercise: Exercise, misconception: Misconception, seed: int
) -> list[str]:
    wrong, when = misconception.wrong, misconception.when
    if isinstance(exercise, ValueExercise):
        if callable(wrong):
            found = holds(wrong, exercise.value())
            return [f"{when!r} also holds for the right value"] if found else []
        wrong = {**exercise.value(), **wrong} if isinstance(wrong, dict) else wrong
    verdict = examine(exercise, LocalSubject(wrong), seed)
    if verdict.status != "failed":
        return [f"seed {seed}: {when!r} is {verdict.status}, expected failed"]
    if verdict.diagnosis != when:
        return [f"seed {seed}: {when!r} is diagnosed as {verdict.diagnosis!r}"]
    return []
