"""How much accuracy survives when the pictures change (paper §3.3; Taori et al., arXiv 2007.00644).

Accuracies on two sets of pictures are on a line once both are on a **logit** scale. **Effective
robustness** is what a model has above the line through many ordinary models. Its interval counts
which models made the line, and which pictures were shown on both sets.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

_WITHOUT_N = 1e-3  # how far inwards when nobody says how many pictures there were
_SAME = 1e-9  # logits that differ by less are the same accuracy
_TRIES = 300  # for models that make a line, before a bootstrap gives up


def logit(accuracy: ArrayLike, n: ArrayLike | None = None) -> np.ndarray:
    """ln(p / (1 - p)) of accuracies given as shares of 1, in float64.

    Args:
        accuracy: in 0..1, any shape.
        n: pictures behind it, broadcast. Exactly 0 or 1 becomes 0.5 / n or 1 - 0.5 / n (without n:
            0.001 and 0.999), and a warning says how many were moved.
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
    edge = _WITHOUT_N if n is None else 0.5 / np.asarray(n, dtype=np.float64)
    inside = np.clip(shares, edge, 1 - edge)
    extreme = int(((shares == 0) | (shares == 1)).sum())
    if extreme:
        by = "0.001" if n is None else "half a picture"
        warnings.warn(
            f"Exactly 0 or 1 has no logit: {extreme} such accuracies were moved inwards by {by}.",
            stacklevel=2,
        )
    # Only 0 and 1 move: an accuracy that was measured inside the edge stays what it was.
    inside = np.where((shares == 0) | (shares == 1), inside, shares)
    return np.log(inside) - np.log1p(-inside)


@dataclass(frozen=True, eq=False)
class Line:
    """The expectation that ordinary models set: logit(shifted) = slopes · logit(reference) + b.

    slopes: (K,), one for each reference set, K being 1 in the paper
    r: correlation of what the line predicts with what was measured, on the logit scale
    reference, shifted: (M, K) and (M,), the accuracies that it was fitted to
    clipped: how many of them were exactly 0 or 1
    draws: (B, K + 1), slopes and intercept of lines fitted to models drawn with replacement; where
        B is 0 there is no band, and no interval: they are NaN
    """

    slopes: np.ndarray
    intercept: float
    r: float
    reference: np.ndarray
    shifted: np.ndarray
    clipped: int
    draws: np.ndarray = field(repr=False)

    @property
    def slope(self) -> float:
        """The slope, where there is one reference set."""
        return float(self.slopes[0])

    def predict(self, reference: ArrayLike, n: ArrayLike | None = None) -> np.ndarray:
        """Accuracies on the reference, (...,) or (..., K) -> expected on the shifted set, (...).

        n: pictures behind them, as in :func:`logit`, for an accuracy of exactly 0 or 1.
        """
        return expit(_columns(reference, len(self.slopes), n) @ self.slopes + self.intercept)

    def band(self, reference: ArrayLike, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Where the line may run, (low, high) at each reference accuracy: the bootstrap's middle.

        A band for the line, not for the models: these scatter around it. NaN without draws.
        """
        x = _columns(reference, len(self.slopes))
        return _middle(expit(x @ self.draws[:, :-1].T + self.draws[:, -1]), level)  # of (..., B)


def fit_line(
    reference: ArrayLike,
    shifted: ArrayLike,
    *,
    n_reference: ArrayLike | None = None,
    n_shifted: ArrayLike | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Line:
    """The line through models: accuracies (M,) or (M, K) on the reference, (M,) on the shifted set.

    Least squares on the logit scale, and `bootstrap` more fits to M models drawn with replacement
    (0: no band, no interval). K reference sets: Shi et al., arXiv 2302.01381.

    n_reference, n_shifted: pictures behind the accuracies: one number, (M,), (K,) or (M, K)
    Raises ValueError for fewer than 3 models (or too few for K slopes), lengths that differ, models
    that are all equally good on the reference, accuracies outside 0..1, a negative `bootstrap`.
    """
    y = np.asarray(shifted, dtype=np.float64)
    x = np.asarray(reference, dtype=np.float64)
    x = x[:, None] if x.ndim == 1 else x
    if y.ndim != 1 or x.ndim != 2 or len(x) != len(y):
        raise ValueError(
            f"One reference and one shifted accuracy a model: got {x.shape} and {y.shape}."
        )
    models, columns = x.shape
    if models < columns + 2:
        raise ValueError(
            f"A line through {models} model(s) says nothing: it needs {columns + 2} at least, "
            "better 30."
        )
    if bootstrap < 0:
        raise ValueError(f"bootstrap is a number of fits, 0 or more; got {bootstrap}.")
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        a = logit(x, _counts(n_reference, x.shape, "n_reference"))
        b = logit(y[:, None], _counts(n_shifted, (models, 1), "n_shifted"))[:, 0]
    clipped = int(((x == 0) | (x == 1)).sum() + ((y == 0) | (y == 1)).sum())
    if clipped:
        warnings.warn(
            f"{clipped} of the accuracies behind this line are exactly 0 or 1, which has no logit: "
            "moved inwards (clipped). Look at those models before you trust the line.",
            stacklevel=2,
        )
    if (np.ptp(a, axis=0) < _SAME).any():
        raise ValueError("All models are equally good on a reference set: no line can be fitted.")
    whole = _fit(a, b)
    expected = a @ whole[:-1] + whole[-1]
    spread = np.std(expected) * np.std(b)
    r = float(np.mean((expected - expected.mean()) * (b - b.mean())) / spread) if spread else 0.0
    rng = np.random.default_rng(seed)
    drawn = rng.integers(models, size=(bootstrap, models))
    draws = [_fit(a[rows], b[rows]) for rows in _lines_only(drawn, a, rng)]
    return Line(
        whole[:-1], float(whole[-1]), r, x, y, clipped, np.array(draws).reshape(-1, columns + 1)
    )


class Above(NamedTuple):
    """An effective robustness and its 95 % interval, as shares of 1 (0.05 is 5 points).

    The interval is NaN where the line has no bootstrap to draw from.
    """

    value: float
    low: float
    high: float

    @property
    def positive(self) -> bool:
        """Whether the whole interval lies above 0; not where it is NaN."""
        return self.low > 0


def effective_robustness(
    line: Line,
    reference: float | Sequence[float],
    shifted: float,
    *,
    n_reference: int | None = None,
    n_shifted: int | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Above:
    """How far a model lies above the line: shifted - line.predict(reference).

    The interval draws the line from its bootstrap and, where the numbers of pictures are given,
    both accuracies from the binomial that they suggest: for all or none right, that of half a
    picture less or more, since none right of 50 is no proof of 0.

    Raises ValueError for accuracies outside 0..1.
    """
    x = np.atleast_1d(np.asarray(reference, dtype=np.float64))
    logit(shifted, n_shifted)  # for its refusals and its warning
    value = float(shifted - line.predict(x if len(line.slopes) > 1 else x[0], n_reference))
    rng = np.random.default_rng(seed)
    count = len(line.draws)
    seen = np.tile(x, (count, 1))  # (B, K)
    if n_reference is not None:
        seen = rng.binomial(n_reference, _inside(seen, n_reference)) / n_reference
        seen = _inside(seen, n_reference)
    there = np.full(count, float(shifted))
    if n_shifted is not None:
        there = rng.binomial(n_shifted, _inside(there, n_shifted)) / n_shifted
    logits = np.log(seen) - np.log1p(-seen) if n_reference is not None else logit(seen)
    expected = expit((logits * line.draws[:, :-1]).sum(1) + line.draws[:, -1])
    low, high = _middle(there - expected, level)
    return Above(value, float(low), float(high))


def _columns(reference: ArrayLike, count: int, n: ArrayLike | None = None) -> np.ndarray:
    """Accuracies, and the pictures behind them -> logits, (..., K)."""
    x = np.asarray(reference, dtype=np.float64)
    if count > 1 and (x.ndim == 0 or x.shape[-1] != count):
        raise ValueError(f"This line has {count} reference sets; got shape {x.shape}.")
    return logit(x, n)[..., None] if count == 1 else logit(x, n)


def _counts(n: ArrayLike | None, shape: tuple[int, ...], name: str) -> np.ndarray | None:
    """Pictures behind (M, K) accuracies, to be broadcast: (M,) would be taken for a row of M."""
    if n is None:
        return None
    found = np.asarray(n, dtype=np.float64)
    if found.shape not in ((), shape[:1], shape[1:], shape):
        raise ValueError(
            f"{name} is one number, or one for each of the {shape[0]} models; got {found.shape}."
        )
    return found[:, None] if found.shape == shape[:1] else found


def _inside(shares: np.ndarray, n: int) -> np.ndarray:
    """At least half a picture away from 0 and from 1."""
    return np.clip(shares, 0.5 / n, 1 - 0.5 / n)


def _middle(drawn: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """(..., B) -> the ends of so large a middle part, (...) each; NaN where B is 0."""
    if not drawn.shape[-1]:
        drawn = np.full((*drawn.shape[:-1], 1), np.nan)
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=-1)
    return low, high


def _lines_only(drawn: np.ndarray, a: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draws of models (B, M), those drawn again whose logits, rows of a (M, K), make no line.

    One model drawn M times has every slope; least squares would give the smallest, near 0.
    """
    enough = _rank(a)
    wrong = np.arange(len(drawn))
    for _ in range(_TRIES):
        wrong = wrong[_rank(a[drawn[wrong]]) < enough]
        if not len(wrong):
            return drawn
        drawn[wrong] = rng.integers(len(a), size=(len(wrong), len(a)))
    raise ValueError(
        f"{len(a)} models drawn with replacement hardly ever make a line with {enough} slope(s): "
        "fit it to more models, or with bootstrap=0, without an interval."
    )


def _rank(a: np.ndarray) -> np.ndarray:
    """How many slopes logits (..., M, K) can tell, (...): 0 for one model and its copies."""
    return np.linalg.matrix_rank(a - a.mean(-2, keepdims=True), tol=_SAME)


def _fit(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(M, K) and (M,) logits -> (K + 1,): slopes and intercept, least squares."""
    design = np.column_stack([a, np.ones(len(a))])
    return np.linalg.lstsq(design, b, rcond=None)[0]
