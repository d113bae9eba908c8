"""Answers to the course's exercises that are nearly right are caught and named, and right ones of
another make pass.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from clipedu_classroom import protocol, specs
from clipedu_classroom.checks import report_on
from clipedu_classroom.compare import difference
from clipedu_classroom.report import Report
from clipedu_classroom.spec import FunctionExercise
from clipedu_classroom.subject import LocalSubject


def judge(exercise_id: str, answer: Any, seed: int = 0) -> Report:
    exercise = specs.find(exercise_id)
    return report_on(exercise, LocalSubject(answer), seed=seed, points=1, title="")


def reference(exercise_id: str) -> Any:
    exercise = specs.find(exercise_id)
    assert isinstance(exercise, FunctionExercise)
    return exercise.reference


# Nearly right


def only_commas(captions: list[str], query: str) -> list[int]:
    cut = [text.lower().replace(",", "").split() for text in captions]
    wanted = set(query.lower().replace(",", "").split())
    rows = [i for i, words in enumerate(cut) if wanted and wanted <= set(words)]
    return sorted(rows, key=lambda i: len(cut[i]))


def words_by_split(captions: list[str], query: str) -> list[int]:
    wanted = set(re.findall(r"\w+", query.lower()))
    rows = [i for i, text in enumerate(captions) if wanted <= set(re.findall(r"\w+", text.lower()))]
    return sorted(rows, key=lambda i: len(captions[i].split())) if wanted else []


def comma_finds_all(captions: list[str], query: str) -> list[int]:
    if not query.strip():
        return []
    wanted = set(re.findall(r"\w+", query.lower()))
    cut = [re.findall(r"\w+", text.lower()) for text in captions]
    return sorted(
        (i for i, words in enumerate(cut) if wanted <= set(words)), key=lambda i: len(cut[i])
    )


def letters_only(captions: list[str], query: str) -> list[int]:
    wanted = set(re.findall("[a-z]+", query.lower()))
    cut = [re.findall("[a-z]+", text.lower()) for text in captions]
    rows = [i for i, words in enumerate(cut) if wanted and wanted <= set(words)]
    return sorted(rows, key=lambda i: len(cut[i]))


def protected_cosines(pictures: Tensor, names: Tensor) -> tuple[Tensor, Tensor]:
    units = [x / (x.norm(dim=1, keepdim=True) + 1e-8) for x in (pictures, names)]
    cosines = units[0] @ units[1].T
    return cosines, cosines.argmax(1)


def counted_tokens(x: Tensor, tokens: Tensor, eot: int) -> Tensor:
    where = ((tokens != 0) & (tokens != eot)).sum(1)
    return x[torch.arange(len(x)), where.clamp(max=x.shape[1] - 1)]


def cut_off(
    step: int, *, steps: int, peak: float, warmup_steps: int = 0, final: float = 0.0
) -> float:
    given = {"steps": steps, "peak": peak, "warmup_steps": warmup_steps}
    rate = float(reference("04.9")(step, **given))
    return rate if step < warmup_steps else max(rate, peak * final)


def lower_quantile(known: Tensor, strangers: Tensor, rate: float) -> tuple[float, float]:
    threshold = float(strangers.quantile(1 - rate, interpolation="linear"))
    return threshold, float((known > threshold).float().mean())


def predicted_classes(predictions: Tensor, labels: Tensor) -> float:
    shares = [
        (predictions[labels == c] == c).double().mean()
        for c in predictions.unique()
        if (labels == c).any()
    ]
    return torch.stack(shares).mean().item() if shares else 0.0


def edge_above(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    place = (confidence * bins).long().clamp(max=bins - 1)
    total = confidence.new_zeros(())
    for k in range(bins):
        inside = place == k
        if inside.any():
            gap = (right[inside].mean() - confidence[inside].mean()).abs()
            total = total + inside.to(confidence.dtype).mean() * gap
    return total


def protected_loss(image: Tensor, text: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
    logits = scale * image @ text.T
    if ids is not None:
        same = (ids[:, None] == ids).fill_diagonal_(False)
        logits = logits.masked_fill(same, float("-inf"))
    both = logits.softmax(dim=1).diagonal(), logits.softmax(dim=0).diagonal()
    return -sum((part + 1e-8).log().mean() for part in both) / 2


def by_pictures(first: Tensor, second: Tensor, names: Tensor) -> float:
    """A paired test in which a name counts as often as it leads by."""
    lead = torch.bincount(names.unique(return_inverse=True)[1], first.double() - second.double())
    ahead, behind = lead.clamp(min=0).sum(), (-lead).clamp(min=0).sum()
    n, fewer = int(ahead + behind), int(min(ahead, behind))
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n)


NEARLY = [
    ("00.3", only_commas, "only commas are taken off"),
    ("00.3", words_by_split, "signs between spaces are counted"),
    ("00.3", comma_finds_all, "a query of signs only"),
    ("00.3", letters_only, "only letters make words"),
    ("00.4", protected_cosines, "a small number is added"),
    ("01.5", counted_tokens, "neither 0 nor EOT are counted"),
    ("03.9", protected_loss, "a small number is added"),
    ("04.9", cut_off, "is cut off at `final`"),
    ("05.8", lower_quantile, "interpolated between two scores"),
    ("05.3", predicted_classes, "never predicted drop out"),
    ("10.4", edge_above, "goes to the bin above"),
    ("11.8", by_pictures, "a name counts with the number of its pictures"),
    ("11.9", lambda y, k, o: reference("11.9")(y, k, o.argsort()), "the order is read backward"),
]


@pytest.mark.parametrize(
    ("exercise_id", "answer", "words"), NEARLY, ids=[f"{i}: {words}" for i, _, words in NEARLY]
)
def test_nearly_right_is_caught_and_named(exercise_id: str, answer: Any, words: str) -> None:
    for seed in range(4):
        report = judge(exercise_id, answer, seed)
        assert report.status == "failed"
        assert words in report.diagnosis, report


# Right, and of another make


def influence_by_polyfit(reference: Tensor, shifted: Tensor, point: Tensor) -> np.ndarray:
    x, y = torch.logit(reference).numpy(), torch.logit(shifted).numpy()
    lines = [np.polyfit(x, y, 1), *(np.polyfit(*np.delete([x, y], i, 1), 1) for i in range(len(x)))]
    at = [np.polyval(line, float(torch.logit(point[0]))) for line in lines]
    expected = 1 / (1 + np.exp(-np.array(at)))
    return expected[0] - expected[1:]


def places_as_array(captions: list[str], query: str) -> np.ndarray:
    return np.array(reference("00.3")(captions, query), dtype=int)


def flips_as_array(before: Tensor, after: Tensor, labels: Tensor) -> np.ndarray:
    was, now = (before == labels).numpy(), (after == labels).numpy()
    moved = (before != after).numpy() & ~was & ~now
    return np.array([(~was & now).sum(), (was & ~now).sum(), moved.sum()])


def law_as_array(compute: list[float], error: list[float], times: float) -> np.ndarray:
    return np.array(reference("09.3")(compute, error, times))


def opinions_as_array(pictures: Tensor, texts: Tensor, scale: float) -> np.ndarray:
    logits = scale * torch.einsum("ne,tce->tnc", pictures, texts)
    return logits.softmax(-1).mean(0).numpy()


@pytest.mark.parametrize(
    ("exercise_id", "answer"),
    [
        ("00.3", places_as_array),
        ("06.3", opinions_as_array),
        ("06.3", lambda *given: opinions_as_array(*given).tolist()),
        ("06.4", flips_as_array),
        ("09.3", law_as_array),
        ("11.7", influence_by_polyfit),
        ("11.8", lambda *given: np.float64(reference("11.8")(*given))),
        ("11.9", lambda *given: reference("11.9")(*given).numpy()),
    ],
)
def test_right_of_another_make_passes(exercise_id: str, answer: Any) -> None:
    for seed in range(3):
        report = judge(exercise_id, answer, seed)
        assert report.passed, report


def test_no_gradient_is_asked_of_what_only_measures() -> None:
    for exercise_id in ("06.3", "11.7"):
        right = reference(exercise_id)
        assert judge(exercise_id, lambda *given, f=right: f(*given).detach()).passed


def test_an_array_stands_for_a_tuple_of_its_length_only() -> None:
    assert difference(np.array([1.0, 2.0]), (1.0, 2.0), 1e-6) == ""
    assert difference(np.array([1.0, 2.0, 3.0]), (1.0, 2.0), 1e-6) == "shape"
    assert difference(np.array(1.0), [1.0], 1e-6) == "type"


def test_an_array_without_axes_keeps_its_shape_on_the_wire() -> None:
    for array in (np.array(2.5), np.arange(6.0).reshape(2, 3).T):
        back = protocol.decode(protocol.encode(array))
        assert back.shape == array.shape and np.array_equal(back, array)
