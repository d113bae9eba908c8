"""A diagram of four ranks: what each embeds, what travels, and its strips of the matrix."""

from __future__ import annotations

from clipedu_lessons.common.architecture import Drawn
from clipedu_lessons.common.diagram import CAPTIONS, DARK, PICTURES, arrow, box, canvas, cell, label

RANKS, HERE, SIDE = 4, 1, 0.62  # rank 1 is looked at; a block of the matrix is (n, n) logits


def ranks_figure() -> Drawn:
    """The ranks on the left, the gather in the middle, the matrix with rank 1's strips."""
    figure, axes = canvas(9.4, 4.1)
    for rank in range(RANKS):
        y = 0.72 + 0.78 * rank
        box(axes, (0.2, y, 1.75, 0.6), f"rank {rank}", "embeds its n pairs")
        arrow(axes, (2.0, y + 0.2), (2.75, y + 0.2))
        arrow(axes, (2.75, y + 0.42), (2.0, y + 0.42), dashed=True)
    box(axes, (2.8, 0.72, 1.35, 2.94), "all_gather", "embeddings of\nall N pairs,\non every rank")
    label(axes, 2.4, 0.42, "forward: numbers\n(solid)", fontsize=8)
    label(axes, 2.4, 3.88, "backward: gradients, added up (dashed)", fontsize=8)
    left, top = 5.5, 0.95
    arrow(axes, (4.2, 2.19), (4.85, 2.19))
    for i in range(RANKS):
        x, y = left + SIDE * i, top + SIDE * i
        own = "own" if i == HERE else ""
        cell(axes, (left - 0.55, y + 0.03, 0.46, SIDE - 0.06), f"$u$, {i}", PICTURES, fontsize=8)
        cell(axes, (x + 0.03, top - 0.4, SIDE - 0.06, 0.32), f"$v$, {i}", CAPTIONS, fontsize=8)
        for j in range(RANKS):
            tint = PICTURES if i == HERE else CAPTIONS if j == HERE else "white"
            frame = (left + SIDE * j, y, SIDE, SIDE)
            cell(axes, frame, own if i == j else "", DARK if i == j == HERE else tint)
    right = left + RANKS * SIDE + 0.1
    y = top + (HERE + 0.5) * SIDE
    label(axes, right, y, "row strip:\nits pictures,\nall captions", ha="left", fontsize=8)
    x = left + (HERE + 0.5) * SIDE
    bottom = top + RANKS * SIDE + 0.25
    label(axes, x, bottom, "column strip: its captions, all pictures", fontsize=8)
    words = "Four ranks embed n pairs each. A gather gives all embeddings to all ranks, and sends "
    words += "gradients back. Of the matrix, rank 1 computes one strip of rows and one of columns."
    return figure, words
