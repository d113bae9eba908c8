"""Exercise 09.4: a point that the fitted law has not seen."""

from __future__ import annotations

import math

from clipedu_classroom.spec import FunctionExercise, Misconception, Property
from clipedu_lessons.l09_scaling_laws.checks.fit import (
    Numbers,
    draw_points,
    line_of,
    logs_of,
    slope_of,
)


def predict_largest(compute: Numbers, error: Numbers) -> float:
    return _predict(compute, error)


def _predict(
    compute: Numbers,
    error: Numbers,
    *,
    leave: int | None = None,
    at: int | None = None,
    keep_all: bool = False,
) -> float:
    """The line without point `leave`, at the compute of point `at`; both are the largest unless
    given."""
    largest = compute.index(max(compute))
    leave = largest if leave is None else leave
    at = largest if at is None else at
    rest = [k for k in range(len(compute)) if keep_all or k != leave]
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


def _last_two(compute: Numbers, error: Numbers) -> float:
    one, two, top = _by_size(compute)[-3:]
    slope = math.log(error[two] / error[one]) / math.log(compute[two] / compute[one])
    return error[two] * (compute[top] / compute[two]) ** slope


def _other_means(compute: Numbers, error: Numbers) -> float:
    """The slope of the rest, hung up in the means of all."""
    order = _by_size(compute)
    slope = slope_of(
        [compute[k] for k in order[:-1]],
        [error[k] for k in order[:-1]],
    )
    x, y = logs_of(compute), logs_of(error)
    return math.exp(sum(y) / len(y) + slope * (max(x) - sum(x) / len(x)))


LARGEST = FunctionExercise(
    id="09.4",
    name="predict_largest",
    reference=predict_largest,
    inputs=draw_points,
    properties=(
        Property(
            "the result changes when the points come in another order",
            lambda f, compute, error: (f(compute, error), f(compute[::-1], error[::-1])),
        ),
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
            "the largest model is in the fit that predicts it",
            lambda compute, error: _predict(compute, error, keep_all=True),
            "What may the line not have seen?",
        ),
        Misconception(
            "the last point of the list is left out, not the largest",
            lambda compute, error: _predict(
                compute, error, leave=len(compute) - 1, at=len(compute) - 1
            ),
            "The points come in any order.",
        ),
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
            "the logarithm of the error is returned",
            lambda compute, error: math.log(_predict(compute, error)),
            "Undo the logarithm at the end.",
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
            "the line goes through the two next largest models only",
            _last_two,
            "Fit all that are left.",
        ),
        Misconception(
            "the slope is of the smaller models, the means are of all",
            _other_means,
            "The line goes through the mean of the points that were fitted.",
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
