"""Right encoders in other styles than the solution's pass, and broken ones are named."""

from __future__ import annotations

import math
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from clipedu.models.transformer import Transformer
from clipedu.models.vit import conv_stem
from clipedu_classroom import specs
from clipedu_classroom.examine import examine
from clipedu_classroom.report import Report
from clipedu_classroom.subject import LocalSubject


def _check(exercise: str, answer: object) -> Report:
    return examine(specs.find(exercise), LocalSubject(answer), seed=1)


class _Stem(nn.Sequential):
    """A class in place of a function."""

    def __init__(self, patch: int, width: int) -> None:
        layers: list[nn.Module] = []
        outputs = width
        for _ in range(round(math.log2(patch))):  # from the last convolution to the first
            inputs = 3 if len(layers) == 3 * (round(math.log2(patch)) - 1) else outputs // 2
            convolution = nn.Conv2d(inputs, outputs, (3, 3), (2, 2), (1, 1), bias=False)
            layers = [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True), *layers]
            outputs //= 2
        super().__init__(*layers)


def _named_stem(patch: int, width: int) -> nn.Module:
    stem, n = OrderedDict[str, nn.Module](), int(math.log2(patch))
    for i in range(n):
        outputs = width // 2 ** (n - 1 - i)
        stem[str(3 * i)] = nn.Conv2d(outputs // 2 if i else 3, outputs, 3, 2, 1, bias=False)
        stem[str(3 * i + 1)], stem[str(3 * i + 2)] = nn.BatchNorm2d(outputs), nn.ReLU()
    return nn.Sequential(stem)


@pytest.mark.parametrize("answer", [lambda patch, width: _Stem(patch, width), _named_stem])
def test_a_stem_in_another_style_passes(answer: object) -> None:
    assert _check("02.7", answer).passed


class _ViT(nn.Module):
    """Everything by hand: a loop over pictures, einsum, a buffer of zeros for the class token."""

    def __init__(self, config, embed_dim, activation="quick_gelu"):  # type: ignore[no-untyped-def]
        super().__init__()
        self.config, w = config, config.width
        if config.stem == "conv":
            self.stem = conv_stem(config.patch, w)
        kernel = 1 if config.stem == "conv" else config.patch
        self.conv1 = nn.Conv2d(w if kernel == 1 else 3, w, kernel, kernel, bias=False)
        self.ln_post, self.ln_pre = nn.LayerNorm(w), nn.LayerNorm(w)
        self.transformer = Transformer(w, config.layers, config.heads, activation=activation)
        self.proj = nn.Parameter(torch.zeros(w, embed_dim))
        patches = (config.resolution // config.patch) ** 2
        self.positional_embedding = nn.Parameter(torch.zeros(1 + patches, w))
        self.class_embedding = nn.Parameter(torch.zeros(w))

    def forward(self, pictures):  # type: ignore[no-untyped-def]
        if self.config.stem == "conv":
            pictures = self.stem(pictures)
        grid = self.conv1(pictures)
        patches = torch.einsum("bchw->bhwc", grid).reshape(len(grid), -1, grid.shape[1])
        x = F.pad(patches, (0, 0, 1, 0)) + self.positional_embedding[None]
        x = torch.cat([x[:, :1] + self.class_embedding, x[:, 1:]], dim=1)
        for block in self.transformer.resblocks:
            x = block(x if block is not self.transformer.resblocks[0] else self.ln_pre(x))
        return torch.einsum("bw,we->be", self.ln_post(x)[:, 0], self.proj)


def test_an_encoder_in_another_style_passes() -> None:
    assert _check("02.8", _ViT).passed


def test_what_is_no_module_or_has_other_names_is_told_so() -> None:
    assert _check("02.8", lambda config, embed_dim, activation: torch.zeros(1)).diagnosis == (
        "the answer is not a subclass of nn.Module"
    )
    report = _check("02.7", lambda patch, width: nn.Sequential(nn.Conv2d(3, width, patch, patch)))
    assert report.diagnosis == "the parameters have other names or shapes"
    assert "missing 0.weight" in report.message


def test_batch_statistics_in_evaluation_mode_are_found() -> None:
    class Norm(nn.BatchNorm2d):
        def forward(self, x):  # type: ignore[no-untyped-def]
            return F.batch_norm(x, None, None, self.weight, self.bias, training=True)

    def stem(patch: int, width: int) -> nn.Module:
        made = conv_stem(patch, width)
        for i in range(1, len(made), 3):
            made[i] = Norm(len(made[i].get_parameter("weight")))
        return made

    assert _check("02.7", stem).diagnosis == "batch norm keeps no running averages"
