"""Is a spec itself right? Every spec of the course is held against this by the tests, and each rule
is proved able to fail.
"""

from __future__ import annotations

from typing import Any

import torch

from clipedu_classroom.calling import run
from clipedu_classroom.diagnose import GENERAL_DIAGNOSES
from clipedu_classroom.examine import examine
from clipedu_classroom.spec import Exercise, ModuleExercise, ValueExercise
from clipedu_classroom.subject import LocalSubject
from clipedu_classroom.trials import draw_trial


def spec_problems(exercise: Exercise, seeds: range = range(3)) -> list[str]:
    """What is wrong with a spec, in words; [] when nothing is."""
    problems: list[str] = []
    names = [misconception.when for misconception in exercise.misconceptions]
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
        for misconception in exercise.misconceptions:
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
