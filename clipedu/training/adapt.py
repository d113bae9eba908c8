"""What of a trained model learns in fine-tuning: all of it, one encoder, or a few numbers more."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from clipedu.models import CLIP
from clipedu.models.transformer import MultiHeadAttention

#: Method -> how the names begin of what learns; the logit scale always does. "frozen_image" is LiT
#: (arXiv 2111.07991). "linear" is a linear adapter behind each encoder, multiplied into what is
#: there: the projections. "lora" adds matrices of low rank and moves nothing else.
_LEARNS: dict[str, tuple[str, ...]] = {
    "full": ("",),
    "frozen_image": ("text.",),
    "frozen_text": ("visual.",),
    "lora": (),
    "linear": ("visual.proj", "visual.attnpool.c_proj.", "text.text_projection"),
}
METHODS = tuple(_LEARNS)


class LowRank(nn.Module):
    """W (R, C) -> W + B A with A (rank, C) and B (R, rank), which starts at 0: arXiv 2106.09685."""

    def __init__(self, weight: Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.a = nn.Parameter(torch.randn(rank, columns, generator=generator) * columns**-0.5)
        self.b = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.b @ self.a


def adapt_(model: CLIP, method: str, rank: int, seed: int) -> None:
    """Freezes what does not learn by this method; "scratch" leaves the model as it is."""
    if method == "scratch":
        return
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith((*_LEARNS[method], "logit_scale")))
    if method == "lora":
        generator = torch.Generator().manual_seed(seed)
        kinds = {nn.Linear: "weight", MultiHeadAttention: "in_proj_weight"}
        for part in [part for part in model.modules() if type(part) in kinds]:
            name = kinds[type(part)]
            update = LowRank(getattr(part, name), rank, generator)
            parametrize.register_parametrization(part, name, update)


def merge_(model: CLIP) -> CLIP:
    """The opposite: low-rank updates are added to their matrices, and everything learns again."""
    for part in [part for part in model.modules() if parametrize.is_parametrized(part)]:
        for name in list(part.parametrizations):  # type: ignore[arg-type]
            parametrize.remove_parametrizations(part, name, leave_parametrized=True)
    return model.requires_grad_()


def train_mode_(model: nn.Module, method: str) -> None:
    """Training mode; in fine-tuning, batch norms keep the mean and variance that they came with.

    A small batch of new pictures has others, and they would move even where weights are frozen.
    """
    model.train()
    for part in model.modules():
        if method != "scratch" and isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.eval()
