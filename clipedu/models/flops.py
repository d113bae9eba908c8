"""How big a model is, and how much it computes: parameters, and multiply-adds."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from clipedu.models.clip import CLIP
from clipedu.models.config import CLIPConfig, ResNetConfig
from clipedu.models.transformer import TextTransformer
from clipedu.models.vit import VisionTransformer


def count_parameters(module: nn.Module) -> int:
    """How many numbers a model, or a part of it (``model.visual``), learns."""
    return sum(parameter.numel() for parameter in module.parameters())


def count_flops(config: CLIPConfig, *, all_queries: bool = False) -> dict[str, int]:
    """Multiply-adds of one forward pass for one picture and one caption of full length.

    Keys are submodules: "visual", "text", "visual.layer1", ... A multiply-add is two floating-point
    operations. Every token counts in every block of a transformer, as in the literature, though in
    the last block ours computes the only one that is read. all_queries: count attention pooling as
    if every position were a query, not only the mean. That adds 2 to 5 %, and gives RN50 the 6.1e9
    of the paper's Fig 9.
    """
    counts = dict(_counted(config))
    if all_queries and isinstance(config.vision, ResNetConfig):
        width = config.vision.feature_width
        positions = (config.vision.resolution // config.vision.shrink) ** 2
        # a query's own projections (in and out), its scores, and the sum that they weigh
        query = width * (width + config.embed_dim) + 2 * (positions + 1) * width
        for part in ("visual", "visual.attnpool"):
            counts[part] += positions * query
    return counts


@lru_cache(maxsize=64)
def _counted(config: CLIPConfig) -> dict[str, int]:
    side, length = config.vision.resolution, config.text.context_length
    # The meta device knows shapes only: nothing is computed.
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = CLIP(config).eval()
        model(torch.empty(1, 3, side, side), torch.empty(1, length, dtype=torch.int64))
    counts = {}
    for name, operations in counter.get_flop_counts().items():
        part = name.removeprefix("CLIP.")
        if part.startswith(("visual", "text")) and part.count(".") < 2:
            counts[part] = sum(operations.values()) // 2
    for tower, name in ((model.visual, "visual"), (model.text, "text")):
        if isinstance(tower, (VisionTransformer, TextTransformer)):
            tokens, width = tower.positional_embedding.shape
            # a token's query, out_proj and MLP; its scores, and the sum that they weigh
            skipped = (tokens - 1) * (10 * width**2 + 2 * tokens * width)
            for part in (name, f"{name}.transformer"):
                counts[part] += skipped
    return counts
