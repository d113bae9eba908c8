"""Exercise 03.4: the cap on the logit scale."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from clipedu_classroom.spec import FunctionExercise, Misconception


def _scale_and_maximum(generator: torch.Generator) -> dict[str, Any]:
    maximum = 20 + 130 * float(torch.rand((), generator=generator))
    factor = 0.3 + 2.5 * float(torch.rand((), generator=generator))
    return {"log_scale": nn.Parameter(torch.tensor(math.log(factor * maximum))), "maximum": maximum}


def _at(scale: float) -> Any:
    logarithm = math.log(scale)
    return lambda generator: {"log_scale": nn.Parameter(torch.tensor(logarithm)), "maximum": 100.0}


@torch.no_grad()
def clamp_scale(log_scale: nn.Parameter, maximum: float) -> None:
    """In place: exp(log_scale) <= maximum."""
    log_scale.clamp_(max=math.log(maximum))


def _clamped(low: Any, high: Any) -> Any:
    """A wrong answer that clamps in place to what two functions of the maximum say."""

    @torch.no_grad()
    def wrong(log_scale: nn.Parameter, maximum: float) -> None:
        log_scale.clamp_(min=low(maximum), max=high(maximum))

    return wrong


@torch.no_grad()
def _store_multiplier(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale.copy_(log_scale.exp().clamp(max=maximum))


@torch.no_grad()
def _raise_to_maximum(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale.clamp_(min=math.log(maximum))


@torch.no_grad()
def _set_to_maximum(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale.fill_(math.log(maximum))


@torch.no_grad()
def _multiplier_against_log(log_scale: nn.Parameter, maximum: float) -> None:
    if float(log_scale) > maximum:
        log_scale.fill_(math.log(maximum))


@torch.no_grad()
def _store_maximum(log_scale: nn.Parameter, maximum: float) -> None:
    if float(log_scale) > math.log(maximum):
        log_scale.fill_(maximum)


def _bind_the_name(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale = log_scale.clamp(max=math.log(maximum))  # type: ignore[assignment]


def _recorded(log_scale: nn.Parameter, maximum: float) -> None:
    log_scale.clamp_(max=math.log(maximum))


CLAMP = FunctionExercise(
    id="03.4",
    name="clamp_scale",
    reference=clamp_scale,
    inputs=_scale_and_maximum,
    changes=("log_scale",),
    trials=5,
    extremes={
        "a scale far above the maximum": _at(100_000.0),
        "a logarithm of 150": _at(math.exp(150)),
        "a maximum of 2": lambda g: {
            "log_scale": nn.Parameter(torch.tensor(9.0)),
            "maximum": 2.0,
        },
        "a scale far below the maximum": _at(14.3),
        "a scale of 0.5": _at(0.5),
        "a scale of 0.001": _at(0.001),
    },
    misconceptions=(
        Misconception(
            "the logarithm is compared with the maximum of the multiplier",
            _clamped(lambda m: None, lambda m: m),
            "The parameter is a logarithm. Which number may the logarithm not exceed?",
        ),
        Misconception(
            "the multiplier is stored where its logarithm belongs",
            _store_multiplier,
            "What is stored must be the logarithm again.",
        ),
        Misconception(
            "smaller scales are raised to the maximum",
            _raise_to_maximum,
            "Of min and max, which one is an upper limit?",
        ),
        Misconception("the scale is set to the maximum, whatever it was", _set_to_maximum),
        Misconception(
            "the parameter is changed while gradients are recorded",
            _recorded,
            "torch.no_grad() tells torch that this is no part of the loss.",
        ),
        Misconception(
            "the parameter itself stays as it was",
            _bind_the_name,
            "A new tensor, bound to a name or returned, leaves the parameter alone. A method with "
            "a trailing underscore changes it.",
        ),
        Misconception(
            "the logarithm has base 10",
            _clamped(lambda m: None, math.log10),
            "The multiplier is exp of the parameter.",
        ),
        Misconception("the logarithm has base 2", _clamped(lambda m: None, math.log2)),
        Misconception(
            "the maximum is taken for a temperature",
            _clamped(lambda m: None, lambda m: -math.log(m)),
        ),
        Misconception(
            "everything below the maximum of the multiplier is raised to it",
            _clamped(lambda m: m, lambda m: None),
            "Which of min and max is an upper limit? And the parameter is a logarithm.",
        ),
        Misconception(
            "the logarithm is held between 0 and the maximum of the multiplier",
            _clamped(lambda m: 0.0, lambda m: m),
            "The parameter is a logarithm, and only an upper limit is asked for.",
        ),
        Misconception(
            "the maximum is always 100, whatever was asked for",
            _clamped(lambda m: None, lambda m: math.log(100)),
        ),
        Misconception(
            "the exponential of the maximum is the limit, not its logarithm",
            _clamped(lambda m: None, math.exp),
            "exp(log_scale) is the multiplier. What undoes exp?",
        ),
        Misconception(
            "the square root of the maximum is the limit, not its logarithm",
            _clamped(lambda m: None, math.sqrt),
        ),
        Misconception("1 is added before the logarithm", _clamped(lambda m: None, math.log1p)),
        Misconception(
            "the maximum itself is stored when the scale is too large",
            _store_maximum,
            "What is stored must be a logarithm.",
        ),
        Misconception(
            "scales below 1 are raised to 1, too",
            _clamped(lambda m: 0.0, math.log),
            "Only an upper limit is asked for.",
        ),
        Misconception(
            "the logarithm is held between plus and minus ln(maximum)",
            _clamped(lambda m: -math.log(m), math.log),
            "Only an upper limit is asked for.",
        ),
        Misconception(
            "the logarithm, not its exponential, is tested against the maximum",
            _multiplier_against_log,
        ),
    ),
)
