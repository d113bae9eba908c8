"""Exercise 13.3: from Hugging Face's names and layouts to OpenAI's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu.models import build
from clipedu.models.formats import to_hf
from clipedu_classroom.spec import FunctionExercise, Misconception, whole

PROJECTIONS = ("visual_projection.weight", "text_projection.weight")
_OPENAI = {  # a part of a name -> OpenAI's, in this order
    "vision_model.encoder.layers": "visual.transformer.resblocks",
    "text_model.encoder.layers": "transformer.resblocks",
    "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
    "vision_model.embeddings.patch_embedding": "visual.conv1",
    "vision_model.embeddings.": "visual.",
    "vision_model.pre_layrnorm": "visual.ln_pre",
    "vision_model.post_layernorm": "visual.ln_post",
    "visual_projection.weight": "visual.proj",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.embeddings.": "",
    "text_model.final_layer_norm": "ln_final",
    "text_projection.weight": "text_projection",
    "self_attn.q_proj.": "attn.in_proj_",
    "self_attn.": "attn.",
    "layer_norm": "ln_",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def converted(
    tensors: dict[str, Tensor],
    *,
    transpose: Sequence[str] = PROJECTIONS,
    order: str = "qkv",
    dim: int = 0,
) -> dict[str, Tensor]:
    """The right answer; its options are the wrong ones."""
    result = {}
    for name, tensor in tensors.items():
        if "k_proj" in name or "v_proj" in name or "position_ids" in name:
            continue
        if "q_proj" in name:
            parts = [tensors[name.replace("q_proj", f"{part}_proj")] for part in order]
            tensor = torch.cat(parts, dim)
        if name in transpose:
            tensor = tensor.T.contiguous()
        for theirs, ours in _OPENAI.items():
            name = name.replace(theirs, ours)
        result[name] = tensor
    return result


def some_file(generator: Generator, layers: int = 0) -> dict[str, Any]:
    """A file of Hugging Face: a tiny model of random depth, its tensors in any order."""
    layers, width = layers or whole(generator, 1, 2), 2 * whole(generator, 2, 3)
    sizes = {"resolution": 4, "patch": 2, "vocab_size": 9, "context_length": 7, "embed_dim": width}
    for side in ("vision", "text"):
        sizes |= {f"{side}_width": width, f"{side}_layers": layers, f"{side}_heads": 2}
    shapes = {name: x.shape for name, x in build("ViT-B/32", seed=0, **sizes).state_dict().items()}
    tensors = to_hf({n: torch.randn(shape, generator=generator) for n, shape in shapes.items()})
    tensors["text_model.embeddings.position_ids"] = torch.arange(7.0)[None]
    tensors["vision_model.embeddings.position_ids"] = torch.arange(5.0)[None]
    names = list(tensors)
    order = torch.randperm(len(names), generator=generator).tolist()
    return {"tensors": {names[k]: tensors[names[k]] for k in order}}


KEYS = FunctionExercise(
    id="13.3",
    name="from_hugging_face",
    reference=converted,
    inputs=some_file,
    extremes={"a model of eleven blocks": lambda g: some_file(g, layers=11)},
    misconceptions=(
        Misconception(
            "values come before keys in the stacked projection",
            lambda tensors: converted(tensors, order="qvk"),
            "In which order does your MultiHeadAttention split the stacked rows?",
        ),
        Misconception(
            "only the projection of the text encoder is transposed",
            lambda tensors: converted(tensors, transpose=PROJECTIONS[1:]),
            "Both encoders end with a projection.",
        ),
    ),
)
