"""Exercise 02.4: a pooling that skips no pixel."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole


def _blurred(
    x: Tensor,
    weights: tuple[float, ...] = (0.25, 0.5, 0.25),
    *,
    mode: str = "replicate",
    step: int = 2,
    start: int = 0,
    rows: bool = True,
    columns: bool = True,
) -> Tensor:
    """Zhang's triangle blur, then every ``step``-th position from ``start``."""
    n = len(weights) // 2
    padded = F.pad(x, (n, n, n, n), mode=mode)
    h, w = x.shape[-2:]
    if rows:
        padded = sum(k * padded[..., i : i + h, :] for i, k in enumerate(weights))  # type: ignore[assignment]
    else:
        padded = padded[..., n : n + h, :]
    if columns:
        padded = sum(k * padded[..., i : i + w] for i, k in enumerate(weights))  # type: ignore[assignment]
    else:
        padded = padded[..., n : n + w]
    return padded[..., start::step, start::step]


def blur_pool(x: Tensor) -> Tensor:
    return _blurred(x)


def _blur(**changes: Any) -> Any:
    return partial(_blurred, **changes)


def _maps(generator: torch.Generator) -> dict[str, Any]:
    rows, columns = 2 * whole(generator, 2, 4), 2 * whole(generator, 5, 6)
    size = (whole(generator, 2, 3), whole(generator, 2, 4), rows, columns)
    return {"x": torch.randn(size, generator=generator) + 1}


def _kernel(x: Tensor) -> Tensor:
    """The triangle for a convolution with as many groups as channels: (C, 1, 3, 3)."""
    line = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype)
    return (line[:, None] * line).repeat(x.shape[1], 1, 1, 1)


BLUR = FunctionExercise(
    id="02.4",
    name="blur_pool",
    reference=blur_pool,
    inputs=_maps,
    gradient=("x",),
    properties=(
        Property(
            "the result changes when rows and columns swap roles",
            lambda f, x: (f(x.transpose(2, 3)), f(x).transpose(2, 3)),
        ),
        Property(
            "the result changes when channels are blurred together or apart",
            lambda f, x: (f(x)[:, :1], f(x[:, :1])),
        ),
    ),
    extremes={
        "an even grey": lambda g: {"x": torch.full((1, 2, 6, 4), 0.5)},
        "a map of two by two": lambda g: {"x": torch.randn(2, 3, 2, 2, generator=g)},
        "sides of odd length": lambda g: {"x": torch.randn(1, 2, 5, 7, generator=g)},
    },
    misconceptions=(
        Misconception(
            "every second pixel is kept without any blur",
            lambda x: x[..., ::2, ::2],
            "What do the skipped pixels add?",
        ),
        Misconception(
            "the maximum of two by two is taken",
            lambda x: F.max_pool2d(x, 2, ceil_mode=True),
            "A maximum is no blur.",
        ),
        Misconception(
            "the maximum of three by three is taken",
            lambda x: F.max_pool2d(x, 3, stride=2, padding=1),
            "A blur is a weighted mean.",
        ),
        Misconception(
            "the weights are divided by four once, not for each direction",
            lambda x: 4 * _blurred(x),
            "What should become of an even grey?",
        ),
        Misconception(
            "three equal weights are used, not 1, 2, 1",
            _blur(weights=(1 / 3, 1 / 3, 1 / 3)),
            "The middle counts twice.",
        ),
        Misconception(
            "the edges are mirrored, not repeated",
            _blur(mode="reflect"),
            "Which value is next to the first one?",
        ),
        Misconception(
            "the blur runs along the rows only",
            _blur(rows=False),
            "A picture has two directions.",
        ),
        Misconception(
            "the blur runs down the columns only",
            _blur(columns=False),
            "A picture has two directions.",
        ),
        Misconception(
            "nothing is skipped after the blur",
            _blur(step=1),
            "The result shall be half as high and half as wide.",
        ),
        Misconception(
            "the skipping starts at the second pixel",
            _blur(start=1),
            "Which pixels are kept: 0, 2, 4 or 1, 3, 5?",
        ),
        Misconception(
            "the channels are added together",
            lambda x: _blurred(x).sum(dim=1, keepdim=True).expand(-1, x.shape[1], -1, -1),
            "Each channel is blurred by itself: groups in conv2d.",
        ),
        Misconception(
            "the edges are not padded",
            lambda x: F.conv2d(x, _kernel(x), stride=2, groups=x.shape[1]),
            "How large is the result for a map of two by two?",
        ),
        Misconception(
            "the picture is continued from its other side",
            _blur(mode="circular"),
            "At the border, the edge value is repeated.",
        ),
        Misconception(
            "the mean of three by three is taken, with zeros around",
            lambda x: F.avg_pool2d(x, 3, stride=2, padding=1),
            "The middle counts twice, and the edge value is repeated.",
        ),
        Misconception(
            "the blur along the rows and the one down the columns are averaged",
            lambda x: (_blurred(x, rows=False) + _blurred(x, columns=False)) / 2,
            "Blur what is blurred already: first one way, then the other.",
        ),
        Misconception(
            "the last pixel of an odd side is cut off",
            lambda x: _blurred(x[..., : x.shape[-2] // 2 * 2, : x.shape[-1] // 2 * 2]),
            "The halves are rounded up.",
        ),
        Misconception(
            "the blur is done twice",
            lambda x: _blurred(_blurred(x, step=1)),
            "Once along the rows and once down the columns is all.",
        ),
        Misconception(
            "every third position is kept", _blur(step=3), "Half as high and half as wide."
        ),
        Misconception(
            "the map is padded on one side only",
            lambda x: _blurred(F.pad(x, (0, 1, 0, 1), mode="replicate"), start=1)[
                ..., : (x.shape[2] + 1) // 2, : (x.shape[3] + 1) // 2
            ],
            "One pixel on each side: the blur is centered on the pixel that is kept.",
        ),
        Misconception(
            "pixels are skipped in one direction only",
            lambda x: _blurred(x, step=1)[..., ::2, :],
            "Half as high and half as wide.",
        ),
    ),
)
