"""The contrastive losses a tile at a time: the same numbers, in memory linear in the batch.

A batch of 32,768 has 2^30 similarities, 4 GiB in float32, and the gradient needs several such
matrices. None of them has to exist: a row's denominator is a sum, and a sum can be taken piece by
piece.

    forward    for each tile of the matrix: compute its logits, add them to the running
               log-sum-exp of their rows and columns, throw them away
    backward   for each tile: compute its logits again, turn them into the gradient with the
               finished denominators, multiply by the embeddings, throw them away

Kept between the two are the embeddings and two vectors of length N. The price is one more product
of matrices. Nothing is approximated; only the order of the sums differs. The loops over the tiles
are in :mod:`clipedu.objectives.tiled_functions`; here is what they are asked for.

    tiled_info_nce    = info_nce
    tiled_siglip      = siglip
    row_loss          one direction of InfoNCE for some of the rows, as a rank needs it
    pair_loss         SigLIP for some of the rows
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu.objectives.contrastive import _check_pairs, _check_rows, _number, _warn_alone
from clipedu.objectives.tiled_functions import TiledInfoNCE, TiledPairs, TiledRows

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
    return TiledInfoNCE.apply(image, text, scale, same, tile)


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
    return TiledRows.apply(queries, keys, scale, same, first, tile)


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
    return TiledPairs.apply(image, text, scale, _number("bias", bias, image), first, tile)


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
