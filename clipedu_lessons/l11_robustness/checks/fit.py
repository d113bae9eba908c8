"""Exercise 11.3: a line through logits."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole
from clipedu_lessons.l11_robustness.checks.line import draw_accuracies


def fit(reference: Tensor, shifted: Tensor) -> tuple[Tensor, Tensor]:
    """(M,), (M,) -> slope (), intercept ()."""
    return _least_squares(torch.logit(reference), torch.logit(shifted))


def _least_squares(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    away = x - x.mean()
    slope = (away * (y - y.mean())).sum() / (away * away).sum()
    return slope, y.mean() - slope * x.mean()


def _ends(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    first, last = int(x.argmin()), int(x.argmax())
    slope = (y[last] - y[first]) / (x[last] - x[first])
    return slope, y[first] - slope * x[first]


def _first_and_last(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    slope = (y[-1] - y[0]) / (x[-1] - x[0])
    return slope, y[0] - slope * x[0]


def _standardised(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    slope = y.std() / x.std()
    return slope, y.mean() - slope * x.mean()


def _correlated(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    away, up = x - x.mean(), y - y.mean()
    r = (away * up).sum() / (away.square().sum() * up.square().sum()).sqrt()
    return r, y.mean() - r * x.mean()


def _origin(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    return (x * y).sum() / (x * x).sum(), torch.zeros_like(x[0])


def _on_logits(formula: Any) -> Any:
    return lambda reference, shifted: formula(torch.logit(reference), torch.logit(shifted))


FIT = FunctionExercise(
    id="11.3",
    name="fit",
    reference=fit,
    inputs=lambda g: draw_accuracies(g, whole(g, 5, 12)),
    properties=(
        Property(
            "the result changes when the models come in another order",
            lambda f, x, y: (f(x, y), f(x.flip(0), y.flip(0))),
        ),
        Property(
            "the line through a set of accuracies and itself does not have slope 1, intercept 0",
            lambda f, x, y: (f(x, x), (torch.ones_like(x[0]), torch.zeros_like(x[0]))),
        ),
    ),
    extremes={"three models": lambda g: draw_accuracies(g, 3)},
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "the reference is expected from the shifted set",
            lambda x, y: fit(y, x),
            "Which accuracy is known, which one is expected?",
        ),
        Misconception(
            "the line is laid through the raw accuracies",
            _least_squares,
            "Transform both first.",
        ),
        Misconception("the line is forced through the origin", _on_logits(_origin)),
        Misconception(
            "slope and intercept are given in the other order", lambda x, y: fit(x, y)[::-1]
        ),
        Misconception(
            "the logarithm has base 10",
            lambda x, y: (fit(x, y)[0], fit(x, y)[1] / math.log(10)),
            "The slope is right, the intercept has another unit.",
        ),
        Misconception(
            "the logarithm has base 2", lambda x, y: (fit(x, y)[0], fit(x, y)[1] / math.log(2))
        ),
        Misconception(
            "the logarithm of the share is taken, not of the odds",
            lambda x, y: _least_squares(x.log(), y.log()),
            "A logit is the logarithm of p / (1 - p).",
        ),
        Misconception(
            "the odds are fitted, not their logarithms",
            lambda x, y: _least_squares(x / (1 - x), y / (1 - y)),
        ),
        Misconception(
            "only the reference is put on the logit scale",
            lambda x, y: _least_squares(torch.logit(x), y),
        ),
        Misconception(
            "only the shifted set is put on the logit scale",
            lambda x, y: _least_squares(x, torch.logit(y)),
        ),
        Misconception(
            "the sigmoid is taken, not its inverse",
            lambda x, y: _least_squares(torch.sigmoid(x), torch.sigmoid(y)),
        ),
        Misconception(
            "the odds are turned over",
            lambda x, y: (fit(x, y)[0], -fit(x, y)[1]),
            "Right answers for each wrong one, not the other way round.",
        ),
        Misconception("the line goes through the best and the worst model only", _on_logits(_ends)),
        Misconception(
            "the line goes through the first and the last model only", _on_logits(_first_and_last)
        ),
        Misconception(
            "the correlation is given for the slope",
            _on_logits(_correlated),
            "Divide the covariance by the variance of x.",
        ),
        Misconception(
            "the spread of y is divided by that of x, without the correlation",
            _on_logits(_standardised),
        ),
        Misconception(
            "the covariance has M - 1 below it and the variance M",
            lambda x, y: (
                fit(x, y)[0] * len(x) / (len(x) - 1),
                torch.logit(y).mean()
                - fit(x, y)[0] * len(x) / (len(x) - 1) * torch.logit(x).mean(),
            ),
            "Both need the same divisor, or none. (torch.var divides by M - 1.)",
        ),
        Misconception(
            "the intercept forgets the mean of the reference",
            lambda x, y: (fit(x, y)[0], torch.logit(y).mean()),
        ),
        Misconception(
            "the slope is multiplied on the wrong mean",
            lambda x, y: (
                fit(x, y)[0],
                torch.logit(x).mean() - fit(x, y)[0] * torch.logit(y).mean(),
            ),
        ),
    ),
)
