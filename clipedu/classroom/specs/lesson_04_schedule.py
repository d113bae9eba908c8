"""Lesson 04: the learning rate of a step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator

from clipedu.classroom.spec import FunctionExercise, Misconception, ValueExercise

SCHEDULE = ValueExercise(
    id="04.1",
    name=("at_0", "at_49", "at_100"),
    expected=(0.00008, 0.004, 0.003),
    tolerance=0.000005,
    misconceptions=(
        Misconception(
            "the warm-up starts from a learning rate of zero",
            lambda value: abs(value[0]) < 1e-9,
            "Would the first step then change anything?",
        ),
        Misconception(
            "the cosine is counted from step 0 instead of from the end of the warm-up",
            lambda value: abs(value[2] - 0.002) < 1e-5,
            "Where does the fall begin?",
        ),
        Misconception(
            "the rate falls in a straight line instead of along a cosine",
            lambda value: abs(value[2] - 0.0026667) < 1e-4,
            "A third of the way down, a cosine has fallen less than a third.",
        ),
        Misconception(
            "the cosine's angle is taken in degrees",
            lambda value: abs(value[2] - 0.004) < 1e-5,
            "The cosine takes radians: half a turn is pi.",
        ),
    ),
)


def rate(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def rate_from_zero(step: int, steps: int, peak: float, warmup: int) -> float:
    return peak * step / warmup if step < warmup else rate(step, steps, peak, warmup)


def rate_cosine_from_start(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * step / steps))


def rate_straight(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return peak * (1 - (step - warmup) / (steps - warmup))


def rate_whole_turn(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return peak * 0.5 * (1 + math.cos(2 * math.pi * (step - warmup) / (steps - warmup)))


def rate_wrong_length(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / steps))


def rate_not_halved(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return rate(step, steps, peak, warmup)
    return 2 * rate(step, steps, peak, warmup)


def a_step(generator: Generator) -> dict[str, Any]:
    """Half of the draws fall into the warm-up, half behind it."""
    warmup = int(torch.randint(4, 30, (), generator=generator))
    steps = warmup + int(torch.randint(20, 200, (), generator=generator))
    low, high = (1, warmup) if torch.rand((), generator=generator) < 0.5 else (warmup + 3, steps)
    step = int(torch.randint(low, high, (), generator=generator))
    peak = 0.001 + float(torch.rand((), generator=generator))
    return {"step": step, "steps": steps, "peak": peak, "warmup": warmup}


RATE = FunctionExercise(
    id="04.2",
    name="rate",
    reference=rate,
    inputs=a_step,
    trials=12,
    extremes={
        "the first step": lambda g: {"step": 0, "steps": 40, "peak": 0.5, "warmup": 8},
        "the last step of the warm-up": lambda g: {
            "step": 7,
            "steps": 40,
            "peak": 0.5,
            "warmup": 8,
        },
        "the step after the warm-up": lambda g: {"step": 8, "steps": 40, "peak": 0.5, "warmup": 8},
        "no warm-up": lambda g: {"step": 0, "steps": 40, "peak": 0.5, "warmup": 0},
    },
    misconceptions=(
        Misconception(
            "the warm-up starts from a learning rate of zero",
            rate_from_zero,
            "What is the rate of step 0, and which step reaches the peak?",
        ),
        Misconception(
            "the cosine is counted from step 0 instead of from the end of the warm-up",
            rate_cosine_from_start,
            "At the first step after the warm-up the rate should still be the peak.",
        ),
        Misconception(
            "the rate falls in a straight line instead of along a cosine",
            rate_straight,
            "Is it a curve or a line?",
        ),
        Misconception(
            "there is no warm-up",
            lambda step, steps, peak, warmup: rate(step, steps, peak, 0),
            "What happens in the first `warmup` steps?",
        ),
        Misconception(
            "there is no warm-up, and the peak is held for its steps",
            lambda step, steps, peak, warmup: rate(max(step, warmup), steps, peak, warmup),
            "What happens in the first `warmup` steps?",
        ),
        Misconception(
            "the cosine goes a whole turn and the rate comes back up",
            rate_whole_turn,
            "How far has the angle gone at the last step?",
        ),
        Misconception(
            "the fall is divided by all steps, not by those after the warm-up",
            rate_wrong_length,
            "At the end of the run the fall should be complete.",
        ),
        Misconception(
            "1 + cos is not halved",
            rate_not_halved,
            "What is 1 + cos(0)?",
        ),
    ),
)
