"""Exercise 04.9: the learning rate of a step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator

from clipedu_classroom.spec import FunctionExercise, whole


def learning_rate(
    step: int, *, steps: int, peak: float, warmup_steps: int = 0, final: float = 0.0
) -> float:
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return peak * (final + (1 - final) * half_cosine(done))


def half_cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * done))


def after(fall: Any) -> Any:
    """Another fall: (steps behind the warm-up, how many there are) -> from 1 down to 0."""

    def wrong(
        step: int, *, steps: int, peak: float, warmup_steps: int = 0, final: float = 0.0
    ) -> float:
        if step < warmup_steps:
            return peak * (step + 1) / warmup_steps
        share: float = fall(step - warmup_steps, max(1, steps - warmup_steps))
        return peak * (final + (1 - final) * share)

    return wrong


def ends(end: Any) -> Any:
    """Another use of `final`: (peak, final, share) -> rate."""

    def wrong(
        step: int, *, steps: int, peak: float, warmup_steps: int = 0, final: float = 0.0
    ) -> float:
        if step < warmup_steps:
            return peak * (step + 1) / warmup_steps
        share = half_cosine((step - warmup_steps) / max(1, steps - warmup_steps))
        return float(end(peak, final, share))

    return wrong


def rises(rise: Any) -> Any:
    """Another warm-up: (step, warmup_steps, steps) -> share of the peak."""

    def wrong(
        step: int, *, steps: int, peak: float, warmup_steps: int = 0, final: float = 0.0
    ) -> float:
        if step < warmup_steps:
            return float(peak * rise(step, warmup_steps, steps))
        given: Any = {"steps": steps, "peak": peak, "warmup_steps": warmup_steps, "final": final}
        return learning_rate(step, **given)

    return wrong


def a_step(generator: Generator) -> dict[str, Any]:
    """On both sides of the warm-up's end, with and without a final rate."""
    steps = whole(generator, 30, 400)
    warmup = whole(generator, 4, steps // 3)
    inside = bool(torch.rand((), generator=generator) < 0.4)
    step = whole(generator, 0, warmup - 1) if inside else whole(generator, warmup, steps - 1)
    final = 0.05 + 0.4 * float(torch.rand((), generator=generator))
    return {
        "step": step,
        "steps": steps,
        "peak": 0.001 + float(torch.rand((), generator=generator)),
        "warmup_steps": warmup,
        "final": final if torch.rand((), generator=generator) < 0.6 else 0.0,
    }


def _at(step: int, warmup_steps: int = 8, final: float = 0.0) -> Any:
    given = {"step": step, "steps": 40, "peak": 0.5, "warmup_steps": warmup_steps, "final": final}
    return lambda generator: dict(given)


LEARNING_RATE = FunctionExercise(
    id="04.9",
    name="learning_rate",
    reference=learning_rate,
    inputs=a_step,
    keywords=("steps", "peak", "warmup_steps", "final"),
    trials=14,
    extremes={
        "the first step": _at(0),
        "the last step of the warm-up": _at(7),
        "the step after the warm-up": _at(8),
        "the last step": _at(39, final=0.1),
        "no warm-up": _at(0, 0),
        "no warm-up, later": _at(10, 0),
    },
)
