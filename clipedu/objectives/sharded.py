"""The contrastive losses when every process (rank) holds a part of the batch.

Each of W ranks embeds n of the B = W * n pairs. A wrong caption is wrong wherever it was embedded:
so the embeddings are gathered, and the loss is that of the whole batch. Two ways to share the work:

    "gathered"   every rank computes the whole (B, B) matrix: simple, W times the same work
    "local"      every rank asks for its own pictures and its own captions only: 2 of (n, B);
                 the mean of the ranks' losses is the loss

Both have the gradient of one process with the whole batch, **if the gather lets gradients back to
the rank that they belong to**. Rank 0's loss depends on what rank 1 embedded, so rank 1's towers
must hear of it. `gather` does: its backward adds up what all ranks have to say about a rank's rows.
A plain `all_gather` does not, and then the local loss points the wrong way (lesson 08 measures it).

About the size of gradients: `DistributedDataParallel` takes the **mean** over the ranks. Added up
by `gather` and then divided by W, the towers' gradients are those of the whole batch. So are those
of the logit scale and the bias, which every rank feels directly.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor

from clipedu.objectives.contrastive import _check_pairs, info_nce, siglip
from clipedu.objectives.tiled import pair_loss, row_loss, tiled_info_nce, tiled_siglip

Group = Any  # torch.distributed.ProcessGroup, or None for all ranks
#: Tile of a rank's (n, B) strip where no other is asked for: large, as the strip is small.
_WHOLE = 1 << 30


def gather(rows: Tensor, *, group: Group = None) -> Tensor:
    """(n, ...) on each rank -> (W * n, ...) on every rank, in the order of the ranks.

    Gradients go back: a rank's rows get the sum of the gradients that all ranks have for them.
    Without a process group, or alone in it, the rows themselves.

    Raises ValueError on every rank when the ranks' shapes differ.
    """
    if not _together(group):
        return rows
    _check_equal(rows, group)
    return _Gather.apply(rows, group)


def sharded_info_nce(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor | float,
    *,
    same: Tensor | None = None,
    how: Literal["local", "gathered"] = "local",
    tile: int = 0,
    group: Group = None,
) -> Tensor:
    """InfoNCE over the pairs of all ranks. Call it on every rank, with n pairs each.

    Args:
        image, text: (n, E), this rank's, rows of length 1.
        logit_scale: the multiplier, as for :func:`info_nce`.
        same: (n,) whole numbers of this rank's captions, equal where captions are, on any rank.
        how: "local" or "gathered", see above. The loss differs, its mean over ranks does not.
        tile: 0 for whole matrices, or the tile of :mod:`clipedu.objectives.tiled`.

    Returns (). The mean of its gradients over the ranks is the gradient of the whole batch.
    Raises ValueError on every rank when ranks hold different numbers of pairs, or for NaN.
    """
    _check_how(how)
    if same is not None and (same.dim() != 1 or same.is_floating_point()):
        raise ValueError(
            f"same has shape {tuple(same.shape)} and is {same.dtype}; expected (n,) whole numbers, "
            "equal for equal captions: no rank should hold a (B, B) matrix"
        )
    everyone, captions, numbers = _everyone(image, text, same, group)
    n = len(image)
    if how == "gathered" or len(everyone) == n:
        if tile:
            return tiled_info_nce(everyone, captions, logit_scale, same=numbers, tile=tile)
        matrix = None if numbers is None else numbers[:, None] == numbers[None, :]
        return info_nce(everyone, captions, logit_scale, same=matrix)
    first = dist.get_rank(group) * n
    equal = None if numbers is None else (numbers[first : first + n], numbers)
    size = tile or _WHOLE
    for_pictures = row_loss(image, captions, logit_scale, first=first, same=equal, tile=size)
    for_captions = row_loss(text, everyone, logit_scale, first=first, same=equal, tile=size)
    return (for_pictures + for_captions) / 2


def sharded_siglip(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor | float,
    bias: Tensor | float,
    *,
    how: Literal["local", "gathered"] = "local",
    tile: int = 0,
    group: Group = None,
) -> Tensor:
    """SigLIP over the pairs of all ranks; arguments and result as in :func:`sharded_info_nce`."""
    _check_how(how)
    everyone, captions, _ = _everyone(image, text, None, group)
    if how == "gathered" or len(everyone) == len(image):
        if tile:
            return tiled_siglip(everyone, captions, logit_scale, bias, tile=tile)
        return siglip(everyone, captions, logit_scale, bias)
    first = dist.get_rank(group) * len(image)
    return pair_loss(image, captions, logit_scale, bias, first=first, tile=tile or _WHOLE)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, group: Group) -> Tensor:
        n, ranks = len(rows), dist.get_world_size(group)
        ctx.group, ctx.n, ctx.first = group, n, dist.get_rank(group) * n
        everyone = rows.new_empty((ranks * n, *rows.shape[1:]))
        parts = _rooms(everyone, group)
        dist.all_gather(parts, rows.contiguous(), group=group)
        return everyone

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        total = gradients[0].contiguous().clone()
        # what all ranks have to say about all rows
        dist.all_reduce(total, group=ctx.group)
        return total[ctx.first : ctx.first + ctx.n], None


def _everyone(
    image: Tensor, text: Tensor, same: Tensor | None, group: Group
) -> tuple[Tensor, Tensor, Tensor | None]:
    """All ranks' pictures, captions and caption numbers, checked alike on every rank."""
    _check_pairs(image, text, unit=False, values=False)
    both = gather(torch.cat([image, text.to(image.dtype)], dim=1), group=group)  # (B, 2E)
    everyone, captions = both.split(image.shape[1], dim=1)
    _check_pairs(everyone, captions, unit=True)
    numbers = None if same is None else gather(same, group=group)
    return everyone, captions, numbers


def _together(group: Group) -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size(group) > 1


def _check_equal(rows: Tensor, group: Group) -> None:
    """Every rank tells its shape: a gather of unequal ones would hang or read foreign memory.

    Every time: ranks that remember and ranks that ask would wait for each other.
    """
    shape = torch.tensor([rows.dim(), *rows.shape, 0, 0, 0][:4], device=rows.device)
    shapes = shape.new_empty(dist.get_world_size(group) * len(shape))
    dist.all_gather(_rooms(shapes, group), shape, group=group)
    shapes = shapes.view(-1, len(shape))  # (W, 4)
    if bool((shapes != shapes[0]).any()):
        sizes = ", ".join(f"rank {r}: {int(s[1])}" for r, s in enumerate(shapes))
        raise ValueError(
            f"the ranks hold different numbers of pairs ({sizes}). A sharded loss needs equal "
            "parts: drop the last incomplete batch, or take a batch that the ranks divide"
        )


def _rooms(everyone: Tensor, group: Group) -> list[Tensor]:
    """Views of a tensor's equal parts, one for each rank to be written into."""
    return list(everyone.chunk(dist.get_world_size(group)))


def _check_how(how: str) -> None:
    if how not in ("local", "gathered"):
        raise ValueError(f"how is {how!r}; expected 'local' or 'gathered'")
