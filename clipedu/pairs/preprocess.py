"""What released CLIPs expect of a picture: OpenAI's resize, crop and standardization, by Pillow."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clipedu.pairs.clean import Source, over_white, rgba_picture

#: Of the pixels of OpenAI's 400 million pictures, by channel.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def openai_picture(source: Source, resolution: int = 224) -> Tensor:
    """A picture -> (3, R, R) float in 0..1: the shorter side resized to R, the middle kept.

    Equal to the last bit to OpenAI's transform for RGB and gray pictures. Where theirs drops alpha,
    a camera's rotation or the upper 8 of 16 bits, `clean_picture` says what happens here.
    """
    image = over_white(rgba_picture(source))
    width, height = image.size
    shorter = min(width, height)
    width, height = int(resolution * width / shorter), int(resolution * height / shorter)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - resolution) / 2), round((height - resolution) / 2)
    image = image.crop((left, top, left + resolution, top + resolution))
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255).contiguous()


def openai_standardize(pictures: Tensor) -> Tensor:
    """(..., 3, R, R) in 0..1 -> standardized, the `preprocess` of `embed_pictures`."""
    mean, std = (torch.tensor(x, device=pictures.device).view(3, 1, 1) for x in (MEAN, STD))
    return (pictures - mean) / std
