"""The wrong variants of an exercises.py are misconceptions of the checks, written only once."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from clipedu_classroom.checks import report_on
from clipedu_classroom.report import Report
from clipedu_classroom.spec import Exercise, FunctionExercise, Misconception, ValueExercise
from clipedu_classroom.specs import misconceptions_of, spec_problems
from clipedu_classroom.subject import LocalSubject

EXERCISES = """
# %%
import math
import no_such_module

from math import sqrt as root

print("not run")

# %% tags=["exercise"]
EXERCISE = dict(id="90.1", title="Two numbers", hints=["a", "b"])

# %%
### BEGIN SOLUTION
first, second = 2, 1.41
### END SOLUTION

# %% the first is doubled tags=["wrong"]
# hint: Once is enough.
first, second = 4, 1.414

# %% tags=["exercise"]
EXERCISE = dict(id="90.2", title="A root", hints=["a", "b"])

# %%
def half(x):
    return helper(x) / 2


def helper(x):
    return x.sqrt()

# %%
def length(x):
    ### BEGIN SOLUTION
    return x.square().sum().sqrt()
    ### END SOLUTION

# %% half of the root is returned tags=["wrong"]
def length(x):
    return half(x.square().sum())

# %% the largest entry is returned tags=["wrong"]
# hint: A length takes all entries.
def length(x):
    return math.sqrt(x.square().max())

# %% the sign is flipped tags=["wrong"]
def length(x):
    return -x.norm()
"""

VALUES = ValueExercise("90.1", ("first", "second"), expected=(2, 1.4142))
LENGTH = FunctionExercise(
    "90.2",
    "length",
    reference=lambda x: x.norm(),
    inputs=lambda g: {"x": 1 + torch.rand(4, generator=g)},
)


def with_variants(exercise: Exercise, folder: Path) -> Any:
    path = folder / "l90_small" / "exercises.py"
    path.parent.mkdir()
    path.write_text(EXERCISES, encoding="utf-8")
    return replace(exercise, variants=partial(misconceptions_of, path, exercise.id, exercise.name))


def judge(exercise: Exercise, answer: Any) -> Report:
    return report_on(exercise, LocalSubject(answer), seed=0, points=1, title="")


def test_a_variant_names_its_misconception_with_its_hint(tmp_path: Path) -> None:
    exercise = with_variants(LENGTH, tmp_path)
    report = judge(exercise, lambda x: x.abs().amax())
    assert report.diagnosis == "the largest entry is returned"
    assert report.message.endswith("A length takes all entries.")
    assert judge(exercise, lambda x: x.norm() / 2).diagnosis == "half of the root is returned"
    assert judge(exercise, lambda x: -x.norm()).diagnosis == "the sign is flipped"
    assert [m.when for m in exercise.all_misconceptions] == [
        "half of the root is returned",
        "the largest entry is returned",
    ]
    assert spec_problems(exercise) == []


def test_a_listed_misconception_takes_the_place_of_the_variant(tmp_path: Path) -> None:
    listed = Misconception("the largest entry is returned", lambda x: x.max(), "Another hint.")
    exercise = replace(with_variants(LENGTH, tmp_path), misconceptions=(listed,))
    assert judge(exercise, lambda x: x.amax()).message.endswith("Another hint.")
    assert len(exercise.all_misconceptions) == 2


def test_of_several_values_those_that_are_right_do_not_count(tmp_path: Path) -> None:
    exercise = with_variants(VALUES, tmp_path)
    for second, more in ((1.4142, ""), (3.0, " Not right yet either: second.")):
        report = judge(exercise, (4, second))
        assert report.diagnosis == "the first is doubled"
        assert report.message.endswith(f"Once is enough.{more}")
    assert judge(exercise, (3, 3.0)).diagnosis == "the value is wrong"
    assert judge(exercise, (2, 1.4142)).passed


def test_a_right_answer_reads_no_variants() -> None:
    """A notebook's check stays quick: exercises.py is run only to name a mistake."""

    def fail() -> tuple[Misconception, ...]:
        raise AssertionError("read without need")

    exercise = replace(LENGTH, variants=fail)
    assert judge(exercise, lambda x: x.norm()).passed
    assert judge(exercise, lambda x: x.sum()).status == "error"


def test_a_notebook_is_shown_nothing_and_imports_no_notebook_parser() -> None:
    code = """
        import sys
        from clipedu_classroom import check
        report = check("03.9", lambda image, text, scale, ids: (scale * image @ text.T).mean())
        assert report.status == "failed" and "jupytext" not in sys.modules
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_the_example_in_the_guide_is_a_sound_spec() -> None:
    guide = Path(__file__).parents[2] / "docs" / "GRADING.md"
    code = guide.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    space: dict[str, Any] = {}
    exec(code, space)
    assert len(space["EXERCISES"]) == 3
    for exercise in space["EXERCISES"]:
        assert spec_problems(exercise) == [], exercise.id
