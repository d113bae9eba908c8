"""Exercises 07.4 and 07.5: what a likelihood prefers, and how to take that away."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise, whole
from clipedu_lessons.common.checking import near, reverse, twice, unchanged

SHORT = ValueExercise(
    id="07.4",
    name=("needed", "needed_per_token", "prior", "extra"),
    expected=(0.3 ** (2 / 3), 0.3, 6.25, 0.0),
    misconceptions=(
        Misconception(
            "the whole names are thought to be compared factor by factor",
            lambda v: near(v[0], 0.3),
            "The products are compared, and one of them has a factor more.",
        ),
        Misconception(
            "a share is turned around",
            lambda v: near(v[2], 0.16),
            "How many times more likely is `star` than `shooting star`?",
        ),
        Misconception(
            "the end of the text is left out for one of the two names",
            lambda v: near(v[2], 3.125) or near(v[2], 12.5),
            "Both names end with EOT.",
        ),
        Misconception(
            "the change of the mean per token is meant, not of the whole name",
            lambda v: v[3] > 0,
            "The log-likelihood of the whole name is a sum.",
        ),
    ),
)


def without_habits(scores: Tensor, others: Tensor) -> Tensor:
    """(N, C), (M, C) -> (N, C)."""
    top = others.amax(dim=0)
    return scores - ((others - top).exp().mean(dim=0).log() + top)


def _scores(generator: torch.Generator) -> dict[str, Any]:
    n, m, c = whole(generator, 2, 5), whole(generator, 6, 9), whole(generator, 3, 5)
    usual = -6 * torch.rand(c, generator=generator)
    scores, others = (usual - 3 * torch.rand(k, c, generator=generator) for k in (n, m))
    return {"scores": scores, "others": others}


def _one_other(drawn: dict[str, Any]) -> dict[str, Any]:
    return {**drawn, "others": drawn["others"][:1]}


HABITS = FunctionExercise(
    id="07.5",
    name="without_habits",
    reference=without_habits,
    inputs=_scores,
    gradient=("scores",),
    properties=(
        unchanged("the other pictures come in another order", reverse, 1),
        unchanged("every other picture is there twice", twice, 1),
    ),
    extremes={
        "scores of -10,000": lambda g: {k: 2000 * x for k, x in _scores(g).items()},
        "one other picture": lambda g: _one_other(_scores(g)),
    },
    misconceptions=(
        Misconception(
            "a probability is subtracted from a logarithm",
            lambda s, o: s - o.exp().mean(dim=0),
            "Both terms are logarithms.",
        ),
        Misconception(
            "the logarithms are divided, not subtracted",
            lambda s, o: s / (o.logsumexp(dim=0) - math.log(len(o))),
            "A ratio of probabilities is a difference of logarithms.",
        ),
        Misconception(
            "the mean is taken over all names and pictures together",
            lambda s, o: s - (o.flatten().logsumexp(dim=0) - math.log(o.numel())),
            "Each name has habits of its own.",
        ),
        Misconception(
            "the mean is taken over the other pictures and over those that are asked",
            lambda s, o: s - (torch.cat([s, o]).logsumexp(dim=0) - math.log(len(s) + len(o))),
            "Only `others` stand for any picture.",
        ),
    ),
)
