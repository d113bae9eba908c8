"""How sure is an accuracy, is it more than chance, and is one more than another?

Notable:
- a share of right answers has an exact interval; a mean over classes is resampled
- *chance* is harder than it looks: one who always answers the commonest class beats 1 / C, so the
  test shuffles which answer belongs to which picture and keeps how often each is given
- two prompts are compared on the pictures whose answer changed: the others say nothing
"""

from __future__ import annotations

import math

import torch
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


def mean_per_class_interval(
    labels: torch.Tensor, right: torch.Tensor, classes: int, *, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % of the means over classes when the N pictures are drawn again with replacement.

    labels: (N,) int64; right: (N,) bool, was the answer right; a class that a draw lacks is left
    out of its mean. Raises ValueError when there are no pictures.
    """
    n = len(labels)
    if n < 1:
        raise ValueError("An interval needs at least one picture.")
    generator = torch.Generator().manual_seed(seed)
    means = []
    for start in range(0, draws, 50):
        rows = torch.randint(n, (min(50, draws - start), n), generator=generator)  # (d, N)
        drawn = torch.zeros(len(rows), classes, dtype=torch.float64)
        hits = drawn.clone()
        drawn.scatter_add_(1, labels[rows], torch.ones(rows.shape, dtype=torch.float64))
        hits.scatter_add_(1, labels[rows], right[rows].double())
        means.append((hits / drawn).nanmean(1))  # 0 / 0 is NaN
    low, high = torch.cat(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return float(low), float(high)


def chance_p(
    labels: torch.Tensor,
    predictions: torch.Tensor,
    classes: int,
    *,
    per_class: bool = False,
    shuffles: int = 2000,
    seed: int = 0,
) -> float:
    """How often answers that know nothing of their pictures do as well: a permutation test.

    labels, predictions: (N,) int64. The answers stay, but go to the pictures in random order.
    per_class: compare the mean over classes instead of the share of right answers
    Returns a p-value, at least 1 / (shuffles + 1).
    """
    labels, predictions = labels.cpu(), predictions.cpu()
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(
            "labels and predictions are both (N,), one for each picture; got "
            f"{tuple(labels.shape)} and {tuple(predictions.shape)}."
        )
    shown = torch.bincount(labels, minlength=classes).double()
    # each picture counts for 1, or for 1 / (pictures of its class)
    weight = 1 / shown[labels] if per_class else torch.ones(len(labels), dtype=torch.float64)
    seen = float((weight * (labels == predictions)).sum())
    generator = torch.Generator().manual_seed(seed)
    as_good = 0
    for _ in range(shuffles):
        shuffled = predictions[torch.randperm(len(labels), generator=generator)]
        as_good += float((weight * (labels == shuffled)).sum()) >= seen - 1e-9
    return (1 + as_good) / (1 + shuffles)


def sign_test(better: int, worse: int) -> float:
    """The two-sided exact p-value that a coin would give: `better` answers put right, `worse` lost.

    It is McNemar's exact test: 12 put right and 9 lost is what luck does (p 0.66), 30 and 9 is not.

    >>> round(sign_test(12, 9), 2), round(sign_test(30, 9), 4)
    (0.66, 0.0011)
    """
    if better < 0 or worse < 0:
        raise ValueError(f"Counts are 0 or more; got {better} and {worse}.")
    n, less = better + worse, min(better, worse)
    tail = sum(math.comb(n, k) for k in range(less + 1))
    return min(1.0, 2 * tail / 2**n)
