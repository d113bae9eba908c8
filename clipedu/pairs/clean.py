"""One door for pictures and captions from outside: shards, files, notebooks, the drawing pad.

A picture leaves as RGB in 0..1: upright, over white, with white margins where it is not square; of
an animation the first picture. A caption leaves as words in NFC, the form in which one text is one
string of characters. What is neither is refused in a sentence, never guessed at.
"""

from __future__ import annotations

import contextlib
import io
import os
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import regex
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from clipedu.pairs.raster import check_size, render_svg

FEWEST_PIXELS = 4  # on the shorter side: below that there is nothing to recognize
MOST_MEGAPIXELS = 100  # a camera's 20 and a phone's 50 pass
_TOO_LARGE = f"more than {MOST_MEGAPIXELS} megapixels. Make it smaller: the model sees less than 1."
_ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held

Bytes = bytes | bytearray | memoryview
Source = str | os.PathLike[str] | Bytes | Image.Image | np.ndarray | torch.Tensor
#: Of the pixels of OpenAI's 400 million pictures, by channel.
OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)

# Half a character, a character of no text (U+FFFE is a BOM in the wrong order), or a control code.
_BROKEN = regex.compile(r"[\p{Cs}\uFFFE\uFFFF]|(?![\t\n\v\f\r\x85])\p{Cc}")
# Where a line may break and which way it runs. Joiners and variation selectors are not here: they
# are part of emoji, and of words in Persian or Hindi.
_HIDDEN = regex.compile(r"[\u00AD\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF]")
# One character that shows: no space, filler, accent without a letter, or stand-in for a lost one.
_SHOWN = regex.compile(r"[^\s\p{Z}\p{Cf}\p{Co}\p{M}\p{DI}\u2800\uFFFC\uFFFD]")


def clean_caption(source: object) -> str:
    """A caption, text or its UTF-8 bytes -> its words in NFC, without characters that never show.

    Raises TypeError for anything but text (also NaN: an empty cell of a table), ValueError for
    other encodings, half a character, control codes, and text in which nothing shows.
    """
    if isinstance(source, bytes):
        source = source.decode("utf-8-sig")  # UnicodeDecodeError is a ValueError
    if not isinstance(source, str):
        raise TypeError(f"a caption is text, not the {type(source).__name__} {str(source)[:40]!r}")
    text = unicodedata.normalize("NFC", source)
    if broken := _BROKEN.search(text):
        raise ValueError(f"the caption holds {broken[0]!r}: it was read with a wrong encoding")
    text = _HIDDEN.sub("", text).strip()
    if not _SHOWN.search(text):
        raise ValueError(f"there are no words in the caption {source[:40]!r}")
    return text


def clean_picture(source: Source, size: int = 32) -> torch.Tensor:
    """Any picture -> (3, size, size) float in 0..1, over white, with its proportions kept.

    source: the path or the bytes of a file (PNG, JPEG, GIF, WebP, SVG ...); a PIL picture; an array
    or tensor, (H, W), (H, W, C) or (C, H, W) with C of 1 to 4: bool, uint8, uint16, or float in
    0..1. Raises FileNotFoundError for no such file, TypeError for something else, and ValueError
    for what can't be read, a side below 4 pixels, more than 100 megapixels, NaN, values out of
    range, or a size outside 8..512.
    """
    check_size(size)
    image = rgba_picture(source, size, draft=4 * size)
    image = over_white(image.reduce(max(1, min(image.size) // (4 * size))))
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BOX if scale < 1 else None)
    square = Image.new("RGB", (size, size), "white")
    square.paste(small, ((size - width) // 2, (size - height) // 2))
    return _to_tensor(square)


def openai_picture(source: Source, resolution: int = 224) -> torch.Tensor:
    """A picture -> (3, R, R) float in 0..1: the shorter side resized to R, the middle kept.

    Equal to the last bit to OpenAI's transform for RGB and gray pictures. Where theirs drops alpha,
    a camera's rotation or the upper 8 of 16 bits, `clean_picture` says what happens here.
    """
    image = over_white(rgba_picture(source))
    width, height = (int(resolution * side / min(image.size)) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - resolution) / 2), round((height - resolution) / 2)
    return _to_tensor(image.crop((left, top, left + resolution, top + resolution)))


def openai_standardize(pictures: torch.Tensor) -> torch.Tensor:
    """(..., 3, R, R) in 0..1 -> standardized, the `preprocess` of `embed_pictures`."""
    mean, std = (pictures.new_tensor(x).view(3, 1, 1) for x in (OPENAI_MEAN, OPENAI_STD))
    return (pictures - mean) / std


def _to_tensor(image: Image.Image) -> torch.Tensor:
    """RGB -> (3, H, W) float in 0..1."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float().div(255).contiguous()


def over_white(image: Image.Image) -> Image.Image:
    """RGBA -> RGB."""
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def rgba_picture(source: Source, size: int = 512, *, draft: int = 0) -> Image.Image:
    """What `clean_picture` takes, as RGBA in 8 bits: upright, with all its pixels. Raises the same.

    Its `info` tells the file's "format" and "frames". size: of the square that an SVG is drawn in.
    draft: a JPEG is decoded smaller where it has more than so many pixels a side.
    """
    if isinstance(source, np.ndarray | torch.Tensor):
        image = _from_array(source)
    elif isinstance(source, Image.Image):
        image, draft = source, 0  # the caller's stays as it was
    elif isinstance(source, Bytes):
        image = _from_bytes(bytes(source), "The file", size)
    elif isinstance(source, str | os.PathLike):
        path = Path(source)
        if path.is_dir():
            raise ValueError(f"{path} is a folder: name one picture in it.")
        image = _from_bytes(path.read_bytes(), path.name, size)
    else:
        kinds = "a file's path, its bytes, a PIL picture, an array or a tensor"
        raise TypeError(f"A picture is {kinds}; got {type(source).__name__}.")
    _check_sides(*image.size)
    try:
        if draft:
            image.draft("RGB", (draft, draft))
        image.load()
        rgba = _in_8_bits(image).convert("RGBA")  # also palettes, CMYK, one bit
        info: Any = {"format": image.format, "frames": getattr(image, "n_frames", 1)}
    except Exception as error:  # Pillow raises whatever broken bytes lead it to
        raise ValueError(f"The picture can't be read to its end: {error}.") from error
    # Broken tags beside sound pixels do no harm: only the orientation is looked at.
    rgba.info = info
    with contextlib.suppress(Exception):  # there is none, or it can't be read
        rgba.getexif()[_ORIENTATION] = image.getexif()[_ORIENTATION]
    ImageOps.exif_transpose(rgba, in_place=True)
    return rgba


def _from_bytes(data: bytes, name: str, size: int) -> Image.Image:
    if not data:
        raise ValueError(f"{name}: the file is empty.")
    if data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<svg", b"<?xml", b"<!--")):
        return Image.fromarray(render_svg(data.decode("utf-8", "replace"), size))
    try:
        return Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise ValueError(f"{name}: the picture has {_TOO_LARGE}") from None
    except UnidentifiedImageError:
        if data[4:8] == b"ftyp" and data[8:11] in (b"hei", b"hev", b"mif", b"msf"):
            how = "only a plugin (pillow-heif) lets Pillow read it. Save it as a JPEG."
            raise ValueError(f"{name}: a HEIC picture; {how}") from None
        known = "PNG, JPEG, GIF, WebP, BMP, TIFF and SVG can"
        raise ValueError(f"{name}: not a picture that can be read. {known}.") from None
    except Exception as error:
        raise ValueError(f"{name}: the picture can't be read: {error}.") from error


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Deeper grays are scaled where Pillow would cut them off."""
    if image.mode.startswith("I"):  # 16 bits, or 32 that hold 16
        deep = np.asarray(image).astype(np.int64)
        if deep.min() < 0 or deep.max() > 65535:
            raise ValueError(f"gray values run from {deep.min()} to {deep.max()}, not 0 to 65535")
        return _from_array(deep.astype(np.uint16))
    return _from_array(np.asarray(image)) if image.mode == "F" else image


def _from_array(source: np.ndarray | torch.Tensor) -> Image.Image:
    if isinstance(source, torch.Tensor):
        tensor = source.detach().cpu()
        source = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    array, channels = source, (1, 2, 3, 4)
    found = f"an array of shape {tuple(array.shape)} and type {array.dtype}"
    if array.ndim == 3 and array.shape[-1] not in channels and array.shape[0] in channels:
        array = array.transpose(1, 2, 0)  # (C, H, W) -> (H, W, C)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in channels or 0 in array.shape:
        raise ValueError(f"A picture is (H, W), (H, W, C) or (C, H, W), C of 1 to 4; got {found}.")
    _check_sides(array.shape[1], array.shape[0])
    most = {"uint8": 255, "uint16": 65535}.get(array.dtype.name, 1)
    if np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())  # NaN, if any pixel is
        if not (low >= -1e-3 and high <= 1 + 1e-3):
            raise ValueError(f"Floats, none of them NaN, are in 0..1; got {low:.3g}..{high:.3g}.")
    elif array.dtype.name not in ("bool", "uint8", "uint16"):
        raise ValueError(f"Pictures are bool, uint8, uint16 or float in 0..1; got {found}.")
    if most != 255:
        array = np.clip(np.rint(array * (255 / most)), 0, 255).astype(np.uint8)
    return Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array)


def _check_sides(width: int, height: int) -> None:
    if min(width, height) < FEWEST_PIXELS:
        what = f"The picture is {width} x {height} pixels; it needs at least {FEWEST_PIXELS}"
        raise ValueError(f"{what} on each side: with less there is nothing to recognize.")
    if width * height > MOST_MEGAPIXELS * 1e6:
        raise ValueError(f"The picture is {width} x {height}, which is {_TOO_LARGE}")
