"""Exercise 05.4: recall@k, a chunk of rows at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.habits import never_reads
from clipedu_classroom.spec import FunctionExercise, Habit, Misconception, Property, whole


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


def _chunks(image: Tensor, text: Tensor, k: int, chunk: int, way: str) -> float:
    found, n = 0, len(image)
    stop = n - n % chunk if way == "last" else n
    for start in range(0, stop, chunk):
        part = image[start : start + chunk]
        own = torch.arange(len(part)) + (0 if way in ("zero", "within") else start)
        texts = text[start : start + chunk] if way == "within" else text
        scores = part @ texts.T
        found += int(((scores > scores.gather(1, own[:, None])).sum(dim=1) < k).sum())
        if way == "first":
            return found / len(part)
    return found / (stop if way == "last of fewer" else n)


def _mean_of_chunks(image: Tensor, text: Tensor, k: int, chunk: int) -> float:
    right = (_ranks(image, text) < k).double()
    return float(torch.stack([part.mean() for part in right.split(chunk)]).mean())


RECALL = FunctionExercise(
    id="05.4",
    name="recall_at_k",
    reference=recall_at_k,
    inputs=_pairs,
    trials=6,
    properties=(
        Property(
            "the result changes when the chunk has another size",
            lambda f, i, t, k, c: (f(i, t, k, c), f(i, t, k, c + 1)),
        ),
        Property(
            "the result changes when the pairs are put in another order",
            lambda f, i, t, k, c: (f(i, t, k, c), f(i.flip(0), t.flip(0), k, c)),
        ),
    ),
    extremes={
        "one pair": lambda g: _pairs(g, n=1),
        "a chunk larger than N": lambda g: _pairs(g, chunk=100),
        "a chunk of one row": lambda g: _pairs(g, chunk=1),
        "k larger than N": lambda g: _pairs(g, n=5, k=50),
        "k = 1": lambda g: _pairs(g, k=1),
    },
    habits=(
        Habit(
            "the whole matrix is computed at once, and `chunk` is never used",
            never_reads(3),
            "Which rows of the matrix does one turn of the loop need?",
        ),
    ),
    misconceptions=(
        Misconception(
            "the right column starts at 0 in every chunk",
            lambda i, t, k, c: _chunks(i, t, k, c, "zero"),
            "Which text belongs to the first row of the second chunk?",
        ),
        Misconception(
            "only the texts of the same chunk are looked at",
            lambda i, t, k, c: _chunks(i, t, k, c, "within"),
            "Every picture chooses among all N texts.",
        ),
        Misconception(
            "one place too many counts as found",
            lambda i, t, k, c: float((_ranks(i, t) <= k).double().mean()),
            "Among the first 1 means that none scores higher.",
        ),
        Misconception(
            "one place too few counts as found",
            lambda i, t, k, c: float((_ranks(i, t) < k - 1).double().mean()),
            "Among the first 1 means that none scores higher.",
        ),
        Misconception(
            "texts look for their picture, not pictures for their text",
            lambda i, t, k, c: float((_ranks(t, i) < k).double().mean()),
            "Which of the two stands in the rows?",
        ),
        Misconception(
            "the last, smaller chunk is left out",
            lambda i, t, k, c: _chunks(i, t, k, c, "last"),
            "N need not be a multiple of the chunk.",
        ),
        Misconception(
            "the chunks' recalls are averaged, the small one as much as the others",
            _mean_of_chunks,
            "Add up what was found, and divide once.",
        ),
        Misconception(
            "only the first chunk is counted",
            lambda i, t, k, c: _chunks(i, t, k, c, "first"),
            "Is the return inside the loop?",
        ),
        Misconception(
            "recall@1 is counted, whatever k is",
            lambda i, t, k, c: float((_ranks(i, t) < 1).double().mean()),
        ),
        Misconception(
            "the lowest scores are taken for the best",
            lambda i, t, k, c: float((_ranks(-i, t) < k).double().mean()),
            "Similar means a large dot product.",
        ),
        Misconception(
            "those that were found are counted, not their share",
            lambda i, t, k, c: float((_ranks(i, t) < k).sum()),
        ),
        Misconception(
            "the result is divided by k as well",
            lambda i, t, k, c: float((_ranks(i, t) < k).double().mean()) / k,
            "That would be precision; recall asks whether the one right text was found.",
        ),
        Misconception("a percentage is returned", lambda i, t, k, c: 100 * recall_at_k(i, t, k, c)),
        Misconception(
            "those that were missed are counted",
            lambda i, t, k, c: 1 - recall_at_k(i, t, k, c),
        ),
    ),
)
