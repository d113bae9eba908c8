"""Exercise 10.3: what zero-shot is worth in labelled examples (Figure 7)."""

from __future__ import annotations

import math
from typing import Any

import torch

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole

Curve = list[float]


def _bracket(shots: Curve, accuracies: Curve, target: float) -> tuple[int, float]:
    """(k, share): the target lies `share` of the way from point k - 1 to point k."""
    k = next(k for k in range(1, len(shots)) if target <= accuracies[k])
    return k, (target - accuracies[k - 1]) / (accuracies[k] - accuracies[k - 1])


def worth(shots: Curve, accuracies: Curve, target: float) -> float:
    k, share = _bracket(shots, accuracies, target)
    return shots[k - 1] * (shots[k] / shots[k - 1]) ** share


def _along_shots(shots: Curve, accuracies: Curve, target: float) -> float:
    k, share = _bracket(shots, accuracies, target)
    return shots[k - 1] + share * (shots[k] - shots[k - 1])


def _other_end(shots: Curve, accuracies: Curve, target: float) -> float:
    k, share = _bracket(shots, accuracies, target)
    return shots[k] * (shots[k - 1] / shots[k]) ** share


def _one_line(shots: Curve, accuracies: Curve, target: float) -> float:
    share = (target - accuracies[0]) / (accuracies[-1] - accuracies[0])
    return shots[0] * (shots[-1] / shots[0]) ** share


def _halfway(shots: Curve, accuracies: Curve, target: float) -> float:
    k, _ = _bracket(shots, accuracies, target)
    return math.sqrt(shots[k - 1] * shots[k])


def _log_accuracy(shots: Curve, accuracies: Curve, target: float) -> float:
    k, _ = _bracket(shots, accuracies, target)
    low, high = accuracies[k - 1], accuracies[k]
    share = math.log(target / low) / math.log(high / low)
    return shots[k - 1] + share * (shots[k] - shots[k - 1])


def _draw(generator: torch.Generator) -> dict[str, Any]:
    count = whole(generator, 3, 6)
    steps = 1.3 + 3 * torch.rand(count, generator=generator).double()
    gains = 0.03 + 0.1 * torch.rand(count, generator=generator).double()
    shots = (whole(generator, 1, 3) * steps.cumprod(0) / steps[0]).tolist()
    accuracies = (0.05 + gains.cumsum(0)).tolist()
    k = whole(generator, 1, count - 1)
    share = 0.15 + 0.2 * float(torch.rand((), generator=generator))
    share = share if whole(generator, 0, 1) else 1 - share  # away from the middle
    target = (1 - share) * accuracies[k - 1] + share * accuracies[k]
    return {"shots": shots, "accuracies": accuracies, "target": target}


def _at(place: int) -> Any:
    def inputs(generator: torch.Generator) -> dict[str, Any]:
        drawn = _draw(generator)
        return {**drawn, "target": drawn["accuracies"][place]}

    return inputs


SHOTS = FunctionExercise(
    id="10.3",
    name="examples_worth",
    reference=worth,
    inputs=_draw,
    extremes={
        "the target at the first point": _at(0),
        "the target at the last point": _at(-1),
        "the target at a point in between": _at(1),
    },
    properties=(
        Property(
            "ten times as many shots everywhere do not make the answer ten times as large",
            lambda f, s, a, t: (10 * f(s, a, t), f([10 * x for x in s], a, t)),
        ),
        Property(
            "accuracies in percent change the answer",
            lambda f, s, a, t: (f(s, a, t), f(s, [100 * x for x in a], 100 * t)),
        ),
    ),
    misconceptions=(
        Misconception(
            "it interpolates along the shots, not along their logarithm",
            _along_shots,
            "Halfway between 4 and 16 is 8 here.",
        ),
        Misconception(
            "it takes the next measured point",
            lambda s, a, t: float(s[_bracket(s, a, t)[0]]),
            "What lies between two points of the curve?",
        ),
        Misconception(
            "it takes the measured point before",
            lambda s, a, t: float(s[_bracket(s, a, t)[0] - 1]),
            "What lies between two points of the curve?",
        ),
        Misconception(
            "it draws one line from the first point to the last",
            _one_line,
            "Between which two neighbours does the target lie?",
        ),
        Misconception(
            "the share is measured from the wrong end",
            _other_end,
            "Try a target just above the point on the left.",
        ),
        Misconception(
            "the exponential at the end is forgotten",
            lambda s, a, t: math.log(worth(s, a, t)),
            "Is the answer a number of examples, or its logarithm?",
        ),
        Misconception(
            "it takes the middle between the two neighbours, whatever the target",
            _halfway,
            "How far along is the target, from one neighbour to the other?",
        ),
        Misconception(
            "the logarithm is taken of the accuracies, not of the shots",
            _log_accuracy,
            "Which axis of Figure 7 is logarithmic?",
        ),
    ),
)
