"""One door for pictures from outside: whatever they are, they leave as (3, size, size), 0..1.

Notable:

* alpha is laid over white, 16 bits become 0..1, a palette becomes colours, a camera's turned
  picture stands upright, of an animation the first picture is taken;
* proportions are kept: what is not square gets white margins, as our icons have;
* 20 megapixels are made small before anything else is done to them; what could fill the memory, or
  is too small to show anything, is refused with a sentence that says what to do.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from clipedu.pairs.raster import check_size, render_svg

FEWEST_PIXELS = 4  # on the shorter side: below that there is nothing to recognise
MOST_MEGAPIXELS = 100  # a camera's 20 and a phone's 50 pass
WHITE = (255, 255, 255)

Bytes = bytes | bytearray | memoryview
Source = str | os.PathLike[str] | Bytes | Image.Image | np.ndarray | torch.Tensor


def clean_picture(source: Source, size: int = 32) -> torch.Tensor:
    """Any picture -> (3, size, size) float in 0..1, over white, with its proportions kept.

    source: a file's path; the bytes of a file (PNG, JPEG, GIF, WebP, SVG ...); a PIL picture; an
    array or tensor, (H, W), (H, W, C) or (C, H, W) with C of 1 to 4: bool, uint8, uint16, or float
    in 0..1.

    Raises:
        FileNotFoundError: no such file.
        TypeError: something that is no picture.
        ValueError: a file that is none or breaks off, a picture below 4 pixels or above 100
            megapixels, NaN, values out of range, or a size outside 8..512.
    """
    check_size(size)
    if isinstance(source, np.ndarray | torch.Tensor):
        image = _from_array(source)
    elif isinstance(source, Image.Image):
        image = source
    elif isinstance(source, bytes | bytearray | memoryview):
        image = _from_bytes(bytes(source), "The file", size)
    elif isinstance(source, str | os.PathLike):
        image = _from_bytes(_read(Path(source)), str(Path(source).name), size)
    else:
        raise TypeError(
            "A picture is a file's path, its bytes, a PIL picture, an array or a tensor; "
            f"got {type(source).__name__}."
        )
    _check_sides(image)
    try:
        own = image.copy() if image is source else image  # not the caller's, which may be shrunk
        small = _square(_over_white(_shrink(own, size)), size)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow finds a broken file while it reads
        raise ValueError(f"The picture can't be read to its end: {error}.") from error
    return torch.from_numpy(np.array(small)).permute(2, 0, 1).float().div(255).contiguous()


def is_blank(picture: torch.Tensor, least: float = 0.02) -> bool:
    """Whether a clean picture has one colour only: no two pixels differ by more than `least`."""
    flat = picture.flatten(-2)  # (3, size * size)
    return bool((flat.amax(-1) - flat.amin(-1)).max() <= least)


def _read(path: Path) -> bytes:
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}. Is the name spelled right?")
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name one picture in it.")
    return path.read_bytes()


def _from_bytes(data: bytes, what: str, size: int) -> Image.Image:
    if not data:
        raise ValueError(f"{what}: the file is empty.")
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith((b"<svg", b"<?xml", b"<!--")):
        return Image.fromarray(render_svg(data.decode("utf-8", "replace"), size))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # ours says more
            return Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise ValueError(_too_many(f"{what}: the picture")) from None
    except UnidentifiedImageError:
        raise ValueError(
            f"{what}: not a picture that can be read here. PNG, JPEG, GIF, WebP, BMP, TIFF and SVG "
            "can."
        ) from None
    except (OSError, SyntaxError) as error:  # it breaks off before its size is known
        raise ValueError(f"{what}: the picture can't be read: {error}.") from error


def _from_array(source: np.ndarray | torch.Tensor) -> Image.Image:
    if isinstance(source, torch.Tensor):
        tensor = source.detach().cpu()
        array = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    else:
        array = source
    found = f"an array of shape {tuple(array.shape)} and type {array.dtype}"
    if array.ndim == 3 and array.shape[-1] not in (1, 2, 3, 4) and array.shape[0] in (1, 2, 3, 4):
        array = array.transpose(1, 2, 0)  # (C, H, W) -> (H, W, C)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 2, 3, 4) or 0 in array.shape:
        raise ValueError(f"A picture is (H, W), (H, W, C) or (C, H, W), C of 1 to 4; got {found}.")
    if array.shape[0] * array.shape[1] > MOST_MEGAPIXELS * 1e6:
        raise ValueError(_too_many("The picture"))
    if array.dtype == np.bool_:
        scaled = array * 255.0
    elif array.dtype == np.uint8:
        scaled = array
    elif array.dtype == np.uint16:
        scaled = array / 257  # 65535 -> 255
    elif np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            raise ValueError("The picture holds NaN or infinity: look at how it was made.")
        low, high = float(array.min()), float(array.max())
        if low < -1e-3 or high > 1 + 1e-3:
            raise ValueError(f"Float pictures lie in 0..1; got {low:.3g}..{high:.3g}.")
        scaled = array * 255
    else:
        raise ValueError(f"Pictures are bool, uint8, uint16 or float in 0..1; got {found}.")
    pixels = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _check_sides(image: Image.Image) -> None:
    width, height = image.size
    if min(width, height) < FEWEST_PIXELS:
        raise ValueError(
            f"The picture is {width} x {height} pixels. It needs at least {FEWEST_PIXELS} on each "
            "side: with less there is nothing to recognise."
        )
    if width * height > MOST_MEGAPIXELS * 1e6:
        raise ValueError(_too_many(f"The picture is {width} x {height}, which"))


def _too_many(what: str) -> str:
    return (
        f"{what} has more than {MOST_MEGAPIXELS} megapixels; the model looks at less than one. "
        "Make it smaller first."
    )


def _shrink(image: Image.Image, size: int) -> Image.Image:
    """Whatever was given, in 8 bits and not much larger than needed."""
    image.draft("RGB", (4 * size, 4 * size))  # a JPEG is decoded small; others ignore this
    image = in_8_bits(ImageOps.exif_transpose(image))
    if image.mode != "RGBA":
        image = image.convert("RGBA")  # also palettes with transparent colours, CMYK, one bit
    return image.reduce(max(1, min(image.size) // (4 * size)))


def in_8_bits(image: Image.Image) -> Image.Image:
    """The picture, read to its end; deeper greys are scaled where Pillow would cut them off.

    Raises ValueError for greys outside 0..65535, or outside 0..1 if they are decimal numbers.
    """
    image.load()
    if image.mode.startswith("I"):  # 16 bits, or 32 that hold 16
        deep = np.asarray(image).astype(np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise ValueError(f"grey values run from {deep.min()} to {deep.max()}, not 0 to 65535")
        return Image.fromarray((deep / 257).round().astype(np.uint8))
    return _from_array(np.asarray(image)) if image.mode == "F" else image


def _over_white(image: Image.Image) -> Image.Image:
    paper = Image.new("RGBA", image.size, (*WHITE, 255))
    return Image.alpha_composite(paper, image).convert("RGB")


def _square(image: Image.Image, size: int) -> Image.Image:
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BOX if scale < 1 else None)
    paper = Image.new("RGB", (size, size), WHITE)
    paper.paste(small, ((size - width) // 2, (size - height) // 2))
    return paper
