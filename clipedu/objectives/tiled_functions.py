"""The loops over the tiles: forward and backward of the losses in :mod:`clipedu.objectives.tiled`.

Their arguments are checked there.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Method = TypeVar("Method", bound=Callable[..., Any])
Place = tuple[slice, slice]  # rows and columns of a tile


def _tiles(rows: int, columns: int, tile: int) -> Iterator[Place]:
    for i in range(0, rows, tile):
        for j in range(0, columns, tile):
            yield slice(i, min(i + tile, rows)), slice(j, min(j + tile, columns))


def _diagonal(block: Tensor, at: Place, first: int) -> Tensor:
    """A view of the entries (i, first + i) that lie in this tile; empty where there are none."""
    return block.diagonal(first + at[0].start - at[1].start)


def _on_diagonal(at: Place, first: int) -> bool:
    offset = first + at[0].start - at[1].start
    rows, columns = at[0].stop - at[0].start, at[1].stop - at[1].start
    return -rows < offset < columns


def _hide(logits: Tensor, same: Any, at: Place, first: int) -> None:
    """Sets the logits of equal captions to -infinity, but not the right answers'."""
    if same is None:
        return
    rows, columns = at
    if isinstance(same, Tensor) and same.dim() == 2:
        hidden = same[rows, columns].to(logits.device, copy=True)
    else:
        left, right = (same, same) if isinstance(same, Tensor) else same
        hidden = left[rows, None].to(logits.device) == right[None, columns].to(logits.device)
    if _on_diagonal(at, first):
        _diagonal(hidden, at, first).fill_(False)
    logits.masked_fill_(hidden, -math.inf)


def _without_autocast(method: Method) -> Method:
    """Products of matrices in the precision of what they are given, as in `similarity_logits`."""

    @functools.wraps(method)
    def precise(ctx: Any, first: Tensor, *rest: Any) -> Any:
        with torch.autocast(first.device.type, enabled=False):
            return method(ctx, first, *rest)

    return cast(Method, precise)


class TiledInfoNCE(torch.autograd.Function):
    """Both directions at once: each tile serves its rows and its columns."""

    @staticmethod
    @_without_autocast
    def forward(
        ctx: Any, image: Tensor, text: Tensor, scale: Tensor, same: Any, tile: int
    ) -> Tensor:
        n = len(image)
        per_row = image.new_full((n,), -math.inf)  # log of each row's denominator, so far
        per_column = image.new_full((n,), -math.inf)
        right = image.new_empty(n)  # the diagonal
        for at in _tiles(n, n, tile):
            rows, columns = at
            logits = (image[rows] @ text[columns].T).mul_(scale)  # (T, T)
            if rows == columns:
                right[rows] = logits.diagonal()
            _hide(logits, same, at, 0)
            per_row[rows] = torch.logaddexp(per_row[rows], logits.logsumexp(1))
            per_column[columns] = torch.logaddexp(per_column[columns], logits.logsumexp(0))
        ctx.save_for_backward(image, text, scale, per_row, per_column)
        ctx.same, ctx.tile = same, tile
        return ((per_row + per_column) / 2 - right).mean()

    @staticmethod
    @once_differentiable
    @_without_autocast
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        image, text, scale, per_row, per_column = ctx.saved_tensors
        n = len(image)
        to_image, to_text = torch.zeros_like(image), torch.zeros_like(text)
        to_scale = torch.zeros((), dtype=torch.float64, device=image.device)
        for at in _tiles(n, n, ctx.tile):
            rows, columns = at
            cosines = image[rows] @ text[columns].T  # (T, T)
            logits = cosines * scale
            _hide(logits, ctx.same, at, 0)
            share = (logits - per_row[rows, None]).exp_()  # softmax along the rows
            share += (logits - per_column[columns]).exp_()  # and along the columns
            if rows == columns:
                share.diagonal().sub_(2)  # what the loss wants them to be
            to_image[rows].addmm_(share, text[columns])
            to_text[columns].addmm_(share.T, image[rows])
            to_scale += cosines.mul_(share).sum()
        each = gradients[0] / (2 * n)
        whole = each * scale
        return to_image.mul_(whole), to_text.mul_(whole), to_scale.to(scale) * each, None, None


class TiledRows(torch.autograd.Function):
    """One direction, for a strip of rows."""

    @staticmethod
    @_without_autocast
    def forward(
        ctx: Any, queries: Tensor, keys: Tensor, scale: Tensor, same: Any, first: int, tile: int
    ) -> Tensor:
        n = len(queries)
        per_row = queries.new_full((n,), -math.inf)
        for at in _tiles(n, len(keys), tile):
            rows, columns = at
            logits = (queries[rows] @ keys[columns].T).mul_(scale)
            _hide(logits, same, at, first)
            per_row[rows] = torch.logaddexp(per_row[rows], logits.logsumexp(1))
        right = (queries * keys[first : first + n]).sum(1) * scale
        ctx.save_for_backward(queries, keys, scale, per_row)
        ctx.same, ctx.first, ctx.tile = same, first, tile
        return (per_row - right).mean()

    @staticmethod
    @once_differentiable
    @_without_autocast
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        queries, keys, scale, per_row = ctx.saved_tensors
        to_queries, to_keys = torch.zeros_like(queries), torch.zeros_like(keys)
        to_scale = torch.zeros((), dtype=torch.float64, device=queries.device)
        for at in _tiles(len(queries), len(keys), ctx.tile):
            rows, columns = at
            cosines = queries[rows] @ keys[columns].T
            logits = cosines * scale
            _hide(logits, ctx.same, at, ctx.first)
            share = logits.sub_(per_row[rows, None]).exp_()
            if _on_diagonal(at, ctx.first):
                _diagonal(share, at, ctx.first).sub_(1)
            to_queries[rows].addmm_(share, keys[columns])
            to_keys[columns].addmm_(share.T, queries[rows])
            to_scale += cosines.mul_(share).sum()
        each = gradients[0] / len(queries)
        whole = each * scale
        to_scale = to_scale.to(scale) * each
        return to_queries.mul_(whole), to_keys.mul_(whole), to_scale, None, None, None


class TiledPairs(torch.autograd.Function):
    """SigLIP for a strip of rows. The derivative of -log sigmoid(x) is -sigmoid(-x)."""

    @staticmethod
    @_without_autocast
    def forward(
        ctx: Any, image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, first: int, tile: int
    ) -> Tensor:
        total = torch.zeros((), dtype=torch.float64, device=image.device)
        for at in _tiles(len(image), len(text), tile):
            logits = (image[at[0]] @ text[at[1]].T).mul_(scale).add_(bias).neg_()
            if _on_diagonal(at, first):
                _diagonal(logits, at, first).neg_()  # a pair: yes is right
            total -= torch.nn.functional.logsigmoid(logits).sum()
        ctx.save_for_backward(image, text, scale, bias)
        ctx.first, ctx.tile = first, tile
        return total.to(image.dtype) / len(image)

    @staticmethod
    @once_differentiable
    @_without_autocast
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        image, text, scale, bias = ctx.saved_tensors
        to_image, to_text = torch.zeros_like(image), torch.zeros_like(text)
        to_scale = torch.zeros((), dtype=torch.float64, device=image.device)
        to_bias = torch.zeros_like(to_scale)
        for at in _tiles(len(image), len(text), ctx.tile):
            rows, columns = at
            cosines = image[rows] @ text[columns].T
            share = (cosines * scale).add_(bias).sigmoid_()  # how far "no" is missed
            if _on_diagonal(at, ctx.first):
                _diagonal(share, at, ctx.first).sub_(1)  # how far "yes" is
            to_image[rows].addmm_(share, text[columns])
            to_text[columns].addmm_(share.T, image[rows])
            to_bias += share.sum()
            to_scale += cosines.mul_(share).sum()
        each = gradients[0] / len(image)
        whole = each * scale
        to_scale, to_bias = to_scale.to(scale) * each, to_bias.to(scale) * each
        return to_image.mul_(whole), to_text.mul_(whole), to_scale, to_bias, None, None
