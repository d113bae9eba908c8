"""Exercise 08.3: a log-sum-exp in pieces."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.habits import joins
from clipedu_classroom.spec import FunctionExercise, Habit, Misconception, Property


def _pieces(
    generator: torch.Generator, n: int | None = None, count: int | None = None, by: float = 2.0
) -> dict[str, Any]:
    n = n or int(torch.randint(2, 7, (), generator=generator))
    count = count or int(torch.randint(2, 5, (), generator=generator))
    widths = torch.randint(1, 6, (count,), generator=generator).tolist()
    return {"pieces": [by * torch.randn(n, width, generator=generator) for width in widths]}


def streaming_logsumexp(pieces: list[Tensor]) -> Tensor:
    """A list of (N, m_k) -> (N,)."""
    return torch.cat(pieces, dim=1).logsumexp(dim=1)


def _each(pieces: list[Tensor]) -> Tensor:
    """(K, N)"""
    return torch.stack([piece.logsumexp(dim=1) for piece in pieces])


PIECES = FunctionExercise(
    id="08.3",
    name="streaming_logsumexp",
    reference=streaming_logsumexp,
    inputs=_pieces,
    properties=(
        Property(
            "the result changes when the pieces come in another order",
            lambda f, pieces: (f(pieces), f(pieces[::-1])),
        ),
        Property(
            "the result changes when a piece is cut in two",
            lambda f, pieces: (
                f(pieces),
                f([part for piece in pieces for part in piece.split(1, dim=1)]),
            ),
        ),
    ),
    extremes={
        "logits of a thousand": lambda g: _pieces(g, by=1000.0),
        "logits of minus a thousand": lambda g: {
            "pieces": [p - 1000 for p in _pieces(g)["pieces"]]
        },
        "one piece only": lambda g: _pieces(g, count=1),
        "one row": lambda g: _pieces(g, n=1),
    },
    habits=(
        Habit(
            "the pieces are put together into the whole matrix",
            joins(0),
            "Take one piece at a time: what do you keep of it when it is gone?",
        ),
    ),
    misconceptions=(
        Misconception(
            "the logarithms of the pieces are added",
            lambda pieces: _each(pieces).sum(0),
            "ln(a + b) is not ln a + ln b.",
        ),
        Misconception(
            "the pieces are averaged",
            lambda pieces: _each(pieces).mean(0),
            "Which operation joins two parts of one sum?",
        ),
        Misconception(
            "only the largest piece counts",
            lambda pieces: _each(pieces).amax(0),
            "The others are smaller, but not nothing.",
        ),
        Misconception(
            "only the last piece counts",
            lambda pieces: _each(pieces)[-1],
            "What do you keep from one piece to the next?",
        ),
        Misconception(
            "only the first piece counts",
            lambda pieces: _each(pieces)[0],
            "Does the loop return too early?",
        ),
        Misconception(
            "the running sum starts with the logarithm 0, which counts one logit too many",
            lambda pieces: torch.logaddexp(_each(pieces).logsumexp(0), torch.zeros(())),
            "0 is the logarithm of 1. What is the logarithm of an empty sum?",
        ),
        Misconception(
            "the first piece is counted twice",
            lambda pieces: torch.cat([pieces[0], *pieces], dim=1).logsumexp(1),
            "If you start with the first piece, where does the loop begin?",
        ),
        Misconception(
            "the largest logit is returned, not the log-sum-exp",
            lambda pieces: torch.cat(pieces, dim=1).amax(1),
        ),
        Misconception(
            "the logarithm is left out",
            lambda pieces: torch.cat(pieces, dim=1).exp().sum(1),
            "What has the unit of a logit?",
        ),
        Misconception(
            "the sum is taken down the columns, not along the rows",
            lambda pieces: torch.cat(pieces, dim=1).logsumexp(0),
            "The result has one number for each of the N rows.",
        ),
        Misconception(
            "one number is returned for the whole matrix",
            lambda pieces: torch.cat(pieces, dim=1).flatten().logsumexp(0),
            "One number for each row.",
        ),
        Misconception(
            "the mean of the exponentials is taken, not their sum",
            lambda pieces: torch.cat(pieces, dim=1).exp().mean(1).log(),
        ),
        Misconception(
            "the logits are added without exponentials",
            lambda pieces: torch.cat(pieces, dim=1).sum(1),
        ),
    ),
)
