"""Exercises 09.3 and 09.4: a power law through points, and the point it has not seen."""

from __future__ import annotations

import math
from typing import Any

import torch

from clipedu_classroom.spec import FunctionExercise, Misconception, Property
from clipedu_lessons.common.checking import reverse, unchanged

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


FIT = FunctionExercise(
    id="09.3",
    name="power_law",
    reference=power_law,
    inputs=_with_times,
    properties=(
        unchanged("compute is counted in another unit", lambda x: [7 * c for c in x], 0),
        unchanged("errors are in percent", lambda x: [100 * e for e in x], 1),
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
            "compute and error are swapped",
            _from_slope(lambda c, e: line_of(logs_of(e), logs_of(c))[0]),
            "Which of the two is predicted from the other?",
        ),
        Misconception(
            "the sign of the slope is lost",
            _from_slope(lambda c, e: -slope_of(c, e)),
            "More compute: does the error rise?",
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


def predict_largest(compute: Numbers, error: Numbers) -> float:
    return _predict(compute, error)


def _predict(
    compute: Numbers,
    error: Numbers,
    *,
    leave: int | None = None,
    at: int | None = None,
) -> float:
    """The line without point `leave`, at the compute of point `at`; both are the largest unless
    given."""
    largest = compute.index(max(compute))
    leave = largest if leave is None else leave
    at = largest if at is None else at
    rest = [k for k in range(len(compute)) if k != leave]
    x, y = (logs_of([values[k] for k in rest]) for values in (compute, error))
    slope, mean_x, mean_y = line_of(x, y)
    return math.exp(mean_y + slope * (math.log(compute[at]) - mean_x))


def _by_size(compute: Numbers) -> list[int]:
    return sorted(range(len(compute)), key=lambda k: compute[k])


def _straight(compute: Numbers, error: Numbers, *, logs: bool) -> float:
    order = _by_size(compute)
    x = logs_of([compute[k] for k in order]) if logs else [compute[k] for k in order]
    slope, mean_x, mean_y = line_of(x[:-1], [error[k] for k in order[:-1]])
    return mean_y + slope * (x[-1] - mean_x)


LARGEST = FunctionExercise(
    id="09.4",
    name="predict_largest",
    reference=predict_largest,
    inputs=draw_points,
    properties=(
        unchanged("the points come in another order", reverse, 0, 1),
        Property(
            "the result depends on the error of the model that is left out",
            lambda f, compute, error: (
                f(compute, error),
                f(
                    compute,
                    [
                        e * (3 if c == max(compute) else 1)
                        for c, e in zip(compute, error, strict=True)
                    ],
                ),
            ),
        ),
        Property(
            "the result is not a hundred times as large when errors are in percent",
            lambda f, compute, error: (
                100 * f(compute, error),
                f(compute, [100 * e for e in error]),
            ),
        ),
    ),
    extremes={
        "an exact law": lambda g: {"compute": [1.0, 100.0, 10.0], "error": [50.0, 32.0, 40.0]},
        "the paper's ResNets": lambda g: {
            "compute": [6.1, 9.9, 21.5, 75.3, 265.9],
            "error": [45.34, 43.80, 42.05, 38.50, 33.87],
        },
    },
    misconceptions=(
        Misconception(
            "the last point is left out, and the largest is predicted",
            lambda compute, error: _predict(compute, error, leave=len(compute) - 1),
            "The points come in any order.",
        ),
        Misconception(
            "the largest is left out, and the last point is predicted",
            lambda compute, error: _predict(compute, error, at=len(compute) - 1),
            "At which compute is the line read?",
        ),
        Misconception(
            "the model with the largest error is left out",
            lambda compute, error: _predict(
                compute, error, leave=error.index(max(error)), at=error.index(max(error))
            ),
            "Largest by what?",
        ),
        Misconception(
            "the smallest model is left out and predicted",
            lambda compute, error: _predict(
                compute, error, leave=_by_size(compute)[0], at=_by_size(compute)[0]
            ),
            "Which end is asked for?",
        ),
        Misconception(
            "the logarithm to base 10 of the error is returned",
            lambda compute, error: math.log10(_predict(compute, error)),
            "Undo the logarithm at the end.",
        ),
        Misconception(
            "a logarithm to base 10 is undone with e",
            lambda compute, error: math.exp(math.log10(_predict(compute, error))),
            "Which power undoes your logarithm?",
        ),
        Misconception(
            "the errors are not turned into logarithms",
            lambda compute, error: _straight(compute, error, logs=True),
            "A power law is straight between logarithms.",
        ),
        Misconception(
            "nothing is turned into logarithms",
            lambda compute, error: _straight(compute, error, logs=False),
            "A power law is straight between logarithms.",
        ),
        Misconception(
            "the measured error is returned",
            lambda compute, error: error[compute.index(max(compute))],
            "It was to be predicted.",
        ),
        Misconception(
            "the error of the next largest model is returned",
            lambda compute, error: error[_by_size(compute)[-2]],
            "Go along the line.",
        ),
        Misconception(
            "predicted and measured are divided",
            lambda compute, error: _predict(compute, error) / error[compute.index(max(compute))],
            "Return the prediction itself.",
        ),
    ),
)
