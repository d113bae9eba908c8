"""Exercises 11.1 and 11.7: expectations on logits, and how much one model moves them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole
from clipedu_lessons.common.checking import near

EXPECT = ValueExercise(
    id="11.1",
    name=("logit_90", "expected", "effective", "effective_after", "relative"),
    expected=(math.log(9), 50.0, 15.0, 68 - 100 * 19 / 28, 3.0),
    tolerance=0.06,
    misconceptions=(
        Misconception(
            "the loss of accuracy is taken for effective robustness",
            lambda v: near(v[2], -25, 25, within=0.15) or near(v[3], -27, 27, within=0.15),
            "Compare with what the line expects, not with the reference.",
        ),
        Misconception(
            "the sign is turned round",
            lambda v: near(v[2], -15, within=0.15) or near(v[4], -3, within=0.15),
        ),
        Misconception(
            "the expectation of the model before is used after fine-tuning, too",
            lambda v: near(v[3], 18, within=0.15),
            "Fine-tuning moved the model on the reference as well.",
        ),
        Misconception(
            "relative robustness is taken for the change of effective robustness",
            lambda v: near(v[4], -14.9, 14.9, -15, within=0.15),
            "Relative robustness looks at the shifted set alone.",
        ),
    ),
)


def _models(generator: torch.Generator, models: int | None = None) -> dict[str, Any]:
    """Models that scatter around a line, and a point above it."""
    count = models or whole(generator, 5, 12)
    reference = 0.05 + 0.9 * torch.rand(count, generator=generator)
    noise = 0.4 * torch.randn(count, generator=generator)
    slope = 0.6 + 0.8 * float(torch.rand((), generator=generator))
    shifted = torch.sigmoid(slope * torch.logit(reference) - 1 + noise)
    point = torch.tensor([0.3, 0.5]) + 0.3 * torch.rand(2, generator=generator)
    return {"reference": reference, "shifted": shifted, "point": point}


def _height(x: Tensor, y: Tensor, at: Tensor) -> Tensor:
    away = x - x.mean()
    return y.mean() + (away * y).sum() / away.square().sum() * (at - x.mean())


def _without_each(above: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Any:
    """From a robustness of a point over models to its change without each of them."""

    def influences(reference: Tensor, shifted: Tensor, point: Tensor) -> Tensor:
        n, whole = len(reference), above(reference, shifted, point)
        kept = ~torch.eye(n, dtype=torch.bool)
        return torch.stack([above(reference[k], shifted[k], point) for k in kept]) - whole

    return influences


def _above(x: Tensor, y: Tensor, point: Tensor) -> Tensor:
    return point[1] - torch.sigmoid(_height(torch.logit(x), torch.logit(y), torch.logit(point[0])))


influence = _without_each(_above)


INFLUENCE = FunctionExercise(
    id="11.7",
    name="influence",
    reference=influence,
    inputs=_models,
    properties=(
        Property(
            "the entries are not those of the models when these come in another order",
            lambda f, x, y, p: (torch.as_tensor(f(x, y, p)).flip(0), f(x.flip(0), y.flip(0), p)),
        ),
        Property(
            "the height of the point above the line matters",
            lambda f, x, y, p: (f(x, y, p), f(x, y, p - torch.tensor([0.0, 0.2]).to(p))),
        ),
    ),
    extremes={"three models": lambda g: _models(g, 3)},
    tolerance=1e-5,
    misconceptions=(
        Misconception(
            "the logarithm of the share is taken, not of the odds",
            _without_each(lambda x, y, p: p[1] - torch.exp(_height(x.log(), y.log(), p[0].log()))),
            "A logit is the logarithm of p / (1 - p).",
        ),
        Misconception(
            "the reference is expected from the shifted set",
            _without_each(
                lambda x, y, p: (
                    p[0] - torch.sigmoid(_height(torch.logit(y), torch.logit(x), torch.logit(p[1])))
                )
            ),
            "Which accuracy is known, and which one is expected?",
        ),
        Misconception(
            "only the size of the change is kept", lambda x, y, p: influence(x, y, p).abs()
        ),
        Misconception(
            "the change is in points, not a share", lambda x, y, p: 100 * influence(x, y, p)
        ),
    ),
)
