"""Lesson 04: the learning rate of a step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator

from clipedu_classroom.spec import FunctionExercise, Misconception


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


def _after(fall: Any, warm: Any = rate) -> Any:
    """Another fall: (steps behind the warm-up, how many there are) -> share of the peak."""

    def wrong(step: int, steps: int, peak: float, warmup: int) -> float:
        if step < warmup:
            return float(warm(step, steps, peak, warmup))
        return float(peak * fall(step - warmup, steps - warmup))

    return wrong


def _half_cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done))


def _both_at_once(step: int, steps: int, peak: float, warmup: int) -> float:
    ramp = min(1.0, (step + 1) / max(warmup, 1))
    return ramp * peak * _half_cosine(step / steps)


def _slow_ramp(step: int, steps: int, peak: float, warmup: int) -> float:
    return peak * (step + 1) / (warmup + 1)


def _no_warmup_divides(step: int, steps: int, peak: float, warmup: int) -> float:
    ramp = min(1.0, (step + 1) / warmup)
    return ramp * peak * _half_cosine(max(0.0, (step - warmup) / (steps - warmup)))


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
            "the warm-up is divided by all steps, not by its own",
            _after(
                lambda i, n: _half_cosine(i / n),
                lambda step, steps, peak, warmup: peak * (step + 1) / steps,
            ),
            "At step warmup - 1 the rate is the peak.",
        ),
        Misconception(
            "the warm-up rises along a cosine, not in a straight line",
            _after(
                lambda i, n: _half_cosine(i / n),
                lambda step, steps, peak, warmup: peak * (1 - _half_cosine((step + 1) / warmup)),
            ),
            "Only the fall is a cosine.",
        ),
        Misconception(
            "the rate stays at its peak after the warm-up",
            _after(lambda i, n: 1.0),
            "What happens after the warm-up? (// cuts off; / divides.)",
        ),
        Misconception(
            "warm-up and fall are multiplied, both counted from step 0",
            _both_at_once,
            "First the one, then the other.",
        ),
        Misconception(
            "the warm-up is divided by one step too many",
            _after(lambda i, n: _half_cosine(i / n), _slow_ramp),
            "At step warmup - 1 the rate is the peak.",
        ),
        Misconception(
            "a run without warm-up is divided by zero",
            _no_warmup_divides,
            "Ask first whether the step is inside the warm-up.",
        ),
        Misconception(
            "a run without warm-up stays at its peak",
            lambda step, steps, peak, warmup: rate(step, steps, peak, warmup) if warmup else peak,
            "Without a warm-up the fall begins at step 0.",
        ),
        Misconception(
            "the warm-up starts from zero and takes one step less",
            _after(
                lambda i, n: _half_cosine(i / n),
                lambda step, steps, peak, warmup: peak * step / max(warmup - 1, 1),
            ),
            "What is the rate of step 0?",
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
        Misconception(
            "the fall is counted from step 0, but over the steps after the warm-up",
            lambda step, steps, peak, warmup: (
                rate(step, steps, peak, warmup)
                if step < warmup
                else peak * _half_cosine(step / (steps - warmup))
            ),
            "At the first step after the warm-up the rate should still be the peak.",
        ),
    ),
)
