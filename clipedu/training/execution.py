"""How a step is carried out: choices that change its memory and its time, and not what it computes.

| choice | saves | costs | the gradient |
|---|---|---|---|
| `accumulate=K` (GradCache) | activations: 1/K of them at a time | a second forward | the same |
| `recompute` | activations inside the blocks | a second forward | the same |
| `tile` | the B x B matrices of the loss | little or nothing | the same |
| `gather="local"` | work on the loss: 2/W of it on each of W ranks | nothing | the same |
| `sharded` | weights, gradients, Adam: 1/W of them a rank | half as much traffic again | the same |
| `compile` | time, on a GPU; memory traffic | minutes, once | the same, to rounding |

"The same" is up to the order of sums, and a test says so to 1e-10 in float64. A batch norm is the
exception: see :mod:`clipedu.training.accumulate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn


@dataclass(frozen=True)
class Execution:
    """How to carry out a step.

    Attributes:
        accumulate: chunks of a rank's part of the batch, embedded one after the other (GradCache).
        tile: rows and columns of the loss computed at a time; 0: the whole matrix at once.
        gather: how ranks share the loss, see :mod:`clipedu.objectives.sharded`.
        recompute: forget what happens inside the blocks of both towers and compute it again in the
            backward pass (activation checkpointing).
        sharded: split weights, gradients and Adam's memory among the ranks (FSDP2), see
            :mod:`clipedu.training.sharding`; with one process it does nothing.
        compile: let `torch.compile` fuse the towers, see :func:`compile_advice`.
    """

    accumulate: int = 1
    tile: int = 0
    gather: Literal["local", "gathered"] = "local"
    recompute: bool = False
    sharded: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        def require(good: bool, name: str, expected: str) -> None:
            if not good:
                raise ValueError(
                    f"execution.{name} must be {expected}, not {getattr(self, name)!r}."
                )

        whole = lambda value: isinstance(value, int) and not isinstance(value, bool)  # noqa: E731
        require(whole(self.accumulate) and self.accumulate >= 1, "accumulate", "1 or more chunks")
        require(whole(self.tile) and self.tile >= 0, "tile", "a number of rows, or 0")
        require(self.gather in ("local", "gathered"), "gather", '"local" or "gathered"')
        for name in ("recompute", "sharded", "compile"):
            require(isinstance(getattr(self, name), bool), name, "true or false")
        if self.sharded and self.compile:
            raise ValueError(
                "execution.sharded and execution.compile don't go together here: a compiled step "
                "has not been tried with split weights. Leave one of them out."
            )


def compile_advice(device: str, steps: int) -> str:
    """Whether `torch.compile` is worth its time, in a sentence.

    Measured on two CPU cores with the laptop preset in bf16: 1,305 pairs/s as it is, 805 compiled,
    after 91 seconds of compiling. On GPUs nothing was measured here.
    """
    if device != "cuda":
        return (
            "torch.compile made training on two CPU cores slower (805 pairs/s, not 1,305) after "
            "91 s of compiling: leave it off here."
        )
    if steps < 2000:
        return f"Compiling takes minutes and this run only {steps:,} steps: it may not pay."
    return "On a GPU with small kernels it usually pays: time 100 steps with it and without."


def prepare_(model: nn.Module, execution: Execution, patch_dropout: float = 0.0) -> nn.Module:
    """Sets a model up for training and returns what to call: itself, or a compiled version."""
    for part in model.modules():
        if hasattr(part, "recompute"):
            setattr(part, "recompute", execution.recompute)  # noqa: B010
        if hasattr(part, "patch_dropout"):
            setattr(part, "patch_dropout", patch_dropout)  # noqa: B010
    return torch.compile(model) if execution.compile else model  # type: ignore[return-value]
