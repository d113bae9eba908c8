"""What a right answer is, exercise by exercise: a lesson's `checks` hold a list `EXERCISES`.

How to write a spec. A complete `lesson_03.py` with one exercise of each kind:

    import torch
    from torch import Tensor, nn
    from torch.nn.functional import cross_entropy

    from clipedu_classroom.spec import FunctionExercise, Misconception, ModuleExercise, Property
    ValueExercise


    def right(logits: Tensor) -> Tensor:                       # the reference: from the library, or
    spelled out
        labels = torch.arange(len(logits))
        return (cross_entropy(logits, labels) + cross_entropy(logits.T, labels)) / 2


    def rows_only(logits: Tensor) -> Tensor:                   # a misconception: a wrong answer
    that runs
        return cross_entropy(logits, torch.arange(len(logits)))


    def draw(generator: torch.Generator) -> dict:              # fresh inputs for each trial; let
    the sizes vary
        n = int(torch.randint(3, 8, (), generator=generator))
        return {"logits": 3 * torch.randn(n, n, generator=generator)}


    EXERCISES = [
        FunctionExercise(
            id="03.2",
            name="contrastive_loss",                           # what the student's cell defines
            reference=right,
            inputs=draw,
            gradient=("logits",),                              # inputs whose gradient must flow and
            be right properties=(
                Property(
                    "the result changes when pictures and captions swap roles",
                    lambda f, logits: (f(logits), f(logits.T)),    # two things that must be equal
                ),
            ),
            extremes={"logits of a thousand": lambda g: {"logits": 1000 * torch.eye(4)}},
            misconceptions=(
                Misconception("only the rows are scored, not the columns", rows_only, "Which axis is
                the softmax over?"), Misconception(
                    "the two losses are added, not averaged",
                    lambda logits: 2 * right(logits),
                    "What should the loss of an untrained model be?",
                ),
            ),
        ),
        ModuleExercise(
            id="03.4",
            name="Scale",
            reference=Scale,                                   # the right nn.Module class
            init={"width": 8},                                 # its constructor's arguments, given
            by position inputs=lambda g: {"x": torch.randn(2, 8, generator=g)},
            gradient=("x", "parameters"),
            misconceptions=(Misconception("the scale is not exponentiated", ScaleWithoutExp),),
        ),
        ValueExercise(
            id="03.1",
            name="loss_at_start",
            expected=4.1589,                                   # or a function of no arguments; also
            str, tuple, dict tolerance=0.01,
            misconceptions=(
                Misconception("the logarithm has base 2", 6.0, "The loss is in nats."),
                Misconception("the logarithm is forgotten", 64.0),
                Misconception("a percentage is given for a number of nats", lambda value: value >
                100),
            ),
        ),
    ]

The rules, which `spec_problems` (and so the tests) hold:
* `when` completes "this is what you get when ..." and is, word for word, the title of the wrong
  variant in the lesson's `exercises.py`. That file holds whole wrong submissions, as a student
  would write them; this one holds what they compute. A wrong variant may also be titled with one of
  the general diagnoses (`GENERAL_DIAGNOSES`), which need no misconception here.
* The reference passes its own exercise for any seed; each misconception fails it, and fails it
  under its own name.
* A reference neither changes its inputs (unless `changes` says so) nor uses the global random
  state.
* Inputs are drawn in float32; the engine runs them in float64 and falls back to float32 for an
  answer that insists on it.
* Inputs hold tensors, arrays, plain data, or functions of these (a text encoder, say); nothing else
  travels to the grader's worker.
* An answer that returns a Python number for a () tensor, a list for a tuple, or has other argument
  names is right. If another reading of the exercise is legitimate, list it in `accepts`. If the
  order of a list does not matter, say `unordered=True`.
* A misconception names an answer that agrees with it on all that was seen; when none does, on all
  ordinary inputs. So a student's code need not fail on extreme inputs as yours does.
* Where the task asks for a way of working (a chunk at a time), list what breaks it in `habits`. A
  habit is read in the answer's code, after all values have been found right.
* `autograd=False` for an answer that shall be derived by hand: no gradient can be asked for inside.
* `LIBRARY_NEEDED = ("clipedu.plots",)` in a lesson's module names library modules that a submission
  may import while it is graded. By default it may import none, since most of them hold answers.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import cache
from pathlib import Path
from types import ModuleType

from clipedu_classroom.calling import on_the_cpu
from clipedu_classroom.source import LESSONS
from clipedu_classroom.spec import Exercise


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


def _load(lesson: str) -> ModuleType | None:
    package = importlib.util.find_spec(LESSONS)
    for folder in package.submodule_search_locations or () if package else ():
        for path in sorted(Path(folder).glob(f"l{lesson}_*/checks")):
            return importlib.import_module(f"{LESSONS}.{path.parent.name}.checks")
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
    """The exercises of lesson "03" by id, in the order of the module. Raises ValueError when an id
    is wrong or given twice.
    """
    module = lesson_module(lesson)
    found: dict[str, Exercise] = {}
    for exercise in getattr(module, "EXERCISES", ()) if module else ():
        if not exercise.id.startswith(f"{lesson}."):
            raise ValueError(
                f"lesson_{lesson}.py declares exercise {exercise.id}; expected {lesson}.something."
            )
        if exercise.id in found:
            raise ValueError(f"lesson_{lesson}.py declares exercise {exercise.id} twice.")
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
