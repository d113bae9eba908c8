"""Exercise 03.1: reading a matrix."""

from __future__ import annotations

import math

from clipedu_classroom.spec import Misconception, ValueExercise
from clipedu_lessons.common.checking import near

READ = ValueExercise(
    id="03.1",
    name=("pictures_right", "captions_right", "loss_of_guessing", "rise"),
    expected=(2, 3, math.log(256), math.log(2)),
    misconceptions=(
        Misconception(
            "the wrong choices are counted, not the right ones",
            lambda v: (v[0], v[1]) == (2, 1),
        ),
        Misconception(
            "every pair is counted as right because its score is on the diagonal",
            lambda v: v[0] == v[1] == 4,
            "Right means that the largest score of the row is the one on the diagonal.",
        ),
        Misconception(
            "the logarithm has base 2",
            lambda v: near(v[2], 8) or near(v[3], 1),
            "The loss is in nats: the natural logarithm.",
        ),
        Misconception(
            "the logarithm has base 10",
            lambda v: near(v[2], math.log10(256)) or near(v[3], math.log10(2)),
            "The loss is in nats: the natural logarithm.",
        ),
        Misconception("the logarithm is forgotten", lambda v: v[2] == 256 or v[3] == 256),
        Misconception(
            "the two directions are added, not averaged",
            lambda v: near(v[2], 2 * math.log(256)) or near(v[3], 2 * math.log(2)),
        ),
        Misconception(
            "the loss is taken to double with the batch",
            lambda v: near(v[3], math.log(256)) or v[3] == 2,
            "What is ln 512 - ln 256?",
        ),
        Misconception("the sign is that of ln(1/N)", lambda v: v[2] < 0),
        Misconception(
            "the captions are judged along the rows, too",
            lambda v: v[0] == v[1] == 2,
            "For a caption, look down its column.",
        ),
        Misconception(
            "the pictures are judged down the columns, too",
            lambda v: v[0] == v[1] == 3,
            "For a picture, look along its row.",
        ),
        Misconception(
            "a share is given for a number of pictures or captions",
            lambda v: 0 < v[0] < 1 or 0 < v[1] < 1,
            "How many of the four?",
        ),
        Misconception(
            "the probability of a guess is given for its cost",
            lambda v: near(v[2], 1 / 256),
            "What does an answer of probability 1/256 cost?",
        ),
        Misconception(
            "the loss is that of the small matrix, not of a batch of 256",
            lambda v: near(v[2], math.log(4)),
            "Among how many captions is guessed?",
        ),
        Misconception(
            "the loss of the larger batch is given, not the rise",
            lambda v: near(v[3], math.log(512)),
            "By how much does it rise?",
        ),
        Misconception(
            "the loss is believed not to depend on the batch",
            lambda v: v[3] == 0,
            "Is it as easy to guess among 512 as among 256?",
        ),
        Misconception(
            "the two losses are added or divided, not subtracted",
            lambda v: near(v[3], math.log(512) / math.log(256)) or near(v[3], 4 * math.log(2)),
            "What is ln 512 - ln 256?",
        ),
    ),
)
