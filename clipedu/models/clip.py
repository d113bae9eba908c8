"""CLIP: two towers and a scale (paper Fig 3).

Notable:
- attributes are called what they are (``model.visual``, ``model.text``), and the keys of the
  state dict are openai/CLIP's
- captions are short: padding columns that no caption of the batch reaches are never computed
- the towers assume good inputs; :mod:`clipedu.models.inputs` checks them at this door
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.models.config import PRESETS, CLIPConfig, ResNetConfig
from clipedu.models.inputs import check_pictures, check_tokens, trim_padding
from clipedu.models.resnet import ModifiedResNet
from clipedu.models.text import CBOW, TextTransformer
from clipedu.models.vit import VisionTransformer


class Embedded(NamedTuple):
    """A batch in the joint space: two (B, E) of rows of length 1, and () = 1 / temperature."""

    image: Tensor
    text: Tensor
    logit_scale: Tensor


def _normalise(x: Tensor) -> Tensor:
    """Rows of length 1, in fp32 at least: in 16 bits a length would be off by half a percent."""
    return F.normalize(x.to(torch.promote_types(x.dtype, torch.float32)), dim=-1)


class CLIP(nn.Module):
    """An image tower, a text tower and a learned temperature.

    ``logit_scale`` is kept as a logarithm and starts at ln(1 / 0.07) (paper section 2.5). The
    training loop clamps it after each step; a clamp in here would stop its gradient above the
    limit.
    """

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        vision, text = config.vision, config.text
        self.visual: ModifiedResNet | VisionTransformer
        if isinstance(vision, ResNetConfig):
            self.visual = ModifiedResNet(vision, config.embed_dim)
        else:
            self.visual = VisionTransformer(vision, config.embed_dim, config.activation)
        self.text: TextTransformer | CBOW
        if text.kind == "transformer":
            self.text = TextTransformer(text, config.embed_dim, config.activation)
        else:
            self.text = CBOW(text, config.embed_dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

        # openai/CLIP keeps the parts of its text tower in the model itself, so its key is
        # "token_embedding.weight" where our attribute is text.token_embedding.weight. Weights
        # travel both ways: state_dict() drops the "text." and load_state_dict() puts it back.
        # (named_parameters() says "text.token_embedding.weight", as the attribute is called.)
        self.register_state_dict_post_hook(_drop_text_prefix)
        self.register_load_state_dict_pre_hook(_add_text_prefix)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the image tower's weights, which pictures are cast to."""
        return self.visual.conv1.weight.dtype

    def encode_image(self, pictures: Tensor, *, normalize: bool = False) -> Tensor:
        """Pictures (B, 3, R, R), float, as the model was trained to see them -> embeddings (B, E).

        NaN is not looked for here (that would stall a GPU at every step): the training loop looks
        at the loss. Raises TypeError (not float) or ValueError (shape).
        """
        check_pictures(pictures, self.config.vision.resolution)
        x = self.visual(pictures.to(self.dtype))
        return _normalise(x) if normalize else x

    def encode_text(self, tokens: Tensor, *, normalize: bool = False) -> Tensor:
        """Tokens (B, L) of int64 or int32, L up to the context length -> embeddings (B, E).

        Each row is [SOT] words [EOT] and padding, EOT being the largest id: the row is read where
        its EOT stands. Raises TypeError (not whole numbers) or ValueError (shape, unknown id, a
        row without EOT).
        """
        check_tokens(tokens, self.config.text)
        x = self.text(trim_padding(tokens))
        return _normalise(x) if normalize else x

    @torch.no_grad()
    def image_features(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, R, R) -> features (B, W), for linear probes: no projection, no gradients.

        Call ``model.eval()`` first: in training mode a batch norm makes features depend on the
        rest of the batch.
        """
        check_pictures(pictures, self.config.vision.resolution)
        return self.visual.features(pictures.to(self.dtype))

    def forward(self, pictures: Tensor, tokens: Tensor) -> Embedded:
        """What training needs: both embeddings, normalised, and the scale."""
        return Embedded(
            self.encode_image(pictures, normalize=True),
            self.encode_text(tokens, normalize=True),
            self.logit_scale.exp(),
        )

    def logits(self, pictures: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled cosine similarities, (pictures, captions) and (captions, pictures).

        This is the ``forward`` of openai/CLIP.
        """
        image, text, scale = self(pictures, tokens)
        per_image = scale * image @ text.T
        return per_image, per_image.T


def _is_text_key(key: str) -> bool:
    return key != "logit_scale" and not key.startswith("visual.")


def _drop_text_prefix(module: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    for key in [k for k in state if k.startswith(f"{prefix}text.")]:
        state[prefix + key.removeprefix(f"{prefix}text.")] = state.pop(key)


def _add_text_prefix(module: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    for name in ("input_resolution", "context_length", "vocab_size"):
        state.pop(prefix + name, None)  # sizes, which the released files carry among the weights
    for key in [k for k in state if k.startswith(prefix) and _is_text_key(k.removeprefix(prefix))]:
        state[f"{prefix}text.{key.removeprefix(prefix)}"] = state.pop(key)


def build(preset: str | CLIPConfig, *, seed: int | None = None, **overrides: Any) -> CLIP:
    """A new CLIP with random weights: ``build("laptop", seed=0, vocab_size=3000)``.

    ``preset`` is a name from ``PRESETS`` or a config; ``overrides`` are fields of it, see
    :meth:`CLIPConfig.replace`. With a ``seed`` the weights are always the same, and the global
    random state is left as it was. Raises ValueError for a name or a field that does not exist.
    """
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise ValueError(f"unknown preset {preset!r}; there are: {', '.join(PRESETS)}")
        preset = PRESETS[preset]
    if not isinstance(preset, CLIPConfig):
        kind = type(preset).__name__
        raise TypeError(f"build needs the name of a preset or a CLIPConfig, got a {kind}")
    config = preset.replace(**overrides)
    if seed is None:
        return CLIP(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIP(config)
