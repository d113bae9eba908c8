"""What one training step keeps for its backward pass, counted without computing it.

Autograd says what it saves: the model runs on fake tensors, which have shapes and no memory, and a
hook notes every storage that the graph keeps, once. What is inside a residual block is counted
apart: with checkpointing only a block's input is kept, and one block at a time is computed again.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from clipedu.models import CLIP, CLIPConfig
from clipedu.models.transformer import PLAIN_UP_TO

#: What checkpointing treats as a unit: a transformer's block, a ResNet's.
BLOCK = re.compile(r"(.*\.resblocks\.\d+|visual\.layer\d+\.\d+)$")
_PAIRS = 3  # few, and no other size in a model is likely to be equal to it


@dataclass(frozen=True)
class Activations:
    """Bytes for one pair, and for the whole batch where it says so.

    outside: kept outside residual blocks
    inside: kept inside them
    block_inputs: what checkpointing keeps in place of `inside`
    largest_block: of one block: computed again, one at a time
    weight_copies: half-precision copies of the weights that autocast makes, once a step
    """

    outside: float
    inside: float
    block_inputs: float
    largest_block: float
    weight_copies: int

    def per_pair(self, *, checkpointing: bool = False) -> float:
        """Bytes that a pair takes from the forward pass until its backward pass."""
        if checkpointing:
            return self.outside + self.block_inputs + self.largest_block
        return self.outside + self.inside


@lru_cache(maxsize=64)
def count_activations(
    config: CLIPConfig, dtype: torch.dtype = torch.float32, *, fused: bool = True
) -> Activations:
    """Counts what a forward pass of both encoders saves, in autocast to `dtype` unless float32.

    Captions count at full length. Takes a second or two for a model of the paper.

    Args:
        fused: attention by torch's fused kernel, as on a GPU, which never writes the (L, L) scores
            down; else plain, see :func:`clipedu.models.attention`.
    """
    plain_up_to = dict.fromkeys(PLAIN_UP_TO, 0 if fused else math.inf)
    side, length = config.vision.resolution, config.text.context_length
    with FakeTensorMode():
        model = CLIP(config).train()
        watch = _Watch(model, dtype)
        with (
            torch.autograd.graph.saved_tensors_hooks(watch.note, lambda saved: saved),
            torch.autocast("cpu", dtype, enabled=dtype != torch.float32),
            patch.dict(PLAIN_UP_TO, plain_up_to),
        ):
            # the encoders themselves: `encode_image` looks at values, and fake tensors have none
            graph = [
                model.visual(torch.empty(_PAIRS, 3, side, side)),
                model.text(torch.zeros(_PAIRS, length, dtype=torch.int64)),
            ]
    del graph  # alive until here, with all that it keeps
    return watch.result()


class _Watch:
    """Notes each saved storage once, with the block that it belongs to."""

    def __init__(self, model: CLIP, dtype: torch.dtype) -> None:
        self.known = {t.untyped_storage()._cdata for t in (*model.parameters(), *model.buffers())}
        weights = {tuple(p.shape) for p in model.parameters() if p.ndim >= 2}
        self.weights = weights | {shape[::-1] for shape in weights if len(shape) == 2}
        self.dtype = dtype
        self.kept: list[Tensor] = []  # alive, so that no storage's number is given twice
        self.inputs: dict[str, int] = {}
        self.blocks: dict[str, int] = {}
        self.outside = self.copies = 0
        self.block = ""
        for name, module in model.named_modules():
            if BLOCK.match(name):
                module.register_forward_pre_hook(partial(self.enter, name))
                module.register_forward_hook(self.leave)

    def enter(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self.block = name
        self.inputs[name] = inputs[0].numel() * inputs[0].element_size()
        self.blocks[name] = 0

    def leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.block = ""

    def note(self, saved: Tensor) -> Tensor:
        storage = saved.untyped_storage()
        if storage._cdata in self.known:
            return saved
        self.known.add(storage._cdata)
        self.kept.append(saved)
        size, shape = storage.nbytes(), tuple(saved.shape)
        if saved.dtype == self.dtype != torch.float32 and shape in self.weights:
            self.copies += size
        elif self.block:
            self.blocks[self.block] += size
        else:
            self.outside += size
        return saved

    def result(self) -> Activations:
        return Activations(
            outside=self.outside / _PAIRS,
            inside=sum(self.blocks.values()) / _PAIRS,
            block_inputs=sum(self.inputs.values()) / _PAIRS,
            largest_block=max(self.blocks.values(), default=0) / _PAIRS,
            weight_copies=self.copies,
        )
