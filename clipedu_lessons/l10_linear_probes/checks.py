"""What is right in lesson 10, linear probes.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole
from clipedu_lessons.common.checking import reverse, twice, unchanged


def _numbers(learned: bool, value: int) -> object:
    """A predicate: this answer to the first (learned) or third question, whatever the others."""
    place = 0 if learned else 2
    return lambda answer: answer[place] == value


PROTOCOL = ValueExercise(
    id="10.1",
    name=("numbers_learned", "fits_at_most", "pictures_in_last_fit", "lambda_is_chosen_on"),
    expected=(2570, 16, 800, "validation"),
    misconceptions=(
        Misconception(
            "the bias is taken to be one number for all classes",
            _numbers(True, 2561),
            "Which shape has the bias?",
        ),
        Misconception(
            "the whole grid is fitted",
            lambda answer: answer[1] in (96, 97, 98),
            "How many lambdas does each halving add?",
        ),
        Misconception(
            "lambda is chosen on the pictures that were fitted",
            lambda answer: str(answer[3]).strip().lower() == "train",
            "Which lambda always fits the training pictures best?",
        ),
    ),
)


def _data(features: Tensor, labels: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """(N,) cross-entropies."""
    scores = features @ weights.T + bias  # (N, C)
    own = scores.gather(1, labels[:, None])[:, 0]
    return torch.logsumexp(scores, 1) - own


def objective(
    features: Tensor, labels: Tensor, weights: Tensor, bias: Tensor, lam: float
) -> Tensor:
    return _data(features, labels, weights, bias).sum() + lam / 2 * (weights * weights).sum()


def _draw_scores(generator: torch.Generator) -> dict[str, Any]:
    n, width, classes = (whole(generator, 5, 9), whole(generator, 2, 6), whole(generator, 3, 5))
    return {
        "features": torch.randn(n, width, generator=generator),
        "labels": torch.randint(0, classes, (n,), generator=generator),
        "weights": torch.randn(classes, width, generator=generator),
        "bias": torch.randn(classes, generator=generator),
        "lam": 0.2 + 4 * float(torch.rand((), generator=generator)),
    }


def _large(generator: torch.Generator) -> dict[str, Any]:
    drawn = _draw_scores(generator)
    return {**drawn, "features": 1000 * drawn["features"]}


OBJECTIVE = FunctionExercise(
    id="10.2",
    name="probe_objective",
    reference=objective,
    inputs=_draw_scores,
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
            "the penalty is the mean of the squares, not their sum",
            lambda x, y, w, b, lam: _data(x, y, w, b).sum() + lam / 2 * (w * w).mean(),
            "How should the penalty grow with the number of weights?",
        ),
        Misconception(
            "the absolute weights are penalised, not their squares",
            lambda x, y, w, b, lam: _data(x, y, w, b).sum() + lam / 2 * w.abs().sum(),
            "Try weights twice as large: how should the penalty change?",
        ),
    ),
)


Curve = list[float]


def _bracket(shots: Curve, accuracies: Curve, target: float) -> tuple[int, float]:
    """(k, share): the target lies `share` of the way from point k - 1 to point k."""
    k = next(k for k in range(1, len(shots)) if target <= accuracies[k])
    return k, (target - accuracies[k - 1]) / (accuracies[k] - accuracies[k - 1])


def worth(shots: Curve, accuracies: Curve, target: float) -> float:
    k, share = _bracket(shots, accuracies, target)
    return shots[k - 1] * (shots[k] / shots[k - 1]) ** share


def _draw_curve(generator: torch.Generator) -> dict[str, Any]:
    count = whole(generator, 3, 6)
    steps = 1.3 + 3 * torch.rand(count, generator=generator).double()
    gains = 0.03 + 0.1 * torch.rand(count, generator=generator).double()
    shots = (whole(generator, 1, 3) * steps.cumprod(0) / steps[0]).tolist()
    accuracies = (0.05 + gains.cumsum(0)).tolist()
    k = whole(generator, 1, count - 1)
    share = 0.15 + 0.2 * float(torch.rand((), generator=generator))
    share = share if whole(generator, 0, 1) else 1 - share  # away from the middle
    target = (1 - share) * accuracies[k - 1] + share * accuracies[k]
    return {"shots": shots, "accuracies": accuracies, "target": target}


def _at(place: int) -> Any:
    def inputs(generator: torch.Generator) -> dict[str, Any]:
        drawn = _draw_curve(generator)
        return {**drawn, "target": drawn["accuracies"][place]}

    return inputs


SHOTS = FunctionExercise(
    id="10.3",
    name="examples_worth",
    reference=worth,
    inputs=_draw_curve,
    extremes={
        "the target at the first point": _at(0),
        "the target at the last point": _at(-1),
        "the target at a point in between": _at(1),
    },
    properties=(
        Property(
            "ten times as many shots everywhere do not make the answer ten times as large",
            lambda f, s, a, t: (10 * f(s, a, t), f([10 * x for x in s], a, t)),
        ),
        Property(
            "accuracies in percent change the answer",
            lambda f, s, a, t: (f(s, a, t), f(s, [100 * x for x in a], 100 * t)),
        ),
    ),
    misconceptions=(),
)


def _beneath(confidence: Tensor, bins: int) -> Tensor:
    return (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)


def _bins(
    confidence: Tensor, right: Tensor, bins: int, places: Any = _beneath
) -> list[tuple[float, float, float, float]]:
    """(share of predictions, accuracy, mean confidence, middle) of every bin that holds any."""
    place = places(confidence, bins)
    rows = []
    for k in place.unique().tolist():
        inside = place == k
        share = float(inside.double().mean())
        middle = (k + 0.5) / bins
        rows.append((share, float(right[inside].mean()), float(confidence[inside].mean()), middle))
    return rows


def error(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    rows = _bins(confidence, right, bins)
    return confidence.new_tensor(sum(share * abs(acc - conf) for share, acc, conf, _ in rows))


def _draw_answers(generator: torch.Generator) -> dict[str, Any]:
    n, bins = whole(generator, 30, 60), whole(generator, 3, 7)
    confidence = 0.02 + 0.96 * torch.rand(n, generator=generator)
    right = (torch.rand(n, generator=generator) < 0.2 + 0.5 * confidence).float()
    return {"confidence": confidence, "right": right, "bins": bins}


def _crowded(generator: torch.Generator) -> dict[str, Any]:
    """Everything in one or two bins of ten: most are empty."""
    drawn = _draw_answers(generator)
    return {**drawn, "confidence": 0.83 + 0.1 * drawn["confidence"], "bins": 10}


def _sure(generator: torch.Generator) -> dict[str, Any]:
    drawn = _draw_answers(generator)
    return {**drawn, "confidence": torch.ones(len(drawn["right"]))}


CALIBRATION = FunctionExercise(
    id="10.4",
    name="calibration_error",
    reference=error,
    inputs=_draw_answers,
    extremes={
        "most bins empty": _crowded,
        "every confidence exactly 1": _sure,
        "a confidence on an inner edge": lambda g: {
            "confidence": torch.tensor([0.4, 0.5, 0.6]),
            "right": torch.tensor([1.0, 0.0, 1.0]),
            "bins": 4,
        },
        "a single prediction": lambda g: {
            "confidence": torch.tensor([0.7]),
            "right": torch.tensor([1.0]),
            "bins": 4,
        },
    },
    properties=(
        unchanged("every prediction is there twice", twice, 0, 1),
        unchanged("the predictions come in another order", reverse, 0, 1),
    ),
    misconceptions=(
        Misconception(
            "the gaps keep their signs, confidence less accuracy",
            lambda c, r, b: c.mean() - r.mean(),
            "Can a model that is overconfident in one bin and underconfident in another hide it?",
        ),
    ),
)


EXERCISES = [PROTOCOL, OBJECTIVE, SHOTS, CALIBRATION]
