"""Exercises 01.3 and 01.5: two ways to read one vector from a caption."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Property


def _inside(vectors: Tensor, lengths: Tensor) -> Tensor:
    """(B, L, 1), 1 at the first `lengths` positions of each row, in the vectors' dtype."""
    positions = torch.arange(vectors.shape[1])
    return (positions < lengths[:, None])[..., None].to(vectors.dtype)


def bag_of_words(vectors: Tensor, lengths: Tensor) -> Tensor:
    return (vectors * _inside(vectors, lengths)).sum(1) / lengths[:, None]


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
)


def read_at_eot(x: Tensor, tokens: Tensor, eot: int) -> Tensor:
    return x[torch.arange(len(x)), (tokens == eot).int().argmax(1)]


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
)
