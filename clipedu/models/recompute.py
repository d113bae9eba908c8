"""Activation checkpointing (arXiv 1604.06174): keep a block's input, compute its inside again.

Most of a model's memory in training is what the blocks computed; it costs one more forward pass.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def run_blocks(blocks: nn.Module, x: Tensor, *more: Tensor, recompute: bool) -> Tensor:
    """The blocks of a Sequential, their insides kept for the backward pass or computed again.

    more: further inputs of each block.
    """
    if not recompute and not more:
        return blocks(x)
    for block in blocks.children():
        x = recomputed(block, x, *more, owner=block) if recompute else block(x, *more)
    return x


def recomputed(function: Callable[..., Any], *inputs: Tensor, owner: nn.Module) -> Any:
    """`function(*inputs)`, computed again in the backward pass, with the same random numbers.

    owner: the module whose batch norms must not count the batch a second time.
    """

    def contexts() -> tuple[Any, Any]:  # of the first forward pass, and of the second
        return contextlib.nullcontext(), frozen_averages(owner)

    return checkpoint(function, *inputs, use_reentrant=False, context_fn=contexts)


@contextlib.contextmanager
def frozen_averages(module: nn.Module) -> Iterator[None]:
    """Batch norms compute as before, but their running averages stay (momentum 0)."""
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    before = [(norm, norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, momentum, count in before:
            norm.momentum, norm.num_batches_tracked = momentum, count
