"""Where does the evidence for a text lie? Maps of a picture, for a ViT.

"outputs" compares the output of each patch with the text. "values" (MaskCLIP, arXiv 2112.01071)
compares what each patch gives to attention in the last block, without the stream that it adds to.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu.evaluation.embedding import evaluating
from clipedu.models import CLIP
from clipedu.pairs import to_model


@torch.no_grad()
def patch_map(model: CLIP, pictures: Tensor, texts: Tensor, kind: str = "values") -> Tensor:
    """Pictures (N, 3, R, R) in 0..1, texts (N, E) unit vectors -> (N, side, side) cosines.

    kind: "values" or "outputs". Raises ValueError for another one.
    """
    if kind not in ("values", "outputs"):
        raise ValueError(f'kind is "values" or "outputs"; got {kind!r}.')
    tower: Any = model.visual  # a ViT
    last, kept = tower.transformer.resblocks[-1], []
    hook = last.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0]))
    with evaluating(model):
        x = model.image_grid(to_model(pictures))  # (N, 1 + P, W), after the last LayerNorm
        hook.remove()
        if kind == "values":
            attention, width = last.attn, x.shape[2]
            weight, bias = (
                t[2 * width :] for t in (attention.in_proj_weight, attention.in_proj_bias)
            )
            x = tower.ln_post(attention.out_proj(F.linear(last.ln_1(kept[0]), weight, bias)))
        patches = F.normalize(x[:, 1:] @ tower.proj, dim=-1)  # (N, P, E)
    side = round(patches.shape[1] ** 0.5)
    return (patches @ texts[:, :, None]).view(len(pictures), side, side)
