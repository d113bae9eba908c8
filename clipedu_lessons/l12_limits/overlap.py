"""Were the test pictures in the training set? A detector, and what difference it makes (§5).

The paper reports the accuracy on all test pictures, on those with a near-duplicate in training, and
on those without. The detector is :mod:`clipedu.pairs.duplicates`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from scipy.stats import binomtest

from clipedu.evaluation.statistics import clopper_pearson
from clipedu_lessons.common.figures import new_figure

Share = tuple[float, float, float]  # and its 95 % interval


@dataclass(frozen=True)
class Overlap:
    """Accuracies on all pictures, on those with a near-duplicate in training, on those without.

    Each is (share, low, high), 95 % Clopper-Pearson; None where there is no such picture.
    difference: all - clean, what overlap adds to the reported accuracy (the paper's Figure 17)
    p: one-tailed, how likely so many duplicates are right if they were as hard as clean pictures
    """

    threshold: float
    n: int
    n_overlap: int
    everything: Share
    overlap: Share | None
    clean: Share | None
    difference: float
    p: float

    @property
    def share(self) -> float:
        """Share of the test pictures that have a near-duplicate."""
        return self.n_overlap / self.n


def overlap_analysis(
    right: torch.Tensor, similarity: torch.Tensor, threshold: float = 0.95
) -> Overlap:
    """right (N,) bool: which pictures the model named right; similarity (N,): to the nearest one.

    Raises ValueError for lengths that differ, no picture, or a threshold outside -1..1.
    """
    if right.shape != similarity.shape or right.ndim != 1 or not len(right):
        raise ValueError(
            f"One answer and one similarity a picture: got {tuple(right.shape)} and "
            f"{tuple(similarity.shape)}."
        )
    if not -1 <= threshold <= 1:
        raise ValueError(f"A cosine lies between -1 and 1; got a threshold of {threshold}.")
    twin = similarity >= threshold
    everything, overlap, clean = (_share(part) for part in (right, right[twin], right[~twin]))
    assert everything is not None
    difference = everything[0] - clean[0] if clean else 0.0
    hits, found = int(right[twin].sum()), int(twin.sum())
    p = 1.0
    if clean and found:
        p = float(binomtest(hits, found, clean[0], alternative="greater").pvalue)
    return Overlap(threshold, len(right), found, everything, overlap, clean, difference, p)


def _share(right: torch.Tensor) -> Share | None:
    if not len(right):
        return None
    hits = int(right.sum())
    return (hits / len(right), *clopper_pearson(hits, len(right)))


def overlap_figure(found: dict[str, Sequence[Overlap]]) -> tuple[Figure, str]:
    """The paper's Figure 17 for our sets: a line of thresholds each, and two points of the paper.

    Left: what overlap adds to the accuracy; right: duplicates less clean pictures, with intervals.
    """
    figure = new_figure(7.4, 3.2)
    first, second = figure.subplots(1, 2)
    printed = {"Birdsnap": (12.1, 0.6), "Country211": (21.5, 0.2)}
    for name, (x, y) in printed.items():
        first.plot(x, y, "k*", markersize=9)
        first.annotate(f"{name} (paper)", (x, y), (4, -10), textcoords="offset points", fontsize=7)
    for k, (name, rows) in enumerate(found.items()):
        shares = [100 * row.share for row in rows]
        color, marker = f"{0.15 + 0.25 * k:.2f}", "os^"[k]
        first.plot(
            shares, [100 * row.difference for row in rows], marker=marker, color=color, label=name
        )
        for row in rows:
            if row.overlap and row.clean:
                low, mid, high = (100 * (row.overlap[i] - row.clean[0]) for i in (1, 0, 2))
                at = 100 * row.share + k * 0.4
                second.plot([at, at], [low, high], "-", color=color, marker="", linewidth=1)
                second.plot(at, mid, marker, color=color)
    for axes in (first, second):
        axes.axhline(0, color="black", linewidth=0.8, linestyle=":", marker="")
        axes.set_xlabel("test pictures with a near-duplicate (%)")
    first.set(ylabel="all less clean (points)", title="what overlap adds")
    second.set(ylabel="duplicates less clean (points)", title="how much easier duplicates are")
    first.legend(fontsize=8)
    rising = sum(rows[0].difference > rows[-1].difference for rows in found.values())
    return figure, (
        "Two panels. Left: a loose threshold counts more test pictures as duplicates than a strict "
        f"one, and what they add to the accuracy is then larger for {rising} of {len(found)} sets. "
        "Right: the accuracy of duplicates less that of clean pictures, with 95 % intervals."
    )
