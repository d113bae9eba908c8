"""Exercise 00.1: what a label set costs."""

from __future__ import annotations

import torch
from torch import Generator

from clipedu_classroom.spec import Misconception, ValueExercise

# 512 features, 1,000 labels, 50 more labels; 400 pictures, 250 of them in the label set.
WIDE, LABELS, MORE = 512, 1000, 50
ASKED, INSIDE = 400, 250


def label_set() -> tuple[float, ...]:
    """Parameters of the last layer, for 50 more labels; best percentage; parameters with words."""
    return ((WIDE + 1) * LABELS, (WIDE + 1) * MORE, 100 * INSIDE / ASKED, 0)


LABEL_SET = ValueExercise(
    id="00.1",
    name=("last_layer", "for_fifty_more", "best_percent", "with_words"),
    expected=label_set,
    misconceptions=(
        Misconception(
            "the biases are forgotten",
            lambda v: v[0] == WIDE * LABELS or v[1] == WIDE * MORE,
            "Each output has its weights and a bias.",
        ),
        Misconception(
            "one bias is counted for the whole layer",
            lambda v: v[0] == WIDE * LABELS + 1 or v[1] == WIDE * MORE + 1,
            "Each output has a bias of its own.",
        ),
        Misconception(
            "a bias is counted for each feature, not for each label",
            lambda v: v[0] == WIDE * LABELS + WIDE or v[1] == WIDE * MORE + WIDE,
            "How many outputs does the layer have?",
        ),
        Misconception(
            "an output is taken for a single parameter",
            lambda v: v[0] == LABELS or v[1] == MORE,
            "How is one output computed from the features?",
        ),
        Misconception(
            "the parameters of one output are given, not those of all",
            lambda v: WIDE + 1 in v[:2],
            "How many outputs are there?",
        ),
        Misconception(
            "the share of pictures that must be wrong is given for the best accuracy",
            lambda v: v[2] == 100 - 100 * INSIDE / ASKED,
            "Which pictures can be named right at all?",
        ),
        Misconception(
            "a picture outside the label set is expected to be right by luck",
            lambda v: 63 < v[2] <= 100,
            "Is there an output for what it shows?",
        ),
        Misconception(
            "all pictures are divided by those that can be right",
            lambda v: v[2] == 100 * ASKED / INSIDE,
            "Can an accuracy be above 100 percent?",
        ),
        Misconception(
            "the percentage is rounded to a whole number",
            lambda v: v[2] in (62, 63),
            "It is a number with one decimal.",
        ),
        Misconception(
            "a list of names is believed to need weights of its own",
            lambda v: v[3] > 0,
            "What had to change in the model when umbrella was put on the list?",
        ),
    ),
)


def draw_below(generator: Generator, below: int) -> int:
    return int(torch.randint(0, below, (), generator=generator))
