"""Two ways to ask about the same pictures: what changed, and how sure one can be of the gain.

Pictures that both prompts get right, or both get wrong, say nothing about which prompt is better.
Only those count that one of them fixes or breaks (McNemar's test).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from scipy.stats import binomtest

from clipedu.evaluation import clopper_pearson


class Gain(NamedTuple):
    """What the second way to ask is worth against the first, in percentage points."""

    points: float
    low: float  # of the 95 % interval
    high: float
    fixed: int  # wrong, then right
    broken: int  # right, then wrong
    p: float  # two-sided, of a fair coin

    def __str__(self) -> str:
        return f"{self.points:+.1f} ({self.low:+.1f} to {self.high:+.1f})"


def gain(fixed: int, broken: int, n: int) -> Gain:
    """From counts, of n pictures: the interval is the exact one of the changed answers.

    Raises ValueError for counts below 0, or more changes than pictures.

    >>> print(gain(30, 9, 300))
    +7.0 (+3.5 to +9.8)
    """
    if min(fixed, broken) < 0 or fixed + broken > n:
        raise ValueError(f"{fixed} fixed and {broken} broken can't be of {n} pictures.")
    changed = fixed + broken
    if not changed:
        return Gain(0.0, 0.0, 0.0, 0, 0, 1.0)
    low, high = (100 * (2 * x - 1) * changed / n for x in clopper_pearson(fixed, changed))
    p = float(binomtest(fixed, changed).pvalue)
    return Gain(100 * (fixed - broken) / n, low, high, fixed, broken, p)


def gain_of(before: torch.Tensor, after: torch.Tensor) -> Gain:
    """From two (N,) bool tensors, which answers are right. Raises ValueError for unequal lengths.

    Of one picture asked by several models, pass the answers one after the other.
    """
    if before.shape != after.shape or before.ndim != 1:
        raise ValueError(f"Expected (N,) twice, got {tuple(before.shape)}, {tuple(after.shape)}.")
    return gain(int((~before & after).sum()), int((before & ~after).sum()), len(before))
