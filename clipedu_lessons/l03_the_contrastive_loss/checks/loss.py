"""Exercise 03.3: the symmetric loss, and what the other losses share with it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Misconception
from clipedu_lessons.common.checking import reverse, roles_swapped, unchanged


def unit_pairs(generator: torch.Generator, n: int | None = None) -> tuple[Tensor, Tensor]:
    """Two (N, E) matrices, N and E different, of rows of length 1 to all digits of float64."""
    n = n or int(torch.randint(3, 9, (), generator=generator))
    width = n + int(torch.randint(1, 5, (), generator=generator))
    text = F.normalize(torch.randn(n, width, generator=generator).double(), dim=1)
    noisy = text + 0.2 * torch.randn(n, width, generator=generator)
    return F.normalize(noisy, dim=1), text


def batch(generator: torch.Generator, n: int | None = None) -> dict[str, Any]:
    image, text = unit_pairs(generator, n)
    scale = 2 + 8 * torch.rand((), generator=generator)
    return {"image": image, "text": text, "logit_scale": scale}


def rows_loss(logits: Tensor) -> Tensor:
    return -logits.log_softmax(dim=1).diagonal().mean()


def both_ways(logits: Tensor) -> Tensor:
    return (rows_loss(logits) + rows_loss(logits.T)) / 2


def sigmoid_loss(logits: Tensor) -> Tensor:
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype) - 1
    return -F.logsigmoid(signs * logits).sum() / len(logits)


def contrastive_loss(image: Tensor, text: Tensor, logit_scale: Tensor) -> Tensor:
    """(N, E), (N, E), () -> ()."""
    return both_ways(logit_scale * image @ text.T)


def right_probability(logits: Tensor) -> Tensor:
    both = logits.softmax(dim=1) + logits.softmax(dim=0)
    return both.diagonal().mean() / 2


def _with_scale(generator: torch.Generator, scale: float) -> dict[str, Any]:
    return {**batch(generator), "logit_scale": torch.tensor(scale)}


def _misfits(generator: torch.Generator) -> dict[str, Any]:
    """Every right answer has a probability that is too small for a plain logarithm."""
    drawn = batch(generator)
    return {**drawn, "text": -drawn["image"], "logit_scale": torch.tensor(1000.0)}


LOSS = FunctionExercise(
    id="03.3",
    name="contrastive_loss",
    reference=contrastive_loss,
    inputs=batch,
    gradient=("image", "text", "logit_scale"),
    properties=(
        roles_swapped(),
        unchanged("the pairs come in another order", reverse, 0, 1),
    ),
    extremes={
        "a batch of one": lambda g: batch(g, 1),
        "a logit scale of 1,000": lambda g: _with_scale(g, 1000.0),
        "a scale of 0.001": lambda g: _with_scale(g, 0.001),
        "a scale of 1,000 and captions that do not fit": _misfits,
    },
    misconceptions=(
        Misconception(
            "only the columns are scored, not the rows",
            lambda i, t, s: rows_loss(s * t @ i.T),
            "Which question does a row ask?",
        ),
        Misconception(
            "the logit scale is added to the cosines, not multiplied with them",
            lambda i, t, s: both_ways(i @ t.T + s),
            "What does a softmax do with a number that is added to all its scores?",
        ),
        Misconception(
            "the exponential of the logit scale is taken, which is done already",
            lambda i, t, s: both_ways(s.exp() * i @ t.T),
            "The function is given the multiplier itself.",
        ),
        Misconception(
            "the cosines are multiplied by the logarithm of the scale",
            lambda i, t, s: both_ways(s.log() * i @ t.T),
        ),
        Misconception(
            "the scale is multiplied in twice", lambda i, t, s: both_ways(s * s * i @ t.T)
        ),
        Misconception(
            "only the right pairs are scored, not the wrong ones",
            lambda i, t, s: -(s * (i * t).sum(dim=1)).mean(),
            "What keeps all vectors from becoming equal?",
        ),
        Misconception(
            "a sigmoid is used instead of the softmax", lambda i, t, s: sigmoid_loss(s * i @ t.T)
        ),
        Misconception(
            "each entry is judged by itself and the mean is taken over all N x N",
            lambda i, t, s: sigmoid_loss(s * i @ t.T) / len(i),
            "A softmax compares the captions of one row with each other.",
        ),
        Misconception(
            "only the rows are scored, and the cosines are divided by the scale",
            lambda i, t, s: rows_loss(i @ t.T / s),
            "Two things: the columns ask, too, and the scale multiplies.",
        ),
        Misconception(
            "only the rows are scored, and the logit scale is left out",
            lambda i, t, s: rows_loss(i @ t.T),
            "Two things: the columns ask, too, and the cosines need their scale.",
        ),
        Misconception(
            "only the rows are scored, and the exponential of the scale is taken again",
            lambda i, t, s: rows_loss(s.exp() * i @ t.T),
        ),
        Misconception(
            "the two losses are added and the cosines are divided by the scale",
            lambda i, t, s: 2 * both_ways(i @ t.T / s),
        ),
        Misconception(
            "the two losses are added and the logit scale is left out",
            lambda i, t, s: 2 * both_ways(i @ t.T),
        ),
        Misconception(
            "the two losses are added and the exponential of the scale is taken again",
            lambda i, t, s: 2 * both_ways(s.exp() * i @ t.T),
        ),
        Misconception(
            "only the rows are scored, and their loss is halved",
            lambda i, t, s: rows_loss(s * i @ t.T) / 2,
            "The other half of the mean is missing.",
        ),
        Misconception(
            "probabilities are averaged without their logarithm",
            lambda i, t, s: -right_probability(s * i @ t.T),
            "A cross-entropy is minus the logarithm of the probability.",
        ),
        Misconception(
            "a fixed scale of 1 / 0.07 is used, not the one given",
            lambda i, t, s: both_ways(i @ t.T / 0.07),
        ),
        Misconception(
            "a fixed scale of 100 is used, not the one given",
            lambda i, t, s: both_ways(100 * i @ t.T),
        ),
        Misconception(
            "squared distances are used as scores",
            lambda i, t, s: both_ways(s * ((i[:, None] - t[None]) ** 2).sum(dim=-1)),
            "A score must be large for vectors that are close.",
        ),
        Misconception(
            "negative squared distances are used as scores",
            lambda i, t, s: both_ways(-s * ((i[:, None] - t[None]) ** 2).sum(dim=-1)),
            "The score is scale x cosine.",
        ),
        Misconception("the scores are negated", lambda i, t, s: both_ways(-s * i @ t.T)),
        Misconception(
            "channels are compared with channels, not pictures with captions",
            lambda i, t, s: both_ways(s * i.T @ t),
            "Which shape must the matrix have?",
        ),
        Misconception(
            "the captions are not transposed",
            lambda i, t, s: both_ways(s * (i @ t)),
            "(N, E) times what gives (N, N)?",
        ),
        Misconception(
            "the vectors are normalised over the batch",
            lambda i, t, s: both_ways(s * F.normalize(i, dim=0) @ F.normalize(t, dim=0).T),
            "The vectors have length 1 already.",
        ),
        Misconception(
            "the probability that is missing is averaged, without a logarithm",
            lambda i, t, s: 1 - right_probability(s * i @ t.T),
            "A cross-entropy is minus the logarithm of the probability.",
        ),
        Misconception(
            "the logit scale is held at a maximum inside the loss",
            lambda i, t, s: both_ways(s.clamp(max=100) * i @ t.T),
            "The clamp belongs after the optimiser's step; the loss takes the scale as it is.",
        ),
        Misconception(
            "the squared distance to the identity matrix is taken",
            lambda i, t, s: ((s * i @ t.T - torch.eye(len(i), dtype=i.dtype)) ** 2).mean(),
            "The loss of Figure 3 is a cross-entropy, in two directions.",
        ),
        Misconception(
            "the matrix is averaged with its transpose before the softmax",
            lambda i, t, s: rows_loss((s * i @ t.T + s * t @ i.T) / 2),
            "Two softmaxes, one for each question; the mean comes last.",
        ),
        Misconception(
            "neither the mean over the pairs nor that over the directions is taken",
            lambda i, t, s: 2 * len(i) * contrastive_loss(i, t, s),
            "The loss of guessing among N must be ln N.",
        ),
        Misconception(
            "all entries of the log-softmax are averaged, not only the right ones",
            lambda i, t, s: -(s * i @ t.T).log_softmax(dim=1).mean(),
            "In which column does row i have its right answer? And what do the columns ask?",
        ),
    ),
)
