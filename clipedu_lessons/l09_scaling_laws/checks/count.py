"""Exercise 09.1: compute counted by hand."""

from __future__ import annotations

from typing import Any

from clipedu_classroom.spec import Misconception, ValueExercise


def _near(value: Any, wanted: float) -> bool:
    return isinstance(value, (int, float)) and abs(value - wanted) <= 0.01 + 1e-6 * abs(wanted)


def paper(
    tokens: int = 50,
    inputs: int = 64,
    outputs: int = 256,
    pairs: int = 1000,
    products: int = 2_000_000,
) -> ValueExercise:
    """A layer for some tokens, and training with some multiply-adds a pair."""
    layer, forward = tokens * inputs * outputs, pairs * products
    return ValueExercise(
        id="09.1",
        name=("layer", "training", "ten_times", "hundred_times"),
        expected=(layer, 6 * forward, 0.5, 0.25),
        personal=paper,
        misconceptions=(
            Misconception(
                "the two operations of a multiply-add are both counted",
                lambda v: _near(v[0], 2 * layer),
                "`layer` asks for multiply-adds.",
            ),
            Misconception(
                "the number of tokens is left out",
                lambda v: _near(v[0], inputs * outputs),
                "How often is the layer used?",
            ),
            Misconception(
                "the sizes of the layer are added, not multiplied",
                lambda v: _near(v[0], tokens * (inputs + outputs)),
                "Each of the 256 results is a sum of how many products?",
            ),
            Misconception(
                "the backward pass is left out",
                lambda v: _near(v[1], 2 * forward),
                "What does a training step do after the forward pass?",
            ),
            Misconception(
                "the backward pass is taken to cost as much as the forward pass",
                lambda v: _near(v[1], 4 * forward),
                "Backward, each product needs two: for which two gradients?",
            ),
            Misconception(
                "multiply-adds are counted where operations were asked for",
                lambda v: _near(v[1], 3 * forward) or _near(v[1], forward),
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


PAPER = paper()
