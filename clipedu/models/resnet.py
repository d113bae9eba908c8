"""The ModifiedResNet as an image encoder, and a small cousin for 32-px pictures (section 2.4).

Three changes to the ResNet of He et al. (arXiv 1512.03385): a stem of three convolutions; every
halving is an average pooling, so that no pixel is skipped; and attention pooling at the end. The
small cousin keeps the third; it halves by strided convolutions, as He et al. did.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipedu.models.config import STEM_SHRINK, ResNetConfig
from clipedu.models.recompute import recomputed, run_blocks
from clipedu.models.transformer import attention


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    """None where a block's input can be added to its output; else what gives it that shape."""
    if stride == 1 and inputs == outputs:
        return None
    shortcut = nn.Sequential()
    shortcut.add_module("-1", nn.AvgPool2d(stride))  # openai/CLIP's name: the convolution is "0"
    shortcut.add_module("0", nn.Conv2d(inputs, outputs, 1, bias=False))
    shortcut.add_module("1", nn.BatchNorm2d(outputs))
    return shortcut


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with stride s: (B, inputs, H, W) -> (B, 4 * planes, H/s, W/s)."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.avgpool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, planes * self.expansion, stride)
        nn.init.zeros_(self.bn3.weight)  # every block starts as its shortcut

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(self.avgpool(x)))
        x += shortcut
        return self.relu(x)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, for small networks: (B, inputs, H, W) -> (B, planes, H/s, W/s)."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(inputs, planes, stride)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x))
        x += shortcut
        return self.relu(x)


class AttentionPool2d(nn.Module):
    """Mean-query attention pooling: (B, C, S, S) -> (B, E).

    The query is the mean over positions; keys and values are that mean and every position.
    """

    def __init__(self, side: int, width: int, heads: int, embed_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.randn(side**2 + 1, width) / width**0.5)
        self.k_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.c_proj = nn.Linear(width, embed_dim)
        for layer in (self.q_proj, self.k_proj, self.v_proj, self.c_proj):
            nn.init.normal_(layer.weight, std=width**-0.5)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, C): the attention's weighted mean, before the projection."""
        x = x.flatten(2).transpose(1, 2)  # (B, S*S, C)
        x = torch.cat([x.mean(dim=1, keepdim=True), x], dim=1)  # (B, 1 + S*S, C)
        x = x + self.positional_embedding.to(x.dtype)
        q, k, v = self.q_proj(x[:, :1]), self.k_proj(x), self.v_proj(x)
        # split into heads: q (B, H, 1, C/H), k and v (B, H, 1 + S*S, C/H)
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (q, k, v))
        return attention(q, k, v).flatten(1)  # (B, C)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.features(x))


class ModifiedResNet(nn.Module):
    """Pictures (B, 3, R, R) -> embeddings (B, E), not normalized."""

    def __init__(self, config: ResNetConfig, embed_dim: int) -> None:
        super().__init__()
        width = config.width
        self.stem = config.stem
        self.recompute = False  # see clipedu.models.recompute
        self.relu = nn.ReLU(inplace=True)
        if config.stem == "paper":
            half = width // 2
            self.conv1 = nn.Conv2d(3, half, 3, stride=2, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(half)
            self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(half)
            self.conv3 = nn.Conv2d(half, width, 3, padding=1, bias=False)
            self.bn3 = nn.BatchNorm2d(width)
            self.avgpool = nn.AvgPool2d(2)
        else:
            self.conv1 = nn.Conv2d(3, width, 3, STEM_SHRINK[config.stem], padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(width)

        block = Bottleneck if config.block == "bottleneck" else BasicBlock
        inputs = width
        self.stages = [f"layer{i + 1}" for i in range(len(config.layers))]
        for i, blocks in enumerate(config.layers):
            planes = width * 2**i
            stage = nn.Sequential(block(inputs, planes, stride=1 if i == 0 else 2))
            inputs = planes * block.expansion
            stage.extend(block(inputs, planes) for _ in range(blocks - 1))
            self.add_module(self.stages[i], stage)
        side = config.resolution // config.shrink
        self.attnpool = AttentionPool2d(side, config.feature_width, config.heads, embed_dim)

    def feature_map(self, pictures: Tensor) -> Tensor:
        """(B, 3, R, R) -> (B, C, S, S): the last grid of features, before any pooling."""
        # Channels last in memory is what convolutions on a CPU, or in 16 bits, are written for.
        x = pictures.contiguous(memory_format=torch.channels_last)
        x = recomputed(self._stem, x, owner=self) if self.recompute else self._stem(x)
        for name in self.stages:
            x = run_blocks(self.get_submodule(name), x, recompute=self.recompute)
        return x

    def _stem(self, x: Tensor) -> Tensor:
        """(B, 3, R, R) -> (B, width, R/s, R/s), s being what the stem shrinks by."""
        x = self.relu(self.bn1(self.conv1(x)))
        if self.stem == "paper":
            x = self.relu(self.bn2(self.conv2(x)))
            x = self.avgpool(self.relu(self.bn3(self.conv3(x))))  # (B, width, R/4, R/4)
        return x

    def grid(self, pictures: Tensor) -> Tensor:
        """(B, 3, R, R) -> (B, S*S, C): the feature map as a list of its cells."""
        return self.feature_map(pictures).flatten(2).transpose(1, 2)

    def features(self, pictures: Tensor) -> Tensor:
        """(B, 3, R, R) -> (B, C): pooled by attention, before the projection."""
        return self.attnpool.features(self.feature_map(pictures))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.attnpool(self.feature_map(pictures))
