"""Lesson 04: three steps of a schedule, on paper."""

from __future__ import annotations

import math

from clipedu_classroom.spec import Misconception, ValueExercise

SCHEDULE = ValueExercise(
    id="04.1",
    name=("at_0", "at_49", "at_100"),
    expected=(0.00008, 0.004, 0.003),
    tolerance=0.000001,
    misconceptions=(
        Misconception(
            "the warm-up starts from a learning rate of zero",
            lambda value: abs(value[0]) < 1e-9,
            "Would the first step then change anything?",
        ),
        Misconception(
            "the cosine is counted from step 0 instead of from the end of the warm-up",
            lambda value: abs(value[2] - 0.002) < 1e-5,
            "Where does the fall begin? And what is halved: the cosine, or 1 + the cosine?",
        ),
        Misconception(
            "the rate falls in a straight line instead of along a cosine",
            lambda value: abs(value[2] - 0.0026667) < 1e-4,
            "A third of the way down, a cosine has fallen less than a third.",
        ),
        Misconception(
            "the rate is believed to stay at its peak",
            lambda value: abs(value[2] - 0.004) < 1e-5,
            "What happens after the warm-up? (In degrees, the cosine hardly moves, too.)",
        ),
        Misconception(
            "the cosine is not shifted and halved",
            lambda value: abs(value[2] - 0.004 * math.cos(math.pi / 6)) < 1e-5,
            "(1 + cos) / 2 goes from 1 to 0 while the angle goes half a turn.",
        ),
        Misconception(
            "the angle goes a whole turn, not half of one",
            lambda value: abs(value[2] - 0.001) < 1e-5,
            "How far has the angle gone at the last step?",
        ),
        Misconception(
            "the cosine's angle is taken in degrees",
            lambda value: abs(value[2] - 0.002 * (1 + math.cos(60))) < 1e-5,
            "The cosine takes radians: 60 degrees are a third of pi.",
        ),
        Misconception(
            "the end of the warm-up is one step late",
            lambda value: abs(value[1] - 0.00392) < 1e-6,
            "Fifty steps, counted from 0: which is the last one?",
        ),
        Misconception(
            "there is no warm-up",
            lambda value: abs(value[0] - 0.004) < 1e-6,
            "What is the rate of the first of fifty steps that rise in a straight line?",
        ),
        Misconception(
            "a power of ten is lost in the first step",
            lambda value: any(abs(value[0] - x) < x / 50 for x in (0.0008, 0.008, 8e-6)),
            "What is 0.004 / 50?",
        ),
        Misconception(
            "the warm-up is divided into all 200 steps, not into its own 50",
            lambda value: abs(value[0] - 0.004 / 200) < 3e-7,
            "Over how many steps does the rate rise?",
        ),
        Misconception(
            "the warm-up is divided into 49 steps, not 50",
            lambda value: abs(value[0] - 0.004 / 49) < 3e-7,
            "The first of fifty equal steps upwards: how large is it?",
        ),
        Misconception(
            "the cosine is squared, or halved twice",
            lambda value: abs(value[2] - 0.0015) < 1e-5 or abs(value[2] - 0.00225) < 1e-5,
            "peak x (1 + cos) / 2.",
        ),
        Misconception(
            "1 + cos is not halved",
            lambda value: abs(value[2] - 0.006) < 1e-5,
            "A rate above the peak? (1 + cos) / 2 goes from 1 to 0.",
        ),
        Misconception(
            "the fall is counted from the last step of the warm-up",
            lambda value: abs(value[2] - 0.002 * (1 + math.cos(math.pi * 51 / 151))) < 6e-6,
            "At step 50 the rate is still the peak.",
        ),
        Misconception(
            "shares of the peak are given, not learning rates",
            lambda value: value[1] == 1,
            "Multiply by the peak, 0.004.",
        ),
    ),
)
