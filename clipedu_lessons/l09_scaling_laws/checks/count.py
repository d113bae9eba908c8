"""Exercises 09.1 and 09.2: compute counted by hand."""

from __future__ import annotations

from typing import Any

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole


def _near(value: Any, wanted: float) -> bool:
    return isinstance(value, (int, float)) and abs(value - wanted) <= 0.01 + 1e-6 * abs(wanted)


PAPER = ValueExercise(
    id="09.1",
    name=("layer", "training", "ten_times", "hundred_times"),
    expected=(819_200, 12_000_000_000, 0.5, 0.25),
    misconceptions=(
        Misconception(
            "the two operations of a multiply-add are both counted",
            lambda v: _near(v[0], 1_638_400),
            "`layer` asks for multiply-adds.",
        ),
        Misconception(
            "the number of tokens is left out",
            lambda v: _near(v[0], 64 * 256),
            "How often is the layer used?",
        ),
        Misconception(
            "the sizes of the layer are added, not multiplied",
            lambda v: _near(v[0], 50 * (64 + 256)),
            "Each of the 256 results is a sum of how many products?",
        ),
        Misconception(
            "the backward pass is left out",
            lambda v: _near(v[1], 4e9),
            "What does a training step do after the forward pass?",
        ),
        Misconception(
            "the backward pass is taken to cost as much as the forward pass",
            lambda v: _near(v[1], 8e9),
            "Backward, each product needs two: for which two gradients?",
        ),
        Misconception(
            "multiply-adds are counted where operations were asked for",
            lambda v: _near(v[1], 6e9) or _near(v[1], 2e9),
            "How many operations is one multiply-add?",
        ),
        Misconception(
            "the slope is taken for the factor",
            lambda v: _near(abs(v[2]), 0.301) or _near(v[2], 0.699),
            "Ten to the power of what?",
        ),
        Misconception(
            "the sign of the slope is lost",
            lambda v: _near(v[2], 2.0) or _near(v[3], 4.0),
            "More compute: does the error rise?",
        ),
        Misconception(
            "a hundred times the compute is taken to buy twice what ten times buys",
            lambda v: _near(v[2], 0.5) and (abs(v[3]) < 1e-9 or _near(v[3], -0.5)),
            "After the first ten times, half is left. Half of what goes next?",
        ),
        Misconception(
            "a hundred times is read as ten times ten times ten",
            lambda v: _near(v[2], 0.5) and abs(v[3] - 0.125) < 1e-3,
            "How many times ten is a hundred?",
        ),
        Misconception(
            "the factor is divided by ten again for a hundred times",
            lambda v: _near(v[2], 0.5) and abs(v[3] - 0.05) < 1e-3,
            "The error is multiplied by the same factor for each ten times.",
        ),
        Misconception(
            "the factors are given in percent",
            lambda v: _near(v[2], 50) or _near(v[3], 25),
            "Multiply 40 % by your factor: is that what you mean?",
        ),
    ),
)


def block_multiply_adds(tokens: int, width: int, widen: int) -> int:
    queries_keys_values = tokens * width * (3 * width)
    scores = tokens * tokens * width
    weighed = tokens * tokens * width
    output = tokens * width * width
    mlp = tokens * width * (widen * width) + tokens * (widen * width) * width
    return queries_keys_values + scores + weighed + output + mlp


BLOCK = FunctionExercise(
    id="09.2",
    name="block_multiply_adds",
    reference=block_multiply_adds,
    inputs=lambda generator: {
        "tokens": whole(generator, 5, 60),
        "width": 8 * whole(generator, 2, 12),
        "widen": (2, 3, 5, 6)[whole(generator, 0, 3)],  # not 4: many take it for granted
    },
    properties=(
        Property(
            "twice the MLP's width adds something else than the MLP's cost",
            lambda f, tokens, width, widen: (
                f(tokens, width, 2 * widen) - f(tokens, width, widen),
                2 * tokens * width * widen * width,
            ),
        ),
    ),
    extremes={
        "one token": lambda g: {"tokens": 1, "width": 16, "widen": 4},
        "far more tokens than channels": lambda g: {"tokens": 4096, "width": 8, "widen": 4},
    },
    misconceptions=(
        Misconception(
            "operations are counted, two for each multiply-add",
            lambda t, w, m: 2 * (t * w * w * (4 + 2 * m) + 2 * t * t * w),
            "The question is for multiply-adds.",
        ),
        Misconception(
            "queries, keys and values are counted as one matrix of (W, W)",
            lambda t, w, m: t * w * w * (2 + 2 * m) + 2 * t * t * w,
            "How many vectors does each token need for attention?",
        ),
        Misconception(
            "the projections are counted once, not for every token",
            lambda t, w, m: w * w * (4 + 2 * m) + 2 * t * t * w,
            "Each token passes through the matrices.",
        ),
        Misconception(
            "the weights are counted, not the multiply-adds",
            lambda t, w, m: w * w * (4 + 2 * m),
            "A weight is used once for each token.",
        ),
        Misconception(
            "each token attends to itself only",
            lambda t, w, m: t * w * w * (4 + 2 * m) + 2 * t * w,
            "How many scores does a sequence of T tokens have?",
        ),
        Misconception(
            "the scores are counted as numbers, without the sum over the channels",
            lambda t, w, m: t * w * w * (4 + 2 * m) + 2 * t * t,
            "One score is a product of two vectors: how long are they?",
        ),
        Misconception(
            "the MLP has a matrix from wide to wide",
            lambda t, w, m: t * w * w * (4 + m * m) + 2 * t * t * w,
            "The two matrices are (W, widen W) and (widen W, W).",
        ),
        Misconception(
            "only the past is attended to",
            lambda t, w, m: t * w * w * (4 + 2 * m) + t * (t + 1) * w,
            "Here all positions attend to all positions.",
        ),
        Misconception(
            "attention is left out", lambda t, w, m: 2 * m * t * w * w, "Half the block."
        ),
        Misconception(
            "the MLP is left out",
            lambda t, w, m: 4 * t * w * w + 2 * t * t * w,
            "What comes after attention?",
        ),
        Misconception(
            "the backward pass is counted too",
            lambda t, w, m: 3 * (t * w * w * (4 + 2 * m) + 2 * t * t * w),
            "One forward pass was asked for.",
        ),
    ),
)
