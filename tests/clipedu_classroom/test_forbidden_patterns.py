"""Ways of working that values cannot show: found in the code, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clipedu_classroom import specs
from clipedu_classroom.checks import report_on
from clipedu_classroom.exercise_reader import parse_exercises
from clipedu_classroom.forbidden_patterns import function_of, joins, never_reads
from clipedu_classroom.report import Report
from clipedu_classroom.spec import ForbiddenPattern, FunctionExercise
from clipedu_classroom.specs import spec_problems
from clipedu_classroom.subject import LocalSubject

LESSONS = Path(__file__).parents[2] / "clipedu_lessons"
SOURCES = {
    source.id: source
    for lesson in ("l05_zero_shot", "l08_scaling_up")
    for source in parse_exercises(LESSONS / lesson / "exercises.py")
}
AT_ONCE = {
    "05.4": """
def recall_at_k(image, text, k, chunk):
    scores = image @ text.T
    return ((scores > scores.diagonal()[:, None]).sum(1) < k).double().mean().item()
""",
    "08.3": """
def streaming_logsumexp(pieces):
    return torch.cat([piece for piece in pieces], dim=1).logsumexp(dim=1)
""",
    "08.5": """
def gradient_in_chunks(pictures, text, weight, logit_scale, chunks):
    weight = weight.detach().requires_grad_()
    return torch.autograd.grad(whole_loss(embed(pictures, weight), text, logit_scale), weight)[0]
""",
}
IN_PIECES = {
    "08.3": [
        """
def streaming_logsumexp(pieces):
    return torch.stack([piece.logsumexp(1) for piece in pieces]).logsumexp(0)
""",
        """
def streaming_logsumexp(parts):
    total = parts[0].logsumexp(1, keepdim=True)
    for part in parts[1:]:
        total = torch.cat([total, part], dim=1).logsumexp(1, keepdim=True)
    return total[:, 0]
""",
        """
def streaming_logsumexp(pieces):
    top = torch.cat([piece.amax(1, keepdim=True) for piece in pieces], dim=1).amax(1)
    return sum((piece - top[:, None]).exp().sum(1) for piece in pieces).log() + top
""",
    ],
}


def judge(exercise_id: str, code: str, source: str | None) -> Report:
    space: dict[str, Any] = {"__name__": "exercise"}
    exec(SOURCES[exercise_id].setup, space)
    exec(code, space)
    exercise = specs.find(exercise_id)
    subject = LocalSubject(space[exercise.names[0]], source)
    return report_on(exercise, subject, seed=1, points=1, title="")


@pytest.mark.parametrize("exercise_id", AT_ONCE)
def test_an_answer_that_does_all_at_once_fails_by_its_code(exercise_id: str) -> None:
    code = AT_ONCE[exercise_id]
    report = judge(exercise_id, code, code)
    exercise = specs.find(exercise_id)
    assert isinstance(exercise, FunctionExercise)
    assert (report.status, report.diagnosis) == ("failed", exercise.forbidden_patterns[0].when)
    assert report.message.startswith("The values are right, but ")
    assert judge(exercise_id, code, "").passed  # where the code is not known, values decide


@pytest.mark.parametrize(
    ("exercise_id", "code"),
    [(name, code) for name, codes in IN_PIECES.items() for code in codes]
    + [(name, SOURCES[name].solution) for name in AT_ONCE],
)
def test_an_answer_that_takes_pieces_passes(exercise_id: str, code: str) -> None:
    assert judge(exercise_id, code, code).passed


def test_joined_pieces_are_found_however_they_are_written() -> None:
    for given in (
        "torch.cat(x, 1)",
        "torch.hstack(tuple(x))",
        "np.concatenate([*x], axis=1)",
        "cat(tensors=x[::-1], dim=1)",
        "torch.cat([p for p in x], dim=1)",
    ):
        function = function_of(f"def f(x):\n    return {given}.logsumexp(1)", "f")
        assert function is not None
        assert joins(0)(function), given
        assert not joins(1)(function)
    for given in ("torch.cat([p.amax(1) for p in x])", "torch.stack(x)", "torch.cat([a, b])"):
        function = function_of(f"def f(x):\n    return {given}", "f")
        assert function is not None
        assert not joins(0)(function), given


def test_an_argument_is_read_when_any_part_of_the_body_uses_it() -> None:
    def reads(body: str) -> bool:
        function = function_of(f"def f(x, n):\n    {body}", "f")
        assert function is not None
        return not never_reads(1)(function)

    assert reads("return [x[i : i + n] for i in range(0, 9, n)]")
    assert reads("return (lambda: n)()")
    assert not reads("return x")
    assert not reads("n = 3; del n; return x")
    whatever = function_of("def f(*inputs):\n    return inputs", "f")
    assert whatever is not None and not never_reads(1)(whatever)


def test_code_that_cannot_be_read_is_let_pass() -> None:
    assert function_of("def f(:", "f") is None
    assert function_of("f = print", "f") is None
    assert LocalSubject(print).code() == ""
    assert LocalSubject(judge).code().startswith("def judge(")


def test_a_reference_may_have_the_habit_that_an_answer_may_not() -> None:
    exercise = specs.find("90.2")
    assert isinstance(exercise, FunctionExercise)
    always = ForbiddenPattern("it is written down", lambda function: True)
    assert spec_problems(replace(exercise, forbidden_patterns=(always,)), range(1)) == []
