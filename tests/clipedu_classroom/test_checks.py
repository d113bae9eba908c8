"""Checks: right answers pass in every legitimate form, wrong ones are named, nothing raises."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from clipedu_classroom import check, specs
from clipedu_classroom.calling import Trial, run
from clipedu_classroom.checks import report_on
from clipedu_classroom.compare import difference
from clipedu_classroom.diagnose import GENERAL_DIAGNOSES
from clipedu_classroom.exercise_reader import parse_text
from clipedu_classroom.report import CheckFailed, Report
from clipedu_classroom.spec import (
    Exercise,
    FunctionExercise,
    Misconception,
    Property,
    ValueExercise,
)
from clipedu_classroom.specs import spec_problems
from clipedu_classroom.subject import LocalSubject

COURSE = Path(__file__).parent / "course"
SOURCES = parse_text(COURSE / "clipedu_lessons" / "l90_small" / "exercises.py").exercises
CODED = [source for source in SOURCES if source.kind != "investigate"]


def judge(exercise: Exercise, answer: Any, seed: int = 0) -> Report:
    return report_on(exercise, LocalSubject(answer), seed=seed, points=3, title="")


def answer_of(source: Any, code: str) -> Any:
    """What a notebook would hand to check(): the names, after setup and cell have run."""
    space: dict[str, Any] = {"__name__": "exercise"}
    exec(source.setup.replace("from clipedu.objectives import info_nce", ""), space)
    exec(code, space)
    return space[source.names[0]]


# The small course, whole: what tests/course does with the real one


@pytest.mark.parametrize("source", CODED, ids=lambda source: source.id)
def test_spec_is_sound(source: Any) -> None:
    assert spec_problems(specs.find(source.id)) == []


@pytest.mark.parametrize("source", CODED, ids=lambda source: source.id)
def test_solution_passes_and_stub_is_not_attempted(source: Any) -> None:
    for seed in range(3):
        solved = judge(specs.find(source.id), answer_of(source, source.solution), seed)
        assert solved.passed, solved
    stub = judge(specs.find(source.id), answer_of(source, source.stub))
    assert (stub.status, stub.points) == ("not attempted", 0)


@pytest.mark.parametrize(
    ("source", "wrong"),
    [(source, wrong) for source in CODED for wrong in source.wrong],
    ids=lambda item: getattr(item, "name", getattr(item, "id", "")),
)
def test_wrong_variant_fails_with_its_own_diagnosis(source: Any, wrong: Any) -> None:
    for seed in range(3):
        report = judge(specs.find(source.id), answer_of(source, wrong.source), seed)
        assert (report.status, report.points) == ("failed", 0), report
        assert report.diagnosis == wrong.name, report


# One exercise, many answers


def right(logits: Tensor) -> Tensor:
    labels = torch.arange(len(logits))
    return (cross_entropy(logits, labels) + cross_entropy(logits.T, labels)) / 2


def in_place(logits: Tensor) -> Tensor:
    with torch.no_grad():
        logits -= logits.max()
    return right(logits)


def naive(logits: Tensor) -> Tensor:
    rows = logits.exp() / logits.exp().sum(dim=1, keepdim=True)
    columns = logits.exp() / logits.exp().sum(dim=0, keepdim=True)
    return -(rows.diag().log().mean() + columns.diag().log().mean()) / 2


def crashes(logits: Tensor) -> Tensor:
    return right(logits) + undefined  # type: ignore[name-defined]  # noqa: F821


def empty(logits: Tensor) -> Tensor:
    """Nothing but this."""


def unsolved(logits: Tensor) -> Tensor:
    raise NotImplementedError("Exercise 90.2")


def leaves(logits: Tensor) -> Tensor:
    raise SystemExit(0)


LEGITIMATE: dict[str, Callable[..., Any]] = {
    "other argument name": lambda x: right(x),
    "an extra argument with a default": lambda x, scale=1.0: right(scale * x),
    "any arguments": lambda *inputs, **named: right(*inputs, **named),
    "float32 inside": lambda x: right(x.float()),
    "float32 only": lambda x: right(torch.matmul(x, torch.eye(len(x), dtype=torch.float32))),
    "log_softmax by hand": lambda x: (
        -(
            (x - x.logsumexp(1, keepdim=True)).diag() + (x - x.logsumexp(0, keepdim=True)).diag()
        ).mean()
        / 2
    ),
    "an nn.Module": type("Loss", (nn.Module,), {"forward": lambda self, x: right(x)})(),
}
WRONG: dict[str, tuple[Callable[..., Any] | Any, str]] = {
    "the answer is not a function": (3.5, "got a value: float"),
    "the arguments are not those of the stub": (lambda a, b: right(a), "contrastive_loss(logits)"),
    "nothing is returned": (lambda x: print(end=""), "return"),
    "the result has the wrong type": (lambda x: "loss", "a string"),
    "the result has the wrong shape": (lambda x: torch.stack([right(x)] * 2) * 3, "(2,)"),
    "an input is changed in place": (in_place, "`logits`"),
    "the gradient does not flow": (lambda x: right(x).detach(), "`logits`"),
    "the result is not finite for extreme inputs": (naive, "logits of a thousand"),
    "it raises NameError": (crashes, "undefined"),
    "it raises SystemExit": (leaves, "SystemExit"),
    "the sign is flipped": (lambda x: -right(x), "sign"),
    "the result is off by a constant factor": (lambda x: right(x) / 3, "0.333"),
    "it is summed where it should be averaged": (lambda x: right(x) * len(x), "size"),
    "the result does not depend on the inputs": (lambda x: 0 * x.sum() + 4.16, "always the same"),
    "the value is wrong": (lambda x: right(x) ** 2 + x.diag().mean(), "value"),
    "the gradient is wrong": (
        lambda x: right(x).detach() + 2 * (right(x) - right(x).detach()),
        "gradient",
    ),
    "the answer is still the stub": (unsolved, "NotImplementedError"),
}


@pytest.mark.parametrize("name", LEGITIMATE)
def test_legitimate_variants_pass(name: str) -> None:
    for seed in range(3):
        report = judge(specs.find("90.2"), LEGITIMATE[name], seed)
        assert report.passed, report


@pytest.mark.parametrize("name", WRONG)
def test_general_diagnoses(name: str) -> None:
    answer, words = WRONG[name]
    report = judge(specs.find("90.2"), answer)
    assert report.diagnosis == name, report
    assert words in report.message, report
    assert report.points == 0
    assert name in GENERAL_DIAGNOSES or name.startswith("it raises")


def test_python_numbers_lists_and_arrays_are_right_where_no_gradient_is_asked_for() -> None:
    exercise = replace(
        specs.find("90.2"), gradient=(), reference=lambda logits: logits.diag(), misconceptions=()
    )
    assert isinstance(exercise, FunctionExercise)
    exercise = replace(exercise, properties=())
    for answer in (
        lambda x: x.diag().tolist(),
        lambda x: tuple(x.diag().tolist()),
        lambda x: x.diag().numpy(),
        lambda x: np.diag(x.numpy()),
    ):
        assert judge(exercise, answer).passed
    mean = replace(exercise, reference=lambda logits: logits.mean())
    assert judge(mean, lambda x: float(x.mean())).passed
    assert judge(mean, lambda x: np.float64(x.mean())).passed
    assert judge(mean, lambda x: x.mean().reshape(1)).diagnosis == "the result has the wrong shape"


def test_dtype_same_is_held() -> None:
    exercise = replace(specs.find("90.2"), dtype="same")
    assert judge(exercise, right).passed
    assert judge(exercise, lambda x: right(x.float())).diagnosis == "the result has the wrong dtype"


@pytest.mark.parametrize("want", [0.0, 1.0, -3e5, 1e-9, float("inf"), float("-inf"), float("nan")])
@pytest.mark.parametrize("off", [0.0, 1e-7, 0.99e-6, 1.01e-6, 0.2, float("inf"), float("nan")])
def test_two_numbers_are_compared_as_torch_does(want: float, off: float) -> None:
    for got in (want + off, want - off, want * (1 + off)):
        pair = torch.tensor([got], dtype=torch.float64), torch.tensor([want], dtype=torch.float64)
        close = bool(torch.isclose(*pair, rtol=1e-6, atol=1e-6, equal_nan=True))
        assert (difference(got, want, 1e-6) == "") == close, (got, want)
        assert (difference(*pair, 1e-6) == "") == close, (got, want)


def test_a_default_device_of_the_notebook_does_no_harm() -> None:
    torch.set_default_device("meta")
    try:
        assert judge(specs.find("90.2"), right).passed
    finally:
        torch.set_default_device(None)


def test_an_unused_input_is_named() -> None:
    exercise = FunctionExercise(
        id="90.2",
        name="scaled",
        reference=lambda x, scale: x * scale,
        inputs=lambda g: {"x": torch.randn(4, generator=g), "scale": torch.rand((), generator=g)},
    )
    assert judge(exercise, lambda x, scale: x * 2 + 1).diagnosis == "`scale` is not used"


def spread(x: Tensor) -> Tensor:
    return (x - x.mean()) / x.std()


def test_an_input_of_which_only_size_and_offset_do_not_count_is_used() -> None:
    """Multiplied and shifted, such an input gives the same answer: that is no input unused."""
    exercise = FunctionExercise(
        id="90.2",
        name="shares",
        reference=lambda x: x - x.mean(),
        inputs=lambda g: {"x": torch.randn(5, generator=g)},
    )
    assert judge(exercise, lambda x: spread(x) ** 3).diagnosis == "the value is wrong"


def test_an_input_is_unused_only_where_it_counts() -> None:
    """Below its limit, a clamp changes nothing, in the right answer too."""
    exercise = FunctionExercise(
        id="90.2",
        name="held",
        reference=lambda x, most: x.clamp(max=most),
        inputs=lambda g: {
            "x": 4 * torch.rand((), generator=g),
            "most": 1 + 2 * float(torch.rand((), generator=g)),
        },
        trials=8,
    )
    for seed in range(3):
        wrong = judge(exercise, lambda x, most: (2 * x).clamp(max=most), seed)
        assert wrong.diagnosis == "`x` is replaced by twice `x`"
        assert judge(exercise, lambda x, most: x, seed).diagnosis == "`most` is not used"


def test_a_nearly_right_number_is_not_called_a_multiple() -> None:
    exercise = FunctionExercise(
        id="90.2",
        name="count",
        reference=lambda n: n * 10**6,
        inputs=lambda g: {"n": 5 + int(torch.randint(0, 9, (), generator=g))},
    )
    assert judge(exercise, lambda n: n * 10**6 + 40).diagnosis == "the value is wrong"
    half = judge(exercise, lambda n: n * 10**6 // 2)
    assert half.diagnosis == "the result is off by a constant factor"


def test_a_wrong_answer_is_shown_with_a_call_and_its_own_result_only() -> None:
    exercise = FunctionExercise(
        id="90.2",
        name="longest",
        reference=lambda words: max(words, key=len, default="none"),
        inputs=lambda g: {
            "words": ["a", "abc", "ab"][: 2 + int(torch.randint(0, 2, (1,), generator=g))]
        },
        extremes={"no words": lambda g: {"words": []}},
    )
    report = judge(exercise, lambda words: max(words, key=len, default="nothing"))
    assert "It goes wrong for: no words." in report.message
    assert "`longest([])` returns `'nothing'`" in report.message
    assert "'none'" not in report.message


def test_results_that_sound_alike_are_told_apart_by_their_entries() -> None:
    exercise = FunctionExercise(
        id="90.2",
        name="halves",
        reference=lambda n: ([0] * n, [1]),
        inputs=lambda g: {"n": 3},
    )
    message = judge(exercise, lambda n: ([0], [1])).message
    assert "(a list of 1 entry, a list of 1 entry)" in message
    assert "(a list of 3 entries, a list of 1 entry)" in message


def test_a_list_of_tensors_is_no_tensor() -> None:
    exercise = FunctionExercise(
        id="90.2",
        name="twice",
        reference=lambda x: 2 * x,
        inputs=lambda g: {"x": torch.randn(3, 2, generator=g)},
        gradient=("x",),
    )
    report = judge(exercise, lambda x: [2 * row for row in x])
    assert report.diagnosis == "the result has the wrong type"
    assert judge(exercise, lambda x: torch.stack([2 * row for row in x])).passed


def test_a_gradient_that_is_zero_is_not_called_cut() -> None:
    exercise = FunctionExercise(
        id="90.2",
        name="cost",
        reference=lambda x: x.abs().sum(),
        inputs=lambda g: {"x": torch.rand(3, generator=g)},
        extremes={"a hundred": lambda g: {"x": torch.full((3,), 100.0)}},
        gradient=("x",),
    )

    def held(x: Tensor) -> Tensor:
        low = x.clamp(max=50)
        return (low + (x - low).detach()).sum()

    report = judge(exercise, held)
    assert report.diagnosis == "the gradient vanishes"
    assert "for a hundred" in report.message


def test_autograd_can_be_ruled_out() -> None:
    def by_autograd(x: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad((x**2).sum(), x)[0]

    exercise = FunctionExercise(
        id="90.2",
        name="slope",
        reference=lambda x: 2 * x,
        inputs=lambda g: {"x": torch.randn(3, generator=g)},
        autograd=False,
        misconceptions=(Misconception("autograd is used", by_autograd),),
    )
    assert judge(exercise, lambda x: x + x).passed
    assert judge(exercise, by_autograd).diagnosis == "autograd is used"


def test_a_parameter_must_go_on_learning() -> None:
    exercise = FunctionExercise(
        id="90.2",
        name="zero_",
        reference=lambda p: p.data.zero_() * 0,
        inputs=lambda g: {"p": nn.Parameter(torch.rand(2, generator=g))},
        changes=("p",),
    )
    report = judge(exercise, lambda p: p.requires_grad_(False).zero_())
    assert report.diagnosis == "a parameter is frozen"


def test_a_misconception_need_not_fail_on_extremes_as_ours_does() -> None:
    exercise = FunctionExercise(
        id="90.2",
        name="share",
        reference=lambda x: x / x.sum(),
        inputs=lambda g: {"x": 1 + torch.rand(3, generator=g)},
        extremes={"one number": lambda g: {"x": torch.tensor([2.0])}},
        misconceptions=(Misconception("the last one is left out", lambda x: x / x[:-1].sum()),),
    )
    careful = judge(exercise, lambda x: x / x[:-1].sum() if len(x) > 1 else x * 0)
    assert careful.diagnosis == "the last one is left out"


def test_values_say_which_part_is_missing_or_of_another_kind() -> None:
    exercise = ValueExercise(id="90.1", name=("first", "second"), expected=(1.5, 2))
    assert judge(exercise, (..., ...)).message == "The value is not filled in yet."
    assert judge(exercise, (1.5, ...)).message == "Not filled in yet: second."
    report = judge(exercise, ("1.5 %", 2))
    assert report.diagnosis == "the value is of the wrong kind"
    assert report.message == "first should be a number, and is a string."


def test_unstable_answers_are_named() -> None:
    report = judge(specs.find("90.2"), lambda x: right(x) + x.sum() * random.random())
    assert report.diagnosis == "the result changes from call to call"


def test_an_answer_cannot_be_fitted_to_the_inputs() -> None:
    """The inputs of two checks differ, and differ from what a global seed would draw."""
    seen: list[float] = []

    def spy(logits: Tensor) -> Tensor:
        seen.append(float(logits[0, 0].detach()))
        return right(logits)

    check("90.2", spy)
    check("90.2", spy)
    assert len(set(seen)) > len(seen) / 4 and seen[0] != seen[len(seen) // 2]


def test_inputs_shall_change_when_the_exercise_says_so() -> None:
    def clamp(scale: Tensor) -> None:
        with torch.no_grad():
            scale.clamp_(max=1.0)

    exercise = FunctionExercise(
        id="90.2",
        name="clamp_",
        reference=clamp,
        inputs=lambda g: {"scale": nn.Parameter(3 * torch.rand(4, generator=g))},
        changes=("scale",),
        misconceptions=(
            Misconception("a new tensor is returned", lambda scale: scale.clamp(max=1.0)),
            Misconception("no_grad is forgotten", lambda scale: scale.clamp_(max=1.0)),
        ),
    )
    assert spec_problems(exercise) == []
    assert judge(exercise, clamp).passed
    assert judge(exercise, lambda s: None).status in ("failed", "not attempted")


def test_python_objects_and_order() -> None:
    def merge(tokens: list[str], pair: tuple[str, str]) -> list[str]:
        out: list[str] = []
        for token in tokens:
            if out and (out[-1], token) == pair:
                out[-1] += token
            else:
                out.append(token)
        return out

    def draw(generator: torch.Generator) -> dict[str, Any]:
        letters = torch.randint(0, 2, (12,), generator=generator).tolist()
        return {"tokens": ["ab"[i] for i in letters], "pair": ("a", "b")}

    exercise = FunctionExercise(id="90.2", name="merge", reference=merge, inputs=draw)
    assert judge(exercise, merge).passed
    assert judge(exercise, lambda t, p: tuple(merge(t, p))).passed
    report = judge(exercise, lambda t, p: merge(t, p)[::-1])
    assert report.diagnosis == "the order is reversed"
    loose = replace(exercise, unordered=True)
    assert judge(loose, lambda t, p: merge(t, p)[::-1]).passed

    def changes(tokens: list[str], pair: tuple[str, str]) -> list[str]:
        result = merge(tokens, pair)
        tokens.clear()
        return result

    assert judge(exercise, changes).diagnosis == "an input is changed in place"


def test_predicted_values() -> None:
    exercise = ValueExercise(
        id="90.1",
        name="prediction",
        expected={"shape": (2, 3), "name": "Softmax", "loss": 0.693},
        misconceptions=(Misconception("the batch comes last", {"shape": (3, 2)}),),
    )
    right_value = {"shape": [2, 3], "name": " softmax", "loss": torch.tensor(0.69)}
    assert judge(exercise, right_value).passed
    swapped = judge(exercise, {**right_value, "shape": (3, 2)})
    assert swapped.diagnosis == "the batch comes last"
    other = judge(exercise, {**right_value, "loss": 5.0, "name": "relu"})
    assert other.message == "Not right yet: name, loss."
    assert "0.69" not in repr(other) and "oftmax" not in repr(other)
    assert judge(exercise, ...).status == "not attempted"
    assert judge(exercise, "no").diagnosis == "the value is of the wrong kind"
    both = ValueExercise(id="90.1", name=("rows", "columns"), expected=(3, 4))
    assert judge(both, (3, 4)).passed
    assert judge(both, (3, ...)).status == "not attempted"
    assert judge(both, (3, 5)).message == "Not right yet: columns."


# What a wrong result has to do with the right one


def distances(x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
    return (scale * (x - 2 * y) ** 2).softmax(dim=1)


DISTANCES = FunctionExercise(
    id="90.2",
    name="distances",
    reference=distances,
    inputs=lambda g: {
        "x": torch.randn(4, 3, generator=g),
        "y": torch.randn(4, 3, generator=g),
        "scale": 1 + torch.rand((), generator=g),
    },
)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x, y, s: distances(x, y, s) * float("nan"), "holds nan or infinity"),
        (lambda x, y, s: (distances(x, y, s) > 0.5).double(), "Every number is 0 or 1"),
        (lambda x, y, s: distances(x, y, s).log(), "logarithm of the right one"),
        (lambda x, y, s: s * (x - 2 * y) ** 2, "The softmax of each row is right"),
        (lambda x, y, s: distances(x, y, s).flip(0), "in the reverse order along axis 0"),
        (
            lambda x, y, s: distances(x, y, s)[:, [1, 0, 2]],
            "along axis 1 are right, but in another",
        ),
        (lambda x, y, s: distances(x, y, s) * s, "too large by a factor, `scale`"),
        (
            lambda x, y, s: distances(x, y, s) / 3,
            "too small by a factor, the size of axis 1 of `x`",
        ),
        (lambda x, y, s: distances(x, y, s.exp()), "right with the exponential of `scale`"),
        (lambda x, y, s: distances(x, y, s / 4), "right with `scale` / the size of axis 0 of `x`"),
        (lambda x, y, s: distances(x, 2 * y, s), "right with twice `y` in place of `y`"),
        (lambda x, y, s: distances(y, x, s), "if `x` and `y` were exchanged"),
        (
            lambda x, y, s: distances(x, y, torch.ones_like(s)),
            "stays the same when `scale` changes",
        ),
    ],
)
def test_a_relation_to_the_right_result_is_told(answer: Any, words: str) -> None:
    for seed in range(3):
        report = judge(DISTANCES, answer, seed)
        assert report.status == "failed" and words in report.message, report


def test_of_two_results_it_is_told_what_is_wrong_with_one() -> None:
    exercise = replace(DISTANCES, reference=lambda x, y, s: (x.sum(), y.sum() * s))
    report = judge(exercise, lambda x, y, s: (x.sum(), -y.sum() * s))
    assert "number 1 is right and number 2 is not. Of number 2: Every number" in report.message


def test_entries_that_are_exchanged_or_in_percent_are_told() -> None:
    exercise = ValueExercise(id="90.1", name=("first", "second", "share"), expected=(2, 5, 0.25))
    assert "first and second are exchanged." in judge(exercise, (5, 2, 0.25)).message
    assert "in percent, or as a share of 1?" in judge(exercise, (2, 5, 25)).message
    assert judge(exercise, (2, 6, 0.25)).message == "Not right yet: second."


def test_of_two_explanations_the_one_that_explains_more_is_given() -> None:
    exercise = ValueExercise(
        id="90.1",
        name=("rows", "columns"),
        expected=(3, 4),
        misconceptions=(
            Misconception("the rows are doubled", lambda value: value[0] == 6),
            Misconception("everything is doubled", (6, 8)),
        ),
    )
    assert judge(exercise, (6, 8)).diagnosis == "everything is doubled"
    assert judge(exercise, (6, 4)).diagnosis == "the rows are doubled"
    assert judge(exercise, (6, 5)).message.endswith("Not right yet either: columns.")


def test_rows_of_length_1_may_be_normalized_once_more() -> None:
    def unit(x: Tensor) -> Tensor:
        return nn.functional.normalize(x, dim=1)

    exercise = replace(
        DISTANCES,
        reference=lambda x, y: (x @ y.T).exp().sum(),
        inputs=lambda g: {name: unit(torch.randn(4, 3, generator=g).double()) for name in "xy"},
        gradient=("x", "y"),
    )
    assert judge(exercise, lambda x, y: (unit(x) @ unit(y).T).exp().sum()).passed
    half = judge(exercise, lambda x, y: ((x + x.detach()) / 2 @ y.T).exp().sum())
    assert half.diagnosis == "the gradient is wrong"


# check() as a notebook sees it


def test_check_never_raises(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("90.1", 4.16).passed
    assert check("90.9", 1).status == "error"
    assert "90.1" in check("90.9", 1).message
    assert check("99.1", 1).status == "error"
    assert check("nonsense").status == "error"

    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("no")

        def __call__(self, logits: Tensor) -> Tensor:
            raise RuntimeError("no")

    assert check("90.2", Broken()).status in ("failed", "error")
    assert check("90.2", nn.Linear).status == "failed"
    assert check("90.3", Broken()).status == "failed"
    assert check("90.3", nn.Linear(2, 2)).status == "failed"


def test_check_raises_under_nbgrader_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """nbgrader takes a cell that does not raise for a right one."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert check("90.1", 4.16).passed
    for answer in (..., 6.0):
        with pytest.raises(CheckFailed):
            check("90.1", answer)


def test_check_looks_for_the_name_itself() -> None:
    space: dict[str, Any] = {"check": check}
    exec("report = check('90.1')", space)
    assert space["report"].diagnosis == "the answer is missing"
    exec("loss_at_start = 4.16; report = check('90.1')", space)
    assert space["report"].passed


def test_a_bug_in_a_spec_is_not_the_students_fault() -> None:
    def broken(logits: Tensor) -> Tensor:
        raise ValueError("bug")

    exercise = replace(specs.find("90.2"), properties=(Property("x", lambda f: (1, 2)),))
    report = judge(exercise, right)
    assert report.status == "error" and "bug in the course" in report.message
    assert judge(replace(specs.find("90.2"), reference=broken), right).status != "passed"


def test_report_does_not_depend_on_the_seed() -> None:
    for answer in (right, lambda x: -right(x), naive, lambda x: right(x) + 1):
        assert len({repr(judge(specs.find("90.2"), answer, seed)) for seed in range(4)}) == 1


def test_global_random_state_is_left_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    check("90.2", lambda x: right(x) + torch.rand(()))
    assert torch.equal(torch.rand(3), expected)


def test_a_check_is_quick() -> None:
    start = time.process_time()
    check("90.2", right)
    assert time.process_time() - start < 2


# The gates can fail


def test_spec_problems_finds_each_kind() -> None:
    good = specs.find("90.2")
    assert isinstance(good, FunctionExercise)

    def problems(**changes: Any) -> str:
        return "; ".join(spec_problems(replace(good, **changes), range(1)))

    assert problems() == ""
    same = Misconception("it is no misconception", right)
    assert "expected failed" in problems(misconceptions=(*good.misconceptions, same))
    twin = Misconception("it is the same as another", good.misconceptions[0].wrong)
    assert "diagnosed as" in problems(misconceptions=(*good.misconceptions, twin))
    assert "fewer than two" in problems(misconceptions=())
    general = Misconception("the value is wrong", good.misconceptions[0].wrong)
    assert "general diagnosis" in problems(misconceptions=(*good.misconceptions, general))
    rows = good.misconceptions[0].wrong
    swapped = Property("the roles matter", lambda f, logits: (f(logits), f(logits.T)))
    assert "does not pass" in problems(reference=rows, properties=(swapped,))
    loose = Property("a false claim", lambda f, logits: (f(logits), f(logits) + 1))
    assert "does not pass" in problems(properties=(loose,))
    assert "global random state" in problems(
        inputs=lambda g: {"logits": torch.randn(4, 4)}, properties=(), misconceptions=()
    )


def test_specs_are_checked_when_they_are_written() -> None:
    with pytest.raises(ValueError, match="no capital"):
        Misconception("The sign is wrong.", 1)
    with pytest.raises(ValueError, match="like"):
        ValueExercise(id="3.1", name="x", expected=1)
    with pytest.raises(ValueError, match="no Python name"):
        ValueExercise(id="03.1", name="a b", expected=1)
    with pytest.raises(ValueError, match="gradient names"):
        replace(specs.find("90.2"), gradient=("scale",))


def test_comparison() -> None:
    assert difference(torch.zeros(2), torch.zeros(2), 1e-6) == ""
    assert difference(torch.zeros(2), torch.zeros(3), 1e-6) == "shape"
    assert difference(torch.full((2,), float("nan")), torch.zeros(2), 1e-6) == "value"
    assert difference(float("inf"), float("inf"), 1e-6) == ""
    assert difference({"a": 1}, {"a": 1, "b": 2}, 1e-6) == "value"
    assert difference("a", 1, 1e-6) == "type"
    assert difference([1, [2.0, "x"]], [1, [2.0, "x"]], 1e-6) == ""
    assert difference(None, torch.zeros(()), 1e-6) == "type"


def test_run_gives_the_answer_copies() -> None:
    inputs = {"x": torch.zeros(2), "names": ["a"]}

    def spoil(x: Tensor, names: list[str]) -> int:
        x += 1
        names.append("b")
        return 1

    outcome = run(spoil, Trial(inputs))
    assert torch.equal(inputs["x"], torch.zeros(2)) and inputs["names"] == ["a"]
    assert torch.equal(outcome.after["x"], torch.ones(2)) and outcome.after["names"] == ["a", "b"]


def test_an_open_question_is_not_called_an_error() -> None:
    report = check("04.7", "what I found")
    assert report.status == "not attempted" and "open question" in str(report)
