"""Exercise 02.8: the Vision Transformer of `my_clip.py`."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.models import vit
from clipedu.models.config import ViTConfig
from clipedu.models.transformer import LayerNorm, Transformer
from clipedu_classroom.spec import FunctionExercise, Misconception, whole
from clipedu_lessons.l02_pictures_to_vectors.checks.modules import drive, driven


class _ViT(nn.Module):
    """The encoder, each of whose steps a subclass can change."""

    stems = "as asked"  # "conv": always
    bias = False
    stride = True
    pre = post = "used"  # "absent", "unused", "first" (ln_pre before the positions)
    token = "first"  # "last", "absent"
    positions = "tokens"  # "patches", "unused", "before the class token"
    order = "rows"  # "columns", "reshape"
    read = "token"  # "mean", "patches", "last", "max"
    project = "used"  # "unused", "linear"
    causal = False
    depth = heads = 0
    how = ""  # an activation
    unit = False
    one_by_one = True

    def __init__(self, config: Any, embed_dim: int, activation: str = "quick_gelu") -> None:
        super().__init__()
        width, patch = config.width, config.patch
        self.stem: nn.Module = nn.Identity()
        if "conv" in (self.stems, config.stem):
            self.stem = vit.conv_stem(patch, width)
            kernel = 1 if self.one_by_one else 3
            self.conv1 = nn.Conv2d(width, width, kernel, padding=kernel // 2, bias=self.bias)
        else:
            stride = patch if self.stride else 1
            self.conv1 = nn.Conv2d(3, width, patch, stride, bias=self.bias)
        length = (config.resolution // patch) ** 2 + (self.token != "absent")
        if self.token != "absent":
            self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn(length, width))
        if self.pre != "absent":
            self.ln_pre = LayerNorm(width)
        depth, heads = self.depth or config.layers, self.heads or config.heads
        how = self.how or activation
        self.transformer = Transformer(width, depth, heads, activation=how, causal=self.causal)
        if self.post != "absent":
            self.ln_post = LayerNorm(width)
        if self.project == "linear":
            self.proj: Any = nn.Linear(width, embed_dim, bias=False)
        else:
            self.proj = nn.Parameter(torch.randn(width, embed_dim))

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.conv1(self.stem(pictures))
        if self.order == "reshape":
            x = x.reshape(len(x), -1, x.shape[1])
        else:
            x = (x.mT if self.order == "columns" else x).flatten(2).transpose(1, 2)
        position = self.positional_embedding
        if self.pre == "first":
            x = self.ln_pre(x)
        if self.positions == "before the class token":
            x = x + position[:-1]
        elif self.positions == "patches":
            x = x + position[1:]
        if self.token != "absent":
            first = self.class_embedding.expand(len(x), 1, -1)
            x = torch.cat([x, first] if self.token == "last" else [first, x], dim=1)
        if self.positions == "tokens":
            x = x + position
        x = self.transformer(self.ln_pre(x) if self.pre == "used" else x)
        x = self.ln_post(x) if self.post == "used" else x
        x = {
            "token": lambda: x[:, -1] if self.token == "last" else x[:, 0],
            "last": lambda: x[:, -1],
            "mean": lambda: x.mean(dim=1),
            "patches": lambda: x[:, 1:].mean(dim=1),
            "max": lambda: x.amax(dim=1),
            "all": lambda: x,
        }[self.read]()
        if self.project == "linear":
            x = self.proj(x)
        elif self.project == "used":
            x = x @ self.proj
        return F.normalize(x, dim=-1) if self.unit else x


def _vit_with(**changes: Any) -> Any:
    return type("VisionTransformer", (_ViT,), changes)


def _when(words: str, hint: str = "", **changes: Any) -> Misconception:
    return Misconception(words, _vit_with(**changes), hint)


def _vit_inputs(generator: torch.Generator, count: int = 0) -> dict[str, Any]:
    heads, side = 2, whole(generator, 2, 3)
    width = heads * 4 * whole(generator, 1, 2)
    count = count or whole(generator, 2, 3)
    pictures = torch.randn(count, 3, 4 * side, 4 * side, generator=generator)
    configs = [ViTConfig(4 * side, 4, width, 2, heads, stem=stem) for stem in ("conv", "patch")]
    arguments: list[tuple[Any, ...]] = [(configs[0], 5, "gelu"), (configs[1], 5, "quick_gelu")]
    return driven(vit.VisionTransformer, arguments, pictures)


ENCODER = FunctionExercise(
    id="02.8",
    name="VisionTransformer",
    reference=vit.VisionTransformer,
    inputs=_vit_inputs,
    drive=drive,
    trials=1,
    extremes={"one picture": lambda g: _vit_inputs(g, 1)},
    misconceptions=(
        _when(
            "the stem is used for the paper's ViT, too",
            'What does `config.stem == "patch"` ask for?',
            stems="conv",
        ),
        _when("there is no layer norm before the blocks", pre="absent"),
        _when("ln_pre is made, but never called", pre="unused"),
        _when("ln_pre comes before the class token and the positions", pre="first"),
        _when("there is no layer norm after the blocks", "What is ln_post for?", post="absent"),
        _when("ln_post is made, but never called", post="unused"),
        _when(
            "the class token gets no position",
            "positional_embedding has one row more than there are patches.",
            positions="patches",
        ),
        _when(
            "the positions are added before the class token is there, so that patch 0 gets its row",
            positions="before the class token",
        ),
        _when("the patches run down the columns, not along the rows", order="columns"),
        _when("the mean over the patches is read, without the class token", read="patches"),
        _when("the last patch is read", read="last"),
        _when("the maximum over the tokens is read", read="max"),
        _when("every token is projected and returned", "One vector for each picture.", read="all"),
        _when(
            "proj is a linear layer, not a matrix",
            "It is a Parameter of shape (width, embed_dim), used with @.",
            project="linear",
        ),
        _when("the blocks have the text encoder's causal mask", causal=True),
        _when("the patch convolution has a bias", "`conv1` has no bias.", bias=True),
        _when("the patches overlap: the window moves by one pixel", stride=False),
        _when("conv1 behind the stem has a kernel of 3 x 3", one_by_one=False),
        _when(
            "the activation is not passed on to the blocks: they use quick_gelu",
            "What becomes of the argument `activation`?",
            how="quick_gelu",
        ),
        _when("the activation is not passed on to the blocks: they use gelu", how="gelu"),
        _when("the number of heads is not passed on: there is one", heads=1),
        _when("the number of blocks is not passed on: there is one", depth=1),
        _when("the embeddings are normalized", unit=True),
    ),
)
