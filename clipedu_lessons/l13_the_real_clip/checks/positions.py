"""Exercise 13.5: positions for another resolution."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, whole


def stretched(
    positions: Tensor, side: int, *, mode: str = "bicubic", align_corners: bool = False
) -> Tensor:
    """The right answer; its options are the wrong ones."""
    old = round((len(positions) - 1) ** 0.5)
    grid = positions[1:].T.unflatten(1, (old, old))[None]  # (1, W, old, old)
    how: dict[str, Any] = {"mode": mode}
    if mode != "nearest":
        how |= {"align_corners": align_corners, "antialias": True}
    grid = F.interpolate(grid, (side, side), **how)
    return torch.cat([positions[:1], grid[0].flatten(1).T])


def some_table(generator: Generator) -> dict[str, Any]:
    old, side, width = whole(generator, 3, 5), whole(generator, 6, 8), whole(generator, 3, 6)
    return {"positions": torch.randn(1 + old * old, width, generator=generator), "side": side}


def smaller(generator: Generator) -> dict[str, Any]:
    return {"positions": torch.randn(1 + 49, 4, generator=generator), "side": 4}


STRETCH = FunctionExercise(
    id="13.5",
    name="stretch",
    reference=stretched,
    inputs=some_table,
    gradient=("positions",),
    extremes={"a smaller grid than before": smaller},
    misconceptions=(
        Misconception(
            "the class token's row is left out",
            lambda positions, side: stretched(positions, side)[1:],
            "How many rows should the result have?",
        ),
        Misconception(
            "the old rows are repeated one after another",
            lambda positions, side: torch.cat(
                [positions[:1], positions[1:][torch.arange(side * side) % (len(positions) - 1)]]
            ),
            "Where in the picture does each row belong?",
        ),
    ),
)
