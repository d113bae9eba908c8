"""Lesson 02: attention pooling, its inputs and its misconceptions."""

from __future__ import annotations

from typing import Any

import torch

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole
from clipedu_lessons.l02_pictures_to_vectors.checks.poolings import (
    all_ask,
    attention_pool,
    one_head,
    plain_mean,
    pool_with,
)


def _pool_inputs(generator: torch.Generator) -> dict[str, Any]:
    heads = whole(generator, 2, 3)
    channels = heads * whole(generator, 4, 5)
    rows, columns = whole(generator, 2, 3), whole(generator, 4, 5)
    size = (whole(generator, 2, 3), channels, rows, columns)
    draw = {"grid": torch.randn(size, generator=generator) + 0.5}
    draw["position"] = torch.randn(rows * columns + 1, channels, generator=generator)
    for name in ("wq", "wk", "wv"):
        draw[name] = torch.randn(channels, channels, generator=generator) / channels**0.5
    return {**draw, "heads": heads}


def _big_scores(generator: torch.Generator) -> dict[str, Any]:
    inputs = _pool_inputs(generator)
    return {**inputs, "grid": 300 * inputs["grid"]}


def _one_picture(generator: torch.Generator) -> dict[str, Any]:
    inputs = _pool_inputs(generator)
    return {**inputs, "grid": inputs["grid"][:1]}


POOL = FunctionExercise(
    id="02.5",
    name="attention_pool",
    reference=attention_pool,
    inputs=_pool_inputs,
    gradient=("grid", "wq"),
    tolerance=1e-6,
    extremes={"very large features": _big_scores, "one picture": _one_picture},
    properties=(
        Property(
            "the result changes when other pictures are in the batch",
            lambda f, grid, *rest: (f(grid, *rest)[:1], f(grid[:1], *rest)),
        ),
    ),
    misconceptions=(
        Misconception(
            "the plain mean is returned, without any attention",
            plain_mean,
            "Which places should count more?",
        ),
        Misconception("the scores are not scaled", pool_with(scale="none"), "What divides q k?"),
        Misconception(
            "the scores are scaled by the whole width, not by a head's",
            pool_with(scale="width"),
            "How many numbers does one dot product add up?",
        ),
        Misconception(
            "the scores are divided by the head's width, not by its root",
            pool_with(scale="square"),
            "What is the spread of a sum of D products?",
        ),
        Misconception(
            "the mean is not among the tokens that answer",
            pool_with(mean_key=False),
            "How many tokens get a weight?",
        ),
        Misconception(
            "the first place asks, not the mean",
            pool_with(asks="corner"),
            "Which token stands first?",
        ),
        Misconception(
            "the last token asks, not the mean",
            pool_with(asks="last"),
            "Which token stands first?",
        ),
        Misconception(
            "the positions are not added",
            pool_with(position_on="none"),
            "How does the pooling know where a place was?",
        ),
        Misconception(
            "the mean gets no position",
            pool_with(position_on="places"),
            "position has one row more than there are places.",
        ),
        Misconception(
            "the positions are added before the mean is taken",
            pool_with(position_on="first"),
            "In which order do mean and positions come?",
        ),
        Misconception(
            "the weight matrices are not transposed",
            pool_with(transposed=True),
            "nn.Linear computes x @ weight.T.",
        ),
        Misconception(
            "the softmax does not run over the tokens",
            pool_with(softmax=1),
            "The weights of one question add up to one.",
        ),
        Misconception("all heads are treated as one", one_head, "Each head has its own softmax."),
        Misconception(
            "the heads take turns along the channels",
            pool_with(interleaved=True),
            "A head is a run of neighbouring channels.",
        ),
        Misconception(
            "the heads are joined in the wrong order",
            pool_with(result="mixed"),
            "First all channels of head one, then those of head two.",
        ),
        Misconception("the heads are not joined", pool_with(result="kept"), "One row per picture."),
        Misconception(
            "every token asks and the answers are averaged",
            all_ask,
            "Only one question is needed: whose?",
        ),
        Misconception(
            "the heads take turns along the channels and are joined one after the other",
            pool_with(interleaved=True, result="blocks"),
            "A head is a run of neighbouring channels: (heads, D) and not (D, heads).",
        ),
        Misconception(
            "the heads are cut out by a reshape that moves no axis",
            pool_with(result="cut"),
            "Split the channels first, into (heads, D); then transpose tokens and heads.",
        ),
        Misconception(
            "the heads are averaged, not joined", pool_with(result="mean"), "C numbers come back."
        ),
        Misconception(
            "the axis of the question stays in the result",
            pool_with(result="one row"),
            "One token asked: its axis can go.",
        ),
        Misconception(
            "keys and values are swapped", pool_with(values="keys"), "Which of the two is weighed?"
        ),
        Misconception(
            "the tokens themselves are weighed, not their values",
            pool_with(values="tokens"),
            "What is wv for?",
        ),
        Misconception(
            "the softmax is missing",
            pool_with(softmax=None),
            "The weights of one question sum to 1.",
        ),
        Misconception(
            "the map is reshaped into places without moving its channels",
            pool_with(places_by="reshape"),
            "A token holds the channels of one place.",
        ),
        Misconception(
            "the places run down the columns, not along the rows",
            pool_with(places_by="columns"),
            "position counts the places row by row.",
        ),
        Misconception(
            "the mean stands behind the places, not before them",
            pool_with(first="place"),
            "Which row of position belongs to the mean?",
        ),
        Misconception(
            "the maximum over the places asks, not the mean",
            pool_with(first="largest"),
            "Step 1 asks for the mean.",
        ),
        *(
            Misconception(
                f"one of the weight matrices is not transposed: w{name}",
                pool_with(plain=name),
                "nn.Linear computes x @ weight.T, for each of the three.",
            )
            for name in "qkv"
        ),
        Misconception(
            "the scores are multiplied by the root of the head's width",
            pool_with(scale="times"),
            "Long dot products must become smaller.",
        ),
        Misconception(
            "the scores are divided by the root of the number of heads",
            pool_with(scale="count"),
            "How many numbers does one dot product add up?",
        ),
        Misconception(
            "only the mean gets a position",
            pool_with(position_on="mean"),
            "position has a row for each place, too.",
        ),
        Misconception(
            "the first token is added to the answer",
            pool_with(result="added"),
            "There is no shortcut around this attention.",
        ),
    ),
)
