"""Exercise 03.3: the symmetric loss."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Misconception, Property
from clipedu_lessons.l03_the_contrastive_loss.checks import losses as losses
from clipedu_lessons.l03_the_contrastive_loss.checks.shared import (
    batch,
    both_ways,
    rows_loss,
    sigmoid_loss,
)


def _with_scale(generator: torch.Generator, scale: float) -> dict[str, Any]:
    return {**batch(generator), "logit_scale": torch.tensor(scale)}


def _misfits(generator: torch.Generator) -> dict[str, Any]:
    """Every right answer has a probability that is too small for a plain logarithm."""
    drawn = batch(generator)
    return {**drawn, "text": -drawn["image"], "logit_scale": torch.tensor(1000.0)}


LOSS = FunctionExercise(
    id="03.3",
    name="contrastive_loss",
    reference=losses.contrastive_loss,
    inputs=batch,
    gradient=("image", "text", "logit_scale"),
    properties=(
        Property(
            "the result changes when pictures and captions swap roles",
            lambda f, image, text, scale: (f(image, text, scale), f(text, image, scale)),
        ),
        Property(
            "the result changes when the pairs come in another order",
            lambda f, image, text, scale: (
                f(image, text, scale),
                f(image.flip(0), text.flip(0), scale),
            ),
        ),
    ),
    extremes={
        "a batch of one": lambda g: batch(g, 1),
        "a logit scale of 1,000": lambda g: _with_scale(g, 1000.0),
        "the smallest scale, 0": lambda g: _with_scale(g, 0.0),
        "a scale of 1,000 and captions that do not fit": _misfits,
    },
    misconceptions=(
        Misconception(
            "only the rows are scored, not the columns",
            lambda i, t, s: rows_loss(s * i @ t.T),
            "Which question does a column ask?",
        ),
        Misconception(
            "only the columns are scored, not the rows",
            lambda i, t, s: rows_loss(s * t @ i.T),
            "Which question does a row ask?",
        ),
        Misconception(
            "the two losses are added, not averaged",
            lambda i, t, s: 2 * losses.contrastive_loss(i, t, s),
            "What must the loss of guessing among N be?",
        ),
        Misconception(
            "the cosines are divided by the logit scale",
            lambda i, t, s: both_ways(i @ t.T / s),
            "The scale is 1 / temperature: which of the two multiplies?",
        ),
        Misconception("the logit scale is left out", lambda i, t, s: both_ways(i @ t.T)),
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
            "the first caption is the right answer for every picture",
            lambda i, t, s: losses.first_caption(s * i @ t.T),
            "In which column does row i have its right answer?",
        ),
        Misconception(
            "the cross-entropy is given probabilities where it wants scores",
            lambda i, t, s: losses.softmax_twice(s * i @ t.T),
            "torch's cross_entropy takes the softmax itself.",
        ),
        Misconception(
            "one softmax is taken over the whole matrix",
            lambda i, t, s: losses.whole_matrix(s * i @ t.T),
            "How many questions are there, and how many answers does each have?",
        ),
        Misconception(
            "the right caption is left out of the denominator",
            lambda i, t, s: losses.without_right(s * i @ t.T),
            "A softmax sums over all captions, the right one too.",
        ),
        Misconception(
            "the logarithm is taken of the mean probability",
            lambda i, t, s: losses.mean_probability(s * i @ t.T),
            "First the logarithm of each pair, then the mean.",
        ),
        Misconception(
            "only the right pairs are scored, not the wrong ones",
            lambda i, t, s: -(s * (i * t).sum(dim=1)).mean(),
            "What keeps all vectors from becoming equal?",
        ),
        Misconception(
            "a sigmoid is used in place of the softmax", lambda i, t, s: sigmoid_loss(s * i @ t.T)
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
            "the right answers are one place off",
            lambda i, t, s: losses.one_place_off(s * i @ t.T),
            "In which column does row i have its right answer? Count from 0.",
        ),
        Misconception(
            "probabilities are averaged without their logarithm",
            lambda i, t, s: -losses.right_probability(s * i @ t.T),
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
        Misconception(
            "pictures are compared with pictures", lambda i, t, s: both_ways(s * i @ i.T)
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
            "a small number is added before the logarithm",
            lambda i, t, s: losses.eps(s * i @ t.T),
            "It hides how wrong a sure answer is. log_softmax and cross_entropy need no such help.",
        ),
        Misconception(
            "the probability that is missing is averaged, without a logarithm",
            lambda i, t, s: 1 - losses.right_probability(s * i @ t.T),
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
            "the losses of all pairs are added, not averaged",
            lambda i, t, s: len(i) * losses.contrastive_loss(i, t, s),
            "The loss of guessing among N must be ln N.",
        ),
        Misconception(
            "the loss is negated",
            lambda i, t, s: -losses.contrastive_loss(i, t, s),
            "A right answer of probability p costs -ln p, which is not below 0.",
        ),
        Misconception(
            "the right answers stand in the reverse order",
            lambda i, t, s: (
                (rows_loss((s * i @ t.T).flip(1)) + rows_loss((s * i @ t.T).T.flip(1))) / 2
            ),
            "In which column does row i have its right answer?",
        ),
        Misconception(
            "the matrix is averaged with its transpose before the softmax",
            lambda i, t, s: rows_loss((s * i @ t.T + s * t @ i.T) / 2),
            "Two softmaxes, one for each question; the mean comes last.",
        ),
        Misconception(
            "captions are compared with captions",
            lambda i, t, s: both_ways(s * t @ t.T),
        ),
        Misconception(
            "neither the mean over the pairs nor that over the directions is taken",
            lambda i, t, s: 2 * len(i) * losses.contrastive_loss(i, t, s),
            "The loss of guessing among N must be ln N.",
        ),
        Misconception(
            "all entries of the log-softmax are averaged, not only the right ones",
            lambda i, t, s: -(s * i @ t.T).log_softmax(dim=1).mean(),
            "In which column does row i have its right answer? And what do the columns ask?",
        ),
        Misconception(
            "all entries are averaged in both directions, not only the right ones",
            lambda i, t, s: (
                -((s * i @ t.T).log_softmax(dim=1).mean() + (s * i @ t.T).log_softmax(dim=0).mean())
                / 2
            ),
            "In which column does row i have its right answer?",
        ),
    ),
)
