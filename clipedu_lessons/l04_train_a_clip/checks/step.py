"""Lesson 04: a step, and where the logit scale is clamped."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception


def step_and_clamp(log_scale: Tensor, gradient: Tensor, rate: float, maximum: float) -> Tensor:
    return (log_scale - rate * gradient).clamp(max=math.log(maximum))


def a_scale(generator: Generator) -> dict[str, Any]:
    """Draws on both sides of the limit, before and after the step."""
    maximum = 20.0 + 80 * float(torch.rand((), generator=generator))
    start = math.log(maximum)
    if torch.rand((), generator=generator) < 0.4:
        # So small a limit that a scale's logarithm can pass it, too.
        maximum = 1.5 + float(torch.rand((), generator=generator))
        start = maximum
    return {
        "log_scale": start + 0.5 * torch.randn((), generator=generator),
        "gradient": 4 * torch.randn((), generator=generator),
        "rate": 0.05 + 0.2 * float(torch.rand((), generator=generator)),
        "maximum": maximum,
    }


def _scale(log_scale: float, gradient: float) -> dict[str, Any]:
    return {
        "log_scale": torch.tensor(log_scale),
        "gradient": torch.tensor(gradient),
        "rate": 0.1,
        "maximum": 100.0,
    }


CLAMP = FunctionExercise(
    id="04.4",
    name="step_and_clamp",
    reference=step_and_clamp,
    inputs=a_scale,
    trials=12,
    extremes={
        "a step past the maximum": lambda g: _scale(4.5, -20.0),
        "a scale below 1": lambda g: _scale(-0.5, 1.0),
        "a start above the maximum": lambda g: _scale(6.0, 5.0),
        "a scale of 0.0001": lambda g: _scale(-9.0, 0.5),
    },
    misconceptions=(
        Misconception(
            "the logarithm is held below the maximum, not the scale",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=maximum),
            "Which number is it that may be at most `maximum`?",
        ),
        Misconception(
            "the clamp comes before the step",
            lambda s, g, rate, maximum: s.clamp(max=math.log(maximum)) - rate * g,
            "Can the result still be too large?",
        ),
        Misconception(
            "nothing is clamped",
            lambda s, g, rate, maximum: s - rate * g,
            "What if the step goes past the limit?",
        ),
        Misconception(
            "the step goes uphill",
            lambda s, g, rate, maximum: (s + rate * g).clamp(max=math.log(maximum)),
            "Which way does gradient descent go?",
        ),
        Misconception(
            "there is no step, only a clamp",
            lambda s, g, rate, maximum: s.clamp(max=math.log(maximum)),
            "Where is the gradient used?",
        ),
        Misconception(
            "the rate is forgotten",
            lambda s, g, rate, maximum: (s - g).clamp(max=math.log(maximum)),
            "How long is the step?",
        ),
        Misconception(
            "the scale is also held above 1",
            lambda s, g, rate, maximum: (s - rate * g).clamp(0, math.log(maximum)),
            "There is no lower limit here.",
        ),
        Misconception(
            "the scale is returned, not its logarithm",
            lambda s, g, rate, maximum: (s - rate * g).exp().clamp(max=maximum),
            "What does the model keep as its parameter?",
        ),
        Misconception(
            "the logarithm has base 10",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=math.log10(maximum)),
            "The inverse of exp is the natural logarithm.",
        ),
        Misconception(
            "the clamp holds the value above the limit, not below it",
            lambda s, g, rate, maximum: (s - rate * g).clamp(min=math.log(maximum)),
            "Is it a floor or a ceiling?",
        ),
        Misconception(
            "the step is taken on the scale, not on its logarithm",
            lambda s, g, rate, maximum: (s.exp() - rate * g).clamp(max=maximum).log(),
            "The parameter that learns is the logarithm.",
        ),
        Misconception(
            "the maximum is always 100, whatever was asked for",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=math.log(100)),
            "Use `maximum`.",
        ),
        Misconception(
            "the logarithm has base 2",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=math.log2(maximum)),
            "The inverse of exp is the natural logarithm.",
        ),
        Misconception(
            "the gradient is clamped, not the parameter",
            lambda s, g, rate, maximum: s - rate * g.clamp(max=math.log(maximum)),
            "Which number is it that may be at most `maximum`?",
        ),
        Misconception(
            "only the sign of the gradient is used",
            lambda s, g, rate, maximum: (s - rate * g.sign()).clamp(max=math.log(maximum)),
            "Plain gradient descent goes further where the slope is steeper.",
        ),
        Misconception(
            "the gradient is divided by the rate",
            lambda s, g, rate, maximum: (s - g / rate).clamp(max=math.log(maximum)),
            "A small rate makes a small step.",
        ),
        Misconception(
            "a step that would go too far is not taken at all",
            lambda s, g, rate, maximum: (s - rate * g) if s - rate * g <= math.log(maximum) else s,
            "It is taken, and ends at the maximum.",
        ),
        Misconception(
            "the scale before the step is compared with the maximum",
            lambda s, g, rate, maximum: (
                s - rate * g if s.exp() <= maximum else torch.full_like(s, math.log(maximum))
            ),
            "Which number may not be larger than `maximum`: the old or the new?",
        ),
        Misconception(
            "the maximum itself is returned where the scale would be too large",
            lambda s, g, rate, maximum: (
                s - rate * g if (s - rate * g).exp() < maximum else torch.full_like(s, maximum)
            ),
            "The parameter is the logarithm: what is the logarithm of `maximum`?",
        ),
        Misconception(
            "the scale is also held above 1 / maximum",
            lambda s, g, rate, maximum: (s - rate * g).clamp(-math.log(maximum), math.log(maximum)),
            "There is no lower limit here.",
        ),
        Misconception(
            "the gradient is multiplied by the scale, as if it were that of the scale",
            lambda s, g, rate, maximum: (s - rate * g * s.exp()).clamp(max=math.log(maximum)),
            "The gradient that is given is the parameter's own.",
        ),
        Misconception(
            "the gradient is multiplied by the parameter",
            lambda s, g, rate, maximum: (s - rate * g * s).clamp(max=math.log(maximum)),
            "new = old - rate x gradient, and nothing else.",
        ),
        Misconception(
            "the gradient's sign is lost",
            lambda s, g, rate, maximum: (s - rate * g.abs()).clamp(max=math.log(maximum)),
            "The step may go either way.",
        ),
        Misconception(
            "1 is added before the logarithm",
            lambda s, g, rate, maximum: (s - rate * g).clamp(max=math.log1p(maximum)),
            "What undoes exp?",
        ),
    ),
)
