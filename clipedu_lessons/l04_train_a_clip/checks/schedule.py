"""Exercises 04.1 and 04.2: the learning rate, on paper and in code."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise

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


def rate(step: int, steps: int, peak: float, warmup: int) -> float:
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def _after(fall: Any, warm: Any = rate) -> Any:
    """Another fall: (steps behind the warm-up, how many there are) -> share of the peak."""

    def wrong(step: int, steps: int, peak: float, warmup: int) -> float:
        if step < warmup:
            return float(warm(step, steps, peak, warmup))
        return float(peak * fall(step - warmup, steps - warmup))

    return wrong


def _half_cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done))


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
        "no warm-up, later": lambda g: {"step": 10, "steps": 40, "peak": 0.5, "warmup": 0},
    },
    misconceptions=(
        Misconception(
            "there is no warm-up, and the peak is held for its steps",
            lambda step, steps, peak, warmup: rate(max(step, warmup), steps, peak, warmup),
            "What happens in the first `warmup` steps?",
        ),
        Misconception(
            "the rate is 0 at the last step, not after it",
            _after(lambda i, n: _half_cosine(i / max(n - 1, 1))),
            "Over how many steps does the fall go: steps - warmup.",
        ),
        Misconception(
            "the fall begins one step early",
            _after(lambda i, n: _half_cosine((i + 1) / n)),
            "At the first step after the warm-up the rate is the peak.",
        ),
        Misconception(
            "a quarter of a turn is gone, not half of one",
            _after(lambda i, n: math.cos(math.pi / 2 * i / n)),
            "Half a cosine: the angle goes from 0 to pi, and 1 + cos is halved.",
        ),
        Misconception(
            "the cosine is not shifted, so that the rate becomes negative",
            _after(lambda i, n: math.cos(math.pi * i / n)),
            "What is the cosine of pi? A learning rate is never below 0.",
        ),
        Misconception(
            "the rate rises after the warm-up",
            _after(lambda i, n: 0.5 * (1 - math.cos(math.pi * i / n))),
            "Is it 1 + cos or 1 - cos?",
        ),
        Misconception(
            "a sine is taken for the cosine",
            _after(lambda i, n: 0.5 * (1 + math.sin(math.pi * i / n))),
            "What is the sine of 0?",
        ),
        Misconception(
            "the angle is taken in degrees",
            _after(lambda i, n: 0.5 * (1 + math.cos(180 * i / n))),
            "math.cos takes radians: half a turn is pi.",
        ),
        Misconception(
            "pi is left out of the angle",
            _after(lambda i, n: 0.5 * (1 + math.cos(i / n))),
            "Half a turn is pi.",
        ),
        Misconception(
            "the rate stays at its peak after the warm-up",
            _after(lambda i, n: 1.0),
            "What happens after the warm-up? (// cuts off; / divides.)",
        ),
        Misconception(
            "a run without warm-up stays at its peak",
            lambda step, steps, peak, warmup: rate(step, steps, peak, warmup) if warmup else peak,
            "Without a warm-up the fall begins at step 0.",
        ),
        Misconception(
            "only half of the fall is done at the end",
            _after(lambda i, n: _half_cosine(i / n / 2)),
            "Half a cosine: the angle goes from 0 to pi.",
        ),
        Misconception(
            "the cosine is squared",
            _after(lambda i, n: _half_cosine(i / n) ** 2),
            "(1 + cos) / 2, once.",
        ),
        Misconception(
            "the rate falls to a tenth of the peak, not towards 0",
            _after(lambda i, n: 0.1 + 0.9 * _half_cosine(i / n)),
            "Other recipes do so; here it falls towards 0.",
        ),
        Misconception(
            "the rate falls exponentially",
            _after(lambda i, n: math.exp(-5 * i / n)),
            "Half a cosine starts flat, falls, and ends flat.",
        ),
    ),
)
