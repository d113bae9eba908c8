"""Activation checkpointing: keep a block's input, and compute its inside again when needed.

A backward pass needs what the forward pass computed inside each block: most of a model's memory in
training. Keeping only the blocks' inputs costs one more forward pass (arXiv 1604.06174). Both
towers have blocks, so both can do it: transformers' residual blocks, and a ResNet's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def recomputed(block: Callable[[Tensor], Tensor], x: Tensor, owner: Any = None) -> Tensor:
    """`block(x)`, whose inside is forgotten and computed again in the backward pass.

    The second time gives the same numbers: the random state is put back, and batch norms (of
    `owner`, or of the block) do not count the batch twice in their running statistics. Without
    gradients it is just `block(x)`.
    """
    if not torch.is_grad_enabled():
        return block(x)
    module: Any = block if owner is None else owner

    def contexts() -> tuple[Any, Any]:
        return contextlib.nullcontext(), _second_time(module)

    return checkpoint(block, x, use_reentrant=False, context_fn=contexts)


@contextlib.contextmanager
def _second_time(module: nn.Module) -> Iterator[None]:
    """Batch norms run as the first time, and their averages move by a share of 0."""
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked = norm.num_batches_tracked.clone()
    try:
        yield
    finally:
        for norm, momentum, count in before:
            norm.momentum, norm.num_batches_tracked = momentum, count
