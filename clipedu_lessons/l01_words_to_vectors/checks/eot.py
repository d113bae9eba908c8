"""Exercise 01.5: reading a caption at its first EOT, wherever that stands."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception
from clipedu_lessons.l01_words_to_vectors.checks.pooling import bag_of_words


def _first_eot(tokens: Tensor, eot: int) -> Tensor:
    return (tokens == eot).int().argmax(1)


def read_at_eot(x: Tensor, tokens: Tensor, eot: int) -> Tensor:
    return _read(x, _first_eot(tokens, eot))


def _read(x: Tensor, places: Tensor) -> Tensor:
    return x[torch.arange(len(x)), places.clamp(0, x.shape[1] - 1)]


def _last_eot(tokens: Tensor, eot: int) -> Tensor:
    return tokens.shape[1] - 1 - (tokens == eot).flip(1).int().argmax(1)


def _mean_to_eot(x: Tensor, tokens: Tensor, eot: int) -> Tensor:
    return bag_of_words(x, _first_eot(tokens, eot) + 1)


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
            "the largest id is taken for EOT",
            lambda x, tokens, eot: _read(x, tokens.argmax(1)),
            "Here EOT is not the largest id.",
        ),
        Misconception(
            "the last EOT is read, not the first",
            lambda x, tokens, eot: _read(x, _last_eot(tokens, eot)),
            "Here a row may be padded with EOT.",
        ),
        Misconception(
            "the last place of the row is read",
            lambda x, tokens, eot: x[:, -1],
            "What stands at the end of a short caption's row?",
        ),
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
            "Each row has its own place.",
        ),
        Misconception(
            "every caption is read where each of the others ends",
            lambda x, tokens, eot: x[:, _first_eot(tokens, eot)],
            "Index the rows and the places together.",
        ),
        Misconception(
            "the tokens that are not EOT are counted, padding too",
            lambda x, tokens, eot: _read(x, (tokens != eot).sum(1)),
            "Padding need not be EOT.",
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
            "the mean from SOT to EOT is taken",
            _mean_to_eot,
            "That is the bag of words; here one place is read.",
        ),
        Misconception(
            "the mean of the tokens before EOT is taken",
            lambda x, tokens, eot: bag_of_words(x, _first_eot(tokens, eot)),
            "That is a bag of words; here one place is read.",
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
            "One place is read.",
        ),
        Misconception(
            "the mean of the whole row is taken",
            lambda x, tokens, eot: x.mean(1),
            "One place is read.",
        ),
        Misconception(
            "the places are returned, not the vectors that stand there",
            lambda x, tokens, eot: _first_eot(tokens, eot),
            "The places are half of the way.",
        ),
        Misconception(
            "the ids at the places are returned, not the vectors",
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
