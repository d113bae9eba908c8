"""Exercise 00.1: what a label set costs."""

from __future__ import annotations

import torch
from torch import Generator

from clipedu_classroom.spec import Misconception, ValueExercise


def label_set(features: int = 512, labels: int = 1000, inside: int = 250) -> ValueExercise:
    """50 labels are added; of 400 pictures `inside` are in the label set."""
    more, asked = 50, 400
    best = 100 * inside / asked
    return ValueExercise(
        id="00.1",
        name=("last_layer", "for_fifty_more", "best_percent", "with_words"),
        expected=((features + 1) * labels, (features + 1) * more, best, 0),
        personal=label_set,
        misconceptions=(
            Misconception(
                "the biases are forgotten",
                lambda v: v[0] == features * labels or v[1] == features * more,
                "Each output has its weights and a bias.",
            ),
            Misconception(
                "one bias is counted for the whole layer",
                lambda v: v[0] == features * labels + 1 or v[1] == features * more + 1,
                "Each output has a bias of its own.",
            ),
            Misconception(
                "a bias is counted for each feature, not for each label",
                lambda v: v[0] == features * (labels + 1) or v[1] == features * (more + 1),
                "How many outputs does the layer have?",
            ),
            Misconception(
                "an output is taken for a single parameter",
                lambda v: v[0] == labels or v[1] == more,
                "How is one output computed from the features?",
            ),
            Misconception(
                "the parameters of one output are given, not those of all",
                lambda v: features + 1 in v[:2],
                "How many outputs are there?",
            ),
            Misconception(
                "the share of pictures that must be wrong is given for the best accuracy",
                lambda v: v[2] == 100 - best,
                "Which pictures can be named right at all?",
            ),
            Misconception(
                "a picture outside the label set is expected to be right by luck",
                lambda v: int(best) + 1 < v[2] <= 100,
                "Is there an output for what it shows?",
            ),
            Misconception(
                "all pictures are divided by those that can be right",
                lambda v: v[2] == 100 * asked / inside,
                "Can an accuracy be above 100 percent?",
            ),
            Misconception(
                "the percentage is rounded to a whole number",
                lambda v: v[2] in (int(best), int(best) + 1),
                "It is a number with one decimal.",
            ),
            Misconception(
                "a list of names is believed to need weights of its own",
                lambda v: v[3] > 0,
                "What had to change in the model when umbrella was put on the list?",
            ),
        ),
    )


LABEL_SET = label_set()


def draw_below(generator: Generator, below: int) -> int:
    return int(torch.randint(0, below, (), generator=generator))
