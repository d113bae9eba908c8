"""One picture on its way through both kinds of image tower, and where attention pooling looks.

Notable: everything drawn is computed by the model that is given; nothing is a sketch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from clipedu.models import CLIP, ModifiedResNet
from clipedu.pairs import to_model
from clipedu_lessons.common.figures import new_figure

CHANNELS = 8  # of a feature map, how many are drawn


@dataclass(frozen=True)
class PicturePath:
    """A picture (3, R, R) in 0..1; the feature map (C, S, S) of a ResNet tower; its vector (E,)."""

    picture: Tensor
    features: Tensor
    vector: Tensor


@torch.no_grad()
def picture_path(model: CLIP, picture: Tensor) -> PicturePath:
    """Follow one picture, (3, R, R) in 0..1, through a ModifiedResNet tower in eval mode.

    Raises ValueError for a model with another tower.
    """
    if not isinstance(model.visual, ModifiedResNet):
        raise ValueError("this model's image tower has no feature map: give one with a ResNet")
    ready = to_model(picture[None])
    features = model.visual.feature_map(ready)[0]
    return PicturePath(picture, features, model.encode_image(ready, normalize=True)[0])


def picture_path_figure(path: PicturePath, patch: int) -> Figure:
    """Two ways from one picture to numbers: squares of ``patch`` pixels, or maps of features; and
    the vector at the end. Raises ValueError when the patch does not divide the picture."""
    side = path.picture.shape[-1]
    if side % patch:
        raise ValueError(f"patches of {patch} px do not cut a picture of {side} px evenly")
    figure = new_figure(9.0, 4.6)
    rows: Any = figure.subfigures(2, 1, height_ratios=(3.3, 1))
    top, bottom = rows
    start, middle, end = top.subfigures(1, 3, width_ratios=(1, 1, 1.55), squeeze=False)[0]
    draw_picture(start.subplots(), path.picture, f"a picture: 3 x {side} x {side} numbers")
    n = side // patch
    for cell, square in zip(middle.subplots(n, n).flat, _squares(path.picture, patch), strict=True):
        draw_picture(cell, square, "")
    middle.suptitle(f"a ViT cuts it: {n * n} patches", fontsize=10)
    strongest = path.features.flatten(1).std(dim=1).topk(CHANNELS).indices
    for cell, k in zip(end.subplots(2, CHANNELS // 2).flat, strongest.tolist(), strict=True):
        cell.imshow(path.features[k].numpy(), cmap="Greys")
        _bare(cell, f"channel {k}")
    channels, places = path.features.shape[0], tuple(path.features.shape[1:])
    end.suptitle(
        f"a ResNet filters it: {channels} maps of {places[0]} x {places[1]}, {CHANNELS} drawn",
        fontsize=10,
    )
    strip = bottom.subplots()
    spread = 2 * float(path.vector.std())
    strip.imshow(path.vector[None].numpy(), aspect="auto", cmap="Greys", vmin=-spread, vmax=spread)
    _bare(strip, f"either way, one vector comes out: {len(path.vector)} numbers, length 1", 9)
    return figure


@torch.no_grad()
def pooling_weights(model: CLIP, pictures: Tensor) -> Tensor:
    """(N, 3, R, R) in 0..1 -> (N, H, S, S): how each of H heads of the attention pooling of a
    ModifiedResNet spreads its attention. What the mean itself gets is missing from the sum of 1.

    Raises ValueError for a model with another tower.
    """
    if not isinstance(model.visual, ModifiedResNet):
        raise ValueError("this model has no attention pooling: give one with a ResNet tower")
    pool = model.visual.attnpool
    grid = model.visual.feature_map(to_model(pictures))  # (N, C, S, S)
    x = grid.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1) + pool.positional_embedding
    q, k = pool.q_proj(x[:, :1]), pool.k_proj(x)
    q, k = (part.unflatten(-1, (pool.heads, -1)).transpose(1, 2) for part in (q, k))
    weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1)  # (N, H, 1, 1 + S*S)
    return weights[:, :, 0, 1:].unflatten(-1, tuple(grid.shape[2:]))


def looking_figure(pictures: Tensor, weights: Tensor, titles: Sequence[str]) -> Figure:
    """Where attention pooling looks: pictures (N, 3, R, R) above, their weights (N, S, S) below.

    A number in a cell is its share of the attention in per cent; dark is much.
    Raises ValueError when the three do not have the same length.
    """
    if not len(pictures) == len(weights) == len(titles):
        raise ValueError(
            f"{len(pictures)} pictures, {len(weights)} maps and {len(titles)} titles: give one "
            "map and one title per picture"
        )
    figure = new_figure(1.75 * len(titles), 4.0)
    rows = figure.subplots(2, len(titles), squeeze=False)
    even = 1 / weights[0].numel()
    highest = max(float(weights.max()), 3 * even)  # so that an even spread is a light grey
    for column, title in enumerate(titles):
        draw_picture(rows[0][column], pictures[column], title, 9 if len(title) > 14 else 8)
        rows[1][column].imshow(weights[column].numpy(), cmap="Greys", vmin=0, vmax=highest)
        _bare(rows[1][column], "")
        for (i, j), share in _cells(weights[column]):
            colour = "white" if share > 0.55 * highest else "black"
            rows[1][column].text(
                j, i, f"{share:.0%}", color=colour, ha="center", va="center", fontsize=7.5
            )
    return figure


def _cells(grid: Tensor) -> list[tuple[tuple[int, int], float]]:
    return [((i, j), float(grid[i, j])) for i in range(grid.shape[0]) for j in range(grid.shape[1])]


def _squares(picture: Tensor, patch: int) -> list[Tensor]:
    starts = range(0, picture.shape[-1], patch)
    return [picture[:, y : y + patch, x : x + patch] for y in starts for x in starts]


def draw_picture(axes: Axes, picture: Tensor, title: str, size: float = 9) -> None:
    """A picture (3, R, C) in 0..1 in a frame, without ticks; size: of the title, in points."""
    rgb = picture.permute(1, 2, 0).clamp(0, 1).numpy()
    axes.imshow(rgb, interpolation="nearest", vmin=0, vmax=1)
    _bare(axes, title, size)


def _bare(axes: Axes, title: str, size: float = 8) -> None:
    if title:
        axes.set_title(title, fontsize=size).set_parse_math(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color="#888888")
