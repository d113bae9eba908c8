"""Exercises 05.3 to 05.5: mean per class, recall@k, and the lower end of an exact interval."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import (
    FunctionExercise,
    Limit,
    Misconception,
    whole,
)
from clipedu_lessons.common.checking import reverse, twice, unchanged


def _answers(generator: torch.Generator) -> dict[str, Any]:
    """Unequal classes, one in the middle without a picture that is predicted all the same."""
    classes = whole(generator, 4, 6)
    counts = [whole(generator, 1, 4) for _ in range(classes - 2)] + [whole(generator, 8, 14)]
    empty = whole(generator, 1, classes - 2)
    counts.insert(empty, 0)
    labels = torch.cat([torch.full((count,), c) for c, count in enumerate(counts)])
    labels = labels[torch.randperm(len(labels), generator=generator)]
    guess = torch.randint(0, classes, labels.shape, generator=generator)
    keep = torch.rand(len(labels), generator=generator) < 0.5
    predictions = torch.where(keep, labels, guess)
    predictions[-1] = empty
    return {"predictions": predictions, "labels": labels}


def _shares(predictions: Tensor, labels: Tensor) -> list[float]:
    return [
        float((predictions[labels == c] == c).double().mean()) for c in labels.unique().tolist()
    ]


def mean_per_class(predictions: Tensor, labels: Tensor) -> float:
    """(N,), (N,) -> share of 1."""
    shares = _shares(predictions, labels)
    return sum(shares) / len(shares)


MEAN_PER_CLASS = FunctionExercise(
    id="05.3",
    name="mean_per_class",
    reference=mean_per_class,
    inputs=_answers,
    properties=(
        unchanged("the pictures are put in another order", reverse, 0, 1),
        unchanged("every picture occurs twice", twice, 0, 1),
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
            "the right ones are divided by the number of classes",
            lambda p, y: float((p == y).sum()) / len(y.unique()),
            "Each class has its own number of pictures.",
        ),
        Misconception("the share of errors is returned", lambda p, y: 1 - mean_per_class(p, y)),
    ),
)


def _seen(generator: torch.Generator) -> dict[str, Any]:
    n = whole(generator, 5, 60)
    tail = (0.005, 0.025, 0.05, 0.1)[whole(generator, 0, 3)]
    return {"right": whole(generator, 1, n - 1), "n": n, "tail": tail}


def _or_more(right: int, n: int, p: float) -> float:
    return math.fsum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(right, n + 1))


def _where(rises: Callable[[float], float], level: float) -> float:
    """The point in 0..1 at which a rising function reaches `level`."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rises(middle) < level else (low, middle)
    return low


def lower_end(right: int, n: int, tail: float) -> float:
    """The accuracy at which `right` or more of n has the probability `tail`."""
    return _where(lambda p: _or_more(right, n, p), tail) if right else 0.0


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
        Misconception("the tail is doubled", lambda r, n, t: lower_end(r, n, 2 * t)),
        Misconception("the accuracy itself is returned", lambda r, n, t: r / n),
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


def _pairs(
    generator: torch.Generator, n: int | None = None, chunk: int | None = None, k: int | None = None
) -> dict[str, Any]:
    n = n or 4 * whole(generator, 3, 5) + 1  # no multiple of the chunk
    width = whole(generator, 3, 6)
    text = torch.randn(n, width, generator=generator)
    image = text + 1.2 * torch.randn(n, width, generator=generator)
    return {
        "image": image,
        "text": text,
        "k": k or whole(generator, 2, 3),
        "chunk": chunk or (2, 4)[whole(generator, 0, 1)],
    }


def _ranks(image: Tensor, text: Tensor) -> Tensor:
    scores = image @ text.T  # (N, N)
    return (scores > scores.diagonal()[:, None]).sum(dim=1)  # (N,)


def recall_at_k(image: Tensor, text: Tensor, k: int, chunk: int) -> float:
    """(N, E), (N, E) -> share of 1; in one piece, since the test's matrices are small."""
    return float((_ranks(image, text) < k).double().mean())


RECALL = FunctionExercise(
    id="05.4",
    name="recall_at_k",
    reference=recall_at_k,
    inputs=_pairs,
    trials=6,
    properties=(
        unchanged("the chunk has another size", lambda chunk: chunk + 1, 3),
        unchanged("the pairs are put in another order", reverse, 0, 1),
    ),
    extremes={
        "one pair": lambda g: _pairs(g, n=1),
        "a chunk larger than N": lambda g: _pairs(g, chunk=100),
        "a chunk of one row": lambda g: _pairs(g, chunk=1),
        "k larger than N": lambda g: _pairs(g, n=5, k=50),
        "k = 1": lambda g: _pairs(g, k=1),
    },
    limits=(
        Limit(
            "more than `chunk` rows of the N x N matrix are held at once",
            lambda g: _pairs(g, n=161, chunk=4),  # the matrix has 207,368 bytes
            most=90_000,
            hint="Which rows of the matrix does one turn of the loop need?",
        ),
    ),
    misconceptions=(
        Misconception(
            "one rank too few counts as found",
            lambda i, t, k, c: float((_ranks(i, t) < k - 1).double().mean()),
            "Among the first 1 means that none scores higher.",
        ),
        Misconception(
            "the lowest scores are taken for the best",
            lambda i, t, k, c: float((_ranks(-i, t) < k).double().mean()),
            "Similar means a large dot product.",
        ),
        Misconception(
            "the result is divided by k as well",
            lambda i, t, k, c: float((_ranks(i, t) < k).double().mean()) / k,
            "That would be precision; recall asks whether the one right text was found.",
        ),
        Misconception(
            "those that were missed are counted",
            lambda i, t, k, c: 1 - recall_at_k(i, t, k, c),
        ),
    ),
)
