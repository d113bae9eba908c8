"""The part of lesson 08 in my_clip.py: a backward pass in chunks, by the library's GradCache."""

from __future__ import annotations

from typing import Any

from clipedu.objectives import info_nce
from clipedu.training.grad_cache import GradCache


def cached_backward(model: Any, batch: Any, chunks: int) -> float:
    """The whole batch's loss; adds its gradient to .grad, a chunk at a time (arXiv 2101.06983).

    batch: pictures (B, 3, R, R), tokens (B, L), ids of equal captions (B,) or None.
    Raises ValueError for a batch that can't be cut into so many chunks.
    """
    pictures, tokens, false_negative_ids = batch
    image, text, scale = GradCache(model, chunks)(pictures, tokens)
    loss = info_nce(image, text, scale, false_negative_ids, check_values=False)
    loss.backward()
    return loss.item()
