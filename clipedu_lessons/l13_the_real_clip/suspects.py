"""Four copies of one model for exercise 13.2: three of them were damaged on their way here."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from clipedu.models import CLIP
from clipedu.models.config import CLIPConfig
from clipedu_lessons.l13_the_real_clip.real import small_clip

#: What was done to each copy.
DEFECTS = {"A": "swapped", "B": "activation", "C": "none", "D": "transposed"}


class Suspect(NamedTuple):
    """What a file says: tensors by OpenAI's names, and the config."""

    tensors: dict[str, Tensor]
    config: CLIPConfig


class Case(NamedTuple):
    """Inputs, and what the undamaged model makes of them: two (3, E), not normalized."""

    pictures: Tensor
    tokens: Tensor
    image: Tensor
    text: Tensor


def suspects() -> tuple[dict[str, Suspect], Case]:
    """The four copies by letter, and the inputs with the right embeddings."""
    model = small_clip()
    generator = torch.Generator().manual_seed(7)
    tokens = torch.randint(1, 990, (3, 12), generator=generator)
    tokens[:, 0], tokens[:, -1] = 998, 999
    pictures = torch.randn(3, 3, 224, 224, generator=generator)
    with torch.no_grad():
        image, text = model.encode_image(pictures), model.encode_text(tokens)
    found = {letter: damaged(model, defect) for letter, defect in DEFECTS.items()}
    return found, Case(pictures, tokens, image, text)


def damaged(model: CLIP, defect: str) -> Suspect:
    """A copy of the model with this defect: names, shapes and all values are as they should be."""
    tensors = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    config = model.config
    if defect == "activation":
        config = config.replace(activation="gelu")
    elif defect == "transposed":
        tensors["text_projection"] = tensors["text_projection"].T.contiguous()
    elif defect == "swapped":
        for part in ("weight", "bias"):
            name = f"visual.transformer.resblocks.1.attn.in_proj_{part}"
            queries, keys, values = tensors[name].chunk(3)
            tensors[name] = torch.cat([queries, values, keys])
    return Suspect(tensors, config)
