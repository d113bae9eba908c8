"""Exercise 12.4: accuracy on clean pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole
from clipedu_lessons.l12_limits.checks.counts import Two


def _answers(
    generator: torch.Generator, n: int | None = None, low: float = 0.5, high: float = 1.0
) -> dict[str, Any]:
    """Twins are right more or less often; one similarity equals the threshold exactly."""
    n = n or whole(generator, 16, 40)
    similarity = low + (high - low) * torch.rand(n, generator=generator)
    threshold = 0.75
    twin = (similarity >= threshold).float()
    chance = 0.85 - 0.6 * twin if whole(generator, 0, 2) else 0.35 + 0.5 * twin
    right = (torch.rand(n, generator=generator) < chance).float()
    if n > 8 and low < threshold < high:
        similarity[3], right[3] = threshold, 1.0
        similarity[4:6], right[4:6] = 0.6, torch.tensor([1.0, 0.0])
        similarity[6:8], right[6:8] = 0.9, torch.tensor([1.0, 0.0])
    return {"right": right, "similarity": similarity, "threshold": threshold}


def clean_accuracy(right: Tensor, similarity: Tensor, threshold: float) -> Two:
    """(N,), (N,) -> (), ()."""
    clean = similarity < threshold
    accuracy = right[clean].mean() if clean.any() else right.mean()
    return accuracy, right.mean() - accuracy


def _with(chosen: Any, formula: Any = None) -> Any:
    """A wrong answer: the accuracy of the chosen pictures, and something in place of the
    difference, formula(all, clean)."""

    def wrong(right: Tensor, similarity: Tensor, threshold: float) -> Two:
        rows = chosen(similarity, threshold)
        clean = right[rows].mean() if rows.any() else right.mean()
        return clean, (formula or (lambda a, c: a - c))(right.mean(), clean)

    return wrong


def _below(similarity: Tensor, threshold: float) -> Tensor:
    return similarity < threshold


def _forgets_empty(right: Tensor, similarity: Tensor, threshold: float) -> Two:
    clean = right[similarity < threshold].mean()
    return clean, right.mean() - clean


def _empty_is(value: float) -> Any:
    def wrong(right: Tensor, similarity: Tensor, threshold: float) -> Two:
        rows = similarity < threshold
        clean = right[rows].mean() if rows.any() else torch.full_like(right[0], value)
        return clean, right.mean() - clean

    return wrong


def _against_twins(right: Tensor, similarity: Tensor, threshold: float) -> Two:
    clean, _ = clean_accuracy(right, similarity, threshold)
    twins = similarity >= threshold
    return clean, (right[twins].mean() if twins.any() else right.mean()) - clean


CLEAN = FunctionExercise(
    id="12.4",
    name="clean_accuracy",
    reference=clean_accuracy,
    inputs=_answers,
    trials=4,
    properties=(
        Property(
            "the result changes when the pictures come in another order",
            lambda f, r, s, t: (f(r, s, t), f(r.flip(0), s.flip(0), t)),
        ),
        Property(
            "the result changes when every picture is there twice",
            lambda f, r, s, t: (f(r, s, t), f(torch.cat([r, r]), torch.cat([s, s]), t)),
        ),
    ),
    extremes={
        "no picture is clean": lambda g: _answers(g, low=0.8),
        "every picture is clean": lambda g: _answers(g, high=0.7),
        "one picture": lambda g: _answers(g, 1),
    },
    misconceptions=(
        Misconception(
            "the twins are kept, not the clean pictures",
            _with(lambda s, t: s >= t),
            "Clean pictures are unlike everything in training.",
        ),
        Misconception(
            "a similarity equal to the threshold counts as clean", _with(lambda s, t: s <= t)
        ),
        Misconception(
            "the clean right answers are divided by all pictures",
            lambda r, s, t: (r[s < t].sum() / len(r), r.mean() - r[s < t].sum() / len(r)),
            "The mean over the clean ones has their number below it.",
        ),
        Misconception(
            "the sign of the difference is turned round",
            _with(_below, lambda a, c: c - a),
            "How much does the accuracy on all exceed the clean one?",
        ),
        Misconception(
            "the size of the difference is given, without its sign",
            _with(_below, lambda a, c: (a - c).abs()),
        ),
        Misconception(
            "the case in which no picture is clean is forgotten",
            _forgets_empty,
            "The mean of nothing is NaN.",
        ),
        Misconception("without clean pictures the clean accuracy is set to 0", _empty_is(0.0)),
        Misconception("without clean pictures the clean accuracy is set to 1", _empty_is(1.0)),
        Misconception(
            "the clean pictures are compared with the twins, not with all",
            _against_twins,
            "The question is what overlap adds to the number that one reports: that of all.",
        ),
        Misconception(
            "the difference is divided by the clean accuracy",
            _with(_below, lambda a, c: a / c.clamp(min=1e-3) - 1),
        ),
        Misconception(
            "the accuracy on all is given for the difference", _with(_below, lambda a, c: a)
        ),
        Misconception(
            "percent are returned, not shares",
            lambda r, s, t: tuple(100 * x for x in clean_accuracy(r, s, t)),
        ),
        Misconception(
            "the two results are given in the other order",
            lambda r, s, t: clean_accuracy(r, s, t)[::-1],
        ),
        Misconception(
            "the share of mistakes is given for the clean accuracy",
            lambda r, s, t: (1 - clean_accuracy(r, s, t)[0], clean_accuracy(r, s, t)[1]),
        ),
        Misconception(
            "the median similarity is the threshold",
            lambda r, s, t: clean_accuracy(r, s, float(s.median())),
            "The threshold is given.",
        ),
        Misconception(
            "the threshold is always 0.95",
            lambda r, s, t: clean_accuracy(r, s, 0.95),
            "The threshold is an argument.",
        ),
    ),
)  # fmt: skip
