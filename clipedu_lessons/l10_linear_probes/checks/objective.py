"""Exercise 10.2: the objective of a linear probe."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole


def _data(features: Tensor, labels: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """(N,) cross-entropies."""
    scores = features @ weights.T + bias  # (N, C)
    own = scores.gather(1, labels[:, None])[:, 0]
    return torch.logsumexp(scores, 1) - own


def objective(
    features: Tensor, labels: Tensor, weights: Tensor, bias: Tensor, lam: float
) -> Tensor:
    return _data(features, labels, weights, bias).sum() + lam / 2 * (weights * weights).sum()


def _draw(generator: torch.Generator) -> dict[str, Any]:
    n, width, classes = (whole(generator, 5, 9), whole(generator, 2, 6), whole(generator, 3, 5))
    return {
        "features": torch.randn(n, width, generator=generator),
        "labels": torch.randint(0, classes, (n,), generator=generator),
        "weights": torch.randn(classes, width, generator=generator),
        "bias": torch.randn(classes, generator=generator),
        "lam": 0.2 + 4 * float(torch.rand((), generator=generator)),
    }


def _large(generator: torch.Generator) -> dict[str, Any]:
    drawn = _draw(generator)
    return {**drawn, "features": 1000 * drawn["features"]}


def _wide_softmax(
    features: Tensor, labels: Tensor, weights: Tensor, bias: Tensor, lam: float
) -> Tensor:
    scores = features @ weights.T + bias
    own = scores.log_softmax(0).gather(1, labels[:, None])[:, 0]
    return -own.sum() + lam / 2 * (weights * weights).sum()


OBJECTIVE = FunctionExercise(
    id="10.2",
    name="probe_objective",
    reference=objective,
    inputs=_draw,
    gradient=("weights", "bias"),
    extremes={"features in the thousands": _large},
    properties=(
        Property(
            "the penalty changes when only the bias changes",
            lambda f, x, y, w, b, lam: (
                f(x, y, w, b, 2 * lam) - f(x, y, w, b, lam),
                f(x, y, w, b + 1, 2 * lam) - f(x, y, w, b + 1, lam),
            ),
        ),
        Property(
            "every picture twice does not count its cross-entropy twice",
            lambda f, x, y, w, b, lam: (
                f(torch.cat([x, x]), torch.cat([y, y]), w, b, lam) - f(x, y, w, b, lam),
                _data(x, y, w, b).sum(),
            ),
        ),
    ),
    misconceptions=(
        Misconception(
            "the cross-entropy is averaged, not summed",
            lambda x, y, w, b, lam: _data(x, y, w, b).mean() + lam / 2 * (w * w).sum(),
            "What happens to the balance of the two parts when there are more pictures?",
        ),
        Misconception(
            "the bias is penalised as well",
            lambda x, y, w, b, lam: objective(x, y, w, b, lam) + lam / 2 * (b * b).sum(),
            "Which of the numbers may grow for free?",
        ),
        Misconception(
            "the half of the penalty is forgotten",
            lambda x, y, w, b, lam: objective(x, y, w, b, 2 * lam),
            "What is the gradient of the penalty to be?",
        ),
        Misconception(
            "the length of the weights is penalised, not its square",
            lambda x, y, w, b, lam: _data(x, y, w, b).sum() + lam / 2 * w.norm(),
            "Try weights twice as large: how should the penalty change?",
        ),
        Misconception(
            "the penalty is divided by lambda, as if it were C",
            lambda x, y, w, b, lam: objective(x, y, w, b, 1 / lam),
            "A large lambda should hold the weights small.",
        ),
        Misconception(
            "the bias is left out of the scores",
            lambda x, y, w, b, lam: objective(x, y, w, 0 * b, lam),
            "What does each score start from?",
        ),
        Misconception(
            "the penalty is left out",
            lambda x, y, w, b, lam: _data(x, y, w, b).sum(),
            "What is `lam` for?",
        ),
        Misconception(
            "the penalty is the mean of the squares, not their sum",
            lambda x, y, w, b, lam: _data(x, y, w, b).sum() + lam / 2 * (w * w).mean(),
            "How should the penalty grow with the number of weights?",
        ),
        Misconception(
            "the absolute weights are penalised, not their squares",
            lambda x, y, w, b, lam: _data(x, y, w, b).sum() + lam / 2 * w.abs().sum(),
            "Try weights twice as large: how should the penalty change?",
        ),
        Misconception(
            "the softmax runs over the pictures, not over the classes",
            _wide_softmax,
            "What should add up to 1: a row or a column of the scores?",
        ),
    ),
)
