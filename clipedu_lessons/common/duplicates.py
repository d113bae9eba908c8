"""Pictures that are the same under two names.

In a batch they are false negatives: the loss pushes a picture away from a caption that fits it. And
a held-out picture that is also in a training set would not be unseen (paper §5, data overlap).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np


def same_pictures(rgba: np.ndarray) -> list[list[int]]:
    """Groups of positions whose pixels are equal, byte for byte; only groups of two and more, in
    order.

    Args:
        rgba: (N, S, S, 4) uint8.
    """
    groups: dict[bytes, list[int]] = defaultdict(list)
    for i, picture in enumerate(rgba):
        groups[hashlib.blake2b(picture.tobytes(), digest_size=16).digest()].append(i)
    return [group for group in groups.values() if len(group) > 1]


def picture_ids(rgba: np.ndarray) -> np.ndarray:
    """(N,) ids: equal where the pictures are equal."""
    ids = np.arange(len(rgba))
    for group in same_pictures(rgba):
        ids[group] = group[0]
    return ids
