"""The contrastive losses a tile at a time: the same numbers, in memory linear in the batch.

A batch of 32,768 has 2^30 similarities, 4 GiB in float32, and the gradient needs several such
matrices. None of them has to exist: a row's denominator is a sum, and a sum can be taken piece by
piece.

    forward    for each tile of the matrix: compute its logits, add them to the running
               log-sum-exp of their rows and columns, throw them away
    backward   for each tile: compute its logits again, turn them into the gradient with the
               finished denominators, multiply by the embeddings, throw them away

Kept between the two are the embeddings and two vectors of length N. The price is one more product
of matrices. Nothing is approximated; only the order of the sums differs.

    tiled_info_nce    = info_nce
    tiled_siglip      = siglip
    row_loss          one direction of InfoNCE for some of the rows, as a rank needs it
    pair_loss         SigLIP for some of the rows
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from clipedu.objectives.contrastive import _check_pairs, _check_rows, _number, _warn_alone

#: Rows and columns of a tile: 1024 x 1024 float32 are 4 MiB, which stays in a core's cache.
TILE = 1024


def tiled_info_nce(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor | float,
    *,
    same: Tensor | None = None,
    tile: int = TILE,
) -> Tensor:
    """:func:`info_nce`, in memory linear in the batch.

    Args:
        image, text, logit_scale: as for :func:`info_nce`.
        same: as for :func:`info_nce`, (N, N) bool; or (N,) whole numbers that are equal where
            captions are equal, which needs no matrix either.
        tile: rows and columns computed at a time; any size gives the same loss.

    Returns:
        (), with gradients to image, text and logit_scale (first order only).

    Raises the errors of :func:`info_nce`, and ValueError for a tile below 1.
    """
    _check_pairs(image, text, unit=True)
    n = len(image)
    if n == 1:
        _warn_alone("tiled_info_nce", "the loss is 0 whatever the model does")
    _check_tile(tile)
    _check_same(same, n, n)
    image, text, scale = _precise(image, text, logit_scale)
    return _InfoNCE.apply(image, text, scale, same, tile)


def tiled_siglip(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor | float,
    bias: Tensor | float,
    *,
    tile: int = TILE,
) -> Tensor:
    """:func:`siglip`, in memory linear in the batch. Arguments and errors: see there."""
    _check_pairs(image, text, unit=True)
    if len(image) == 1:
        _warn_alone("tiled_siglip", "all it can learn is to say yes")
    return pair_loss(image, text, logit_scale, bias, first=0, tile=tile)


def row_loss(
    queries: Tensor,
    keys: Tensor,
    logit_scale: Tensor | float,
    *,
    first: int = 0,
    same: Tensor | tuple[Tensor, Tensor] | None = None,
    tile: int = TILE,
) -> Tensor:
    """One direction of InfoNCE for n of M rows: the mean cross-entropy of queries among keys.

    Query i has the right answer `first + i`. A rank of a distributed run holds n pictures (the
    queries), and gathers all M captions (the keys).

    Args:
        queries: (n, E); keys: (M, E).
        same: (n, M) bool, or a pair of (n,) and (M,) whole numbers that are equal for equal
            captions. What is marked, but the answer itself, leaves the denominators.

    Returns (); raises ValueError when first + n > M.
    """
    _check_block(queries, keys, first)
    _check_tile(tile)
    _check_same(same, len(queries), len(keys))
    queries, keys, scale = _precise(queries, keys, logit_scale)
    return _Rows.apply(queries, keys, scale, same, first, tile)


def pair_loss(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor | float,
    bias: Tensor | float,
    *,
    first: int = 0,
    tile: int = TILE,
) -> Tensor:
    """SigLIP for n of M rows: the sum over (n, M) of -log sigmoid, divided by n.

    Picture i belongs to caption `first + i`. image (n, E), text (M, E). Returns ().
    """
    _check_block(image, text, first)
    _check_tile(tile)
    image, text, scale = _precise(image, text, logit_scale)
    return _Pairs.apply(image, text, scale, _number("bias", bias, image), first, tile)


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


class _InfoNCE(torch.autograd.Function):
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


class _Rows(torch.autograd.Function):
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


class _Pairs(torch.autograd.Function):
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


def _precise(a: Tensor, b: Tensor, scale: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
    """Everything in float32 at least, as in `similarity_logits`."""
    if isinstance(scale, torch.nn.Parameter):
        raise TypeError(
            "logit_scale is a parameter, that is the logarithm of the scale; pass its exp: "
            "model.logit_scale.exp()"
        )
    precise = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    a, b = a.to(precise), b.to(precise)
    return a, b, _number("logit_scale", scale, a)


def _check_tile(tile: int) -> None:
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < 1:
        raise ValueError(f"tile is {tile!r}; expected a whole number from 1, such as {TILE}")


def _check_block(queries: Tensor, keys: Tensor, first: int) -> None:
    _check_rows("image", queries)
    _check_rows("text", keys)
    if queries.shape[1] != keys.shape[1]:
        raise ValueError(
            f"rows of {queries.shape[1]} and of {keys.shape[1]} numbers can't be compared"
        )
    if not 0 <= first <= len(keys) - len(queries):
        raise ValueError(
            f"{len(queries)} rows with right answers from {first} on need at least "
            f"{first + len(queries)} answers; there are {len(keys)}"
        )


def _check_same(same: Any, rows: int, columns: int) -> None:
    if same is None:
        return
    if isinstance(same, Tensor) and same.dim() == 2:
        if same.dtype != torch.bool:
            raise TypeError(f"same is {same.dtype}; expected bool for a matrix")
        if tuple(same.shape) != (rows, columns):
            raise ValueError(f"same has shape {tuple(same.shape)}; expected {(rows, columns)}")
        return
    left, right = (same, same) if isinstance(same, Tensor) else same
    for part, n in ((left, rows), (right, columns)):
        if part.is_floating_point() or part.dtype == torch.bool:
            raise TypeError(f"same is {part.dtype}; expected whole numbers, equal for equal ones")
        if tuple(part.shape) != (n,):
            raise ValueError(f"same has shape {tuple(part.shape)}; expected {(n,)}")
