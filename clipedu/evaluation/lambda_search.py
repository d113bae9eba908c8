"""Choosing lambda by validation accuracy, as appendix A.3 of the paper does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from clipedu.evaluation.logistic import (
    MAX_ITERATIONS,
    TOLERANCE,
    LinearProbe,
    ProbeSolver,
    check_features,
)
from clipedu.evaluation.logistic_sklearn import fit_sklearn

# "96 logarithmically spaced steps" over twelve decades: eight steps a decade, so 97 values, and the
# seven values that the paper's search starts from are among them.
LAMBDA_GRID = tuple(10.0 ** (k / 8 - 6) for k in range(97))


@dataclass(frozen=True)
class LambdaSearch:
    """What was tried: lambdas in rising order, each with its validation accuracy (shares of 1)."""

    lams: list[float]
    accuracies: list[float]
    iterations: int  # of L-BFGS, in all
    best: float  # the lambda of the highest accuracy; of equals the largest, the simplest probe
    losses: list[float] = field(default_factory=list, repr=False)  # what each fit minimised
    unconverged: int = 0  # fits that ran out of iterations


def search_lambda(
    train: tuple[torch.Tensor, torch.Tensor],
    validation: tuple[torch.Tensor, torch.Tensor],
    *,
    grid: Sequence[float] | None = None,
    search: str = "halving",
    classes: int | None = None,
    solver: str = "clipedu",
    dtype: torch.dtype = torch.float64,
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> LambdaSearch:
    """Choose lambda by validation accuracy.

    train, validation: (features (N, W), labels (N,))
    grid: lambdas to choose from, all above 0; default `LAMBDA_GRID`
    search: "grid" tries them all, from large to small; "halving" is the paper's parametric binary
        search: about seven spread over the grid, then the two halfway to the neighbours of the
        best, until they are one step apart. Accuracy may have several peaks: then it finds one.
    solver: "clipedu" or "sklearn"; both start a fit from the nearest larger lambda's
    Raises ValueError for an empty or wrong grid, and what `ProbeSolver` raises.
    """
    lams = sorted(LAMBDA_GRID if grid is None else {float(x) for x in grid})
    if not lams or not lams[0] > 0 or lams[-1] == float("inf"):
        raise ValueError("The grid of lambdas holds at least one number, all of them above 0.")
    if search not in ("grid", "halving"):
        raise ValueError(f"search is 'grid' or 'halving'; got {search!r}.")
    if solver not in ("clipedu", "sklearn"):
        raise ValueError(f"solver is 'clipedu' or 'sklearn'; got {solver!r}.")
    check_features(*validation)
    options: dict[str, Any] = {"dtype": dtype, "tolerance": tolerance}
    options["max_iterations"] = max_iterations
    every = torch.cat([train[1].cpu(), validation[1].cpu()]) if classes is None else None
    classes = int(every.max()) + 1 if every is not None else classes
    ours = ProbeSolver(*train, classes=classes, **options)
    tried: dict[int, float] = {}
    probes: dict[int, LinearProbe] = {}

    def accuracy(k: int, probe: LinearProbe | None = None) -> float:
        if k not in tried:
            start = probes.get(min((j for j in probes if j > k), default=-1))
            if solver == "sklearn":
                more = {**options, "classes": ours.classes, "start": start}
                probe = fit_sklearn(*train, lams[k], **more)
            elif probe is None:
                probe = ours.fit(lams[k], start)
            probes[k], tried[k] = probe, probe.accuracy(*validation)
        return tried[k]

    last = len(lams) - 1
    if search == "grid":
        path = ours.path(reversed(lams)) if solver == "clipedu" else iter(())
        for k in range(last, -1, -1):
            accuracy(k, next(path, None))
    else:
        step = 1
        while last // (2 * step) >= 6:
            step *= 2
        for k in sorted({*range(0, last, step), last}, reverse=True):
            accuracy(k)
        while step > 1:
            step //= 2
            peak = _peak(tried)
            for k in (min(peak + step, last), max(peak - step, 0)):
                accuracy(k)
    order = sorted(tried)
    return LambdaSearch(
        [lams[k] for k in order],
        [tried[k] for k in order],
        sum(probe.iterations for probe in probes.values()),
        lams[_peak(tried)],
        [probes[k].loss for k in order],
        sum(not probe.converged for probe in probes.values()),
    )


def _peak(tried: dict[int, float]) -> int:
    """The best place; of equals the one with the largest lambda."""
    return max(tried, key=lambda k: (tried[k], k))
