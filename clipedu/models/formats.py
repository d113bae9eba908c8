"""The same CLIP under the names and in the config files of Hugging Face and open_clip."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from clipedu.models.config import PRESETS, CLIPConfig, ResNetConfig, TextConfig, ViTConfig

#: OpenAI's part of a name, then Hugging Face's ("layrnorm" is their spelling), in this order.
_RENAMED = (
    ("visual.transformer.resblocks", "vision_model.encoder.layers"),
    ("transformer.resblocks", "text_model.encoder.layers"),
    ("visual.class_embedding", "vision_model.embeddings.class_embedding"),
    ("visual.conv1", "vision_model.embeddings.patch_embedding"),
    ("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
    ("visual.ln_pre", "vision_model.pre_layrnorm"),
    ("visual.ln_post", "vision_model.post_layernorm"),
    ("visual.proj", "visual_projection.weight"),
    ("token_embedding", "text_model.embeddings.token_embedding"),
    ("positional_embedding", "text_model.embeddings.position_embedding.weight"),
    ("ln_final", "text_model.final_layer_norm"),
    ("text_projection", "text_projection.weight"),
    ("ln_1", "layer_norm1"),
    ("ln_2", "layer_norm2"),
    ("mlp.c_fc", "mlp.fc1"),
    ("mlp.c_proj", "mlp.fc2"),
    ("attn.", "self_attn."),
)
_TRANSPOSED = ("text_projection", "visual.proj")  # a matrix here, a Linear there


def hf_names(name: str) -> list[str]:
    """Hugging Face's names of a tensor; three where OpenAI stacks queries, keys and values."""
    for ours, theirs in _RENAMED:
        name = name.replace(ours, theirs)
    split = "qkv" if "in_proj_" in name else "-"
    return [name.replace("in_proj_", f"{part}_proj.") for part in split]


def from_hf(tensors: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    """Tensors under OpenAI's `names`; empties `tensors`. What does not fit keeps its own name."""
    result = {}
    for name in names:
        if all(theirs in tensors for theirs in hf_names(name)):
            parts = [tensors.pop(theirs) for theirs in hf_names(name)]
            tensor = torch.cat(parts) if len(parts) > 1 else parts[0]
            result[name] = tensor.T.contiguous() if name in _TRANSPOSED else tensor
    return result | {name: t for name, t in tensors.items() if not name.endswith("position_ids")}


def to_hf(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a ViT under Hugging Face's names."""
    result = {}
    for name, tensor in tensors.items():
        theirs = hf_names(name)
        parts = tensor.chunk(3) if len(theirs) == 3 else [tensor]
        for their_name, part in zip(theirs, parts, strict=True):
            result[their_name] = (part.T if name in _TRANSPOSED else part).contiguous()
    return result


#: Hugging Face's names for the fields of a TextConfig and a ViTConfig; the defaults are ViT-B/32.
_TEXT = "vocab_size max_position_embeddings hidden_size num_attention_heads num_hidden_layers"
_VISION = "image_size patch_size hidden_size num_hidden_layers num_attention_heads"
_DEFAULT = PRESETS["ViT-B/32"]


def hf_config(config: CLIPConfig) -> dict[str, Any]:
    """What `config.json` says. Raises ValueError for an encoder that Hugging Face's CLIP lacks."""
    text, vision = config.text, config.vision
    plain = isinstance(vision, ViTConfig) and vision.stem == "patch"
    if not plain or text.kind != "transformer":
        raise ValueError("Hugging Face's CLIP has plain transformers only: no ResNet and no CBOW")
    about = {"projection_dim": config.embed_dim, "hidden_act": config.activation}
    towers = [
        dict(zip(names.split(), dataclasses.astuple(tower), strict=False))  # but for its kind
        | {"intermediate_size": 4 * tower.width, **about}
        for names, tower in ((_TEXT, text), (_VISION, vision))
    ]
    last = text.vocab_size - 1
    towers[0] |= {"bos_token_id": last - 1, "eos_token_id": last, "pad_token_id": last}
    data = {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": config.embed_dim,
    }
    return {**data, "text_config": towers[0], "vision_config": towers[1]}


def read_hf_config(data: Mapping[str, Any]) -> CLIPConfig:
    """The model of a `config.json`.

    Raises KeyError, TypeError or ValueError for a model that computes something else.
    """
    text, vision = data["text_config"], data["vision_config"]
    words = TextConfig(*_sizes(text, _TEXT, dataclasses.astuple(_DEFAULT.text)))
    image = ViTConfig(*_sizes(vision, _VISION, dataclasses.astuple(_DEFAULT.vision)))
    eot = text.get("eos_token_id", 2)  # 2 in early releases, and means the largest id
    if eot not in (2, words.vocab_size - 1):
        raise ValueError(f"the text is read at token {eot}, and CLIP reads it at the largest id")
    for name, default in (("hidden_act", "quick_gelu"), ("layer_norm_eps", 1e-5)):
        found = {tower.get(name, default) for tower in (text, vision)}
        if len(found) > 1 or (name == "layer_norm_eps" and found != {default}):
            raise ValueError(f"{name} of text and vision: {found}")
    activation = text.get("hidden_act", "quick_gelu")
    return CLIPConfig(data.get("projection_dim", 512), image, words, activation)


def _sizes(data: Mapping[str, Any], names: str, defaults: tuple[Any, ...]) -> list[Any]:
    return [data.get(name, size) for name, size in zip(names.split(), defaults, strict=False)]


#: Fields of open_clip that are followed here, or that change nothing once a model is trained.
_KNOWN = set(
    "image_size layers width patch_size head_width mlp_ratio patch_dropout context_length "
    "vocab_size heads output_tokens hf_tokenizer_name tokenizer_mode tokenizer_kwargs".split()
)


def read_open_clip_config(data: Mapping[str, Any]) -> CLIPConfig:
    """The model of an `open_clip_config.json`; raises as :func:`read_hf_config`."""
    model = data["model_cfg"]
    text, vision = model["text_cfg"], model["vision_cfg"]
    if unknown := {*text, *vision} - _KNOWN:
        raise ValueError(f"these fields change the model in ways not known here: {sorted(unknown)}")
    side, layers, width = vision["image_size"], vision["layers"], vision["width"]
    image: ViTConfig | ResNetConfig
    if isinstance(layers, int):
        heads = width // vision.get("head_width", 64)
        image = ViTConfig(side, vision.get("patch_size", 16), width, layers, heads)
    else:
        image = ResNetConfig(side, layers, width, width * 32 // vision.get("head_width", 64))
    sizes = (text[field.name] for field in dataclasses.fields(TextConfig)[:-1])  # but for its kind
    activation: Any = "quick_gelu" if model.get("quick_gelu") else "gelu"
    return CLIPConfig(model["embed_dim"], image, TextConfig(*sizes), activation)
