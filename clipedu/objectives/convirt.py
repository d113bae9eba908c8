"""ConVIRT (arXiv 2010.00747), the contrastive loss for X-rays that CLIP simplified.

CLIP's changes (section 2.3) are options here, so that one can go from one to the other in steps:
linear projections (`heads=False`), equal weights (`lam=0.5`), a learned temperature
(`learned_scale=True`). The fourth is the text transformation t_u, :func:`one_sentence`.
"""

from __future__ import annotations

import math
import re

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.models import CLIP, CLIPConfig
from clipedu.objectives.contrastive import (
    LOGIT_SCALE_INIT,
    Number,
    check_ids,
    check_pairs,
    similarity_logits,
)


def convirt_loss(
    image: Tensor,
    text: Tensor,
    logit_scale: Number,
    lam: float = 0.75,
    false_negative_ids: Tensor | None = None,
) -> Tensor:
    """lam * (which caption belongs to this picture?) + (1 - lam) * (which picture to this caption?)

    At lam = 0.5 it is InfoNCE; arguments and errors as :func:`info_nce`. Flat logits: ln N.
    """
    check_pairs(image, text, values=False)
    check_ids(false_negative_ids, len(image))
    logits = similarity_logits(image, text, logit_scale)  # (N, N)
    if false_negative_ids is not None:
        equal = false_negative_ids[:, None] == false_negative_ids[None, :]
        logits = logits.masked_fill(equal.fill_diagonal_(False), -math.inf)
    answers = torch.arange(len(logits), device=logits.device)
    to_text, to_image = F.cross_entropy(logits, answers), F.cross_entropy(logits.T, answers)
    return lam * to_text + (1 - lam) * to_image


def one_sentence(caption: str, rng: np.random.Generator) -> str:
    """t_u: one of the caption's sentences at random. A caption of one sentence stays as it is."""
    sentences = re.split(r"(?<=[.!?])\s+", caption.strip())
    return sentences[int(rng.integers(len(sentences)))]


class ConVIRT(CLIP):
    """Both encoders with non-linear projections: linear, ReLU, linear.

    scale: the inverse of the temperature, fixed unless `learned_scale`, which starts as CLIP's. The
    values 0.75 and 0.1 of lambda and temperature are those of an unofficial implementation.
    """

    def __init__(
        self,
        config: CLIPConfig,
        *,
        lam: float = 0.75,
        scale: float = 10.0,
        heads: bool = True,
        learned_scale: bool = False,
    ) -> None:
        super().__init__(config)
        self.lam, dim = lam, config.embed_dim
        # The encoders' own projections are the first layer; these are the second.
        self.head = nn.ModuleDict({k: nn.Linear(dim, dim) for k in ("image", "text") if heads})
        self.logit_scale.data.fill_(LOGIT_SCALE_INIT if learned_scale else math.log(scale))
        self.logit_scale.requires_grad_(learned_scale)

    def encode_image(self, pictures: Tensor, *, normalize: bool = False) -> Tensor:
        return self._project("image", super().encode_image(pictures), normalize)

    def encode_text(self, tokens: Tensor, *, normalize: bool = False) -> Tensor:
        return self._project("text", super().encode_text(tokens), normalize)

    def loss(self, first: Tensor, second: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
        """Of a batch's embeddings (N, E), both normalized: ()."""
        return convirt_loss(first, second, scale, self.lam, ids)

    def _project(self, side: str, x: Tensor, normalize: bool) -> Tensor:
        if side in self.head:
            x = self.head[side](x.relu())
        wide = torch.promote_types(x.dtype, torch.float32)
        return F.normalize(x.to(wide), dim=-1) if normalize else x
