"""Exercise 08.5: the gradient of a large batch in chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom.habits import never_reads
from clipedu_classroom.spec import FunctionExercise, Habit, Misconception, Property


def _inputs(
    generator: torch.Generator, chunks: int | None = None, size: int | None = None
) -> dict[str, Any]:
    chunks = chunks or int(torch.randint(2, 5, (), generator=generator))
    size = size or int(torch.randint(2, 5, (), generator=generator))
    depth = int(torch.randint(4, 7, (), generator=generator))
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


def _small_batches(
    pictures: Tensor, text: Tensor, weight: Tensor, scale: Tensor, chunks: int
) -> Tensor:
    total = torch.zeros_like(weight)
    for part, captions in zip(pictures.chunk(chunks), text.chunk(chunks), strict=True):
        total = total + _small_batch(part, captions, weight, scale)
    return total


def _small_batch(part: Tensor, captions: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    return _gradient(weight, lambda w: _loss(_embed(part, w), captions, scale))


def _part(pictures: Tensor, text: Tensor, weight: Tensor, scale: Tensor, rows: slice) -> Tensor:
    """The whole loss, but a graph behind some rows only."""
    fixed = _embed(pictures, weight).detach()

    def loss(w: Tensor) -> Tensor:
        image = fixed.clone()
        image[rows] = _embed(pictures[rows], w)
        return _loss(image, text, scale)

    return _gradient(weight, loss)


def _embeddings_sent(
    pictures: Tensor, text: Tensor, weight: Tensor, scale: Tensor, chunks: int
) -> Tensor:
    fixed = _embed(pictures, weight).detach()
    return _gradient(weight, lambda w: (_embed(pictures, w) * fixed).sum())


def _pictures_only(
    pictures: Tensor, text: Tensor, weight: Tensor, scale: Tensor, chunks: int
) -> Tensor:
    def loss(w: Tensor) -> Tensor:
        return -(scale * _embed(pictures, w) @ text.T).log_softmax(1).diagonal().mean()

    return _gradient(weight, loss)


def _own_captions_gone(
    pictures: Tensor, text: Tensor, weight: Tensor, scale: Tensor, chunks: int
) -> Tensor:
    """Each chunk of pictures against all captions, but captions never against all pictures."""
    size = len(pictures) // chunks

    def loss(w: Tensor) -> Tensor:
        total = torch.zeros_like(scale)
        for k in range(chunks):
            rows = torch.arange(k * size, (k + 1) * size)
            logits = scale * _embed(pictures[rows], w) @ text.T  # (size, N)
            along = logits.log_softmax(1)[torch.arange(size), rows].mean()
            down = logits.log_softmax(0)[torch.arange(size), rows].mean()
            total = total - (along + down) / 2 / chunks
        return total

    return _gradient(weight, loss)


def _one_chunk(drawn: tuple[Any, ...], k: int) -> Tensor:
    pictures, text, weight, scale, chunks = drawn
    size = len(pictures) // chunks
    return _part(pictures, text, weight, scale, slice(k * size, (k + 1) * size))


CHUNKS = FunctionExercise(
    id="08.5",
    name="gradient_in_chunks",
    reference=gradient_in_chunks,
    inputs=_inputs,
    properties=(
        Property(
            "the result changes with the number of chunks",
            lambda f, pictures, text, weight, scale, chunks: (
                f(pictures, text, weight, scale, chunks),
                f(pictures, text, weight, scale, 1),
            ),
        ),
    ),
    extremes={
        "one chunk": lambda g: _inputs(g, chunks=1),
        "chunks of one pair": lambda g: _inputs(g, size=1),
    },
    habits=(
        Habit(
            "the graph holds the whole batch, and `chunks` is never used",
            never_reads(4),
            "What must a chunk know of the whole loss, once the embeddings are there?",
        ),
    ),
    misconceptions=(
        Misconception(
            "each chunk has a loss of its own, and their mean is taken",
            lambda *drawn: _small_batches(*drawn) / drawn[4],
            "A chunk does not hold the other chunks' captions. Which loss needs them all?",
        ),
        Misconception(
            "each chunk has a loss of its own, and they are added up",
            _small_batches,
            "A chunk does not hold the other chunks' captions. Which loss needs them all?",
        ),
        Misconception(
            "the exact sum is divided by the number of chunks",
            lambda *drawn: gradient_in_chunks(*drawn) / drawn[4],
            "The loss of the whole batch is a mean already.",
        ),
        Misconception(
            "the exact gradient is multiplied by the number of chunks",
            lambda *drawn: gradient_in_chunks(*drawn) * drawn[4],
            "Does each chunk send the messages of all rows?",
        ),
        Misconception(
            "only the last chunk sends its part back",
            lambda *drawn: _one_chunk(drawn, drawn[4] - 1),
            "The parts add up.",
        ),
        Misconception(
            "only the first chunk sends its part back",
            lambda *drawn: _one_chunk(drawn, 0),
            "Does the loop return too early?",
        ),
        Misconception(
            "the embeddings are sent back in the place of their gradients",
            _embeddings_sent,
            "The message is the gradient of the loss at the embeddings.",
        ),
        Misconception(
            "only the pictures are asked, not the captions",
            _pictures_only,
            "The loss has two directions.",
        ),
        Misconception(
            "captions choose among one chunk's pictures only",
            _own_captions_gone,
            "Each caption has to meet all pictures of the batch.",
        ),
        Misconception(
            "the sign is that of a step downhill",
            lambda *drawn: -gradient_in_chunks(*drawn),
            "Return the gradient; the optimizer takes the minus.",
        ),
        Misconception(
            "the logit scale is left out",
            lambda pictures, text, weight, scale, chunks: gradient_in_chunks(
                pictures, text, weight, torch.ones_like(scale), chunks
            ),
        ),
    ),
)
