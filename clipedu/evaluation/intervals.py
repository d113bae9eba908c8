"""How sure is an accuracy? An exact interval for a share of right answers."""

from __future__ import annotations

from scipy.special import betaincinv


def clopper_pearson(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact (Clopper & Pearson 1934) interval for a probability, after `right` of `n` trials.

    Its cover is never below `level`, also at 0 of n and n of n, where the usual ±2 standard errors
    would say "no doubt at all". The paper draws them for its overlap analysis (Fig 17).

    Raises ValueError unless 0 <= right <= n, n >= 1 and 0 < level < 1.

    >>> low, high = clopper_pearson(0, 10)
    >>> f"{low:.3f} {high:.3f}"
    '0.000 0.308'
    """
    if n < 1:
        raise ValueError(f"An accuracy needs at least one picture; got n = {n}.")
    if not 0 <= right <= n:
        raise ValueError(f"right must be between 0 and n = {n}; got {right}.")
    if not 0 < level < 1:
        raise ValueError(f"level is a probability between 0 and 1, such as 0.95; got {level}.")
    tail = (1 - level) / 2
    low = 0.0 if right == 0 else float(betaincinv(right, n - right + 1, tail))
    high = 1.0 if right == n else float(betaincinv(right + 1, n - right, 1 - tail))
    return low, high
