"""Power laws: what ten times the compute buys (paper section 3.1.5, Figure 9).

`error = c * compute ** slope` is a straight line on two logarithmic axes, so it is fitted there, by
least squares. A law of size and pairs with a floor is fitted to the error itself. Runs that differ
only in their seed are one model: the bootstrap draws cells of the grid, then seeds within each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import t as student

from clipedu_lessons.common.paper import load_paper_table


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


class Prediction(NamedTuple):
    """The error on the line, and between which errors 95 % of new points lie if the line holds."""

    error: float
    low: float
    high: float


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


class Surface(NamedTuple):
    """error = floor + a * (size / SIZE) ** -alpha + b * (pairs / SEEN) ** -beta.

    size: multiply-adds of a pair; a and b are the errors that size and pairs cost at SIZE and SEEN.
    """

    floor: float
    a: float
    alpha: float
    b: float
    beta: float

    def __call__(self, size: Any, pairs: Any) -> np.ndarray:
        """The error, a share, of the shape of the arguments."""
        less = self.a * (np.asarray(size) / SIZE) ** -self.alpha
        return self.floor + less + self.b * (np.asarray(pairs) / SEEN) ** -self.beta

    def best_size(self, flops: float) -> float:
        """The size with the smallest error for so many operations, 6 * size * pairs."""
        product = flops / 6 / (SIZE * SEEN)  # of size and pairs, in their units
        ratio = self.alpha * self.a / (self.beta * self.b)
        power = 1 / (self.alpha + self.beta)
        return float(SIZE * ratio**power * product ** (self.beta * power))


SIZE, SEEN = 1e6, 1e4  # the units of size and pairs, amid those of the grid
Rows = Sequence[Mapping[str, Any]]


def fit_surface(rows: Rows, *, floor: float | None = None) -> Surface:
    """Least squares in the error itself, from several starts, all five numbers positive.

    rows: with size, pairs and error; floor: given, or fitted. Raises ValueError for fewer than 6.
    """
    if len(rows) < 6:
        raise ValueError(f"Five numbers can't be fitted to {len(rows)} runs: give 6 or more.")
    size, pairs, error = (
        np.array([row[name] for row in rows], dtype=float) for name in ("size", "pairs", "error")
    )

    def unfold(x: np.ndarray) -> Surface:
        return Surface(float(x[4]) if floor is None else floor, *(float(v) for v in x[:4]))

    low, high = [1e-4, 0.02, 1e-4, 0.02, 0.0], [3.0, 2.0, 5.0, 2.0, max(1e-3, error.min())]
    fits = [
        least_squares(
            lambda x: unfold(x)(size, pairs) - error,
            [0.2, alpha, 0.4, beta, share * high[4]],
            bounds=(low, high),
        )
        for alpha, beta, share in ((0.2, 0.2, 0.1), (0.5, 0.5, 0.5), (0.1, 0.4, 0.8))
    ]
    return unfold(min(fits, key=lambda fit: float(fit.cost)).x)


def redraw(rows: Rows, draws: int, seed: int = 0) -> list[Rows]:
    """The grid drawn again: its cells (size, pairs) with replacement, then seeds within each."""
    cells: dict[tuple[Any, Any], list[Any]] = {}
    for row in rows:
        cells.setdefault((row["size"], row["pairs"]), []).append(row)
    groups, rng = list(cells.values()), np.random.default_rng(seed)
    made: list[Rows] = []
    while len(made) < draws:
        chosen = [groups[k] for k in rng.integers(len(groups), size=len(groups))]
        drawn = [group[k] for group in chosen for k in rng.integers(len(group), size=len(group))]
        both = {(row["size"], row["pairs"]) for row in drawn}
        sizes = [size for size, _ in both]
        if len({size for size in sizes if sizes.count(size) > 1}) > 1:  # else no law of both
            made.append(drawn)
    return made


def envelope_size(rows: Rows, flops: float) -> float:
    """The best size at a budget, read off the runs: no formula for size and pairs together.

    Each size has a power law of its own in pairs; the size with the least error there is taken, on
    a parabola through it and its neighbors (in logarithms) where it has two.
    """
    sizes = sorted({row["size"] for row in rows})
    known = [[row for row in rows if row["size"] == size] for size in sizes]
    lines = [
        np.polyfit(np.log([r["pairs"] for r in own]), np.log([r["error"] for r in own]), 1)
        if len({r["pairs"] for r in own}) > 1
        else None
        for own in known
    ]
    points = [
        (np.log(size), float(np.polyval(line, np.log(flops / 6 / size))))
        for size, line in zip(sizes, lines, strict=True)
        if line is not None
    ]
    best = min(range(len(points)), key=lambda k: points[k][1])
    if len(points) > 2 and 0 < best < len(points) - 1:
        x, y = zip(*points[best - 1 : best + 2], strict=True)
        bend, slope, _ = np.polyfit(x, y, 2)
        return float(np.exp(-slope / (2 * bend)))
    return float(np.exp(points[best][0]))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Where 95 % of the values lie."""
    low, high = np.quantile(np.asarray(values), (0.025, 0.975))
    return float(low), float(high)


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
