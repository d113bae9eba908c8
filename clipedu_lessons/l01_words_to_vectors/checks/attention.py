"""Exercises 01.10 and 01.11: attention with a causal mask, and several heads of it in a module."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu.models.transformer import MultiHeadAttention, plain_attention
from clipedu_classroom.spec import (
    FunctionExercise,
    Inputs,
    Misconception,
    ModuleExercise,
    Property,
    whole,
)


def draw_heads(generator: Generator) -> dict[str, Any]:
    batch, heads = (whole(generator, 2, 3) for _ in range(2))
    length, depth = whole(generator, 4, 6), whole(generator, 7, 9)
    q, k, v = torch.randn(3, batch, heads, length, depth, generator=generator)
    return {"q": 1.5 * q, "k": 1.5 * k, "v": v, "causal": True}


def _heads(*shape: int, causal: bool = True, size: float = 1.0, value: int = 0) -> Inputs:
    def draw(generator: Generator) -> dict[str, Any]:
        q, k = size * torch.randn(2, *shape, generator=generator)
        v = torch.randn(*shape[:-1], value or shape[-1], generator=generator)
        return {"q": q, "k": k, "v": v, "causal": causal}

    return draw


def _other_future(f: Any, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> tuple[Any, Any]:
    """What the first tokens receive must not depend on the last one."""
    last = torch.zeros_like(k)
    last[..., -1, :] = 3
    return f(q, k, v, causal)[..., :-1, :], f(q, k + last, v + last, causal)[..., :-1, :]


def later(scores: Tensor, first: int = 1) -> Tensor:
    return torch.ones(scores.shape[-2:], dtype=torch.bool).triu(first)


Weights = Callable[[Tensor, bool], Tensor]


def by(weights: Weights, scale: Callable[[Tensor], float] | None = None) -> Any:
    """Attention whose weights come from the scores in another way."""

    def wrong(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
        scores = q @ k.transpose(-2, -1) * (scale(q) if scale else q.shape[-1] ** -0.5)
        return weights(scores, causal) @ v

    return wrong


def masked(scores: Tensor, causal: bool) -> Tensor:
    scores = scores.masked_fill(later(scores), -math.inf) if causal else scores
    return scores.softmax(-1)


def filled(hidden: Callable[[Tensor], Tensor], value: float = -math.inf) -> Weights:
    return lambda scores, causal: (
        scores.masked_fill(hidden(scores), value) if causal else scores
    ).softmax(-1)


ATTENTION = FunctionExercise(
    id="01.10",
    name="plain_attention",
    reference=plain_attention,
    inputs=draw_heads,
    keywords=("causal",),
    gradient=("q", "k", "v"),
    properties=(Property("the result changes when later tokens change", _other_future),),
    extremes={
        "causal=False": _heads(2, 2, 5, 4, causal=False),
        "a single head, of shape (L, D)": _heads(4, 3),
        "a single token": _heads(1, 2, 1, 4),
        "values of another width": _heads(2, 5, 4, value=3),
        "scores of a thousand": _heads(1, 2, 4, 4, size=40.0),
    },
    misconceptions=(
        Misconception(
            "the scores are not divided by the root of D", by(masked, lambda q: 1.0), "See step 2."
        ),
        Misconception(
            "the scores are divided by D, not by its root",
            by(masked, lambda q: 1 / q.shape[-1]),
            "The standard deviation of a sum of D products is a root.",
        ),
        Misconception(
            "the scores are divided by the root of the length L",
            by(masked, lambda q: q.shape[-2] ** -0.5),
            "How many products are added up in one score?",
        ),
        Misconception(
            "the scores are divided by the root of the width of all heads together",
            by(masked, lambda q: (q.shape[1] * q.shape[-1]) ** -0.5 if q.ndim > 3 else 1.0),
            "One head's score is a sum of D products.",
        ),
        Misconception(
            "a token does not see itself",
            by(filled(lambda scores: later(scores, 0))),
            "What can the first token see?",
        ),
        Misconception(
            "a token sees one token too far",
            by(filled(lambda scores: later(scores, 2))),
            "Is the diagonal next to the main one hidden?",
        ),
        Misconception(
            "hidden scores are set to 0, not to minus infinity",
            by(filled(later, 0.0)),
            "What is e to the power of 0?",
        ),
        Misconception(
            "hidden scores are set to a number that is not small enough",
            by(filled(later, -100.0)),
            "What if the scores that stay are minus a thousand?",
        ),
        Misconception(
            "the softmax is missing",
            by(lambda scores, causal: scores.tril() if causal else scores),
            "The weights of a row sum to 1.",
        ),
        Misconception(
            "the softmax runs over the heads",
            by(lambda scores, causal: scores.masked_fill(later(scores), -math.inf).softmax(-3)),
            "Along which axis are the tokens that one query compares?",
        ),
        Misconception(
            "zero is multiplied by minus infinity",
            by(lambda scores, causal: (scores + later(scores) * -math.inf).softmax(-1)),
            "Fill the hidden entries; what is 0 times infinity?",
        ),
    ),
)


def draw_tokens(generator: Generator) -> dict[str, Any]:
    batch, length = whole(generator, 2, 3), whole(generator, 5, 7)
    return {"x": torch.randn(batch, length, 12, generator=generator), "causal": True}


def _tokens(batch: int, length: int, causal: bool) -> Inputs:
    return lambda g: {"x": torch.randn(batch, length, 12, generator=g), "causal": causal}


HEADS = ModuleExercise(
    id="01.11",
    name="MultiHeadAttention",
    reference=MultiHeadAttention,
    init={"width": 12, "heads": 3},
    inputs=draw_tokens,
    keywords=("causal",),
    gradient=("x", "parameters"),
    extremes={
        "causal=False": _tokens(2, 5, causal=False),
        "as many tokens as heads": _tokens(2, 3, causal=True),
        "a single token": _tokens(1, 1, causal=True),
    },
)
