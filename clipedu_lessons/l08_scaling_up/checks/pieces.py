"""Exercises 08.1 to 08.3 and 08.5: what a rank computes, a log-sum-exp and a gradient in pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import (
    FunctionExercise,
    Limit,
    Misconception,
    ValueExercise,
)
from clipedu_lessons.common.checking import reverse, unchanged

COUNT = ValueExercise(
    id="08.1",
    name=("pairs_each", "local_mib", "gathered_mib", "missed"),
    expected=(512, 16, 64, 3584),
    misconceptions=(
        Misconception(
            "numbers are counted, not bytes",
            lambda v: v[1] == 4 or v[2] == 16,
            "A float32 takes 4 bytes.",
        ),
        Misconception(
            "a number is taken to have two bytes, not four",
            lambda v: v[1] == 8 and v[2] == 32,
            "A float32 takes 4 bytes.",
        ),
        Misconception(
            "the rank's own pairs are compared with each other only",
            lambda v: v[1] in (1, 2),
            "After the gather, with how many captions is a picture compared?",
        ),
        Misconception(
            "the wrong captions that it does meet are counted",
            lambda v: v[3] in (511, 512),
            "Those are the ones of its own rank. How many are elsewhere?",
        ),
        Misconception(
            "all wrong captions are counted, those of its own rank too",
            lambda v: v[3] in (4095, 4096),
            "Some of them are on its own rank.",
        ),
        Misconception(
            "bytes are given for MiB",
            lambda v: v[1] == 16 * 2**20 or v[2] == 64 * 2**20,
            "Divide by 2^20.",
        ),
    ),
)


FACTORS = ValueExercise(
    id="08.2",
    name=("summed", "own_rows", "not_averaged", "scale_of_chunks", "towers_of_chunks"),
    expected=(1, 0.25, 4, 8, 1),
    misconceptions=(
        Misconception(
            "the mean of DDP is forgotten",
            lambda v: v[1] == 1 or v[2] == 16,
            "Each rank's gradient is divided by the number of ranks.",
        ),
        Misconception(
            "the inverse of the factor is given",
            lambda v: v[1] == 4 or v[2] == 0.25 or v[3] == 0.125,
            "How many times as large as the true gradient?",
        ),
        Misconception(
            "the towers' gradients are thought to need a division by the chunks",
            lambda v: v[4] in (0.125, 8),
            "In each pass only one chunk's rows have a graph behind them.",
        ),
    ),
)


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


PIECES = FunctionExercise(
    id="08.3",
    name="streaming_logsumexp",
    reference=streaming_logsumexp,
    inputs=_pieces,
    properties=(
        unchanged("the pieces come in another order", reverse, 0),
        unchanged(
            "a piece is cut in two", lambda x: [part for p in x for part in p.split(1, 1)], 0
        ),
    ),
    extremes={
        "logits of a thousand": lambda g: _pieces(g, by=1000.0),
        "logits of minus a thousand": lambda g: {
            "pieces": [p - 1000 for p in _pieces(g)["pieces"]]
        },
        "two rows that are a thousand apart": lambda g: {
            "pieces": [p + torch.tensor([[-500.0], [500.0]]) for p in _pieces(g, n=2)["pieces"]]
        },
        "one piece only": lambda g: _pieces(g, count=1),
        "one row": lambda g: _pieces(g, n=1),
        "a wide piece between narrow ones": lambda g: {
            "pieces": [torch.randn(3, width, generator=g) for width in (1, 5, 2)]
        },
        "a small piece before a large one": lambda g: {
            "pieces": [torch.full((2, 2), -900.0), torch.full((2, 3), 900.0)]
        },
        "a large piece before a small one": lambda g: {
            "pieces": [torch.full((2, 3), 900.0), torch.full((2, 2), -900.0)]
        },
    },
    limits=(
        Limit(
            "as much is held at once as the whole matrix takes",
            lambda g: {"pieces": [torch.randn(32, 8, generator=g) for _ in range(64)]},  # 131,072
            most=60_000,
            hint="Take one piece at a time: what do you keep of it when it is gone?",
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
)
