"""The contrastive losses when every process (rank) holds a part of the batch.

Each of W ranks embeds n of the B = W * n pairs, and a wrong caption is wrong wherever it was
embedded: so the embeddings are gathered, with gradients back to the rank that they belong to.
`DistributedDataParallel` takes the mean over the ranks; the gather adds up. Every parameter gets
the gradient of one process with the whole batch (lesson 08 measures it).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor

from clipedu.objectives.contrastive import Number, check_ids, check_pairs
from clipedu.objectives.tiled import pair_loss, row_loss, tiled_info_nce, tiled_siglip

#: "gathered": every rank computes the whole (B, B) matrix, W times the same work. "local": each
#: rank asks for its own pictures and captions only, 2 of (n, B); the ranks' mean is the loss.
GatherMode = Literal["local", "gathered"]
_WHOLE = 1 << 30  # a tile for everything at once


def sharded_info_nce(
    image: Tensor,
    text: Tensor,
    logit_scale: Number,
    false_negative_ids: Tensor | None = None,
    *,
    gather_mode: GatherMode = "local",
    tile: int = 0,
    check_values: bool = True,
) -> Tensor:
    """InfoNCE over the pairs of all ranks. Call it on every rank, with n pairs each.

    image, text: (n, E), this rank's, rows of length 1.
    false_negative_ids: (n,), this rank's; equal for equal captions on any rank.
    gather_mode: who computes what, see above. The mean over the ranks is the same.
    tile: 0 for whole matrices, or the tile of :mod:`clipedu.objectives.tiled`.
    check_values: whether to look for unequal ranks and NaN, which waits for a GPU.
    Returns (). Raises ValueError on every rank for unequal numbers of pairs, or for NaN.
    """
    check_ids(false_negative_ids, len(image))
    images, texts, first = _everyone(image, text, gather_mode, check_values)
    ids = None if false_negative_ids is None else _gather(false_negative_ids)
    tile = tile or _WHOLE
    if gather_mode == "gathered":
        return tiled_info_nce(images, texts, logit_scale, ids, tile=tile, check_values=False)
    for_pictures = row_loss(image, texts, logit_scale, ids, first, tile)
    for_captions = row_loss(text, images, logit_scale, ids, first, tile)
    return (for_pictures + for_captions) / 2


def sharded_siglip(
    image: Tensor,
    text: Tensor,
    logit_scale: Number,
    bias: Number,
    *,
    gather_mode: GatherMode = "local",
    tile: int = 0,
    check_values: bool = True,
) -> Tensor:
    """SigLIP over the pairs of all ranks; arguments and result as in :func:`sharded_info_nce`."""
    images, texts, first = _everyone(image, text, gather_mode, check_values)
    tile = tile or _WHOLE
    if gather_mode == "gathered":
        return tiled_siglip(images, texts, logit_scale, bias, tile=tile, check_values=False)
    return pair_loss(image, texts, logit_scale, bias, first, tile)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        n, ranks = len(rows), dist.get_world_size()
        ctx.own = slice(dist.get_rank() * n, (dist.get_rank() + 1) * n)
        everyone = rows.new_empty((ranks * n, *rows.shape[1:]))
        dist.all_gather(list(everyone.chunk(ranks)), rows.contiguous())
        return everyone

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)  # what all ranks have to say about all rows
        return total[ctx.own]


def _gather(rows: Tensor) -> Tensor:
    """(n, ...) on each rank -> (W * n, ...) on every rank, in the order of the ranks."""
    return _Gather.apply(rows) if _several_ranks() else rows


def _several_ranks() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _everyone(
    image: Tensor, text: Tensor, gather_mode: str, check_values: bool
) -> tuple[Tensor, Tensor, int]:
    """All ranks' pictures and captions, (B, E) each, and where this rank's begin."""
    if gather_mode not in ("local", "gathered"):
        raise ValueError(f"gather_mode is {gather_mode!r}; expected 'local' or 'gathered'")
    check_pairs(image, text, values=False)
    both = torch.cat([image, text.to(image.dtype)], dim=1)  # (n, 2E)
    if check_values and _several_ranks():
        _check_equal(both)  # without it, a gather of unequal parts would hang
    images, texts = _gather(both).split(image.shape[1], dim=1)
    check_pairs(images, texts, values=check_values)  # now, so that all ranks raise the same
    return images, texts, dist.get_rank() * len(image) if _several_ranks() else 0


def _check_equal(rows: Tensor) -> None:
    """Every rank tells its shape (n, E), every time: ranks that remember would wait for others."""
    shape = torch.tensor(rows.shape, device=rows.device)
    shapes = shape.new_empty(dist.get_world_size(), 2)  # (W, 2)
    dist.all_gather(list(shapes.unbind()), shape)
    if (shapes != shape).any():
        sizes = ", ".join(f"rank {r}: {n}" for r, n in enumerate(shapes[:, 0].tolist()))
        wrong = f"the ranks hold different numbers of pairs ({sizes})"
        raise ValueError(f"{wrong}: drop the last incomplete batch, or take one that they divide")
