"""Exercises 11.1 to 11.3: expectations on logits, effective robustness, a line through logits."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole
from clipedu_lessons.common.checking import alone, near, reverse, unchanged

EXPECT = ValueExercise(
    id="11.1",
    name=("logit_90", "expected", "effective", "effective_after", "relative"),
    expected=(math.log(9), 50.0, 15.0, 68 - 100 * 19 / 28, 3.0),
    tolerance=0.06,
    misconceptions=(
        Misconception(
            "shares are given where percent and points are asked for",
            lambda v: near(v[1], 0.5, within=0.01) or near(v[2], 0.15, within=0.006),
        ),
        Misconception(
            "the logarithm has base 2",
            lambda v: near(v[0], math.log2(9), within=0.02),
            "The logit is the natural logarithm of the odds.",
        ),
        Misconception(
            "the logarithm of the share is taken, not of the odds",
            lambda v: near(v[0], math.log(0.9), within=0.02),
            "How many right answers are there for each wrong one?",
        ),
        Misconception(
            "the odds are given, not their logarithm", lambda v: near(v[0], 9, within=0.15)
        ),
        Misconception(
            "the odds are given, not the share",
            lambda v: near(v[1], 1, 100, within=0.01),
            "Odds of 1 to 1: what share is right?",
        ),
        Misconception(
            "the expectation is left as a logit",
            lambda v: near(v[1], 0.0, within=0.01),
            "Turn the logit back into a share.",
        ),
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
        Misconception(
            "relative robustness is taken for the change on the reference",
            lambda v: near(v[4], 5, within=0.15),
            "Which set is the word about?",
        ),
        Misconception(
            "relative robustness is given in percent of what was there",
            lambda v: near(v[4], 100 * 3 / 65, within=0.03),
            "Points: a difference of two accuracies.",
        ),
    ),
)


def draw_accuracies(generator: torch.Generator, models: int | None = None) -> dict[str, Any]:
    count = models or whole(generator, 3, 12)
    reference = 0.05 + 0.9 * torch.rand(count, generator=generator)
    noise = 0.4 * torch.randn(count, generator=generator)
    slope = 0.6 + 0.8 * float(torch.rand((), generator=generator))
    shifted = torch.sigmoid(slope * torch.logit(reference) - 1 + noise)
    return {"reference": reference, "shifted": shifted}


def _with_line(generator: torch.Generator, models: int | None = None) -> dict[str, Any]:
    slope = 0.6 + 0.9 * float(torch.rand((), generator=generator))
    intercept = -1.6 + float(torch.rand((), generator=generator))
    return {"slope": slope, "intercept": intercept, **draw_accuracies(generator, models)}


def effective_robustness(
    slope: float, intercept: float, reference: Tensor, shifted: Tensor
) -> Tensor:
    """(M,), (M,) -> (M,)."""
    odds = reference / (1 - reference)
    return shifted - 1 / (1 + torch.exp(-(slope * torch.log(odds) + intercept)))


def _base(base: float, back: float) -> Any:
    """A wrong answer with another logarithm, there and back."""

    def wrong(slope: float, intercept: float, reference: Tensor, shifted: Tensor) -> Tensor:
        ruler = torch.log(reference / (1 - reference)) / math.log(base)
        return shifted - 1 / (1 + back ** -(slope * ruler + intercept))

    return wrong


EFFECTIVE = FunctionExercise(
    id="11.2",
    name="effective_robustness",
    reference=effective_robustness,
    inputs=_with_line,
    properties=(
        alone("a model's result depends on the other models", 2, 3),
        Property(
            "a model that is exactly as the line expects does not get 0",
            lambda f, a, b, x, y: (
                f(a, b, x, torch.sigmoid(a * torch.logit(x) + b)),
                torch.zeros_like(x),
            ),
        ),
    ),
    extremes={
        "one model": lambda g: _with_line(g, 1),
        "accuracies close to 0 and to 1": lambda g: {
            "slope": 0.9,
            "intercept": -1.0,
            "reference": torch.tensor([0.001, 0.999]),
            "shifted": torch.tensor([0.001, 0.99]),
        },
    },
    misconceptions=(
        Misconception(
            "the logarithm has base 10 there and base e on the way back", _base(10, math.e)
        ),
        Misconception("the logarithm has base 2", _base(2, 2)),
        Misconception(
            "the logarithm has base 2 there and base e on the way back", _base(2, math.e)
        ),
        Misconception(
            "the logarithm of the share is taken, not of the odds",
            lambda a, b, x, y: y - torch.exp(a * torch.log(x) + b),
            "A logit is the logarithm of p / (1 - p).",
        ),
        Misconception(
            "the logarithm of the share is taken and the sigmoid of the line",
            lambda a, b, x, y: y - torch.sigmoid(a * torch.log(x) + b),
            "A logit is the logarithm of p / (1 - p).",
        ),
        Misconception(
            "the odds are not turned back into a share",
            lambda a, b, x, y: y - torch.exp(a * torch.logit(x) + b),
            "Odds o are the share o / (1 + o).",
        ),
        Misconception(
            "the logit is not turned back into a share",
            lambda a, b, x, y: y - (a * torch.logit(x) + b),
            "From a logit to a share: the sigmoid.",
        ),
        Misconception(
            "the sigmoid is taken of the accuracies without their logit",
            lambda a, b, x, y: y - torch.sigmoid(a * x + b),
        ),
        Misconception(
            "the sigmoid has the wrong sign",
            lambda a, b, x, y: y - torch.sigmoid(-(a * torch.logit(x) + b)),
        ),
        Misconception(
            "the intercept is subtracted",
            lambda a, b, x, y: y - torch.sigmoid(a * torch.logit(x) - b),
        ),
        Misconception(
            "the intercept is added before the slope multiplies",
            lambda a, b, x, y: y - torch.sigmoid(a * (torch.logit(x) + b)),
        ),
        Misconception(
            "slope and intercept are swapped",
            lambda a, b, x, y: y - torch.sigmoid(b * torch.logit(x) + a),
        ),
        Misconception(
            "reference and shifted are swapped",
            lambda a, b, x, y: x - torch.sigmoid(a * torch.logit(y) + b),
        ),
        Misconception(
            "the expectation is compared with the reference",
            lambda a, b, x, y: x - torch.sigmoid(a * torch.logit(x) + b),
        ),
        Misconception(
            "the expectation is returned, not the difference",
            lambda a, b, x, y: torch.sigmoid(a * torch.logit(x) + b),
        ),
        Misconception(
            "the difference is divided by the expectation",
            lambda a, b, x, y: y / torch.sigmoid(a * torch.logit(x) + b) - 1,
        ),
        Misconception(
            "the mean over the models is returned",
            lambda a, b, x, y: effective_robustness(a, b, x, y).mean(),
        ),
        Misconception(
            "what lies below the line is set to 0",
            lambda a, b, x, y: effective_robustness(a, b, x, y).clamp(min=0),
            "Models can be below the line.",
        ),
        Misconception(
            "only the size of the difference is kept",
            lambda a, b, x, y: effective_robustness(a, b, x, y).abs(),
        ),
    ),
)


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


def _on_logits(formula: Any) -> Any:
    return lambda reference, shifted: formula(torch.logit(reference), torch.logit(shifted))


FIT = FunctionExercise(
    id="11.3",
    name="fit",
    reference=fit,
    inputs=lambda g: draw_accuracies(g, whole(g, 5, 12)),
    properties=(
        unchanged("the models come in another order", reverse, 0, 1),
        Property(
            "the line through a set of accuracies and itself does not have slope 1, intercept 0",
            lambda f, x, y: (f(x, x), (torch.ones_like(x[0]), torch.zeros_like(x[0]))),
        ),
    ),
    extremes={"three models": lambda g: draw_accuracies(g, 3)},
    tolerance=1e-5,
    misconceptions=(
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
