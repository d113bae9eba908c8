"""OpenAI's transform without torchvision: the same pixels, and sense where theirs has none."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from clipedu.pairs.clean import OPENAI_MEAN as MEAN
from clipedu.pairs.clean import OPENAI_STD as STD
from clipedu.pairs.clean import openai_picture, openai_standardize


def picture(width: int, height: int, channels: int = 3, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    array = rng.integers(0, 256, (height, width, channels), np.uint8)
    return Image.fromarray(array[..., 0] if channels == 1 else array)


SIZES = [(64, 64), (224, 224), (225, 224), (227, 224), (500, 333), (333, 500), (301, 517), (40, 91)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [224, 37])
def test_equal_to_openai_as_torchvision_computes_it(transforms, size, channels, resolution) -> None:
    transform = transforms.Compose(
        [
            transforms.Resize(resolution, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(resolution),
            lambda image: image.convert("RGB"),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    image = picture(*size, channels)
    assert torch.equal(openai_standardize(openai_picture(image, resolution)), transform(image))


@pytest.mark.parametrize("size", SIZES)
def test_shorter_side_bicubic_then_the_middle(size) -> None:
    """Written out with Pillow, since torchvision is seldom installed beside a CPU build."""
    image, (width, height) = picture(*size), size
    wide = width > height
    long = int(32 * max(size) / min(size))
    resized = image.resize((long, 32) if wide else (32, long), Image.Resampling.BICUBIC)
    cut = int(round((long - 32) / 2.0))  # round(2.5) is 2: half a pixel goes to the even side
    array = np.asarray(resized)
    expected = array[:, cut : cut + 32] if wide else array[cut : cut + 32]
    found = openai_picture(image, 32)
    assert found.dtype == torch.float32 and found.shape == (3, 32, 32)
    assert torch.equal(found, torch.from_numpy(expected.copy()).permute(2, 0, 1) / 255)


def test_standardized_by_openais_mean_and_spread() -> None:
    gray = torch.full((2, 3, 8, 8), 0.5)
    expected = [(0.5 - 0.48145466) / 0.26862954, (0.5 - 0.4578275) / 0.26130258]
    found = openai_standardize(gray)
    assert found.shape == gray.shape
    assert found[1, :2, 3, 3].tolist() == pytest.approx(expected)


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def test_alpha_is_laid_over_white() -> None:
    image = Image.new("RGBA", (50, 40), (0, 0, 0, 0))  # invisible black: OpenAI's becomes black
    assert torch.equal(openai_picture(saved(image, "PNG"), 32), torch.ones(3, 32, 32))


def test_a_camera_held_upright() -> None:
    image = picture(80, 60)
    tags = Image.Exif()
    tags[0x0112] = 6  # to be turned by 90 degrees
    turned = openai_picture(saved(image, "PNG", exif=tags.tobytes()), 32)
    upright = openai_picture(image.transpose(Image.Transpose.ROTATE_270), 32)
    assert torch.equal(turned, upright)


def test_16_bits_are_scaled_and_not_cut_off() -> None:
    gray = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    found = openai_picture(saved(Image.fromarray(gray), "PNG"), 64)
    expected = torch.from_numpy(gray.astype(np.float32) / 65535)
    torch.testing.assert_close(found, expected.expand(3, -1, -1), atol=1 / 255, rtol=0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
def test_any_mode_becomes_rgb(mode: str) -> None:
    image = Image.new("RGB", (50, 40), (255, 255, 255))
    image = image.convert("L").convert(mode) if mode in ("I;16", "F") else image.convert(mode)
    if mode == "I;16":
        image = image.point(lambda value: value * 257)
    if mode == "F":
        image = Image.fromarray(np.ones((40, 50), np.float32))
    torch.testing.assert_close(openai_picture(image, 32), torch.ones(3, 32, 32))


def test_cmyk_jpeg() -> None:
    image = Image.new("RGB", (60, 48), (200, 40, 90))
    found = openai_picture(saved(image.convert("CMYK"), "JPEG", quality=95), 32)
    expected = torch.tensor([200, 40, 90]).view(3, 1, 1) / 255
    torch.testing.assert_close(found, expected.expand(3, 32, 32), atol=0.03, rtol=0)


def test_a_broken_file_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be read"):
        openai_picture(saved(picture(50, 40), "PNG")[:400], 32)
