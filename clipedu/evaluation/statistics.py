"""How sure is an accuracy?"""

from __future__ import annotations

import torch

MANY_CLASSES = 20  # from here on a class is one thing, drawn a few times


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


def grouped_interval(
    right: torch.Tensor,
    groups: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
    level: float = 0.95,
) -> tuple[float, float]:
    """Clopper & Pearson for a weighted share of right answers, of pictures that come in groups.

    Five drawings of one name are no five independent trials. So the exact interval is taken for as
    many trials as would vary as much as the groups do (Korn & Graubard 1998). Where all answers are
    alike nothing varies, and the groups are counted. Groups of one picture and equal weights give
    `clopper_pearson`.
    right: (N,) bool; groups: (N,) int64, by default each picture is one; weights: (N,), default 1.
    Raises ValueError when there are no pictures.
    """
    from scipy.special import betaincinv

    n = len(right)
    if n < 1:
        raise ValueError("An interval needs at least one picture.")
    group = torch.arange(n) if groups is None else groups.unique(return_inverse=True)[1]
    share = (torch.ones(n) if weights is None else weights).double()
    share = share / share.sum()
    value = float((share * right).sum())
    size = torch.bincount(group, share)
    off = torch.bincount(group, share * (right.double() - value)).square().sum()
    trials = value * (1 - value) / float(off) if off > 1e-12 else 1 / float(size.square().sum())
    hits, trials, tail = value * min(trials, n), min(trials, n), (1 - level) / 2
    low = betaincinv(hits, trials - hits + 1, tail) if hits > 0 else 0.0
    high = betaincinv(hits + 1, trials - hits, 1 - tail) if hits < trials - 1e-9 else 1.0
    return float(low), float(high)


def mean_per_class_interval(
    labels: torch.Tensor, right: torch.Tensor, classes: int
) -> tuple[float, float]:
    """95 % for the mean over classes of the share of right answers, by `grouped_interval`.

    labels: (N,) int64; right: (N,) bool, was the answer right. With 20 classes or more a class is
    taken as one thing drawn several times, so classes are the groups; with fewer, each picture is
    one. Raises ValueError when there are no pictures.
    """
    shown = torch.bincount(labels, minlength=classes)
    groups = labels if classes >= MANY_CLASSES else None
    return grouped_interval(right, groups, 1 / shown[labels].double())
