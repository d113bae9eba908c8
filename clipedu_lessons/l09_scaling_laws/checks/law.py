"""Exercises 09.3, 09.6 and 09.7: a power law, a point far away, and the best size."""

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
            "the factor is what is gained, not what is left",
            _from_factor(lambda slope, times: 1 - times**slope),
            "The error is multiplied by it.",
        ),
        Misconception(
            "the logarithm of the factor is returned",
            _from_factor(lambda slope, times: slope * math.log(times)),
            "Undo the logarithm at the end.",
        ),
    ),
)


def extrapolate_with(
    *, by_row: bool = False, logs: bool = True, measured: bool = False, mean: bool = False,
    largest: bool = False, pooled: bool = False, straight: bool = False, ends: str = "",
    spared: str = "",
) -> Any:  # fmt: skip
    """extrapolate, or a wrong one: what each argument breaks is the title of a variant."""

    def extrapolate(
        compute: Numbers, error: Numbers, models: list[str], at: float
    ) -> tuple[float, float, float]:
        if pooled:
            names = sorted(set(models))
            of = [[k for k, own in enumerate(models) if own == name] for name in names]
            compute, error = (
                [sum(v[k] for k in rows) / len(rows) for rows in of] for v in (compute, error)
            )
            models = names

        def predicted(rows: list[int]) -> float:
            x, y = [compute[k] for k in rows], [error[k] for k in rows]
            slope, mean_x, mean_y = line_of(
                x if straight else logs_of(x), logs_of(y) if logs else y
            )
            there = mean_y + slope * ((at if straight else math.log(at)) - mean_x)
            return math.exp(there) if logs else there

        every = list(range(len(compute)))
        top = models[compute.index(max(compute))]
        left = [[k] for k in every] if by_row else [
            [k for k in every if models[k] == name] for name in ([top] if largest else set(models))
        ]  # fmt: skip
        if spared:
            left.remove([k for k in every if models[k] == max(models)])
        others = [predicted([k for k in every if k not in gone]) for gone in left]
        middle = sum(others) / len(others) if mean else predicted(every)
        low, high = (min(error), max(error)) if measured else (min(others), max(others))
        if ends == "quantiles":
            two = torch.tensor(others).double().quantile(torch.tensor([0.025, 0.975]).double())
            low, high = two.tolist()
        elif ends:
            wide = float(torch.tensor(others).double().std(correction=0))
            wide *= 2 * math.sqrt(len(others) - 1) if ends == "jackknife" else 1
            low, high = middle - wide, middle + wide
        return middle, low, high

    return extrapolate


def a_series(generator: torch.Generator) -> dict[str, Any]:
    """4 or 5 models in any order, each with two runs of one compute, some with a third run of
    another compute; and a compute beyond them."""
    rows = []
    for k in range(int(torch.randint(4, 6, (), generator=generator))):
        x, third = 11 + 0.7 * k, 0.3 + 0.4 * float(torch.rand((), generator=generator))
        x += 0.3 * float(torch.rand((), generator=generator))
        more = k == 1 or torch.rand((), generator=generator) < 0.5
        for each in [x, x, x + third][: 2 + more]:
            y = -0.08 * k - 0.1 + 0.05 * float(torch.randn((), generator=generator))
            rows.append((10**each, 10**y, f"model {k}"))
    order = torch.randperm(len(rows), generator=generator).tolist()
    compute, error, models = zip(*(rows[k] for k in order), strict=True)
    return {"compute": [*compute], "error": [*error], "models": [*models], "at": 1e16}


EXTRAPOLATE = FunctionExercise(
    id="09.6",
    name="extrapolate",
    reference=extrapolate_with(),
    inputs=a_series,
    properties=(unchanged("the runs come in another order", reverse, 0, 1, 2),),
    extremes={
        "an exact law": lambda g: {
            "compute": [1.0, 10.0, 100.0],
            "error": [50.0, 40.0, 32.0],
            "models": ["a", "b", "c"],
            "at": 1000.0,
        },
    },
)


def best_split(
    a: float, alpha: float, b: float, beta: float, compute: float
) -> tuple[float, float]:
    """Where the derivative along the line of equal compute is zero, by halving."""
    low, high = -60.0, 60.0  # of ln M
    for _ in range(200):
        m = (low + high) / 2
        d = math.log(compute / 6) - m
        falls = alpha * a * math.exp(-alpha * m) > beta * b * math.exp(-beta * d)
        low, high = (m, high) if falls else (low, m)
    return math.exp(low), compute / 6 / math.exp(low)


def a_law(generator: torch.Generator) -> dict[str, Any]:
    drawn = torch.rand(5, generator=generator).tolist()
    return {
        "a": 2 + 8 * drawn[0],
        "alpha": 0.2 + 0.3 * drawn[1],
        "b": 5 + 20 * drawn[2],
        "beta": 0.6 + 0.3 * drawn[3],
        "compute": 10 ** (11 + 3 * drawn[4]),
    }


SPLIT = FunctionExercise(
    id="09.7",
    name="best_split",
    reference=best_split,
    inputs=a_law,
    properties=(
        Property(
            "size times pairs is not a sixth of the compute",
            lambda f, a, alpha, b, beta, compute: (
                math.prod(f(a, alpha, b, beta, compute)) / compute,
                1 / 6,
            ),
        ),
    ),
    extremes={
        "Chinchilla's law": lambda g: {
            "a": 406.4,
            "alpha": 0.34,
            "b": 410.7,
            "beta": 0.28,
            "compute": 5.76e23,
        },
    },  # fmt: skip
)
