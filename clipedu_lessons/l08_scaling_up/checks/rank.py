"""Exercise 08.4: the loss of one rank."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Misconception, Property


def _inputs(
    generator: torch.Generator, ranks: int | None = None, n: int | None = None
) -> dict[str, Any]:
    ranks = ranks or int(torch.randint(2, 5, (), generator=generator))
    n = n or int(torch.randint(2, 5, (), generator=generator))
    width = n * ranks + int(torch.randint(1, 5, (), generator=generator))
    text = F.normalize(torch.randn(n * ranks, width, generator=generator), dim=1)
    image = F.normalize(text + 0.4 * torch.randn(text.shape, generator=generator), dim=1)
    rank = int(torch.randint(0, ranks, (), generator=generator))
    scale = 2 + 8 * torch.rand((), generator=generator)
    return {"image": image, "text": text, "logit_scale": scale, "rank": rank, "ranks": ranks}


def _last(generator: torch.Generator) -> dict[str, Any]:
    drawn = _inputs(generator, ranks=3)
    return {**drawn, "rank": 2}


def _strip(queries: Tensor, keys: Tensor, rows: Tensor, answers: Tensor) -> Tensor:
    shares = (queries[rows] @ keys.T).log_softmax(dim=1)
    return -shares[torch.arange(len(rows)), answers].mean()


def _both(image: Tensor, text: Tensor, scale: Tensor, rows: Tensor, answers: Tensor) -> Tensor:
    one = _strip(scale * image, text, rows, answers)
    return (one + _strip(scale * text, image, rows, answers)) / 2


def _own(image: Tensor, rank: int, ranks: int) -> Tensor:
    n = len(image) // ranks
    return torch.arange(rank * n, rank * n + n)


def rank_loss(image: Tensor, text: Tensor, logit_scale: Tensor, rank: int, ranks: int) -> Tensor:
    """(N, E), (N, E), (), rank, ranks -> ()."""
    rows = _own(image, rank, ranks)
    return _both(image, text, logit_scale, rows, rows)


def _whole(image: Tensor, text: Tensor, scale: Tensor, rank: int, ranks: int) -> Tensor:
    rows = torch.arange(len(image))
    return _both(image, text, scale, rows, rows)


def _from_zero(image: Tensor, text: Tensor, scale: Tensor, rank: int, ranks: int) -> Tensor:
    rows = _own(image, rank, ranks)
    return _both(image, text, scale, rows, torch.arange(len(rows)))


def _alone(image: Tensor, text: Tensor, scale: Tensor, rank: int, ranks: int) -> Tensor:
    rows = _own(image, rank, ranks)
    here = torch.arange(len(rows))
    return _both(image[rows], text[rows], scale, here, here)


def _interleaved(image: Tensor, text: Tensor, scale: Tensor, rank: int, ranks: int) -> Tensor:
    rows = torch.arange(rank, len(image), ranks)
    return _both(image, text, scale, rows, rows)


def _one_strip(image: Tensor, text: Tensor, scale: Tensor, rank: int, ranks: int) -> Tensor:
    """Captions of all ranks as rows, each choosing among the rank's own pictures."""
    rows = _own(image, rank, ranks)
    logits = scale * image[rows] @ text.T  # (n, N)
    along = -logits.log_softmax(1)[torch.arange(len(rows)), rows].mean()
    down = -logits.log_softmax(0)[torch.arange(len(rows)), rows].mean()
    return (along + down) / 2


def _from_one(image: Tensor, text: Tensor, scale: Tensor, rank: int, ranks: int) -> Tensor:
    rows = _own(image, (rank - 1) % ranks, ranks)
    return _both(image, text, scale, rows, rows)


def _detached(image: Tensor, text: Tensor, scale: Tensor, rank: int, ranks: int) -> Tensor:
    rows = _own(image, rank, ranks)
    everyone, captions = image.detach().clone(), text.detach().clone()
    everyone[rows], captions[rows] = image[rows], text[rows]
    return _both(everyone, captions, scale, rows, rows)


def _mean_over_ranks(f: Any, *drawn: Any) -> tuple[Tensor, Tensor]:
    image, text, scale, _, ranks = drawn
    losses = [f(image, text, scale, rank, ranks) for rank in range(ranks)]
    return sum(losses) / ranks, _whole(image, text, scale, 0, ranks)


def _pictures(image: Tensor, text: Tensor, scale: Tensor, rank: int, ranks: int) -> Tensor:
    rows = _own(image, rank, ranks)
    return _strip(scale * image, text, rows, rows)


RANK = FunctionExercise(
    id="08.4",
    name="rank_loss",
    reference=rank_loss,
    inputs=_inputs,
    gradient=("image", "text", "logit_scale"),
    properties=(
        Property("the mean over the ranks is not the loss of the whole batch", _mean_over_ranks),
        Property(
            "the result changes when pictures and captions swap roles",
            lambda f, image, text, scale, rank, ranks: (
                f(image, text, scale, rank, ranks),
                f(text, image, scale, rank, ranks),
            ),
        ),
    ),
    extremes={
        "one rank": lambda g: {**_inputs(g, ranks=1), "rank": 0},
        "the last of three ranks": _last,
        "one pair on each rank": lambda g: _inputs(g, n=1),
    },
    misconceptions=(
        Misconception(
            "the answers are numbered from 0 on every rank",
            _from_zero,
            "In which column of all captions does the rank's first picture have its own?",
        ),
        Misconception(
            "a rank compares its own pairs only",
            _alone,
            "A caption of another rank is a wrong caption, too.",
        ),
        Misconception(
            "only the pictures are asked, not the captions",
            _pictures,
            "The loss has two directions.",
        ),
        Misconception(
            "only the captions are asked, not the pictures",
            lambda i, t, s, rank, ranks: _pictures(t, i, s, rank, ranks),
            "The loss has two directions.",
        ),
        Misconception(
            "the loss of the whole batch is computed on every rank",
            _whole,
            "Whose pairs does this rank ask for?",
        ),
        Misconception(
            "the two directions are added, not averaged",
            lambda *drawn: 2 * rank_loss(*drawn),
            "The mean over the ranks must be the loss of the whole batch.",
        ),
        Misconception(
            "the rank takes every so many rows and not a block",
            _interleaved,
            "The rows stand in the order of the ranks: first all of rank 0, then all of rank 1.",
        ),
        Misconception(
            "captions choose among the rank's own pictures only",
            _one_strip,
            "The second direction needs a strip of its own: the rank's captions, all pictures.",
        ),
        Misconception(
            "ranks are counted from 1", _from_one, "The first rank is number 0: rows 0 to n - 1."
        ),
        Misconception(
            "the loss is divided by the whole batch, not by the rank's part",
            lambda i, t, s, rank, ranks: rank_loss(i, t, s, rank, ranks) / ranks,
            "The mean over the ranks comes later, and divides by their number.",
        ),
        Misconception(
            "the losses are summed over the rank's pairs, not averaged",
            lambda i, t, s, rank, ranks: rank_loss(i, t, s, rank, ranks) * (len(i) // ranks),
            "A loss of a batch is a mean over pairs.",
        ),
        Misconception(
            "the logit scale is left out",
            lambda i, t, s, rank, ranks: rank_loss(i, t, torch.ones_like(s), rank, ranks),
        ),
        Misconception(
            "the exponential of the logit scale is taken, which is done already",
            lambda i, t, s, rank, ranks: rank_loss(i, t, s.exp(), rank, ranks),
            "The function is given the multiplier itself.",
        ),
        Misconception(
            "no gradient reaches the other ranks' rows",
            _detached,
            "They are this rank's wrong answers, and must hear of it.",
        ),
    ),
)
