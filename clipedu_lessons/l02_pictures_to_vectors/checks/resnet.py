"""Exercise 02.9: the ModifiedResNet."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.models import resnet
from clipedu.models.config import ResNetConfig
from clipedu_classroom.spec import FunctionExercise, Misconception, whole
from clipedu_lessons.l02_pictures_to_vectors.checks.modules import drive, driven


class ModifiedResNet(resnet.ModifiedResNet):
    """The library's, built from the arguments of the exercise."""

    def __init__(
        self, layers: tuple[int, ...], width: int, heads: int, resolution: int, embed_dim: int
    ) -> None:
        super().__init__(ResNetConfig(resolution, layers, width, heads), embed_dim)


class _Block(resnet.Bottleneck):
    """A block, each of whose steps a misconception can change."""

    def __init__(self, inputs: int, planes: int, stride: int, how: dict[str, Any]) -> None:
        super().__init__(inputs, planes, stride)
        self.how = how
        at = how.get("strided", "")  # which convolution skips pixels, in place of the pooling
        if at:
            getattr(self, at).stride = (stride, stride)
            self.avgpool = nn.Identity()
        if self.downsample is not None and how.get("shortcut") == "strided":
            convolution, norm = self.downsample[1:]  # type: ignore[index]
            convolution.stride = (stride, stride)
            self.downsample = nn.Sequential(convolution, norm)
        if how.get("shortcut") == "always" and self.downsample is None:
            convolution = nn.Conv2d(inputs, 4 * planes, 1, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(4 * planes))
        if self.downsample is not None and how.get("shortcut") == "max":
            self.downsample[0] = nn.MaxPool2d(stride)  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        how = self.how
        shortcut = x if self.downsample is None else self.downsample(x)
        pool = how.get("pool", "before conv3")
        x = self.avgpool(x) if pool == "before conv1" else x
        x = self.bn1(self.conv1(x))
        x = x if how.get("middle") == "linear" else F.relu(x)
        x = self.avgpool(x) if pool == "before conv2" else x
        x = F.relu(self.bn2(self.conv2(x)))
        x = self.avgpool(x) if pool == "before conv3" else x
        x = self.bn3(self.conv3(x))
        x = self.avgpool(x) if pool == "after conv3" else x
        if how.get("end") == "relu first":
            return F.relu(x) + shortcut
        if how.get("end") == "no shortcut":
            return F.relu(x)
        return x + shortcut if how.get("end") == "linear" else F.relu(x + shortcut)


def _resnet_with(**how: Any) -> Any:
    """A class of wrong encoders."""

    def build(
        self: Any, layers: tuple[int, ...], width: int, heads: int, resolution: int, embed_dim: int
    ) -> None:
        ModifiedResNet.__init__(self, layers, width, heads, resolution, embed_dim)
        inputs = width
        for i, blocks in enumerate(layers):
            planes = width * 2**i
            stride = 1 if i == 0 else 2
            stage = nn.Sequential()
            for k in range(blocks):
                first = k == 0 if how.get("halve") != "last" else k == blocks - 1
                stage.append(_Block(inputs, planes, stride if first else 1, how))
                inputs = 4 * planes
            setattr(self, self.stages[i], stage)
        if how.get("stem") == "max":
            self.avgpool = nn.MaxPool2d(2)
        if how.get("pool_at_end") == "mean":
            del self.attnpool
            self.proj = nn.Linear(inputs, embed_dim)

    def stem(self: Any, x: Tensor) -> Tensor:
        between = (lambda y: y) if how.get("stem") == "linear" else F.relu
        for name in "123":
            x = between(getattr(self, f"bn{name}")(getattr(self, f"conv{name}")(x)))
        return self.avgpool(x)

    def forward(self: Any, pictures: Tensor) -> Tensor:
        x = self.feature_map(pictures)
        return self.proj(x.mean(dim=(2, 3))) if hasattr(self, "proj") else self.attnpool(x)

    members = {"__init__": build, "_stem": stem, "forward": forward}
    return type("ModifiedResNet", (ModifiedResNet,), members)


def _when(words: str, hint: str = "", **changes: Any) -> Misconception:
    return Misconception(words, _resnet_with(**changes), hint)


def _resnet_inputs(generator: torch.Generator) -> dict[str, Any]:
    width = 2 * whole(generator, 1, 2)
    pictures = torch.randn(whole(generator, 2, 3), 3, 16, 16, generator=generator)
    return driven(ModifiedResNet, [((2, 1, 2), width, 2, 16, 5)], pictures)


RESNET = FunctionExercise(
    id="02.9",
    name="ModifiedResNet",
    reference=ModifiedResNet,
    inputs=_resnet_inputs,
    drive=drive,
    trials=1,
    tolerance=1e-5,
    misconceptions=(
        _when(
            "the middle convolution of a block skips pixels, as in the first ResNet",
            "Every convolution of a block has stride 1; what halves the map?",
            strided="conv2",
        ),
        _when("the first convolution of a block skips pixels", strided="conv1"),
        _when("the last convolution of a block skips pixels", strided="conv3"),
        _when(
            "the shortcut's convolution skips pixels, where it should pool",
            "The shortcut pools first, then its 1 x 1 convolution has stride 1.",
            shortcut="strided",
        ),
        _when("the shortcut takes the maximum of its pixels", shortcut="max"),
        _when(
            "every block has a convolution in its shortcut",
            "Where the shapes agree, the input itself is added.",
            shortcut="always",
        ),
        _when("the pooling comes before the 3 x 3 convolution", pool="before conv2"),
        _when("the pooling comes before the first convolution of the block", pool="before conv1"),
        _when("there is no ReLU after the first convolution of a block", middle="linear"),
        _when("the ReLU comes before the shortcut is added", end="relu first"),
        _when("there is no ReLU after the sum", "First the sum, then the ReLU.", end="linear"),
        _when("the shortcut is not added", end="no shortcut"),
        _when("the last block of a stage halves the map, not the first", halve="last"),
        _when("there are no ReLUs in the stem", stem="linear"),
        _when("the stem ends with max pooling", stem="max"),
        _when(
            "the mean over the positions takes the place of attention pooling", pool_at_end="mean"
        ),
    ),
)
