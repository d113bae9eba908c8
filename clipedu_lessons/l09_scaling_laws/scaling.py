"""Power laws: what ten times the compute buys (paper section 3.1.5, Figure 9).

`error = c * compute ** slope` is a straight line on two logarithmic axes, so it is fitted there, by
least squares. Runs that differ only in their seed are one model: the bootstrap draws models, then
seeds within each, or three seeds of a small model would look like three models.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student

from clipedu_lessons.common.paper import load_paper_table
from clipedu_lessons.common.records import read_table, stored


@dataclass(frozen=True)
class PowerLaw:
    """error = 10 ** intercept * compute ** slope, with what the fit was made of.

    r: correlation of the logarithms; spread: standard deviation of the residuals, in powers of ten
    (n - 2 degrees of freedom); centre and width: mean of log10(compute), and the sum of the squared
    distances from it
    """

    slope: float
    intercept: float
    r: float
    spread: float
    n: int
    centre: float
    width: float

    def __call__(self, compute: float | Sequence[float] | np.ndarray) -> np.ndarray:
        """The error on the line, of the shape of `compute`."""
        return 10 ** (self.intercept + self.slope * np.log10(np.asarray(compute, dtype=float)))

    def factor(self, times: float = 10.0) -> float:
        """What so many times the compute multiplies the error by: 10 ** slope for ten times."""
        return float(times**self.slope)

    def compute_for(self, error: float) -> float:
        """The compute at which the line reaches this error."""
        return float(10 ** ((math.log10(error) - self.intercept) / self.slope))


class Prediction(NamedTuple):
    """The error on the line, and between which errors 95 % of new points lie if the line holds."""

    error: float
    low: float
    high: float


class Band(NamedTuple):
    """compute (K,); low, high (K,): where 95 % of the lines run; slopes (draws,), sorted."""

    compute: np.ndarray
    low: np.ndarray
    high: np.ndarray
    slopes: np.ndarray

    def slope_interval(self) -> tuple[float, float]:
        """Between which slopes 95 % of the lines lie."""
        low, high = np.quantile(self.slopes, (0.025, 0.975))
        return float(low), float(high)


def fit_power_law(compute: Sequence[float], error: Sequence[float]) -> PowerLaw:
    """Least squares through (log10 compute, log10 error).

    Args:
        compute: n positive numbers, in any unit.
        error: n positive numbers, as shares or in percent.
    Raises:
        ValueError: fewer than 3 points, of unequal number, not finite or not positive (an error of
            0 has no logarithm), or all of one compute.
    """
    x, y = _logarithms(compute, error)
    return _fit(x, y)


def predict(law: PowerLaw, compute: float, *, level: float = 0.95) -> Prediction:
    """The error of a new model, with the interval of a single new point (Student's t).

    It grows with the distance from the points of the fit. Raises ValueError for a level outside
    0..1 or a compute that is not positive.
    """
    if not 0 < level < 1:
        raise ValueError(f"level is a probability between 0 and 1, such as 0.95; got {level}.")
    if not (math.isfinite(compute) and compute > 0):
        raise ValueError(f"compute must be a number above 0, not {compute!r}.")
    x = math.log10(compute)
    middle = law.intercept + law.slope * x
    error = law.spread * math.sqrt(1 + 1 / law.n + (x - law.centre) ** 2 / law.width)
    reach = float(student.ppf((1 + level) / 2, law.n - 2)) * error
    return Prediction(10**middle, 10 ** (middle - reach), 10 ** (middle + reach))


def bootstrap_band(
    compute: Sequence[float],
    error: Sequence[float],
    *,
    models: Sequence[Hashable] | None = None,
    at: Sequence[float] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Band:
    """Draws the models again with replacement, and their seeds, and fits each draw.

    Args:
        models: (n,) which model each point is of; points of one model differ in their seed.
        at: where the band is wanted; by default 50 places over the range of `compute`.
    Raises:
        ValueError: what :func:`fit_power_law` refuses, fewer than 3 models, or a `models` of
            another length.
    """
    slopes, intercepts = bootstrap_lines(compute, error, models, draws=draws, seed=seed)
    x = np.log10(np.asarray(compute, dtype=float))
    places = np.logspace(x.min(), x.max(), 50) if at is None else np.asarray(at, dtype=float)
    errors = 10 ** (intercepts[:, None] + slopes[:, None] * np.log10(places))  # (draws, K)
    low, high = np.quantile(errors, (0.025, 0.975), axis=0)
    return Band(places, low, high, np.sort(slopes))


def bootstrap_lines(
    compute: Sequence[float],
    error: Sequence[float],
    models: Sequence[Hashable] | None = None,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and intercepts (draws,) of what :func:`bootstrap_band` draws; arguments as there."""
    x, y = _logarithms(compute, error)
    names = list(range(len(x))) if models is None else list(models)
    if len(names) != len(x):
        raise ValueError(f"{len(x)} points, but {len(names)} names of models: give one for each.")
    groups = [np.array([i for i, n in enumerate(names) if n == name]) for name in set(names)]
    groups.sort(key=lambda rows: int(rows[0]))  # a set has no order of its own
    if len(groups) < 3:
        raise ValueError(f"A band needs at least 3 models; there are {len(groups)}.")
    if draws < 1:
        raise ValueError(f"draws must be 1 or more, not {draws!r}.")
    rng = np.random.default_rng(seed)
    lines: list[tuple[float, float]] = []
    while len(lines) < draws:
        drawn = [groups[k] for k in rng.integers(len(groups), size=len(groups))]
        rows = np.concatenate([rng.choice(group, size=len(group)) for group in drawn])
        if np.ptp(x[rows]) > 0:  # one model drawn every time is no line: drawn again
            lines.append(_line(x[rows], y[rows]))
    slopes, intercepts = np.array(lines).T
    return slopes, intercepts


def compute_advantage(one: PowerLaw, other: PowerLaw, error: float) -> float:
    """How many times the compute of `one` the `other` needs to reach an error.

    2 means: `one` does with half. Raises ValueError for an error that is not positive, or a line
    that does not fall (it never reaches a smaller error).
    """
    if not (math.isfinite(error) and error > 0):
        raise ValueError(f"error must be a number above 0, not {error!r}.")
    if one.slope >= 0 or other.slope >= 0:
        raise ValueError("A line that does not fall reaches no smaller error with more compute.")
    return other.compute_for(error) / one.compute_for(error)


@dataclass(frozen=True)
class SeriesRun:
    """A row of `results/scaling.csv`: one trained model (`benchmarks/scaling.py`).

    family: "resnet" or "vit"; flops: of the whole training; image_multiply_adds: of one picture,
    which is what the paper's Figure 9 counts; errors: zero-shot, shares, by task and "error", the
    mean of the held-out ones
    """

    model: str
    family: str
    seed: int
    parameters: int
    image_multiply_adds: int
    pairs: int
    flops: float
    seconds: float
    errors: dict[str, float]

    @property
    def error(self) -> float:
        return self.errors["error"]


def load_series(path: str | Path | None = None) -> list[SeriesRun]:
    """The measured series, smallest compute first.

    Raises FileNotFoundError, or ValueError for a missing column or a cell that is no number.
    """
    whole = ("seed", "parameters", "image_multiply_adds", "pairs")
    needed = ("model", "family", "flops", "seconds", "error", *whole)
    table = read_table(path or stored("scaling.csv"), needed, made_by="benchmarks/scaling.py")
    for column in needed[2:]:
        table.numbers(column)  # raises for a cell that is no number
    runs = [
        SeriesRun(
            model=row["model"],
            family=row["family"],
            **{name: int(row[name]) for name in whole},
            flops=float(row["flops"]),
            seconds=float(row["seconds"]),
            errors={
                name.removesuffix("_error"): float(value)
                for name, value in row.items()
                if name.endswith("error")
            },
        )
        for row in table.rows
    ]
    return sorted(runs, key=lambda run: (run.flops, run.seed))


def paper_points(family: str = "resnet") -> tuple[list[str], list[float], list[float]]:
    """The paper's models: names, billions of multiply-adds a picture, zero-shot error in percent.

    The error is the mean over the 27 datasets of Table 11. Figure 9 averages 39 evaluations of 36
    datasets, whose values are not printed. Compute of the five ResNets is Figure 9's; of the four
    ViTs the paper prints none, so it is half of open_clip's count of operations.
    Raises ValueError for a family other than "resnet" and "vit".
    """
    if family not in ("resnet", "vit"):
        raise ValueError(f"family must be 'resnet' or 'vit', not {family!r}.")
    table, scores = load_paper_table("architectures"), load_paper_table("zero_shot")
    names, compute, errors = [], [], []
    for row in table.where(family=family).rows:
        printed = row["paper_fig9_gflops"]
        names.append(row["model"])
        compute.append(row["openclip_image_gflops"] / 2 if printed is None else printed)
        errors.append(100 - scores.row(model=row["model"])["mean27_computed"])
    return names, compute, errors


def _logarithms(compute: Sequence[float], error: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(compute, dtype=float), np.asarray(error, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"One error for each compute, please: got {x.shape} and {y.shape}.")
    if len(x) < 3:
        raise ValueError(
            f"A power law needs at least 3 points, and there are {len(x)}: through two a line "
            "always fits."
        )
    for name, values in (("compute", x), ("error", y)):
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        if len(bad):
            why = "0 has no logarithm" if values[bad[0]] == 0 else "only numbers above 0 have one"
            raise ValueError(
                f"{name} number {bad[0]} is {values[bad[0]]}, which has no place on a logarithmic "
                f"axis ({why}). Leave that point out and say so."
            )
    if np.ptp(x) == 0:
        raise ValueError("All points have the same compute: there is no line along compute.")
    return np.log10(x), np.log10(y)


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    return slope, float(y.mean() - slope * x.mean())


def _fit(x: np.ndarray, y: np.ndarray) -> PowerLaw:
    slope, intercept = _line(x, y)
    residuals = y - (intercept + slope * x)
    flat = np.ptp(y) == 0
    return PowerLaw(
        slope=slope,
        intercept=intercept,
        r=0.0 if flat else float(np.corrcoef(x, y)[0, 1]),
        spread=math.sqrt(float((residuals**2).sum()) / (len(x) - 2)),
        n=len(x),
        centre=float(x.mean()),
        width=float(((x - x.mean()) ** 2).sum()),
    )


# Two families compared per FLOP: how far apart two falling lines are, sideways (section 3.2).


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
