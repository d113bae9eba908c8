"""Exercises 05.3 and 05.5: the mean per class, and the lower end of an exact interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole


def _answers(generator: torch.Generator) -> dict[str, Any]:
    """Unequal classes, one without a picture that is predicted all the same."""
    classes = whole(generator, 4, 6)
    counts = [whole(generator, 1, 4) for _ in range(classes - 2)] + [whole(generator, 8, 14), 0]
    labels = torch.cat([torch.full((count,), c) for c, count in enumerate(counts)])
    labels = labels[torch.randperm(len(labels), generator=generator)]
    guess = torch.randint(0, classes, labels.shape, generator=generator)
    keep = torch.rand(len(labels), generator=generator) < 0.5
    predictions = torch.where(keep, labels, guess)
    predictions[-1] = classes - 1
    return {"predictions": predictions, "labels": labels}


def _shares(predictions: Tensor, labels: Tensor) -> list[float]:
    return [
        float((predictions[labels == c] == c).double().mean()) for c in labels.unique().tolist()
    ]


def mean_per_class(predictions: Tensor, labels: Tensor) -> float:
    """(N,), (N,) -> share of 1."""
    shares = _shares(predictions, labels)
    return sum(shares) / len(shares)


def _with_empty(predictions: Tensor, labels: Tensor) -> float:
    return sum(_shares(predictions, labels)) / (int(max(predictions.max(), labels.max())) + 1)


def _precision(predictions: Tensor, labels: Tensor) -> float:
    found = [
        float((labels[predictions == c] == c).double().mean())
        for c in predictions.unique().tolist()
    ]
    return sum(found) / len(found)


def _predicted_only(predictions: Tensor, labels: Tensor) -> float:
    shares = [
        float((predictions[labels == c] == c).double().mean())
        for c in predictions.unique().tolist()
        if (labels == c).any()
    ]
    return sum(shares) / max(len(shares), 1)


MEAN_PER_CLASS = FunctionExercise(
    id="05.3",
    name="mean_per_class",
    reference=mean_per_class,
    inputs=_answers,
    properties=(
        Property(
            "the pictures are put in another order",
            lambda f, p, y: (f(p, y), f(p.flip(0), y.flip(0))),
        ),
        Property(
            "every picture occurs twice",
            lambda f, p, y: (f(p, y), f(p.repeat(2), y.repeat(2))),
        ),
    ),
    extremes={
        "one picture": lambda g: {"predictions": torch.tensor([2]), "labels": torch.tensor([2])},
        "all wrong": lambda g: {
            "predictions": torch.tensor([1, 1, 0]),
            "labels": torch.tensor([0, 0, 1]),
        },
        "one class": lambda g: {
            "predictions": torch.tensor([3, 3, 0]),
            "labels": torch.tensor([3, 3, 3]),
        },
        "one class predicted, three there": lambda g: {
            "predictions": torch.tensor([0, 0, 0, 0]),
            "labels": torch.tensor([0, 0, 1, 2]),
        },
        "class numbers with gaps": lambda g: {
            "predictions": torch.tensor([900, 7, 7, 900]),
            "labels": torch.tensor([900, 900, 900, 7]),
        },
    },
    misconceptions=(
        Misconception(
            "every picture counts the same",
            lambda p, y: float((p == y).double().mean()),
            "That is top-1: a class with many pictures has more say.",
        ),
        Misconception(
            "the shares are of what was predicted, not of what is there",
            _precision,
            "Divide by the pictures of a class, not by how often it was answered.",
        ),
        Misconception(
            "classes without a picture count as 0",
            _with_empty,
            "Nobody can name a picture that is not there.",
        ),
        Misconception(
            "classes that are never predicted drop out",
            _predicted_only,
            "Go over the classes in labels; one that was never named has the share 0.",
        ),
        Misconception("the shares are added up and not divided", lambda p, y: sum(_shares(p, y))),
        Misconception(
            "the right ones are divided by the number of classes",
            lambda p, y: float((p == y).sum()) / len(y.unique()),
            "Each class has its own number of pictures.",
        ),
        Misconception(
            "the middle class is taken, not the mean",
            lambda p, y: float(torch.tensor(_shares(p, y)).median()),
        ),
        Misconception("the worst class is returned", lambda p, y: min(_shares(p, y))),
        Misconception("the best class is returned", lambda p, y: max(_shares(p, y))),
        Misconception(
            "the shares are returned, not their mean", lambda p, y: torch.tensor(_shares(p, y))
        ),
        Misconception("the share of errors is returned", lambda p, y: 1 - mean_per_class(p, y)),
        Misconception("a percentage is returned", lambda p, y: 100 * mean_per_class(p, y)),
    ),
)


def _seen(generator: torch.Generator) -> dict[str, Any]:
    n = whole(generator, 5, 60)
    tail = (0.005, 0.025, 0.05, 0.1)[whole(generator, 0, 3)]
    return {"right": whole(generator, 1, n - 1), "n": n, "tail": tail}


def _or_more(right: int, n: int, p: float) -> float:
    return math.fsum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(right, n + 1))


def _where(rises: Callable[[float], float], level: float) -> float:
    """The place in 0..1 at which a rising function reaches `level`."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rises(middle) < level else (low, middle)
    return low


def lower_end(right: int, n: int, tail: float) -> float:
    """The accuracy at which `right` or more of n has the probability `tail`."""
    return _where(lambda p: _or_more(right, n, p), tail) if right else 0.0


def _normal(right: int, n: int, tail: float, z: float | None = None) -> float:
    p = right / n
    if z is None:
        z = _where(lambda q: math.erfc(-(20 * q - 10) / math.sqrt(2)) / 2, 1 - tail) * 20 - 10
    return p - z * math.sqrt(p * (1 - p) / n)


def _exactly(right: int, n: int, tail: float) -> float:
    """Below right / n the probability of exactly so many rises with p."""
    return _where(
        lambda p: math.comb(n, right) * p**right * (1 - p) ** (n - right) if p < right / n else 1.0,
        tail,
    )


LOWER_END = FunctionExercise(
    id="05.5",
    name="lower_end",
    reference=lower_end,
    inputs=_seen,
    tolerance=2e-6,
    extremes={
        "none right": lambda g: {"right": 0, "n": 12, "tail": 0.025},
        "all right": lambda g: {"right": 9, "n": 9, "tail": 0.025},
        "one picture": lambda g: {"right": 1, "n": 1, "tail": 0.025},
        "200 pictures": lambda g: {"right": 131, "n": 200, "tail": 0.025},
    },
    misconceptions=(
        Misconception(
            "the probability of more than that many is used, not of that many or more",
            lambda r, n, t: _where(lambda p: _or_more(r + 1, n, p), t) if r < n else 1.0,
            "Where does the sum over j begin?",
        ),
        Misconception(
            "the bell curve is used",
            lambda r, n, t: max(0.0, _normal(r, n, t)),
            "Near 0 and 1 and for few pictures it is wrong; use the definition.",
        ),
        Misconception(
            "the bell curve of 95 % is used, whatever the tail is",
            lambda r, n, t: max(0.0, _normal(r, n, t, 1.959964)),
            "Near 0 and 1 and for few pictures it is wrong; use the definition.",
        ),
        Misconception(
            "the upper end is returned",
            lambda r, n, t: _where(lambda p: _or_more(r + 1, n, p), 1 - t) if r < n else 1.0,
            "At the lower end, so many right answers are surprisingly *many*.",
        ),
        Misconception(
            "the tail is halved once more",
            lambda r, n, t: lower_end(r, n, t / 2),
            "tail is the share of one side already.",
        ),
        Misconception("the tail is doubled", lambda r, n, t: lower_end(r, n, 2 * t)),
        Misconception(
            "the probability of exactly that many is used",
            _exactly,
            "So many *or more*: add up the larger ones, too.",
        ),
        Misconception("the accuracy itself is returned", lambda r, n, t: r / n),
        Misconception(
            "the tail is subtracted from the accuracy", lambda r, n, t: max(0.0, r / n - t)
        ),
        Misconception(
            "the formula for all right is used for every case", lambda r, n, t: t ** (1 / n)
        ),
        Misconception(
            "the binomial coefficients are left out",
            lambda r, n, t: _where(
                lambda p: sum(p**j * (1 - p) ** (n - j) for j in range(r, n + 1)), t
            ),
            "In how many orders can j of n be right?",
        ),
        Misconception(
            "the number of wrong answers is used", lambda r, n, t: lower_end(n - r, n, t)
        ),
    ),
)
