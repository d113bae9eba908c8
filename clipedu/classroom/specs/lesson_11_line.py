"""Exercises 11.1 to 11.3: expectations on logits, effective robustness, the fit."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from clipedu.classroom.spec import (
    FunctionExercise,
    Misconception,
    Property,
    ValueExercise,
    whole,
)


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


def _accuracies(generator: torch.Generator, models: int | None = None) -> dict[str, Any]:
    count = models or whole(generator, 3, 12)
    reference = 0.05 + 0.9 * torch.rand(count, generator=generator)
    noise = 0.4 * torch.randn(count, generator=generator)
    slope = 0.6 + 0.8 * float(torch.rand((), generator=generator))
    shifted = torch.sigmoid(slope * torch.logit(reference) - 1 + noise)
    return {"reference": reference, "shifted": shifted}


def _with_line(generator: torch.Generator, models: int | None = None) -> dict[str, Any]:
    slope = 0.6 + 0.9 * float(torch.rand((), generator=generator))
    intercept = -1.6 + float(torch.rand((), generator=generator))
    return {"slope": slope, "intercept": intercept, **_accuracies(generator, models)}


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
    gradient=("shifted",),
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
    inputs=lambda g: _accuracies(g, whole(g, 5, 12)),
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
    extremes={"three models": lambda g: _accuracies(g, 3)},
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
