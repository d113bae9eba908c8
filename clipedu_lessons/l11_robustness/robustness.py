"""How much accuracy survives when the pictures change (paper §3.3; Taori et al., arXiv 2007.00644).

Accuracies on two sets of pictures are on a line once both are on a **logit** scale. **Effective
robustness** is what a model has above the line through many ordinary models. Such models scatter
around their line, so the interval is a **prediction interval**: it says where one more of them
would be, and not only where the line is.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit
from scipy.stats import t as student

_EDGE = 1e-3  # how far an accuracy of exactly 0 or 1 is moved
_SAME = 1e-9  # logits that differ by less are the same accuracy


def logit(accuracy: ArrayLike) -> np.ndarray:
    """ln(p / (1 - p)) of accuracies given as shares of 1, any shape, in float64.

    Exactly 0 or 1 becomes 0.001 or 0.999, and a warning says how many were moved.
    Raises ValueError outside 0..1 (percent?) or for NaN.

    >>> float(logit(0.5))
    0.0
    """
    shares = np.asarray(accuracy, dtype=np.float64)
    if not np.isfinite(shares).all():
        raise ValueError("An accuracy is NaN or infinite: was a class without pictures averaged?")
    if ((shares < 0) | (shares > 1)).any():
        hint = " Divide percent by 100." if (shares > 1).any() else ""
        raise ValueError(f"Accuracies are shares from 0 to 1; got {shares.max():.4g}.{hint}")
    extreme = (shares == 0) | (shares == 1)
    if extreme.any():
        warnings.warn(
            f"Exactly 0 or 1 has no logit: {extreme.sum()} such accuracies were moved inwards by "
            f"{_EDGE}.",
            stacklevel=2,
        )
    # Only 0 and 1 move: an accuracy that was measured inside the edge stays what it was.
    inside = np.where(extreme, np.clip(shares, _EDGE, 1 - _EDGE), shares)
    return np.log(inside) - np.log1p(-inside)


@dataclass(frozen=True, eq=False)
class Line:
    """What ordinary models lead one to expect: logit(shifted) = slope · logit(reference) + b.

    r: correlation of the two logits
    scatter: standard deviation of the models around the line, on the logit scale
    reference, shifted: (M,) each, the accuracies that it was fitted to
    center, spread: mean of the reference logits, and the sum of their squared distances from it,
        of as many models as there are units
    units: how many models count as independent, see `fit_line`
    """

    slope: float
    intercept: float
    r: float
    scatter: float
    reference: np.ndarray
    shifted: np.ndarray
    center: float
    spread: float
    units: int

    def predict(self, reference: ArrayLike) -> np.ndarray:
        """Accuracies on the reference -> those to expect on the shifted set, of the same shape."""
        return expit(self.slope * logit(reference) + self.intercept)

    def band(self, reference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """95 %, (low, high): where the line itself may be. Single models scatter more widely."""
        return self._around(reference, 0)

    def interval(self, reference: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """95 %, (low, high): where one more ordinary model is expected, the prediction interval."""
        return self._around(reference, 1)

    def _around(self, reference: ArrayLike, more: int) -> tuple[np.ndarray, np.ndarray]:
        x = logit(reference)
        width = np.sqrt(more + 1 / self.units + (x - self.center) ** 2 / self.spread)
        reach = student.ppf(0.975, self.units - 2) * self.scatter * width
        middle = self.slope * x + self.intercept
        return expit(middle - reach), expit(middle + reach)


def fit_line(
    reference: ArrayLike, shifted: ArrayLike, groups: Sequence[object] | None = None
) -> Line:
    """The least-squares line through models' accuracies (M,) and (M,), on the logit scale.

    groups: (M,), which models belong together, such as the seeds of a recipe. Only groups are then
        counted as independent, so a copy of each model makes no interval narrower.
    Raises ValueError for fewer than 3 models or groups, lengths that differ, models that are all
    equally good on the reference, accuracies outside 0..1.
    """
    x, y = np.asarray(reference, dtype=np.float64), np.asarray(shifted, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"One reference and one shifted accuracy a model: got {x.shape} and {y.shape}."
        )
    units = _units(groups, len(x))
    if units < 3:
        raise ValueError(
            f"A line through {units} model(s) says nothing: it needs 3 at least, better 30."
        )
    a, b = logit(x), logit(y)
    if np.ptp(a) < _SAME:
        raise ValueError("All models are equally good on the reference: no line can be fitted.")
    fitted = (float(v[0]) for v in _fit(a[:, None], b[:, None], units))
    slope, intercept, scatter, center, spread = fitted
    r = 0.0 if np.ptp(b) < _SAME else float(np.corrcoef(a, b)[0, 1])
    return Line(slope, intercept, r, scatter, x, y, center, spread, units)


class Above(NamedTuple):
    """An effective robustness and its 95 % interval, as shares of 1 (0.05 is 5 points)."""

    value: float
    low: float
    high: float


def effective_robustness(line: Line, reference: float, shifted: float) -> Above:
    """How far a model is above the line, and above both ends of the prediction interval.

    Raises ValueError for accuracies outside 0..1.
    """
    logit(shifted)  # for its refusals and its warning
    low, high = line.interval(reference)
    value = shifted - line.predict(reference)
    return Above(float(value), float(shifted - high), float(shifted - low))


def leave_one_out(
    reference: ArrayLike, shifted: ArrayLike, groups: Sequence[object] | None = None
) -> np.ndarray:
    """Each model against the line through the others: (M,), in half-widths of the 95 % interval.

    Above 1 a model would be called effectively robust, below -1 effectively fragile. Ordinary
    models should be outside in about 5 % of the cases, or the method finds robustness in noise.
    groups: (M,), what is left out together, such as all seeds of a recipe
    """
    x, y = np.asarray(reference, dtype=np.float64), np.asarray(shifted, dtype=np.float64)
    names = np.array([str(g) for g in groups] if groups is not None else np.arange(len(x)))
    found = np.empty(len(x))
    for i in range(len(x)):
        others = names != names[i]
        line = fit_line(x[others], y[others], names[others].tolist())
        high = logit(line.interval(x[i])[1])
        middle = line.slope * logit(x[i]) + line.intercept
        found[i] = (logit(y[i]) - middle) / (high - middle)
    return found


class Rights(NamedTuple):
    """One set of pictures: whose answers are right, and what belongs together.

    models: (M, N) bool, of the ordinary ones; one: (R, N) bool, of the model in question in R runs,
    whose accuracies are averaged; names: (N,) str, labels: (N,) int; kept: (N,) bool;
    groups: (M,), the models that belong together, see `fit_line`
    """

    models: np.ndarray
    one: np.ndarray
    names: np.ndarray
    labels: np.ndarray
    kept: np.ndarray | None = None
    groups: Sequence[object] | None = None


def resampled(
    sets: Mapping[str, Rights],
    *,
    per_class: bool = False,
    draws: int = 1000,
    seed: int = 0,
) -> Above:
    """The effective robustness of one model, with an interval for other names and another model.

    In each of `draws` draws the names of each set are drawn with replacement, for all models alike,
    because two styles of one name are no two independent pictures. The line is fitted again, and
    what the line expects is moved by as much as ordinary models scatter around it.

    sets: the reference first; of several shifts the mean accuracy is taken, as in the paper
    per_class: mean over classes in place of mean over pictures
    """
    rng = np.random.default_rng(seed)
    measured = []
    for rights in sets.values():
        weights = _draw_names(rights, draws, rng)  # (N, 1 + B): first the set as it is
        if per_class:
            of_class = np.eye(rights.labels.max() + 1)[rights.labels]  # (N, C)
            weights = weights / np.maximum(of_class @ (of_class.T @ weights), 1)
        answers = np.vstack([rights.models, rights.one.mean(0)])  # (M + 1, N)
        share = answers @ weights / weights.sum(0)  # (M + 1, 1 + B)
        edge = 0.5 / len(rights.names)
        measured.append(np.clip(share, edge, 1 - edge))
    reference, shifted = measured[0], np.mean(measured[1:], axis=0)
    x, y = (np.log(v) - np.log1p(-v) for v in (reference, shifted))
    units = _units(rights.groups, len(x) - 1)
    slope, intercept, scatter, center, spread = _fit(x[:-1], y[:-1], units)
    middle = slope * x[-1] + intercept  # (1 + B,)
    width = scatter * np.sqrt(1 + 1 / units + (x[-1] - center) ** 2 / spread)
    width[0] = 0
    drawn = shifted[-1] - expit(middle + width * rng.standard_t(units - 2, len(middle)))
    low, high = np.quantile(drawn[1:], [0.025, 0.975])
    return Above(float(drawn[0]), float(low), float(high))


def _draw_names(rights: Rights, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(N, 1 + B) weights: 1 for each picture kept, then how often its name was drawn."""
    kept = np.ones(len(rights.names), bool) if rights.kept is None else rights.kept
    number = np.unique(rights.names, return_inverse=True)[1]
    there = np.unique(number[kept])
    counts = np.zeros((number.max() + 1, draws))
    counts[there] = rng.multinomial(len(there), np.full(len(there), 1 / len(there)), draws).T
    return np.column_stack([np.ones(len(kept)), counts[number]]) * kept[:, None]


def _units(groups: Sequence[object] | None, models: int) -> int:
    return models if groups is None else len({str(group) for group in groups})


def _fit(a: np.ndarray, b: np.ndarray, units: int) -> tuple[np.ndarray, ...]:
    """Logits (M, B) and (M, B) -> slope, intercept, scatter, center, spread of B lines, (B,)."""
    center, height = a.mean(0), b.mean(0)
    away = a - center
    spread = (away**2).sum(0)
    slope = (away * (b - height)).sum(0) / spread
    intercept = height - slope * center
    off = b - slope * a - intercept
    share = units / len(a)
    scatter = np.sqrt(share * (off**2).sum(0) / max(1, units - 2))
    return slope, intercept, scatter, center, share * spread
