"""Weights split among the ranks of a run: torch's FSDP2, `fully_shard`.

With DDP every rank holds the whole model: weight, gradient and Adam's two averages, 16 bytes for
each parameter. With `Execution(sharded=True)` each of W ranks holds a W-th of all four (ZeRO stage
3, arXiv 1910.02054). A block's weights are put together when it runs, forward and backward, and
let go after it. Numbers that travel: half as many again as with DDP.

    what is split     every tensor of the model by its rows, and Adam's averages and the moving
                      average of the weights in the same way
    what is not       the logit scale and SigLIP's bias, one number each; batch norms' statistics
    put together      for checkpoints, evaluation and the result: plain tensors. So a checkpoint
                      holds nothing of the ranks, and a run may go on with another number of them

The gradient is that of DDP, and a test holds it to the plain full batch, with gloo on CPUs; on GPUs
nothing was measured here. Split tensors are torch's `DTensor`s: `.shape` is the whole's, and the
numbers here are a part. A callback of `train` gets the split model, which :func:`gathered` makes
whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from clipedu.models import CLIP, build
from clipedu.models.resnet import ModifiedResNet
from clipedu.models.transformer import Transformer
from clipedu.training.distributed import World


def shard_(model: CLIP, device: torch.device) -> None:
    """Splits a model among all ranks, in place; call it on every rank, with equal weights.

    Its parameters are new ones afterwards: make the optimizer later.
    """
    # here and not above: the import takes half a second, and few runs need it
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for parameter in model.parameters():  # rows can be split where they lie one after the other
        parameter.data = parameter.data.contiguous()
    for block in _blocks(model):  # each is put together by itself, or all weights would be at once
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh, ignored_params={model.logit_scale})
    for part in model.modules():
        if isinstance(part, FSDPModule) and device.type == "cpu":
            part.set_force_sum_reduction_for_comms(True)  # gloo adds up and has no mean


def is_split(value: Any) -> bool:
    """Whether this rank holds only a part of a tensor."""
    return hasattr(value, "full_tensor")  # a DTensor


def here(value: Tensor) -> Tensor:
    """The part of a tensor that lies on this rank; a plain tensor itself."""
    return value.to_local() if is_split(value) else value  # type: ignore[attr-defined]


def whole(value: Tensor) -> Tensor:
    """The whole of a tensor; a plain tensor itself. Every rank must ask."""
    return value.full_tensor() if is_split(value) else value  # type: ignore[attr-defined]


def split_like(value: Tensor, pattern: Tensor) -> Tensor:
    """A whole tensor split as `pattern` is; where that is plain, the tensor itself."""
    if not is_split(pattern):
        return value
    from torch.distributed.tensor import distribute_tensor

    split: Any = pattern
    # each rank has all of it and cuts out its own part: nothing travels
    return distribute_tensor(
        value.to(pattern.device), split.device_mesh, split.placements, src_data_rank=None
    )


def gathered(model: CLIP) -> CLIP:
    """A plain model with a split model's weights; a plain model itself. Every rank must ask."""
    state = model.state_dict()
    if not any(is_split(value) for value in state.values()):
        return model
    plain = build(model.config, seed=0)
    plain.load_state_dict({name: whole(value) for name, value in state.items()})
    device = here(next(model.parameters())).device
    for buffer in plain.to(device).buffers():  # each rank's batch norms saw its own pictures
        dist.broadcast(buffer, 0)
    return plain


def clip_gradients_(
    parameters: Sequence[nn.Parameter], largest: float, world: World, device: torch.device
) -> float:
    """Shortens the whole gradient to a length of at most `largest`; returns the length it had.

    `nn.utils.clip_grad_norm_`, also where some of the tensors are split and some are not.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not any(is_split(g) for g in gradients):
        return nn.utils.clip_grad_norm_(parameters, largest).item()
    split = sum(_square(here(g)) for g in gradients if is_split(g))
    plain = sum(_square(g) for g in gradients if not is_split(g))
    length = math.sqrt(world.sum(split, device) + plain)
    factor = largest / (length + 1e-6)
    if factor < 1:
        for gradient in gradients:
            here(gradient).mul_(factor)
    return length


def _square(gradient: Tensor) -> float:
    return float(torch.linalg.vector_norm(gradient, dtype=torch.float64)) ** 2


def _blocks(model: CLIP) -> Iterator[nn.Module]:
    """The residual blocks of both towers."""
    for part in list(model.modules()):
        if isinstance(part, Transformer):
            yield from part.resblocks
        elif isinstance(part, ModifiedResNet):
            for stage in part.stages:
                yield from part.get_submodule(stage).children()
