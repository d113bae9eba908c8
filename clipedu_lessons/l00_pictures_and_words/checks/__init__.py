"""What is right in lesson 00, pictures and words, in the order of the lesson.

Each function has a file of its own.
"""

from __future__ import annotations

from typing import Any

from clipedu_classroom.spec import Misconception, ValueExercise
from clipedu_lessons.l00_pictures_and_words.checks.search import SEARCH
from clipedu_lessons.l00_pictures_and_words.checks.share import SHARE
from clipedu_lessons.l00_pictures_and_words.checks.vectors import ZERO_SHOT
from clipedu_lessons.l00_pictures_and_words.checks.words import CLEAN

# 00.1: the price of a label set. 1,000 labels, 512 features, 50 more labels, 400 pictures.
WIDE, LABELS, MORE = 512, 1000, 50
ASKED, INSIDE = 400, 250


def _entries(value: Any) -> tuple[float, ...]:
    return tuple(float(part) for part in value)


def label_set() -> tuple[float, ...]:
    """Numbers in the last layer, for 50 more labels; best percentage; numbers with words."""
    return ((WIDE + 1) * LABELS, (WIDE + 1) * MORE, 100 * INSIDE / ASKED, 0)


LABEL_SET = ValueExercise(
    id="00.1",
    name=("last_layer", "for_fifty_more", "best_percent", "with_words"),
    expected=label_set,
    misconceptions=(
        Misconception(
            "the biases are forgotten",
            lambda value: _entries(value)[0] == WIDE * LABELS or _entries(value)[1] == WIDE * MORE,
            "Each output has its weights and one number more.",
        ),
        Misconception(
            "one bias is counted for the whole layer",
            lambda value: (
                _entries(value)[0] == WIDE * LABELS + 1 or _entries(value)[1] == WIDE * MORE + 1
            ),
            "Each output has a bias of its own.",
        ),
        Misconception(
            "a bias is counted for each feature, not for each label",
            lambda value: (
                _entries(value)[0] == WIDE * LABELS + WIDE
                or _entries(value)[1] == WIDE * MORE + WIDE
            ),
            "How many outputs has the layer?",
        ),
        Misconception(
            "the whole layer is counted again for the new labels",
            lambda value: _entries(value)[1] == (WIDE + 1) * (LABELS + MORE),
            "The old outputs exist already.",
        ),
        Misconception(
            "a label is taken for a single number",
            lambda value: _entries(value)[0] == LABELS or _entries(value)[1] == MORE,
            "How does one output come about from the features?",
        ),
        Misconception(
            "the numbers of one output are given, not those of all",
            lambda value: WIDE + 1 in _entries(value)[:2],
            "How many outputs are there?",
        ),
        Misconception(
            "a share is given for a percentage",
            lambda value: _entries(value)[2] == INSIDE / ASKED,
            "The last but one answer is in percent.",
        ),
        Misconception(
            "the share of pictures that must be wrong is given for the best accuracy",
            lambda value: _entries(value)[2] == 100 - 100 * INSIDE / ASKED,
            "Which pictures can be named right at all?",
        ),
        Misconception(
            "a picture outside the label set is hoped to be right by luck",
            lambda value: (
                INSIDE < 4 * _entries(value)[2] <= ASKED
                and _entries(value)[2] > 100 * INSIDE / ASKED
            ),
            "Is there an output that stands for it?",
        ),
        Misconception(
            "all pictures are divided by those that can be right",
            lambda value: _entries(value)[2] == 100 * ASKED / INSIDE,
            "Can an accuracy be above 100 percent?",
        ),
        Misconception(
            "the percentage is rounded to a whole number",
            lambda value: _entries(value)[2] in (62, 63),
            "It is a number with one decimal.",
        ),
        Misconception(
            "a list of names is believed to need weights of its own",
            lambda value: _entries(value)[3] > 0,
            "What had to change in the model when umbrella was put on the list?",
        ),
    ),
)

EXERCISES = [LABEL_SET, CLEAN, SEARCH, ZERO_SHOT, SHARE]
