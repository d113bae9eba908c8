"""Exercise 01.4: the causal mask, from scores to weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property


def _future(scores: Tensor, first: int = 1) -> Tensor:
    """(L, L) bool, True from the `first` diagonal upwards."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool).triu(first)


def _masked(scores: Tensor, hidden: Tensor) -> Tensor:
    return scores.masked_fill(hidden, float("-inf"))


def causal_weights(scores: Tensor) -> Tensor:
    return _masked(scores, _future(scores)).softmax(-1)


def draw_scores(generator: Generator) -> dict[str, Any]:
    batch, heads = (int(torch.randint(2, 4, (), generator=generator)) for _ in range(2))
    length = int(torch.randint(3, 7, (), generator=generator))
    return {"scores": 2 * torch.randn(batch, heads, length, length, generator=generator)}


def _large_future(generator: Generator) -> dict[str, Any]:
    return {"scores": 1000 * torch.ones(1, 2, 4, 4).triu(1)}


def _other_future(f: Any, scores: Tensor) -> tuple[Any, Any]:
    return f(scores), f(scores + 3 * _future(scores).to(scores.dtype))


def _row_sums(f: Any, scores: Tensor) -> tuple[Any, Any]:
    weights = torch.as_tensor(f(scores))
    return weights.sum(-1), torch.ones(scores.shape[:-1], dtype=weights.dtype)


MASK = FunctionExercise(
    id="01.4",
    name="causal_weights",
    reference=causal_weights,
    inputs=draw_scores,
    gradient=("scores",),
    properties=(
        Property("the result changes when the scores of later tokens change", _other_future),
        Property("the weights of a row do not sum to 1", _row_sums),
    ),
    extremes={
        "one caption and one head": lambda g: {"scores": torch.randn(1, 1, 5, 5, generator=g)},
        "a caption of one token": lambda g: {"scores": torch.randn(1, 1, 1, 1, generator=g)},
        "scores of a thousand": lambda g: {
            "scores": 1000 * torch.randn(1, 2, 4, 4, generator=g).sign()
        },
        "later tokens with scores of a thousand": _large_future,
    },
    misconceptions=(
        Misconception(
            "nothing is hidden", lambda scores: scores.softmax(-1), "Row 0 may see one token only."
        ),
        Misconception(
            "a token may not see itself, hidden by a large negative number",
            lambda scores: scores.masked_fill(_future(scores, 0), -1e9).softmax(-1),
            "What can SOT see?",
        ),
        Misconception(
            "the earlier tokens and the token itself are hidden",
            lambda scores: _masked(scores, _future(scores, 0).T).softmax(-1),
            "Which of the two triangles is the future?",
        ),
        Misconception(
            "the earlier tokens and the token itself are hidden by a large negative number",
            lambda scores: scores.masked_fill(_future(scores, 0).T, -1e9).softmax(-1),
            "Which of the two triangles is the future?",
        ),
        Misconception(
            "a token sees only itself",
            lambda scores: torch.eye(scores.shape[-1], dtype=scores.dtype).expand_as(scores) + 0,
            "A token sees itself and all tokens before it.",
        ),
        Misconception(
            "a token sees one token too far",
            lambda scores: _masked(scores, _future(scores, 2)).softmax(-1),
            "Is the diagonal next to the main one hidden?",
        ),
        Misconception(
            "the softmax runs over the whole matrix",
            lambda scores: _masked(scores, _future(scores)).flatten(-2).softmax(-1).view_as(scores),
            "The weights of one token that asks sum to 1.",
        ),
        Misconception(
            "the softmax runs over the heads",
            lambda scores: _masked(scores, _future(scores)).softmax(1),
            "The weights of one token that asks sum to 1.",
        ),
        Misconception(
            "the softmax runs over the captions of the batch",
            lambda scores: _masked(scores, _future(scores)).softmax(0),
            "The weights of one token that asks sum to 1.",
        ),
        Misconception(
            "a sigmoid is taken, not a softmax",
            lambda scores: _masked(scores, _future(scores)).sigmoid(),
            "The weights of one token that asks sum to 1.",
        ),
        Misconception(
            "plus infinity is put in, not minus infinity",
            lambda scores: scores.masked_fill(_future(scores), float("inf")).softmax(-1),
            "What is e to the power of infinity?",
        ),
        Misconception(
            "hidden scores are set to 0 and their weights taken out after the softmax",
            lambda scores: scores.masked_fill(_future(scores), 0).softmax(-1).tril(),
            "Do the rows still sum to 1?",
        ),
        Misconception(
            "the softmax is missing and hidden scores are 0",
            lambda scores: scores.masked_fill(_future(scores), 0),
            "Weights are not scores.",
        ),
        Misconception(
            "the softmax is missing",
            lambda scores: _masked(scores, _future(scores)),
            "Weights are not scores.",
        ),
        Misconception(
            "the scores are divided by the root of the length",
            lambda scores: causal_weights(scores / scores.shape[-1] ** 0.5),
            "The scores come as they are to be used.",
        ),
        Misconception(
            "hidden scores are set to a number that is not small enough",
            lambda scores: scores.masked_fill(_future(scores), -100.0).softmax(-1),
            "What if the scores that stay are minus a thousand?",
        ),
        Misconception(
            "the softmax is taken twice, before the mask and after it",
            lambda scores: _masked(scores.softmax(-1), _future(scores)).softmax(-1),
            "Mask first; one softmax is enough.",
        ),
        Misconception(
            "large scores are cut off, so that they become equal",
            lambda scores: causal_weights(scores.clamp(max=50)),
            "A softmax that takes off the largest score first needs no cut.",
        ),
        Misconception(
            "hidden scores are set to -1, not to minus infinity",
            lambda scores: scores.masked_fill(_future(scores), -1.0).softmax(-1),
            "What is e to the power of -1?",
        ),
        Misconception(
            "the scores are divided by their sum, without a softmax",
            lambda scores: scores.tril() / scores.tril().sum(-1, keepdim=True),
            "Scores may be negative; what makes them positive first?",
        ),
    ),
)
