"""Pictures that look alike: is a held-out picture also in a training set (paper section 5)?

The detector compares drawings by their cosine: ink, shrunk to 16 x 16 so that a shift of a pixel
hardly counts, minus its mean.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu.pairs.augment import ink

NEAR = 0.95  # a cosine from which two pictures count as one drawing
_BLOCK = 2048


def drawing_vectors(rgba: np.ndarray, side: int = 16) -> Tensor:
    """(N, S, S, 4) uint8 -> (N, side * side) float unit vectors; a blank picture's is zero."""
    parts = []
    for start in range(0, len(rgba), _BLOCK):
        gray = ink(torch.from_numpy(np.array(rgba[start : start + _BLOCK]))).mean(1, keepdim=True)
        flat = F.adaptive_avg_pool2d(gray, side).flatten(1)
        parts.append(F.normalize(flat - flat.mean(1, keepdim=True), dim=1))
    return torch.cat(parts)


def nearest_drawings(test: Tensor, training: Tensor) -> tuple[Tensor, Tensor]:
    """For each of (N, D) vectors the nearest of (M, D): cosines (N,) and rows (N,).

    Raises ValueError when one of them is empty.
    """
    if not len(test) or not len(training):
        raise ValueError("Two sets of pictures are compared: neither may be empty.")
    best = [(part @ training.T).max(1) for part in test.split(_BLOCK // 4)]
    return torch.cat([b.values for b in best]), torch.cat([b.indices for b in best])
