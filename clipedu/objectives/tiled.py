"""The contrastive losses a tile at a time: the same numbers, in memory linear in the batch.

A batch of 32,768 has 2^30 similarities, 4 GiB in float32. Forward adds each tile's logits to the
log-sum-exp of its rows and columns and forgets them; backward computes them again and turns them
into the gradient. Kept are the embeddings and two vectors of length N, at the price of one more
product of matrices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from clipedu.device import accumulator_dtype
from clipedu.numbers import check_whole
from clipedu.objectives.contrastive import Number, check_ids, check_pairs, comparable, one_number

#: Rows and columns of a tile: 1024 x 1024 float32 are 4 MiB, which stays in a core's cache.
TILE = 1024


def tiled_info_nce(
    image: Tensor,
    text: Tensor,
    logit_scale: Number,
    false_negative_ids: Tensor | None = None,
    *,
    tile: int = TILE,
    check_values: bool = True,
) -> Tensor:
    """:func:`info_nce`, in memory linear in the batch: arguments and errors as there.

    tile: rows and columns computed at a time, at least 1. Gradients are of first order only.
    """
    check_pairs(image, text, values=check_values, logit_scale=logit_scale)
    image, text, scale = _strip(image, text, logit_scale, 0, tile)
    check_ids(false_negative_ids, len(text))
    return _TiledCrossEntropy.apply(image, text, scale, false_negative_ids, 0, tile, True)


def tiled_siglip(
    image: Tensor,
    text: Tensor,
    logit_scale: Number,
    bias: Number,
    *,
    tile: int = TILE,
    check_values: bool = True,
) -> Tensor:
    """:func:`siglip`, in memory linear in the batch. Arguments and errors: see there."""
    check_pairs(image, text, values=check_values, logit_scale=logit_scale, bias=bias)
    return pair_loss(image, text, logit_scale, bias, 0, tile)


def row_loss(
    queries: Tensor, keys: Tensor, scale: Number, ids: Tensor | None, first: int, tile: int
) -> Tensor:
    """One direction of InfoNCE for n of M rows: the mean cross-entropy of queries among keys.

    A rank holds n pictures, the queries (n, E), and gathers all captions, the keys (M, E). Query i
    has the right answer `first + i`. ids: (M,), false_negative_ids of the keys. Returns ().
    """
    queries, keys, scale = _strip(queries, keys, scale, first, tile)
    check_ids(ids, len(keys))
    return _TiledCrossEntropy.apply(queries, keys, scale, ids, first, tile, False)


def pair_loss(
    image: Tensor, text: Tensor, scale: Number, bias: Number, first: int, tile: int
) -> Tensor:
    """SigLIP for n of M rows: picture i (n, E) belongs to caption `first + i` (M, E)."""
    image, text, scale = _strip(image, text, scale, first, tile)
    return _TiledSigmoid.apply(image, text, scale, one_number("bias", bias, image), first, tile)


def _strip(
    queries: Tensor, keys: Tensor, scale: Number, first: int, tile: int
) -> tuple[Tensor, Tensor, Tensor]:
    """What the functions below take, checked and in one dtype."""
    check_whole("tile", tile)
    if first < 0 or first + len(queries) > len(keys):
        found = f"{len(queries)} rows with right answers from {first} on need at least"
        raise ValueError(f"{found} {first + len(queries)} answers; there are {len(keys)}")
    return comparable(queries, keys, scale)


def _tiles(queries: Tensor, keys: Tensor, tile: int) -> Iterator[tuple[slice, slice, Tensor]]:
    """Rows, columns and cosines (T, T) of each tile, in full precision also in autocast."""
    for i in range(0, len(queries), tile):
        for j in range(0, len(keys), tile):
            rows, columns = slice(i, i + tile), slice(j, j + tile)
            with torch.autocast(queries.device.type, enabled=False):
                cosines = queries[rows] @ keys[columns].T
            yield rows, columns, cosines


def _answers(block: Tensor, rows: slice, columns: slice, first: int) -> Tensor:
    """A view of the entries (i, first + i) that lie in this tile; empty where there are none."""
    offset = first + rows.start - columns.start
    return block.diagonal(offset) if -len(block) < offset < block.shape[1] else block[:0, 0]


def _masked(logits: Tensor, rows: slice, columns: slice, first: int, ids: Tensor | None) -> Tensor:
    """Minus infinity where captions are equal, but not at the right answers; in place."""
    if ids is not None:
        own = ids[first + rows.start :][: len(logits)]
        equal = own[:, None] == ids[None, columns]
        _answers(equal, rows, columns, first).fill_(False)
        logits.masked_fill_(equal, -math.inf)
    return logits


class _TiledCrossEntropy(torch.autograd.Function):
    """Queries (n, E) among keys (M, E); with `both` (n = M), also keys among queries."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, scale: Tensor, *how: Any) -> Tensor:
        ids, ctx.first, ctx.tile, ctx.both = how
        ctx.ids = None if ids is None else ids.to(queries.device)
        n = len(queries)
        per_row = queries.new_full((n,), -math.inf)  # log of each row's denominator, so far
        per_column = queries.new_full((len(keys),), -math.inf)
        for rows, columns, cosines in _tiles(queries, keys, ctx.tile):
            logits = _masked(cosines * scale, rows, columns, ctx.first, ctx.ids)  # (T, T)
            per_row[rows] = torch.logaddexp(per_row[rows], logits.logsumexp(1))
            if ctx.both:
                per_column[columns] = torch.logaddexp(per_column[columns], logits.logsumexp(0))
        right = (queries * keys[ctx.first : ctx.first + n]).sum(1) * scale
        ctx.save_for_backward(queries, keys, scale, per_row, per_column)
        return ((per_row + per_column) / 2 - right if ctx.both else per_row - right).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        queries, keys, scale, per_row, per_column = ctx.saved_tensors
        directions = 2 if ctx.both else 1
        to_queries, to_keys = torch.zeros_like(queries), torch.zeros_like(keys)
        to_scale = queries.new_zeros((), dtype=accumulator_dtype(queries.device))
        for rows, columns, cosines in _tiles(queries, keys, ctx.tile):
            logits = _masked(cosines * scale, rows, columns, ctx.first, ctx.ids)  # (T, T)
            share = (logits - per_row[rows, None]).exp_()  # softmax along the rows
            if ctx.both:
                share += (logits - per_column[columns]).exp_()  # and along the columns
            _answers(share, rows, columns, ctx.first).sub_(directions)  # what it should be
            to_queries[rows].addmm_(share, keys[columns])
            to_keys[columns].addmm_(share.T, queries[rows])
            to_scale += cosines.mul_(share).sum()
        each = gradients[0] / (directions * len(queries))
        to_scale, each = to_scale.to(scale) * each, each * scale
        return to_queries.mul_(each), to_keys.mul_(each), to_scale, None, None, None, None


class _TiledSigmoid(torch.autograd.Function):
    """SigLIP for a strip of rows. The derivative of -log sigmoid(x) is -sigmoid(-x)."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, text: Tensor, *how: Any) -> Tensor:
        scale, bias, ctx.first, ctx.tile = how
        total = image.new_zeros((), dtype=accumulator_dtype(image.device))
        for rows, columns, cosines in _tiles(image, text, ctx.tile):
            logits = cosines.mul_(scale).add_(bias).neg_()
            _answers(logits, rows, columns, ctx.first).neg_()  # a pair: yes is right
            total -= F.logsigmoid(logits).sum()
        ctx.save_for_backward(image, text, scale, bias)
        return total.to(image.dtype) / len(image)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        image, text, scale, bias = ctx.saved_tensors
        to_image, to_text = torch.zeros_like(image), torch.zeros_like(text)
        to_scale, to_bias = image.new_zeros(2, dtype=accumulator_dtype(image.device)).unbind()
        for rows, columns, cosines in _tiles(image, text, ctx.tile):
            share = (cosines * scale).add_(bias).sigmoid_()  # how far "no" is missed
            _answers(share, rows, columns, ctx.first).sub_(1)  # how far "yes" is
            to_image[rows].addmm_(share, text[columns])
            to_text[columns].addmm_(share.T, image[rows])
            to_bias += share.sum()
            to_scale += cosines.mul_(share).sum()
        each = gradients[0] / len(image)
        to_scale, to_bias = to_scale.to(scale) * each, to_bias.to(scale) * each
        each = each * scale
        return to_image.mul_(each), to_text.mul_(each), to_scale, to_bias, None, None
