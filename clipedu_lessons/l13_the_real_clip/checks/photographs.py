"""Exercise 13.4: OpenAI's preprocessing of a photograph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor

from clipedu.pairs.clean import OPENAI_MEAN, OPENAI_STD
from clipedu_classroom.spec import FunctionExercise, Misconception, whole


def prepared(
    photograph: np.ndarray,
    resolution: int,
    *,
    how: Image.Resampling = Image.Resampling.BICUBIC,
    squeeze: bool = False,
    middle: bool = True,
    reshape: bool = False,
    most: float = 255,
    standardize: bool = True,
    half: Callable[[float], int] = round,
) -> Tensor:
    """The right answer; its options are the wrong ones. half: how half a pixel is rounded."""
    image = Image.fromarray(np.ascontiguousarray(photograph))
    short = min(image.size)
    size = [resolution if squeeze else int(resolution * side / short) for side in image.size]
    image = image.resize((size[0], size[1]), how)
    left, top = (half((side - resolution) / 2) if middle else 0 for side in size)
    image = image.crop((left, top, left + resolution, top + resolution))
    x = torch.from_numpy(np.array(image)).float()  # (R, R, 3)
    x = x.reshape(3, resolution, resolution) if reshape else x.permute(2, 0, 1)
    mean, std = (torch.tensor(each).view(3, 1, 1) for each in (OPENAI_MEAN, OPENAI_STD))
    return (x / most - mean) / std if standardize else x / most


def some_photograph(generator: Generator, odd: bool = False) -> dict[str, Any]:
    """Noise, wider than high or higher than wide, and larger than what is asked for. The surplus
    is even, so that both directions of rounding agree, or `odd`."""
    resolution = whole(generator, 16, 24)
    sides = [whole(generator, 40, 60), whole(generator, 70, 96)]
    while (int(resolution * sides[1] / sides[0]) - resolution) % 2 != odd:
        sides[1] += 1
    if whole(generator, 0, 1):
        sides.reverse()
    noise = torch.randint(0, 256, (*sides, 3), generator=generator, dtype=torch.uint8)
    return {"photograph": noise.numpy(), "resolution": resolution}


PREPROCESS = FunctionExercise(
    id="13.4",
    name="preprocess",
    reference=prepared,
    accepts=(
        lambda photograph, resolution: prepared(photograph, resolution, half=int),
        lambda photograph, resolution: prepared(photograph, resolution, half=math.ceil),
    ),
    inputs=some_photograph,
    extremes={"an odd surplus": lambda g: some_photograph(g, odd=True)},
    tolerance=1e-4,
    trials=4,
    misconceptions=(
        Misconception(
            "the longer side is resized to the resolution, not the shorter one",
            lambda photograph, resolution: prepared(
                np.pad(
                    photograph,
                    [(0, max(photograph.shape) - n) for n in photograph.shape[:2]] + [(0, 0)],
                ),
                resolution,
            ),
            "How many pixels has the shorter side afterwards?",
        ),
        Misconception(
            "five faults are five and none is repaired",
            lambda photograph, resolution: prepared(
                photograph[:, :, ::-1],
                resolution,
                how=Image.Resampling.NEAREST,
                squeeze=True,
                reshape=True,
                most=1,
            ),
            "Repair one after the other.",
        ),
    ),
)
