"""CLIP: an image encoder, a text encoder and a scale (paper Fig 3).

Inputs are checked here, and the encoders assume good ones. Values are looked at only where that is
free: a GPU would have to stop for it. The keys of the state dict are openai/CLIP's.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.device import may_look
from clipedu.models.config import PRESETS, CLIPConfig, ResNetConfig, TextConfig
from clipedu.models.resnet import ModifiedResNet
from clipedu.models.transformer import CBOW, TextTransformer
from clipedu.models.vit import VisionTransformer


class Embedded(NamedTuple):
    """A batch in the joint space: two (B, E) with rows of length 1, and () = 1 / temperature."""

    image: Tensor
    text: Tensor
    logit_scale: Tensor


class CLIP(nn.Module):
    """An image encoder, a text encoder and a learned temperature.

    ``logit_scale`` is kept as a logarithm and starts at ln(1 / 0.07) (paper section 2.5). Training
    clamps it after each step; a clamp in the forward pass would stop its gradient above the limit.
    """

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__()
        self.config = config
        vision, text, dim = config.vision, config.text, config.embed_dim
        self.visual: ModifiedResNet | VisionTransformer
        if isinstance(vision, ResNetConfig):
            self.visual = ModifiedResNet(vision, dim)
        else:
            self.visual = VisionTransformer(vision, dim, config.activation)
        self.text: TextTransformer | CBOW
        if text.kind == "transformer":
            self.text = TextTransformer(text, dim, config.activation)
        else:
            self.text = CBOW(text, dim)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

        # openai/CLIP keeps the parts of its text encoder in the model itself, so its key is
        # "token_embedding.weight" where our attribute is text.token_embedding.weight. Weights
        # travel both ways: state_dict() drops the "text." and load_state_dict() adds it again.
        self.register_state_dict_post_hook(_drop_text_prefix)
        self.register_load_state_dict_pre_hook(_add_text_prefix)

    def encode_image(self, pictures: Tensor, *, normalize: bool = False) -> Tensor:
        """Pictures (B, 3, R, R), float, standardized as in training -> embeddings (B, E).

        NaN passes through. Raises TypeError (not float) or ValueError (shape).
        """
        x = self.visual(self._checked(pictures))
        return _normalize(x) if normalize else x

    def encode_text(self, tokens: Tensor, *, normalize: bool = False) -> Tensor:
        """Tokens (B, L) of int64 or int32, L up to the context length -> embeddings (B, E).

        Each row is [SOT] words [EOT] and padding, EOT being the largest id. Raises TypeError (not
        whole numbers) or ValueError (shape, unknown id, a row without EOT).
        """
        check_tokens(tokens, self.config.text)
        x = self.text(trim_padding(tokens))
        return _normalize(x) if normalize else x

    @torch.no_grad()
    def image_features(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, R, R) -> features (B, W), for linear probes: no projection, no gradients.

        Call ``model.eval()`` first, or a batch norm makes features depend on the rest of the batch.
        """
        return self.visual.features(self._checked(pictures))

    def image_grid(self, pictures: Tensor) -> Tensor:
        """Pictures (B, 3, R, R) -> (B, P, W): a vector for each part of a picture, for a decoder.

        Of a ViT the class token, then the patches; of a ResNet the cells of the last feature map.
        """
        return self.visual.grid(self._checked(pictures))

    def _checked(self, pictures: Tensor) -> Tensor:
        check_pictures(pictures, self.config.vision.resolution)
        return pictures.to(self.visual.conv1.weight.dtype)

    def forward(self, pictures: Tensor, tokens: Tensor) -> Embedded:
        """Pictures (B, 3, R, R) and tokens (B, L) -> both embeddings, normalized, and the scale."""
        image = self.encode_image(pictures, normalize=True)
        text = self.encode_text(tokens, normalize=True)
        return Embedded(image, text, self.logit_scale.exp())


def _normalize(x: Tensor) -> Tensor:
    """Rows of length 1, in fp32 at least: in 16 bits a length would be off by half a percent."""
    return F.normalize(x.to(torch.promote_types(x.dtype, torch.float32)), dim=-1)


def _drop_text_prefix(module: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    for key in [k for k in state if k.startswith(f"{prefix}text.")]:
        state[prefix + key.removeprefix(f"{prefix}text.")] = state.pop(key)


def _add_text_prefix(module: nn.Module, state: dict[str, Any], prefix: str, *_: object) -> None:
    for name in ("input_resolution", "context_length", "vocab_size"):
        state.pop(prefix + name, None)  # sizes, which the released files carry among the weights
    for key in [k for k in state if k.startswith(prefix)]:
        name = key.removeprefix(prefix)
        if not hasattr(module, name.partition(".")[0]):  # no part of the model itself
            state[f"{prefix}text.{name}"] = state.pop(key)


def check_pictures(pictures: Tensor, side: int) -> None:
    """Raise TypeError or ValueError unless ``pictures`` is a float tensor (B, 3, side, side)."""
    want = f"pictures must be a float tensor (batch, 3, {side}, {side})"
    if not isinstance(pictures, Tensor):
        raise TypeError(f"{want}, got a {type(pictures).__name__}")
    if not pictures.is_floating_point():
        raise TypeError(f"{want}, got {pictures.dtype}; scale it to 0..1 and normalize it first")
    shape = tuple(pictures.shape)
    if shape[1:] == (3, side, side) and shape[0] > 0:
        return
    hint = "resize them to the resolution of this model"
    if shape[:1] == (0,):
        hint = "the batch is empty"
    elif len(shape) == 3:
        hint = "add the batch dimension with pictures[None]"
    elif len(shape) == 4 and shape[1] != 3:
        hint = f"it has {shape[1]} channels where red, green and blue were expected"
        if shape[3] == 3:
            hint = "the channels are last, bring them forward with pictures.permute(0, 3, 1, 2)"
    raise ValueError(f"{want}, got {shape}; {hint}")


def check_tokens(tokens: Tensor, config: TextConfig) -> None:
    """Raise TypeError or ValueError unless ``tokens`` is (B, L), L up to the context length.

    On a CPU also unless all ids are in the vocabulary and every row has its EOT.
    """
    want = f"tokens must be int64 or int32 of shape (batch, length up to {config.context_length})"
    if not isinstance(tokens, Tensor):
        raise TypeError(f"{want}, got a {type(tokens).__name__}; call the tokenizer first")
    if tokens.dtype not in (torch.int64, torch.int32):
        raise TypeError(f"{want}, got {tokens.dtype}")
    if tokens.ndim != 2 or 0 in tokens.shape:
        raise ValueError(f"{want}, got {tuple(tokens.shape)}")
    if tokens.shape[1] > config.context_length:
        raise ValueError(f"{want}, got {tokens.shape[1]} tokens; shorten them with truncate=True")
    if not may_look(tokens):
        return
    largest = tokens.amax(dim=1)
    low, high = int(tokens.min()), int(largest.max())
    if low < 0 or high >= config.vocab_size:
        want = f"token ids must lie in 0..{config.vocab_size - 1}, got {low}..{high}"
        raise ValueError(f"{want}; were these captions tokenized for another vocabulary?")
    eot = "EOT, the largest id, must end every caption"
    after_first = tokens[:, 1:]
    if (tokens[:, 0] == high).all() and ((after_first > 0) & (after_first < high)).any():
        found = f"the largest id, {high}, begins every row, as SOT does"
        raise ValueError(f"no row has an EOT: {found}; {eot}. Were they cut off?")
    row = int(largest.argmin())
    if largest[row] != high:
        found = f"its largest id is {int(largest[row])} where other rows have {high}"
        raise ValueError(f"row {row} has no EOT: {found}; {eot}")


def trim_padding(tokens: Tensor) -> Tensor:
    """Tokens (B, L) without the last columns, which are padding in every caption.

    Keeps a multiple of 8 columns: a CPU prepares its kernels anew for each length.
    """
    if not may_look(tokens):
        return tokens
    eot = int(tokens.argmax(dim=1).max())
    return tokens[:, : (eot // 8 + 1) * 8]


def build(preset: str | CLIPConfig, *, seed: int | None = None, **overrides: Any) -> CLIP:
    """A new CLIP with random weights: ``build("laptop", seed=0, vocab_size=3000)``.

    preset: a name from ``PRESETS`` or a config. seed: fixes the weights; the global random state
    stays. overrides: see :meth:`CLIPConfig.replace`. Raises ValueError for an unknown name.
    """
    if isinstance(preset, str):
        if preset not in PRESETS:
            raise ValueError(f"unknown preset {preset!r}; there are: {', '.join(PRESETS)}")
        preset = PRESETS[preset]
    if not isinstance(preset, CLIPConfig):
        got = type(preset).__name__
        raise TypeError(f"build needs the name of a preset or a CLIPConfig, got a {got}")
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        return CLIP(preset.replace(**overrides))
