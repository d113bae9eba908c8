"""Exercise 01.3: a bag of words, the mean of a caption without its padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property


def _inside(vectors: Tensor, lengths: Tensor) -> Tensor:
    """(B, L, 1), 1 at the first `lengths` places of each row, in the dtype of the vectors."""
    places = torch.arange(vectors.shape[1])
    return (places < lengths[:, None])[..., None].to(vectors.dtype)


def bag_of_words(vectors: Tensor, lengths: Tensor) -> Tensor:
    return (vectors * _inside(vectors, lengths)).sum(1) / lengths[:, None]


Ends = Callable[[int], tuple[int, int | None]]


def _slices(ends: Ends) -> Callable[[Tensor, Tensor], Tensor]:
    """The mean of another slice of each row; nan where it is empty, as in a student's own slice."""

    def wrong(vectors: Tensor, lengths: Tensor) -> Tensor:
        rows = zip(vectors, lengths.tolist(), strict=True)
        return torch.stack([row[slice(*ends(n))].mean(0) for row, n in rows])

    return wrong


def _divided(by: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The right sum, divided by something else."""

    def wrong(vectors: Tensor, lengths: Tensor) -> Tensor:
        return (vectors * _inside(vectors, lengths)).sum(1) / by(lengths.to(vectors.dtype))

    return wrong


def _longest(vectors: Tensor, lengths: Tensor) -> Tensor:
    return vectors[:, : int(lengths.max())].mean(1)


def draw_bag(generator: Generator) -> dict[str, Any]:
    batch, width = (int(torch.randint(2, 6, (), generator=generator)) for _ in range(2))
    row = int(torch.randint(7, 11, (), generator=generator))
    lengths = torch.randint(3, row - 1, (batch,), generator=generator)
    lengths[0], lengths[-1] = 3, row - 2  # never all alike
    lengths = lengths[torch.randperm(batch, generator=generator)]
    return {"vectors": torch.randn(batch, row, width, generator=generator), "lengths": lengths}


def _bag(lengths: list[int], row: int, pad: float = 0.0) -> Any:
    def draw(generator: Generator) -> dict[str, Any]:
        vectors = torch.randn(len(lengths), row, 3, generator=generator)
        count = torch.tensor(lengths)
        return {"vectors": vectors + pad * (1 - _inside(vectors, count)), "lengths": count}

    return draw


def _other_padding(f: Any, vectors: Tensor, lengths: Tensor) -> tuple[Any, Any]:
    changed = vectors + 7 * (1 - _inside(vectors, lengths))
    return f(vectors, lengths), f(changed, lengths)


BAG = FunctionExercise(
    id="01.3",
    name="bag_of_words",
    reference=bag_of_words,
    inputs=draw_bag,
    gradient=("vectors",),
    properties=(Property("the result changes when the padding changes", _other_padding),),
    extremes={
        "a single caption": _bag([4], 6),
        "captions that fill their rows": _bag([5, 5], 5),
        "padding of a thousand": _bag([2, 4], 6, 1000.0),
        "a caption of one token": _bag([3, 1], 5),
    },
    misconceptions=(
        Misconception(
            "the padding is averaged in",
            lambda vectors, lengths: vectors.mean(1),
            "Which places of a row belong to the caption?",
        ),
        Misconception(
            "the sum is divided by the length of the row",
            lambda vectors, lengths: (vectors * _inside(vectors, lengths)).mean(1),
            "How many vectors were added up?",
        ),
        Misconception(
            "the vectors are added up, not averaged",
            lambda vectors, lengths: (vectors * _inside(vectors, lengths)).sum(1),
            "A long caption must not get a longer vector.",
        ),
        Misconception(
            "the last token of each caption is left out",
            _slices(lambda n: (0, n - 1)),
            "A caption of n tokens has the places 0 to n - 1.",
        ),
        Misconception(
            "the last token is left out of the sum but counted",
            lambda vectors, lengths: (
                (vectors * _inside(vectors, lengths - 1)).sum(1) / lengths[:, None]
            ),
            "A caption of n tokens has the places 0 to n - 1.",
        ),
        Misconception(
            "one place of padding is averaged in",
            _slices(lambda n: (0, n + 1)),
            "A caption of n tokens has the places 0 to n - 1.",
        ),
        Misconception(
            "one place of padding is added in",
            lambda vectors, lengths: (
                (vectors * _inside(vectors, lengths + 1)).sum(1) / lengths[:, None]
            ),
            "A caption of n tokens has the places 0 to n - 1.",
        ),
        Misconception(
            "SOT and EOT are left out",
            _slices(lambda n: (1, n - 1)),
            "The lesson's bag runs from SOT to EOT, both included.",
        ),
        Misconception(
            "the first token is left out",
            _slices(lambda n: (1, n)),
            "SOT counts too.",
        ),
        Misconception(
            "every caption is cut at the longest one",
            _longest,
            "Each row has its own length.",
        ),
        Misconception(
            "every caption is cut at the shortest one",
            lambda vectors, lengths: vectors[:, : int(lengths.min())].mean(1),
            "Each row has its own length.",
        ),
        Misconception(
            "every caption is cut where the first one ends",
            lambda vectors, lengths: vectors[:, : int(lengths[0])].mean(1),
            "Each row has its own length.",
        ),
        Misconception(
            "every sum is divided by the mean length",
            _divided(lambda lengths: lengths.mean()),
            "Each row has its own length.",
        ),
        Misconception(
            "every sum is divided by the length of the longest caption",
            _divided(lambda lengths: lengths.max()),
            "Each row has its own length.",
        ),
        Misconception(
            "every sum is divided by the number of tokens in all captions",
            _divided(lambda lengths: lengths.sum()),
            "Each row has its own length.",
        ),
        Misconception(
            "the sum is divided by the root of the number of tokens",
            _divided(lambda lengths: lengths[:, None] ** 0.5),
            "A mean divides by the number itself.",
        ),
        Misconception(
            "the sum is divided by the number of tokens plus one",
            _divided(lambda lengths: lengths[:, None] + 1),
            "How many vectors were added up?",
        ),
        Misconception(
            "the padding is added in and the sum divided by the number of tokens",
            lambda vectors, lengths: vectors.sum(1) / lengths[:, None],
            "Which places of a row belong to the caption?",
        ),
        Misconception(
            "the padding is averaged, not the caption",
            _slices(lambda n: (n, None)),
            "The caption stands at the first places of its row.",
        ),
        Misconception(
            "one mean is taken over the tokens of all captions",
            lambda vectors, lengths: vectors[_inside(vectors, lengths)[..., 0] > 0].mean(0),
            "Each caption has a mean of its own.",
        ),
        Misconception(
            "the channels are averaged away too",
            lambda vectors, lengths: bag_of_words(vectors, lengths).mean(1),
            "The result has W numbers for each caption.",
        ),
        Misconception(
            "the mean is taken over the channels, not over the places",
            lambda vectors, lengths: vectors.mean(-1),
            "Which axis holds the tokens?",
        ),
        Misconception(
            "the mean is taken over the captions of the batch",
            lambda vectors, lengths: vectors.mean(0),
            "Which axis holds the tokens?",
        ),
        Misconception(
            "the largest number of each channel is taken, not the mean",
            lambda vectors, lengths: vectors.masked_fill(
                _inside(vectors, lengths) == 0, float("-inf")
            ).amax(1),
            "A bag of words is a mean.",
        ),
        Misconception(
            "the mean is brought to length 1",
            lambda vectors, lengths: torch.nn.functional.normalize(
                bag_of_words(vectors, lengths), dim=-1
            ),
            "That comes later, when captions are compared.",
        ),
        Misconception(
            "only the last token is read",
            lambda vectors, lengths: vectors[torch.arange(len(lengths)), lengths - 1],
            "That is how the transformer is read; a bag of words is a mean.",
        ),
        Misconception(
            "the sum is divided by the number of channels",
            lambda vectors, lengths: (
                (vectors * _inside(vectors, lengths)).sum(1) / vectors.shape[2]
            ),
            "How many vectors were added up?",
        ),
        Misconception(
            "the padding is added up and divided by the number of tokens",
            lambda vectors, lengths: (
                (vectors * (1 - _inside(vectors, lengths))).sum(1) / lengths[:, None]
            ),
            "Which places of a row belong to the caption?",
        ),
        Misconception(
            "the lengths are a row and do not fit the captions",
            lambda vectors, lengths: (vectors * _inside(vectors, lengths)).sum(1) / lengths,
            "lengths[:, None] is a column.",
        ),
        Misconception(
            "the median is taken, not the mean",
            lambda vectors, lengths: torch.stack(
                [row[:n].median(0).values for row, n in zip(vectors, lengths.tolist(), strict=True)]
            ),
            "A bag of words is a mean.",
        ),
    ),
)
