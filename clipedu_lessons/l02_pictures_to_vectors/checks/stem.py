"""Exercise 02.7: the convolutional stem of `my_clip.py`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn

from clipedu.models import vit
from clipedu_classroom.spec import FunctionExercise, Misconception, whole
from clipedu_lessons.l02_pictures_to_vectors.checks.modules import drive, driven


def _stem(
    patch: int,
    width: int,
    *,
    channels: str = "double",
    order: str = "CNR",
    kernel: int = 3,
    padding: int = 1,
    strides: str = "all",
    bias: bool = False,
    halvings: int = 0,
    norm: Any = nn.BatchNorm2d,
    activation: Any = nn.ReLU,
    last: str = "",
) -> nn.Sequential:
    """The stem, each of whose choices a misconception can change."""
    count = patch.bit_length() - 1 + halvings
    sizes = {
        "double": [width // 2**i for i in reversed(range(count))],
        "halve": [width // 2**i for i in range(count)],
        "same": [width] * count,
        "of three": [3 * 2**i for i in range(1, count)] + [width],
    }[channels]
    stem = nn.Sequential()
    for i, (inputs, outputs) in enumerate(pairwise([3, *sizes])):
        stride = 2
        if strides == "first":
            stride = patch if i == 0 else 1
        elif strides == "last":
            stride = patch if i == count - 1 else 1
        layers = {
            "C": nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias),
            "N": norm(outputs),
            "R": activation(),
        }
        stem.extend(layers[letter] for letter in (last if last and i == count - 1 else order))
    return stem


def _stem_with(**changes: Any) -> Any:
    return lambda patch, width: _stem(patch, width, **changes)


def _when(words: str, hint: str = "", **changes: Any) -> Misconception:
    return Misconception(words, _stem_with(**changes), hint)


def _stem_inputs(generator: torch.Generator) -> dict[str, Any]:
    width = 8 * whole(generator, 1, 2)
    rows, columns = 8 * whole(generator, 2, 3), 8 * whole(generator, 1, 2)
    pictures = torch.randn(whole(generator, 2, 3), 3, rows, columns, generator=generator)
    arguments: list[tuple[Any, ...]] = [(8, width), (2, width), (4, width)]
    return driven(vit.conv_stem, arguments, pictures, modes=(True, False))


STEM = FunctionExercise(
    id="02.7",
    name="conv_stem",
    reference=vit.conv_stem,
    inputs=_stem_inputs,
    drive=drive,
    trials=1,
    misconceptions=(
        _when("all convolutions have the full width", channels="same"),
        _when(
            "the channels double from the three of the picture",
            "Count backward from `width`: width, width / 2, width / 4.",
            channels="of three",
        ),
        _when("batch norm comes after the ReLU", order="CRN"),
        _when("the last batch norm is missing", last="CR"),
        _when("the last convolution alone skips pixels", strides="last"),
        _when(
            "there is one convolution too few",
            "How many times must you halve to get from `patch` to 1?",
            halvings=-1,
        ),
        _when("there is one convolution too many", halvings=1),
        _when("the kernels are 2 x 2", kernel=2, padding=0),
        _when("the pictures are not padded", padding=0),
        _when(
            "each picture is normalized by itself", norm=lambda channels: nn.GroupNorm(1, channels)
        ),
        _when(
            "each channel of each picture is normalized by itself",
            norm=lambda channels: nn.InstanceNorm2d(channels, affine=True),
        ),
        _when(
            "batch norm has no gain and no shift",
            norm=lambda channels: nn.BatchNorm2d(channels, affine=False),
        ),
        _when(
            "batch norm keeps no running averages",
            "In evaluation mode a picture must not depend on the others: keep the defaults.",
            norm=lambda channels: nn.BatchNorm2d(channels, track_running_stats=False),
        ),
        _when("GELU takes the place of ReLU", "The stem uses ReLU.", activation=nn.GELU),
        _when("the last ReLU is missing", last="CN"),
    ),
)
