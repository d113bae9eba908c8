"""Two families of models compared per FLOP: how far apart two falling lines lie, sideways.

The paper's section 3.2 does so for ViTs and ResNets (Figure 10). The distance is worth what its
interval is: models, and the seeds of each, are drawn again in both families.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from clipedu_lessons.l09_scaling_laws.scaling import SeriesRun, bootstrap_lines, fit_power_law


class Comparison(NamedTuple):
    """How many times the compute of one family the other needs for an error.

    times: by the two lines; low, high: of 95 % of the draws; error: where it was measured; errors:
    the smallest and largest that single runs of both families reach
    """

    times: float
    low: float
    high: float
    error: float
    errors: tuple[float, float]


def compare_families(
    one: Sequence[SeriesRun],
    other: Sequence[SeriesRun],
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Comparison:
    """How many times the compute of `one` the `other` needs, at an error that both reach.

    The error is in the middle (of the logarithms) of those that both reach. A draw in which only
    `other` does not fall counts as infinitely many times, and one in which only `one` does not fall
    as none; where both do not, as equal.
    Raises ValueError where no error is reached by both, and for what :func:`bootstrap_band`
    refuses.
    """
    low = max(min(run.error for run in runs) for runs in (one, other))
    high = min(max(run.error for run in runs) for runs in (one, other))
    if low > high:
        raise ValueError(
            f"No error is reached by both: the worse family's best is {low:.1%}, the better one's "
            f"worst {high:.1%}. Lines can't be compared where neither has a point."
        )
    error = math.sqrt(low * high)
    needed, found = [], []
    for k, runs in enumerate((one, other)):
        compute, errors = [run.flops for run in runs], [run.error for run in runs]
        law = fit_power_law(compute, errors)
        needed.append(_log_compute(np.array([law.slope]), np.array([law.intercept]), error)[0])
        models = [run.model for run in runs]
        lines = bootstrap_lines(compute, errors, models, draws=draws, seed=seed + k)
        found.append(_log_compute(*lines, error))
    apart = np.sort(_difference(found[1], found[0]))
    ends = [apart[round(q * (draws - 1))] for q in (0.025, 0.975)]
    middle = _difference(np.array([needed[1]]), np.array([needed[0]]))[0]
    times, least, most = (_power(x) for x in (middle, *ends))
    return Comparison(times, least, most, error, (low, high))


def _log_compute(slopes: np.ndarray, intercepts: np.ndarray, error: float) -> np.ndarray:
    """log10 of the compute at which each line reaches the error; infinity if it does not fall."""
    falls = slopes < 0
    reached = (math.log10(error) - intercepts) / np.where(falls, slopes, -1.0)
    return np.where(falls, reached, np.inf)


def _difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    both = np.isinf(one) & np.isinf(other)
    return np.where(both, 0.0, np.where(both, 0.0, one) - np.where(both, 0.0, other))


def _power(x: float) -> float:
    """10 ** x, infinity where it is too large."""
    return float(10**x) if x < 300 else math.inf
