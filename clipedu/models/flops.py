"""How big a model is, and how much it computes: parameters, and multiply-adds."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from clipedu.models.clip import CLIP
from clipedu.models.config import CLIPConfig, ResNetConfig


def count_parameters(module: nn.Module) -> int:
    """How many numbers a model, or a part of it (``model.visual``), learns."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_flops(config: CLIPConfig, *, every_place_asks: bool = False) -> dict[str, int]:
    """Multiply-adds of one forward pass for one picture and for one caption of full length.

    The keys are names of submodules, ``model.get_submodule(name)``: "visual" and "text" for the
    towers, "visual.layer1", "text.transformer" and so on for their parts. Counted are matrix
    products, convolutions and attention; taking a multiply-add as two operations doubles them.

    RN50 has 5.8e9 here and 6.1e9 in the paper's Fig 9. That is what it comes to when every place
    asks in the attention pooling, and not only the mean, whose answer is the one that is kept:
    ``every_place_asks`` adds those 2 to 5 %, to compare with the paper.

    Nothing is computed: the model lives on torch's meta device, which knows shapes only. That
    still takes half a second for a model of the paper, so what was counted is kept.
    """
    counts = dict(_counted(config))
    if every_place_asks and isinstance(config.vision, ResNetConfig):
        side = config.vision.resolution
        width, places = config.vision.feature_width, (side // config.vision.shrink) ** 2
        # a query's own projections (in and out), its scores, and the sum that they weigh
        query = width * (width + config.embed_dim) + 2 * (places + 1) * width
        for part in ("visual", "visual.attnpool"):
            counts[part] += places * query
    return counts


@lru_cache(maxsize=64)
def _counted(config: CLIPConfig) -> dict[str, int]:
    side, length = config.vision.resolution, config.text.context_length
    with torch.device("meta"), torch.no_grad():
        model = CLIP(config).eval()
        pictures = torch.empty(1, 3, side, side)
        tokens = torch.empty(1, length, dtype=torch.int64)
        with FlopCounterMode(display=False) as counter:
            model(pictures, tokens)
    counts = {}
    for name, flops in counter.get_flop_counts().items():
        part = name.removeprefix("CLIP.")
        if part.startswith(("visual", "text")) and part.count(".") < 2:
            counts[part] = sum(flops.values()) // 2
    return counts
