"""Exercises 11.1 and 11.2: expectations on logits, effective robustness."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole


def _near(value: Any, *wanted: float, within: float = 0.15) -> bool:
    return any(abs(float(value) - each) < within for each in wanted)


EXPECT = ValueExercise(
    id="11.1",
    name=("logit_90", "expected", "effective", "effective_after", "relative"),
    expected=(math.log(9), 50.0, 15.0, 68 - 100 * 19 / 28, 3.0),
    tolerance=0.06,
    misconceptions=(
        Misconception(
            "shares are given where percent and points are asked for",
            lambda v: _near(v[1], 0.5, within=0.01) or _near(v[2], 0.15, within=0.006),
        ),
        Misconception(
            "the logarithm has base 10",
            lambda v: _near(v[0], math.log10(9), within=0.02),
            "The logit is the natural logarithm of the odds.",
        ),
        Misconception(
            "the logarithm has base 2",
            lambda v: _near(v[0], math.log2(9), within=0.02),
            "The logit is the natural logarithm of the odds.",
        ),
        Misconception(
            "the logarithm of the share is taken, not of the odds",
            lambda v: _near(v[0], math.log(0.9), within=0.02),
            "How many right answers are there for each wrong one?",
        ),
        Misconception("the odds are given, not their logarithm", lambda v: _near(v[0], 9)),
        Misconception(
            "the odds are given, not the share",
            lambda v: _near(v[1], 1, 100, within=0.01),
            "Odds of 1 to 1: what share is right?",
        ),
        Misconception(
            "the expectation is left as a logit",
            lambda v: _near(v[1], 0.0, within=0.01),
            "Turn the logit back into a share.",
        ),
        Misconception(
            "the loss of accuracy is taken for effective robustness",
            lambda v: _near(v[2], -25, 25) or _near(v[3], -27, 27),
            "Compare with what the line expects, not with the reference.",
        ),
        Misconception("the sign is turned round", lambda v: _near(v[2], -15) or _near(v[4], -3)),
        Misconception(
            "the expectation of the model before is used after fine-tuning, too",
            lambda v: _near(v[3], 18),
            "Fine-tuning moved the model on the reference as well.",
        ),
        Misconception(
            "relative robustness is taken for the change of effective robustness",
            lambda v: _near(v[4], -14.9, 14.9, -15),
            "Relative robustness looks at the shifted set alone.",
        ),
        Misconception(
            "relative robustness is taken for the change on the reference",
            lambda v: _near(v[4], 5),
            "Which set is the word about?",
        ),
        Misconception(
            "relative robustness is given in percent of what was there",
            lambda v: _near(v[4], 100 * 3 / 65, within=0.03),
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
        Property(
            "a model's result depends on the other models",
            lambda f, a, b, x, y: (f(a, b, x, y)[:1], f(a, b, x[:1], y[:1])),
        ),
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
            "the difference is left on the logit scale",
            lambda a, b, x, y: torch.logit(y) - (a * torch.logit(x) + b),
            "12 points are 0.12, whatever the accuracy. Which scale has points?",
        ),
        Misconception(
            "the line is laid through the raw accuracies",
            lambda a, b, x, y: y - (a * x + b),
            "The line lives on logits.",
        ),
        Misconception(
            "the sign is turned round",
            lambda a, b, x, y: torch.sigmoid(a * torch.logit(x) + b) - y,
            "A model better than expected has a positive one.",
        ),
        Misconception(
            "the loss of accuracy is taken for effective robustness",
            lambda a, b, x, y: y - x,
            "What does the line expect?",
        ),
        Misconception(
            "the logarithm has base 10", _base(10, 10), "The line was fitted on natural logarithms."
        ),
        Misconception("the logarithm has base 10 there and base e on the way back",
                      _base(10, math.e)),
        Misconception("the logarithm has base 2", _base(2, 2)),
        Misconception("the logarithm has base 2 there and base e on the way back",
                      _base(2, math.e)),
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
            "the intercept is left out",
            lambda a, b, x, y: y - torch.sigmoid(a * torch.logit(x)),
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
            "the slope is left out", lambda a, b, x, y: y - torch.sigmoid(torch.logit(x) + b)
        ),
        Misconception(
            "slope and intercept change places",
            lambda a, b, x, y: y - torch.sigmoid(b * torch.logit(x) + a),
        ),
        Misconception(
            "reference and shifted change places",
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
            "points are returned, not shares",
            lambda a, b, x, y: 100 * effective_robustness(a, b, x, y),
            "0.12 is 12 points.",
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
)  # fmt: skip
