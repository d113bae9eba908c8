"""Exercises 03.1 and 03.2: reading a matrix, and vectors of length 1."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise
from clipedu_lessons.common.checking import alone, near, unchanged

READ = ValueExercise(
    id="03.1",
    name=("pictures_right", "captions_right", "loss_of_guessing", "rise"),
    expected=(2, 3, math.log(256), math.log(2)),
    misconceptions=(
        Misconception(
            "the wrong choices are counted, not the right ones",
            lambda v: (v[0], v[1]) == (2, 1),
        ),
        Misconception(
            "every pair is counted as right because its score is on the diagonal",
            lambda v: v[0] == v[1] == 4,
            "Right means that the largest score of the row is the one on the diagonal.",
        ),
        Misconception(
            "the logarithm has base 2",
            lambda v: near(v[2], 8) or near(v[3], 1),
            "The loss is in nats: the natural logarithm.",
        ),
        Misconception(
            "the logarithm has base 10",
            lambda v: near(v[2], math.log10(256)) or near(v[3], math.log10(2)),
            "The loss is in nats: the natural logarithm.",
        ),
        Misconception("the logarithm is forgotten", lambda v: v[2] == 256 or v[3] == 256),
        Misconception(
            "the two directions are added, not averaged",
            lambda v: near(v[2], 2 * math.log(256)) or near(v[3], 2 * math.log(2)),
        ),
        Misconception(
            "the loss is taken to double with the batch",
            lambda v: near(v[3], math.log(256)) or v[3] == 2,
            "What is ln 512 - ln 256?",
        ),
        Misconception("the sign is that of ln(1/N)", lambda v: v[2] < 0),
        Misconception(
            "the captions are judged along the rows, too",
            lambda v: v[0] == v[1] == 2,
            "For a caption, look down its column.",
        ),
        Misconception(
            "the pictures are judged down the columns, too",
            lambda v: v[0] == v[1] == 3,
            "For a picture, look along its row.",
        ),
        Misconception(
            "a share is given for a number of pictures or captions",
            lambda v: 0 < v[0] < 1 or 0 < v[1] < 1,
            "How many of the four?",
        ),
        Misconception(
            "the probability of a guess is given for its cost",
            lambda v: near(v[2], 1 / 256),
            "What does an answer of probability 1/256 cost?",
        ),
        Misconception(
            "the loss is that of the small matrix, not of a batch of 256",
            lambda v: near(v[2], math.log(4)),
            "Among how many captions is guessed?",
        ),
        Misconception(
            "the loss of the larger batch is given, not the rise",
            lambda v: near(v[3], math.log(512)),
            "By how much does it rise?",
        ),
        Misconception(
            "the loss is believed not to depend on the batch",
            lambda v: v[3] == 0,
            "Is it as easy to guess among 512 as among 256?",
        ),
        Misconception(
            "the two losses are added or divided, not subtracted",
            lambda v: near(v[3], math.log(512) / math.log(256)) or near(v[3], 4 * math.log(2)),
            "What is ln 512 - ln 256?",
        ),
    ),
)


def _rows(generator: torch.Generator, n: int | None = None) -> dict[str, Any]:
    n = n or int(torch.randint(3, 9, (), generator=generator))
    width = int(torch.randint(2, 9, (), generator=generator))
    lengths = 0.5 + 4 * torch.rand(n, 1, generator=generator)
    return {"vectors": lengths * torch.randn(n, width, generator=generator)}


def _length(x: Tensor) -> Tensor:
    return (x * x).sum(dim=1, keepdim=True).sqrt()  # (N, 1)


def normalise_rows(vectors: Tensor) -> Tensor:
    """(N, E) -> (N, E), rows of length 1."""
    return vectors / _length(vectors)


NORMALISE = FunctionExercise(
    id="03.2",
    name="normalise_rows",
    reference=normalise_rows,
    inputs=_rows,
    gradient=("vectors",),
    dtype="same",
    properties=(
        unchanged("the vectors are made longer", lambda x: 3 * x, 0),
        alone("a row's result depends on the other rows", 0),
    ),
    extremes={
        "one row": lambda g: _rows(g, 1),
        "rows of length 1,000,000": lambda g: {"vectors": 1e6 * torch.randn(4, 3, generator=g)},
        "rows of length 0.001": lambda g: {"vectors": 1e-3 * torch.randn(4, 3, generator=g)},
    },
    misconceptions=(
        Misconception(
            "the rows are divided by the sum of their absolute values",
            lambda x: x / x.abs().sum(dim=1, keepdim=True),
            "That is the L1 length; the dot product goes with the L2 length.",
        ),
        Misconception(
            "the rows are divided by the sum of their entries",
            lambda x: x / x.sum(dim=1, keepdim=True),
            "What is the length of (3, 4)?",
        ),
        Misconception(
            "the rows are divided by their largest entry",
            lambda x: x / x.abs().amax(dim=1, keepdim=True),
        ),
        Misconception(
            "the rows are divided by their largest entry, signs and all",
            lambda x: x / x.amax(dim=1, keepdim=True),
        ),
        Misconception("the vectors are returned as they came", lambda x: x * 1),
        Misconception(
            "the entries are squeezed between 0 and 1",
            lambda x: (x - x.min()) / (x.max() - x.min()),
            "Normalising to length 1 keeps every direction.",
        ),
        Misconception("each entry is replaced by its sign", lambda x: x.sign()),
        Misconception(
            "each row is standardised (mean 0, mean square 1)",
            lambda x: F.layer_norm(x, x.shape[1:], eps=0),
            "Standardising is another thing than normalising to length 1.",
        ),
        Misconception(
            "each column is standardised over the batch",
            lambda x: (x - x.mean(dim=0)) / x.std(dim=0),
            "A row's result may not depend on the other rows.",
        ),
        Misconception(
            "each column is divided by its squared length",
            lambda x: x / (x * x).sum(dim=0, keepdim=True),
        ),
        Misconception(
            "only the first row's length is used for all rows", lambda x: x / x[0].norm()
        ),
        Misconception("a softmax is taken of each row", lambda x: x.softmax(dim=1)),
        Misconception(
            "the rows are brought to mean 0 and standard deviation 1",
            lambda x: (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True),
            "Standardising is another thing than normalising to length 1.",
        ),
        Misconception(
            "the mean of each row is taken off first",
            lambda x: F.normalize(x - x.mean(dim=1, keepdim=True), dim=1, eps=1e-30),
            "The direction must stay as it is.",
        ),
        Misconception(
            "the mean of the squares is taken, not their sum",
            lambda x: x / (x * x).mean(dim=1, keepdim=True).sqrt(),
        ),
        Misconception(
            "the rows are multiplied by their length", lambda x: x * x.norm(dim=1, keepdim=True)
        ),
        Misconception(
            "the lengths are returned, not the vectors", lambda x: x.norm(dim=1, keepdim=True)
        ),
        Misconception("the lengths are returned without their dimension", lambda x: x.norm(dim=1)),
        Misconception(
            "a small number is added to the lengths",
            lambda x: x / (x.norm(dim=1, keepdim=True) + 1e-8),
            "No row is zero, so nothing needs protection; short rows come out too short.",
        ),
        Misconception(
            "the sign of the entries is lost",
            lambda x: F.normalize(x.abs(), dim=1),
            "The row must point the same way.",
        ),
        Misconception(
            "the rows are divided by their standard deviation",
            lambda x: x / x.std(dim=1, keepdim=True),
            "The length is the root of the sum of the squares.",
        ),
    ),
)
