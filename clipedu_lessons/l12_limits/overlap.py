"""Were the test pictures in the training set? A detector, and what difference it makes (§5).

The paper reports the accuracy on all test pictures, on those with a near-duplicate in training, and
on those without. The detector is :mod:`clipedu.pairs.duplicates`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from clipedu.evaluation.statistics import clopper_pearson
from clipedu.pairs.duplicates import drawing_vectors, nearest_drawings


def nearest(test: np.ndarray, training: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """For each test picture, the most similar training picture: cosine (N,), its position (N,).

    Both (., S, S, 4) uint8. Raises ValueError when there are none.
    """
    return nearest_drawings(drawing_vectors(test), drawing_vectors(training))


@dataclass(frozen=True)
class Overlap:
    """Accuracies on all pictures, on those with a near-duplicate in training, on those without.

    Each is (share, low, high), 95 % Clopper-Pearson; None where there is no such picture.
    difference: all - clean, what overlap adds to the reported accuracy (the paper's Fig 17, left).
    """

    threshold: float
    n: int
    n_overlap: int
    everything: tuple[float, float, float]
    overlap: tuple[float, float, float] | None
    clean: tuple[float, float, float] | None

    @property
    def share(self) -> float:
        """Share of the test pictures that have a near-duplicate."""
        return self.n_overlap / self.n

    @property
    def difference(self) -> float:
        """All - clean; 0 where nothing is clean."""
        return 0.0 if self.clean is None else self.everything[0] - self.clean[0]


def overlap_analysis(
    right: torch.Tensor, similarity: torch.Tensor, threshold: float = 0.95
) -> Overlap:
    """right (N,) bool: which pictures the model named right; similarity (N,): from `nearest`.

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
    return Overlap(
        threshold=threshold,
        n=len(right),
        n_overlap=int(twin.sum()),
        everything=_share(right) or (0.0, 0.0, 1.0),
        overlap=_share(right[twin]),
        clean=_share(right[~twin]),
    )


def _share(right: torch.Tensor) -> tuple[float, float, float] | None:
    if not len(right):
        return None
    hits = int(right.sum())
    return (hits / len(right), *clopper_pearson(hits, len(right)))
