"""Exercise 09.3: a power law through points."""

from __future__ import annotations

import math
from typing import Any

import torch

from clipedu_classroom.spec import FunctionExercise, Misconception, Property

Numbers = list[float]


def line_of(x: Numbers, y: Numbers) -> tuple[float, float, float]:
    """Slope and the two means."""
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    top = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return top / sum((a - mean_x) ** 2 for a in x), mean_x, mean_y


def logs_of(values: Numbers) -> Numbers:
    return [math.log(value) for value in values]


def slope_of(compute: Numbers, error: Numbers) -> float:
    return line_of(logs_of(compute), logs_of(error))[0]


def power_law(compute: Numbers, error: Numbers, times: float) -> tuple[float, float]:
    slope = slope_of(compute, error)
    return slope, times**slope


def draw_points(generator: torch.Generator) -> dict[str, Any]:
    """4 to 7 models in any order, scattered around a line."""
    n = int(torch.randint(4, 8, (), generator=generator))
    x = torch.cumsum(0.4 + torch.rand(n, generator=generator), 0)
    slope = -0.05 - 0.2 * torch.rand((), generator=generator)
    y = slope * x + 0.08 * torch.randn(n, generator=generator) - 0.2
    y[1] = y.max() + 0.05  # the smallest model is not the one with the largest error
    order = torch.randperm(n, generator=generator)
    while int(order[-1]) == n - 1 or int(order[0]) in (0, n - 1):  # no end at its place
        order = torch.randperm(n, generator=generator)
    return {"compute": (10 ** x[order]).tolist(), "error": (10 ** y[order]).tolist()}


def _with_times(generator: torch.Generator) -> dict[str, Any]:
    times = float(torch.randint(2, 9, (), generator=generator))
    return {**draw_points(generator), "times": times}


def _from_slope(slope: Any) -> Any:
    """A wrong slope, and the factor that follows from it."""

    def wrong(compute: Numbers, error: Numbers, times: float) -> tuple[float, float]:
        found = slope(compute, error)
        return found, times**found

    return wrong


def _from_factor(factor: Any) -> Any:
    """The right slope, and a wrong factor."""

    def wrong(compute: Numbers, error: Numbers, times: float) -> tuple[float, float]:
        slope = slope_of(compute, error)
        return slope, factor(slope, times)

    return wrong


def _ends(compute: Numbers, error: Numbers) -> float:
    return math.log(error[-1] / error[0]) / math.log(compute[-1] / compute[0])


def _extremes(compute: Numbers, error: Numbers) -> float:
    low, high = compute.index(min(compute)), compute.index(max(compute))
    return math.log(error[high] / error[low]) / math.log(compute[high] / compute[low])


def _through_origin(compute: Numbers, error: Numbers) -> float:
    x, y = logs_of(compute), logs_of(error)
    return sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)


def _correlation(compute: Numbers, error: Numbers) -> float:
    x, y = logs_of(compute), logs_of(error)
    slope, mean_x, mean_y = line_of(x, y)
    spread = sum((a - mean_x) ** 2 for a in x) / sum((b - mean_y) ** 2 for b in y)
    return slope * math.sqrt(spread)


FIT = FunctionExercise(
    id="09.3",
    name="power_law",
    reference=power_law,
    inputs=_with_times,
    properties=(
        Property(
            "the result changes when compute is counted in another unit",
            lambda f, compute, error, times: (
                list(f(compute, error, times)),
                list(f([7 * c for c in compute], error, times)),
            ),
        ),
        Property(
            "the result changes when errors are in percent",
            lambda f, compute, error, times: (
                list(f(compute, error, times)),
                list(f(compute, [100 * e for e in error], times)),
            ),
        ),
    ),
    extremes={
        "an exact law": lambda g: {
            "compute": [1.0, 10.0, 100.0],
            "error": [50.0, 40.0, 32.0],
            "times": 10.0,
        },
        "compute of real runs": lambda g: {
            "compute": [6e11, 3e12, 1e13, 1e14],
            "error": [0.95, 0.9, 0.84, 0.7],
            "times": 1000.0,
        },
    },
    misconceptions=(
        Misconception(
            "the errors are not turned into logarithms",
            _from_slope(lambda c, e: line_of(logs_of(c), e)[0]),
            "Both sides of error = c * compute ** slope need one.",
        ),
        Misconception(
            "the compute is not turned into logarithms",
            _from_slope(lambda c, e: line_of(c, logs_of(e))[0]),
            "Both sides of error = c * compute ** slope need one.",
        ),
        Misconception(
            "nothing is turned into logarithms",
            _from_slope(lambda c, e: line_of(c, e)[0]),
            "A power law is straight between logarithms.",
        ),
        Misconception(
            "only the first and the last point are used",
            _from_slope(_ends),
            "Least squares asks all points.",
        ),
        Misconception(
            "only the smallest and the largest model are used",
            _from_slope(_extremes),
            "Least squares asks all points.",
        ),
        Misconception(
            "the line is forced through the origin",
            _from_slope(_through_origin),
            "Take the means away first.",
        ),
        Misconception(
            "compute and error have changed places",
            _from_slope(lambda c, e: line_of(logs_of(e), logs_of(c))[0]),
            "Which of the two is predicted from the other?",
        ),
        Misconception(
            "the correlation is returned for the slope",
            _from_slope(_correlation),
            "Divide by the spread of compute alone.",
        ),
        Misconception(
            "the sign of the slope is lost",
            _from_slope(lambda c, e: -slope_of(c, e)),
            "More compute: does the error rise?",
        ),
        Misconception(
            "the factor is 10 to the slope whatever `times` is",
            _from_factor(lambda slope, times: 10**slope),
            "Where do you use the third argument?",
        ),
        Misconception(
            "the factor is e to the slope whatever `times` is",
            _from_factor(lambda slope, times: math.exp(slope)),
            "Where do you use the third argument?",
        ),
        Misconception(
            "the slope is multiplied by `times`",
            _from_factor(lambda slope, times: slope * times),
            "The slope is a power.",
        ),
        Misconception(
            "the power is taken of the slope, not of `times`",
            _from_factor(lambda slope, times: abs(slope) ** times),
            "Which number is raised to which?",
        ),
        Misconception(
            "the factor is for a `times`-th of the compute",
            _from_factor(lambda slope, times: times**-slope),
            "More compute: does the error rise?",
        ),
        Misconception(
            "the factor is what is gained, not what is left",
            _from_factor(lambda slope, times: 1 - times**slope),
            "The error is multiplied by it.",
        ),
        Misconception(
            "the logarithm of the factor is returned",
            _from_factor(lambda slope, times: slope * math.log(times)),
            "Undo the logarithm at the end.",
        ),
        Misconception(
            "the logarithm to base 10 of the factor is returned",
            _from_factor(lambda slope, times: slope * math.log10(times)),
            "Undo the logarithm at the end.",
        ),
    ),
)
