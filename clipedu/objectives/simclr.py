"""SimCLR (arXiv 2002.05709): contrast without words, two views of a picture against all others.

The control of the comparison: what do pictures alone teach an image encoder? The batch holds two
views of each picture, made by the recipe's own augmentation, and the captions are not read.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.models import CLIPConfig, Embedded
from clipedu.objectives.contrastive import Number, check_pairs, similarity_logits
from clipedu.objectives.image_model import ImageModel


def nt_xent(first: Tensor, second: Tensor, logit_scale: Number) -> Tensor:
    """Which of the 2N - 1 other views shows the same picture? The mean over all 2N views.

    first, second: (N, E), rows of length 1; row i of both is picture i. Flat logits: ln(2N - 1).
    """
    check_pairs(first, second, values=False)
    n, views = len(first), torch.cat([first, second])  # (2N, E)
    logits = similarity_logits(views, views, logit_scale)  # (2N, 2N)
    itself = torch.eye(2 * n, dtype=torch.bool, device=logits.device)
    answers = torch.arange(2 * n, device=logits.device).roll(n)  # i + N, then i - N
    return F.cross_entropy(logits.masked_fill(itself, -math.inf), answers)


class SimCLR(ImageModel):
    """An image encoder with a non-linear projection; scale: 1 / temperature, fixed."""

    def __init__(self, config: CLIPConfig, *, scale: float = 10.0) -> None:
        super().__init__(config)
        self.head = nn.Linear(config.embed_dim, config.embed_dim)  # after the encoder's own, a ReLU
        self.logit_scale.data.fill_(math.log(scale))

    def forward(self, pictures: Tensor, tokens: Tensor) -> Embedded:
        """(2N, 3, R, R), first all first views, then all second ones -> two (N, E)."""
        wide = self.head(self.encode_image(pictures).relu())
        wide = wide.to(torch.promote_types(wide.dtype, torch.float32))
        first, second = F.normalize(wide, dim=-1).chunk(2)
        return Embedded(first, second, self.logit_scale.exp())

    def loss(self, first: Tensor, second: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
        return nt_xent(first, second, scale)
