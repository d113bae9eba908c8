"""Attention pooling, right and in the ways that are known to be wrong."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def _attention_pool(
    grid: Tensor,
    position: Tensor,
    wq: Tensor,
    wk: Tensor,
    wv: Tensor,
    heads: int,
    *,
    scale: str = "head",
    mean_key: bool = True,
    asks: str = "mean",
    position_on: str = "tokens",
    transposed: bool = False,
    softmax: int | None = -1,
    interleaved: bool = False,
    result: str = "heads",
    places_by: str = "rows",
    first: str = "mean",
    values: str = "v",
    plain: str = "",
) -> Tensor:
    """Attention pooling, each of whose steps a misconception can change."""
    b, c = grid.shape[:2]
    places = grid.flatten(2).transpose(1, 2)  # (B, places, C)
    if places_by == "columns":
        places = grid.transpose(2, 3).flatten(2).transpose(1, 2)
    elif places_by == "reshape":
        places = grid.reshape(b, -1, c)
    if position_on == "first":  # before the mean is taken
        places = places + position[1:]
    mean = places.mean(dim=1, keepdim=True)
    if first == "largest":
        mean = places.amax(dim=1, keepdim=True)
    tokens = torch.cat([places, mean] if first == "place" else [mean, places], dim=1)
    if position_on == "tokens":
        tokens = tokens + position
    elif position_on == "places":
        tokens = torch.cat([mean, places + position[1:]], dim=1)
    elif position_on == "mean":
        tokens = torch.cat([mean + position[0], places], dim=1)
    if asks == "last":
        question = tokens[:, -1:]
    else:
        question = tokens[:, 1:2] if asks == "corner" else tokens[:, :1]
    answers = tokens if mean_key else tokens[:, 1:]
    wq, wk, wv = (
        w.T if transposed or name in plain else w for name, w in (("q", wq), ("k", wk), ("v", wv))
    )
    q, k, v = question @ wq.T, answers @ wk.T, answers @ wv.T
    if values == "keys":
        k, v = v, k
    elif values == "tokens":
        v = answers
    if interleaved:
        q, k, v = (x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2) for x in (q, k, v))
    else:
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    if result == "cut":  # the heads are cut out of the rows, without moving an axis
        k, v = (x.transpose(1, 2).reshape(b, heads, -1, c // heads) for x in (k, v))
    divisor = {"head": (c // heads) ** 0.5, "width": c**0.5, "none": 1.0, "square": c // heads}
    divisor |= {"times": (c // heads) ** -0.5, "count": heads**0.5}
    scores = q @ k.transpose(-2, -1) / divisor[scale]  # (B, H, 1, L)
    out = (scores if softmax is None else scores.softmax(dim=softmax)) @ v  # (B, H, 1, C/H)
    if interleaved and result == "blocks":
        return out.flatten(1)
    if result == "mean":
        return out.mean(dim=1).flatten(1)
    if result == "one row":
        return out.flatten(1)[:, None]
    if interleaved:
        return out[:, :, 0].transpose(1, 2).reshape(b, c)
    if result == "mixed":
        return out[:, :, 0].transpose(1, 2).reshape(b, c)
    if result == "kept":
        return out.flatten(2).transpose(1, 2).reshape(b, 1, c) if heads == 1 else out[:, :, 0]
    if result == "added":
        return out.flatten(1) + tokens[:, 0]
    return out.flatten(1)


def attention_pool(
    grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
) -> Tensor:
    return _attention_pool(grid, position, wq, wk, wv, heads)


def pool_with(**changes: Any) -> Any:
    def wrong(
        grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
    ) -> Tensor:
        return _attention_pool(grid, position, wq, wk, wv, heads, **changes)

    return wrong


def one_head(
    grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
) -> Tensor:
    return _attention_pool(grid, position, wq, wk, wv, 1)


def plain_mean(
    grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
) -> Tensor:
    return grid.mean(dim=(2, 3))


def all_ask(
    grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
) -> Tensor:
    """Every token asks, and the mean of all the answers is returned."""
    places = grid.flatten(2).transpose(1, 2)
    tokens = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1) + position
    q, k, v = ((tokens @ w.T).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (wq, wk, wv))
    weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1)
    return (weights @ v).transpose(1, 2).flatten(2).mean(dim=1)
