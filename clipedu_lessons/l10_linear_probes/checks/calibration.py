"""Exercise 10.4: the expected calibration error."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole


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


def _above(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    rows = _bins(confidence, right, bins, lambda c, b: (c * b).long().clamp(max=b - 1))
    return confidence.new_tensor(sum(share * abs(acc - conf) for share, acc, conf, _ in rows))


def _unweighted(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    rows = _bins(confidence, right, bins)
    return confidence.new_tensor(sum(abs(acc - conf) for _, acc, conf, _ in rows) / len(rows))


def _all_bins(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    rows = _bins(confidence, right, bins)
    return confidence.new_tensor(sum(abs(acc - conf) for _, acc, conf, _ in rows) / bins)


def _signed(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    return right.mean() - confidence.mean()


def _largest(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    rows = _bins(confidence, right, bins)
    return confidence.new_tensor(max(abs(acc - conf) for _, acc, conf, _ in rows))


def _middle(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    rows = _bins(confidence, right, bins)
    return confidence.new_tensor(sum(share * abs(acc - mid) for share, acc, _, mid in rows))


def _squared(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    rows = _bins(confidence, right, bins)
    return confidence.new_tensor(sum(share * (acc - conf) ** 2 for share, acc, conf, _ in rows))


def _counts(confidence: Tensor, right: Tensor, bins: int) -> Tensor:
    return len(confidence) * error(confidence, right, bins)


def _draw(generator: torch.Generator) -> dict[str, Any]:
    n, bins = whole(generator, 30, 60), whole(generator, 3, 7)
    confidence = 0.02 + 0.96 * torch.rand(n, generator=generator)
    right = (torch.rand(n, generator=generator) < 0.2 + 0.5 * confidence).float()
    return {"confidence": confidence, "right": right, "bins": bins}


def _crowded(generator: torch.Generator) -> dict[str, Any]:
    """Everything in one or two bins of ten: most are empty."""
    drawn = _draw(generator)
    return {**drawn, "confidence": 0.83 + 0.1 * drawn["confidence"], "bins": 10}


def _sure(generator: torch.Generator) -> dict[str, Any]:
    drawn = _draw(generator)
    return {**drawn, "confidence": torch.ones(len(drawn["right"]))}


CALIBRATION = FunctionExercise(
    id="10.4",
    name="calibration_error",
    reference=error,
    inputs=_draw,
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
        Property(
            "every prediction twice changes the result",
            lambda f, c, r, b: (f(c, r, b), f(torch.cat([c, c]), torch.cat([r, r]), b)),
        ),
        Property(
            "the order of the predictions changes the result",
            lambda f, c, r, b: (f(c, r, b), f(c.flip(0), r.flip(0), b)),
        ),
    ),
    misconceptions=(
        Misconception(
            "every bin counts the same, however many predictions it holds",
            _unweighted,
            "Should a bin with one prediction weigh as much as one with a hundred?",
        ),
        Misconception(
            "empty bins count as perfect ones",
            _all_bins,
            "What does an empty bin add, and what is the sum divided by?",
        ),
        Misconception(
            "there are no bins: mean confidence against accuracy",
            lambda c, r, b: (c.mean() - r.mean()).abs(),
            "Can a model that is too sure here and too unsure there hide it?",
        ),
        Misconception(
            "the gaps keep their signs and cancel",
            _signed,
            "Can a model that is too sure here and too unsure there hide it?",
        ),
        Misconception(
            "the gaps keep their signs, confidence less accuracy",
            lambda c, r, b: c.mean() - r.mean(),
            "Can a model that is too sure here and too unsure there hide it?",
        ),
        Misconception(
            "the largest gap is returned, not the mean",
            _largest,
            "That is the maximum calibration error. What is an expected one?",
        ),
        Misconception(
            "each prediction is compared with its own answer",
            lambda c, r, b: (c - r).abs().mean(),
            "A prediction that claims 0.7 is never 0.7 right. What can be?",
        ),
        Misconception(
            "the middle of the bin stands for its mean confidence",
            _middle,
            "Are the confidences of a bin spread evenly over it?",
        ),
        Misconception(
            "a confidence on an edge goes to the bin above",
            _above,
            "With four bins, in which one is 0.5?",
        ),
        Misconception(
            "the gaps are squared",
            _squared,
            "In which unit should the answer be?",
        ),
        Misconception(
            "the gaps are summed over predictions, not averaged",
            _counts,
            "Every prediction twice: should the error change?",
        ),
    ),
)
