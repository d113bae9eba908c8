"""How sure is an accuracy?"""

from __future__ import annotations

import torch


def clopper_pearson(right: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact (Clopper & Pearson 1934) interval for a probability, after `right` of `n` trials.

    It covers the truth with probability at least `level`, also at 0 of n and n of n, where ±2
    standard errors would say "no doubt at all". The paper draws it in Figure 17.
    Raises ValueError unless 0 <= right <= n, n >= 1 and 0 < level < 1.

    >>> low, high = clopper_pearson(0, 10)
    >>> f"{low:.3f} {high:.3f}"
    '0.000 0.308'
    """
    from scipy.stats import binomtest  # takes half a second to load: only a result waits for it

    if not 0 <= right <= n or n < 1:
        raise ValueError(f"right is 0 to n, and n is 1 or more; got {right} of {n}.")
    if not 0 < level < 1:
        raise ValueError(f"level is a probability between 0 and 1, such as 0.95; got {level}.")
    interval = binomtest(right, n).proportion_ci(level, method="exact")
    return float(interval.low), float(interval.high)


def mean_per_class_interval(
    labels: torch.Tensor, right: torch.Tensor, classes: int
) -> tuple[float, float]:
    """95 % of 1,000 means over classes, the N pictures drawn again with replacement, by a seed.

    labels: (N,) int64; right: (N,) bool, was the answer right; a class that a draw lacks is left
    out of its mean. Raises ValueError when there are no pictures.
    """
    n = len(labels)
    if n < 1:
        raise ValueError("An interval needs at least one picture.")
    generator = torch.Generator().manual_seed(0)
    means = []
    for _ in range(1000):
        rows = torch.randint(n, (n,), generator=generator)
        hits = torch.bincount(labels[rows], right[rows].double(), classes)
        means.append((hits / torch.bincount(labels[rows], None, classes)).nanmean())  # 0 / 0 is NaN
    low, high = torch.stack(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return float(low), float(high)
