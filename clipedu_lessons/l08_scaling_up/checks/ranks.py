"""Exercises 08.4 and 08.5: the loss of one rank, and a gradient in chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Limit, Misconception, Property
from clipedu_lessons.common.checking import roles_swapped, unchanged


def _rank_inputs(
    generator: torch.Generator, ranks: int | None = None, n: int | None = None
) -> dict[str, Any]:
    ranks = ranks or int(torch.randint(2, 5, (), generator=generator))
    n = n or int(torch.randint(2, 5, (), generator=generator))
    width = n * ranks + int(torch.randint(1, 5, (), generator=generator))
    text = F.normalize(torch.randn(n * ranks, width, generator=generator).double(), dim=1)
    image = F.normalize(text + 0.4 * torch.randn(text.shape, generator=generator), dim=1)
    rank = int(torch.randint(0, ranks, (), generator=generator))
    scale = 2 + 8 * torch.rand((), generator=generator)
    return {"image": image, "text": text, "logit_scale": scale, "rank": rank, "ranks": ranks}


def _last(generator: torch.Generator) -> dict[str, Any]:
    drawn = _rank_inputs(generator, ranks=3)
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
    inputs=_rank_inputs,
    gradient=("image", "text", "logit_scale"),
    properties=(
        Property("the mean over the ranks is not the loss of the whole batch", _mean_over_ranks),
        roles_swapped(),
    ),
    extremes={
        "one rank": lambda g: {**_rank_inputs(g, ranks=1), "rank": 0},
        "the last of three ranks": _last,
        "one pair on each rank": lambda g: _rank_inputs(g, n=1),
    },
    misconceptions=(
        Misconception(
            "only the captions are asked, not the pictures",
            lambda i, t, s, rank, ranks: _pictures(t, i, s, rank, ranks),
            "The loss has two directions.",
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
            "the exponential of the logit scale is taken, which is done already",
            lambda i, t, s, rank, ranks: rank_loss(i, t, s.exp(), rank, ranks),
            "The function is given the multiplier itself.",
        ),
    ),
)


def _chunk_inputs(
    generator: torch.Generator,
    chunks: int | None = None,
    size: int | None = None,
    depth: int | None = None,
) -> dict[str, Any]:
    chunks = chunks or int(torch.randint(2, 5, (), generator=generator))
    size = size or int(torch.randint(2, 5, (), generator=generator))
    depth = depth or int(torch.randint(4, 7, (), generator=generator))
    width = int(torch.randint(3, 6, (), generator=generator))
    n = chunks * size
    return {
        "pictures": torch.randn(n, depth, generator=generator),
        "text": F.normalize(torch.randn(n, width, generator=generator), dim=1),
        "weight": torch.randn(depth, width, generator=generator),
        "logit_scale": 2 + 4 * torch.rand((), generator=generator),
        "chunks": chunks,
    }


def _embed(pictures: Tensor, weight: Tensor) -> Tensor:
    x = pictures @ weight
    return x / x.norm(dim=1, keepdim=True)


def _loss(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    logits = scale * image @ text.T
    along, down = (x.log_softmax(1).diagonal().mean() for x in (logits, logits.T))
    return -(along + down) / 2


def _gradient(weight: Tensor, loss_of: Callable[[Tensor], Tensor]) -> Tensor:
    with torch.enable_grad():
        leaf = weight.detach().clone().requires_grad_()
        return torch.autograd.grad(loss_of(leaf), leaf)[0]


def gradient_in_chunks(
    pictures: Tensor, text: Tensor, weight: Tensor, logit_scale: Tensor, chunks: int
) -> Tensor:
    """The slow obvious way: one graph of the whole batch."""
    return _gradient(weight, lambda w: _loss(_embed(pictures, w), text, logit_scale))


CHUNKS = FunctionExercise(
    id="08.5",
    name="gradient_in_chunks",
    reference=gradient_in_chunks,
    inputs=_chunk_inputs,
    properties=(unchanged("all is done in one chunk", lambda chunks: 1, 4),),
    extremes={
        "one chunk": lambda g: _chunk_inputs(g, chunks=1),
        "chunks of one pair": lambda g: _chunk_inputs(g, size=1),
    },
    limits=(
        Limit(
            "the graphs of several chunks are held at once",
            lambda g: _chunk_inputs(g, chunks=8, size=2, depth=1024),  # 16,384 bytes a chunk
            most=48_000,
            of="graph",
            hint="What must a chunk know of the whole loss, once the embeddings are there?",
        ),
    ),
    misconceptions=(
        Misconception(
            "the exact gradient is multiplied by the number of chunks",
            lambda *drawn: gradient_in_chunks(*drawn) * drawn[4],
            "Does each chunk send the messages of all rows?",
        ),
    ),
)
