"""Exercises 01.3 and 01.5: two ways to read one vector from a caption."""

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
            "the vectors are added up, not averaged",
            lambda vectors, lengths: (vectors * _inside(vectors, lengths)).sum(1),
            "A long caption must not get a longer vector.",
        ),
        Misconception(
            "the last token is left out of the sum but counted",
            lambda vectors, lengths: (
                (vectors * _inside(vectors, lengths - 1)).sum(1) / lengths[:, None]
            ),
            "A caption of n tokens has the positions 0 to n - 1.",
        ),
        Misconception(
            "one position of padding is averaged in",
            _slices(lambda n: (0, n + 1)),
            "A caption of n tokens has the positions 0 to n - 1.",
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
            "Which positions of a row belong to the caption?",
        ),
        Misconception(
            "the padding is averaged, not the caption",
            _slices(lambda n: (n, None)),
            "The caption is at the first positions of its row.",
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
            "the mean is taken over the channels, not over the positions",
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
            "Which positions of a row belong to the caption?",
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


def _first_eot(tokens: Tensor, eot: int) -> Tensor:
    return (tokens == eot).int().argmax(1)


def read_at_eot(x: Tensor, tokens: Tensor, eot: int) -> Tensor:
    return _read(x, _first_eot(tokens, eot))


def _read(x: Tensor, places: Tensor) -> Tensor:
    return x[torch.arange(len(x)), places.clamp(0, x.shape[1] - 1)]


def _tokens(words: list[int], row: int, eot: int, padding: list[int], g: Generator) -> Tensor:
    """Rows of `words` ids that are not `eot`, then `eot`, then padding."""
    tokens = torch.randint(0, 49, (len(words), row), generator=g)
    tokens = tokens + (tokens >= eot)  # every id but EOT
    for i, (count, pad) in enumerate(zip(words, padding, strict=True)):
        tokens[i, 0] = 60  # SOT is larger than EOT here
        if i == 0 and count > 1:
            tokens[i, 1] = 61  # and a word at times larger still
        tokens[i, count] = eot
        tokens[i, count + 1 :] = pad
    return tokens


def draw_rows(generator: Generator) -> dict[str, Any]:
    batch = int(torch.randint(3, 6, (), generator=generator))
    row = int(torch.randint(7, 10, (), generator=generator))
    eot = int(torch.randint(20, 40, (), generator=generator))
    words = torch.randint(2, row - 2, (batch,), generator=generator).tolist()
    words[:2] = [2, row - 3]
    padding = [eot, 0, *(eot for _ in range(batch - 2))]
    tokens = _tokens(words, row, eot, padding, generator)
    return {"x": torch.randn(batch, row, 4, generator=generator), "tokens": tokens, "eot": eot}


def _rows(words: list[int], row: int, eot: int, pad: int) -> Any:
    def draw(generator: Generator) -> dict[str, Any]:
        tokens = _tokens(words, row, eot, [pad] * len(words), generator)
        x = torch.randn(len(words), row, 3, generator=generator)
        return {"x": x, "tokens": tokens, "eot": eot}

    return draw


EOT = FunctionExercise(
    id="01.5",
    name="read_at_eot",
    reference=read_at_eot,
    inputs=draw_rows,
    gradient=("x",),
    extremes={
        "a single caption": _rows([3], 6, 30, 0),
        "rows without padding": _rows([4, 4], 5, 30, 0),
        "an EOT that is the smallest id and pads too": _rows([2, 3, 1], 6, 0, 0),
        "an empty caption": _rows([1, 3], 5, 30, 30),
        "padding that is neither 0 nor EOT": _rows([2, 4, 3], 8, 30, 7),
    },
    misconceptions=(
        Misconception(
            "SOT is read", lambda x, tokens, eot: x[:, 0], "What has SOT seen, under the mask?"
        ),
        Misconception(
            "the token before EOT is read",
            lambda x, tokens, eot: _read(x, _first_eot(tokens, eot) - 1),
            "EOT itself is read.",
        ),
        Misconception(
            "the token after EOT is read",
            lambda x, tokens, eot: _read(x, _first_eot(tokens, eot) + 1),
            "EOT itself is read.",
        ),
        Misconception(
            "every caption is read where the first one ends",
            lambda x, tokens, eot: x[:, int(_first_eot(tokens, eot)[0])],
            "Each row has its own position.",
        ),
        Misconception(
            "the tokens that are not 0 are counted",
            lambda x, tokens, eot: _read(x, (tokens != 0).sum(1) - 1),
            "Padding need not be 0.",
        ),
        Misconception(
            "the tokens that are neither 0 nor EOT are counted",
            lambda x, tokens, eot: _read(x, ((tokens != 0) & (tokens != eot)).sum(1)),
            "A word may have the id 0, and padding may be anything.",
        ),
        Misconception(
            "the mean of the tokens before EOT is taken",
            lambda x, tokens, eot: bag_of_words(x, _first_eot(tokens, eot)),
            "That is a bag of words; here one position is read.",
        ),
        Misconception(
            "the vectors at every EOT of a row are added up",
            lambda x, tokens, eot: (x * (tokens == eot)[..., None]).sum(1),
            "Here a row may be padded with EOT; only the first one counts.",
        ),
        Misconception(
            "the vectors at every EOT of a row are averaged",
            lambda x, tokens, eot: (
                (x * (tokens == eot)[..., None]).sum(1) / (tokens == eot).sum(1, keepdim=True)
            ),
            "Here a row may be padded with EOT; only the first one counts.",
        ),
        Misconception(
            "the vectors at every EOT are returned, several for a row padded with EOT",
            lambda x, tokens, eot: x[tokens == eot],
            "Only the first EOT of a row counts.",
        ),
        Misconception(
            "the EOTs of all rows are listed one after the other and the first few taken",
            lambda x, tokens, eot: _read(x, (tokens == eot).nonzero()[: len(x), 1]),
            "A row may hold more than one EOT.",
        ),
        Misconception(
            "EOT is searched down the captions, not along the row",
            lambda x, tokens, eot: _read(x, (tokens == eot).int().argmax(0)[: len(x)]),
            "Which axis of the tokens is the row?",
        ),
        Misconception(
            "an axis of length 1 is left in",
            lambda x, tokens, eot: read_at_eot(x, tokens, eot)[:, None],
            "The result has two axes.",
        ),
        Misconception(
            "the largest number of each channel is taken",
            lambda x, tokens, eot: x.amax(1),
            "One position is read.",
        ),
        Misconception(
            "the mean of the whole row is taken",
            lambda x, tokens, eot: x.mean(1),
            "One position is read.",
        ),
        Misconception(
            "the positions are returned, not the vectors at them",
            lambda x, tokens, eot: _first_eot(tokens, eot),
            "The positions are half of the way.",
        ),
        Misconception(
            "the ids at the positions are returned, not the vectors",
            lambda x, tokens, eot: tokens[torch.arange(len(x)), _first_eot(tokens, eot)],
            "Index x, not the tokens.",
        ),
        Misconception(
            "the vectors are brought to length 1",
            lambda x, tokens, eot: torch.nn.functional.normalize(
                read_at_eot(x, tokens, eot), dim=-1
            ),
            "That comes later, when captions are compared.",
        ),
        Misconception(
            "one number of each vector is read, not the whole vector",
            lambda x, tokens, eot: x.gather(
                1, (tokens == eot).int().argmax(dim=1)[:, None, None]
            ).squeeze(1),
            "gather wants an index for each number that it shall return.",
        ),
    ),
)
