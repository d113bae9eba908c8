"""What a right answer is, exercise by exercise: a lesson's `checks` hold a list `EXERCISES`.

How to write one, with an exercise of each kind, is in `docs/GRADING.md`.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from clipedu_classroom.calling import on_the_cpu, run
from clipedu_classroom.catalogue import description
from clipedu_classroom.diagnose import GENERAL_DIAGNOSES
from clipedu_classroom.examine import draw_trial, examine
from clipedu_classroom.source import LESSONS, plain_cells
from clipedu_classroom.spec import Exercise, Misconception, ModuleExercise, ValueExercise
from clipedu_classroom.stubs import BEGIN
from clipedu_classroom.subject import LocalSubject


def spec_problems(exercise: Exercise, seeds: range = range(3)) -> list[str]:
    """What is wrong with a spec, in words; [] when nothing is."""
    problems: list[str] = []
    names = [misconception.when for misconception in exercise.all_misconceptions]
    problems += [
        f"misconception {name!r} is listed twice" for name in set(names) if names.count(name) > 1
    ]
    problems += [
        f"misconception {name!r} has the name of a general diagnosis"
        for name in names
        if name in GENERAL_DIAGNOSES
    ]
    if len(names) < 2:
        problems.append("fewer than two misconceptions: what do students get wrong here?")
    for seed in seeds:
        right: Any = exercise.value() if isinstance(exercise, ValueExercise) else exercise.reference
        verdict = examine(exercise, LocalSubject(right, ""), seed)
        if verdict.status != "passed":
            words = f"{verdict.diagnosis}: {verdict.message}"
            problems.append(f"seed {seed}: the reference itself does not pass: {words}")
            continue
        for other in () if isinstance(exercise, ValueExercise) else exercise.accepts:
            if examine(exercise, LocalSubject(other, ""), seed).status != "passed":
                problems.append(f"seed {seed}: an accepted alternative does not pass")
        for misconception in exercise.all_misconceptions:
            problems += _misconception_problems(exercise, misconception, seed)
    if not isinstance(exercise, ValueExercise):
        problems += _reference_problems(exercise)
    return list(dict.fromkeys(problems))


def _misconception_problems(exercise: Exercise, misconception: Any, seed: int) -> list[str]:
    wrong = misconception.wrong
    if isinstance(exercise, ValueExercise):
        if callable(wrong):
            return (
                [f"{misconception.when!r} also holds for the right value"]
                if _holds(wrong, exercise.value())
                else []
            )
        wrong = {**exercise.value(), **wrong} if isinstance(wrong, dict) else wrong
    verdict = examine(exercise, LocalSubject(wrong, ""), seed)
    if verdict.status != "failed":
        return [f"seed {seed}: {misconception.when!r} is {verdict.status}, expected failed"]
    if verdict.diagnosis != misconception.when:
        return [f"seed {seed}: {misconception.when!r} is diagnosed as {verdict.diagnosis!r}"]
    return []


def _holds(predicate: Any, value: Any) -> bool:
    try:
        return bool(predicate(value))
    except Exception:
        return False


def _reference_problems(exercise: Any) -> list[str]:
    """Inputs come from the generator they are given, and the reference works for them."""
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    trial = draw_trial(exercise, 0, 0, torch.float64)
    problems = []
    if not isinstance(exercise, ModuleExercise) and not torch.equal(
        before, torch.random.get_rng_state()
    ):
        problems.append("inputs draw from the global random state; use the generator they get")
    error = run(exercise.reference, trial).error
    if error:
        problems.append(f"the reference raises {error}")
    return problems


TITLE = re.compile(r'# ?%% (.+?) tags=\["wrong"\]')
HINT = re.compile(r"# hint: (.+)")


@cache
def misconceptions_of(
    path: Path, exercise_id: str, name: str | tuple[str, ...]
) -> tuple[Misconception, ...]:
    """Those of one exercise, in order; without the variants that a general diagnosis names."""
    given: list[ast.stmt] = []
    found: list[Misconception] = []
    current = ""
    for marker, source in plain_cells(path.read_text(encoding="utf-8-sig")):
        title = TITLE.match(marker)
        if about := description(source):
            current = about["id"]
        elif title and current == exercise_id and title[1] not in GENERAL_DIAGNOSES:
            hint = HINT.match(source)
            wrong = _answer(source, given, name)
            found.append(Misconception(title[1], wrong, hint[1] if hint else ""))
        elif not title and "[markdown]" not in marker and BEGIN not in source:
            given += ast.parse(source).body
    return tuple(found)


def _answer(source: str, given: list[ast.stmt], name: str | tuple[str, ...]) -> Any:
    """What the cell defines. Of the code `given` above it, only what it needs is run."""
    cell = ast.parse(source)
    wanted, needed = _names(cell), set[ast.stmt]()
    while more := {each for each in given if each not in needed and _bound(each) & wanted}:
        needed |= more
        wanted |= {name for statement in more for name in _names(statement)}
    cell.body = [*(statement for statement in given if statement in needed), *cell.body]
    space: dict[str, Any] = {"__name__": "variant"}
    exec(compile(cell, "variant", "exec"), space)
    return space[name] if isinstance(name, str) else tuple(space[part] for part in name)


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement on the top level binds."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return {name for target in targets for name in _names(target)}


class UnknownExercise(ValueError):
    """No exercise has this id; the message lists those of the lesson."""


@cache
def lesson_module(lesson: str) -> ModuleType | None:
    """The spec module of lesson "03", or None when the lesson has none.

    Modules of a course of your own are found in the folder that $CLIPEDU_SPECS names.
    """
    if not lesson.isdigit():
        return None
    with on_the_cpu():  # a notebook may have another default device
        return _load(lesson)


def _folder(lesson: str) -> Path | None:
    package = importlib.util.find_spec(LESSONS)
    for folder in package.submodule_search_locations or () if package else ():
        for path in Path(folder).glob(f"l{lesson}_*/exercises.py"):
            return path.parent
    return None


def _load(lesson: str) -> ModuleType | None:
    folder = _folder(lesson)
    if folder and importlib.util.find_spec(f"{LESSONS}.{folder.name}.checks"):
        return importlib.import_module(f"{LESSONS}.{folder.name}.checks")
    own = Path(os.environ.get("CLIPEDU_SPECS") or "/nowhere") / f"lesson_{lesson}.py"
    if not own.is_file():
        return None
    spec = importlib.util.spec_from_file_location(f"checks_of_lesson_{lesson}", own)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def of_lesson(lesson: str) -> dict[str, Exercise]:
    """The exercises of lesson "03" by id, in the order of the module, with the wrong variants of
    its exercises.py. Raises ValueError when an id is wrong or given twice.
    """
    module = lesson_module(lesson)
    folder = _folder(lesson) if module else None
    found: dict[str, Exercise] = {}
    for exercise in getattr(module, "EXERCISES", ()) if module else ():
        if not exercise.id.startswith(f"{lesson}."):
            raise ValueError(
                f"lesson_{lesson}.py declares exercise {exercise.id}; expected {lesson}.something."
            )
        if exercise.id in found:
            raise ValueError(f"lesson_{lesson}.py declares exercise {exercise.id} twice.")
        if folder:
            text = folder / "exercises.py"
            variants = partial(misconceptions_of, text, exercise.id, exercise.name)
            exercise = replace(exercise, variants=variants)
        found[exercise.id] = exercise
    return found


def find(exercise_id: str) -> Exercise:
    """The spec of exercise "03.1". Raises UnknownExercise."""
    lesson = str(exercise_id).partition(".")[0]
    exercises = of_lesson(lesson)
    if exercise_id not in exercises:
        known = ", ".join(exercises) or "none"
        raise UnknownExercise(
            f"There is no check for exercise {exercise_id!r}. Lesson {lesson!r} has: {known}."
        )
    return exercises[exercise_id]
