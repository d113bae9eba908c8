"""Pictures from outside: every kind of file and array, and those that are refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clipedu.pairs import clean_picture, is_blank


def png(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def half(mode: str, dark: object, light: object, size: tuple[int, int] = (64, 64)) -> Image.Image:
    """The left half dark, the right half light."""
    image = Image.new(mode, size, light)
    image.paste(dark, (0, 0, size[0] // 2, size[1]))
    return image


def is_half_black(picture: torch.Tensor) -> bool:
    left, right = picture[:, :, :14], picture[:, :, 18:]
    return bool((left < 0.02).all() and (right > 0.98).all())


@pytest.mark.parametrize(
    "data",
    [
        png(half("RGB", (0, 0, 0), (255, 255, 255))),
        png(half("RGB", (0, 0, 0), (255, 255, 255)), "JPEG", quality=95),
        png(half("RGB", (0, 0, 0), (255, 255, 255)), "BMP"),
        png(half("RGB", (0, 0, 0), (255, 255, 255)), "GIF"),
        png(half("L", 0, 255)),
        png(half("1", 0, 1)),
        png(half("LA", (0, 255), (0, 0))),  # transparent black is white paper
        png(half("RGBA", (0, 0, 0, 255), (0, 0, 0, 0))),
        png(half("CMYK", (0, 0, 0, 255), (0, 0, 0, 0)), "TIFF"),
        png(half("P", 0, 1).convert("P")),
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h4v8H0z"/></svg>',
    ],
    ids="rgb jpeg bmp gif grey bit grey-alpha alpha cmyk palette svg".split(),
)
def test_every_kind_of_file(data: bytes) -> None:
    picture = clean_picture(data)
    assert picture.shape == (3, 32, 32) and picture.dtype == torch.float32
    assert 0 <= picture.min() and picture.max() <= 1
    if data[:4] != b"\x89PNG" or b"PLTE" not in data:
        assert is_half_black(picture)


def test_a_palette_with_a_transparent_colour() -> None:
    image = half("P", 0, 1)
    image.putpalette([0, 0, 0, 255, 0, 0] + [0] * 762)
    assert is_half_black(clean_picture(png(image, transparency=1)))


def test_sixteen_bits() -> None:
    ramp = np.zeros((64, 64), np.uint16)
    ramp[:, 32:] = 65535
    assert is_half_black(clean_picture(ramp))
    assert is_half_black(clean_picture(png(Image.fromarray(ramp))))
    ramp[:, 32:] = 32768
    assert clean_picture(ramp)[0, 0, -1].item() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("shape", [(40, 40), (40, 40, 1), (40, 40, 3), (3, 40, 40), (4, 40, 40)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64, np.bool_])
def test_arrays_and_tensors_of_every_kind(shape: tuple[int, ...], kind: type) -> None:
    most = {np.uint8: 255, np.uint16: 65535}.get(kind, 1)
    array = np.full(shape, most, kind)
    assert (clean_picture(array) == 1).all()
    if kind is not np.uint16:
        assert (clean_picture(torch.from_numpy(array)) == 1).all()


def test_what_the_model_sees_anyway_goes_through_unchanged() -> None:
    pictures = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0)) / 255
    assert torch.allclose(clean_picture(pictures), pictures, atol=1e-6)


def test_twenty_megapixels() -> None:
    big = half("RGBA", (0, 0, 0, 255), (9, 9, 9, 0), (5000, 4000))
    picture = clean_picture(big)
    assert (picture[:, :3] == 1).all() and (picture[:, -3:] == 1).all()  # white margins
    assert (picture[:, 6:-6, :14] < 0.02).all() and (picture[:, 6:-6, 18:] > 0.98).all()


def test_proportions_are_kept() -> None:
    tall = clean_picture(Image.new("L", (10, 40), 0))
    assert (tall[:, :, 12:20] == 0).all()
    assert (tall[:, :, :12] == 1).all() and (tall[:, :, 20:] == 1).all()


def test_a_camera_turned_on_its_side() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # show it turned by 90 degrees to the right
    picture = clean_picture(png(half("RGB", (0, 0, 0), (255,) * 3), "JPEG", exif=exif.tobytes()))
    assert (picture[:, :12] < 0.1).all() and (picture[:, 20:] > 0.9).all()


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (Image.new("L", (1, 1)), ValueError, "1 x 1 pixels"),
        (np.zeros((1, 1, 3), np.uint8), ValueError, "1 x 1 pixels"),
        (np.zeros((500, 2), np.uint8), ValueError, "at least 4"),
        (np.zeros((12000, 9000), np.bool_), ValueError, "megapixels"),
        (np.full((8, 8), np.nan), ValueError, "NaN"),
        (np.full((8, 8), 200.0), ValueError, "0..1; got 200"),
        (np.zeros((8, 8), np.int64), ValueError, "int64"),
        (np.zeros((5, 8, 8, 3), np.uint8), ValueError, r"shape \(5, 8, 8, 3\)"),
        (np.zeros((0, 8), np.uint8), ValueError, "shape"),
        (b"", ValueError, "empty"),
        (b"no picture at all", ValueError, "not a picture"),
        (b"<svg", ValueError, "SVG"),
        (png(Image.effect_noise((64, 64), 50))[:900], ValueError, "to its end"),
        ("no_such_file.png", FileNotFoundError, "no_such_file"),
        (7, TypeError, "int"),
        (None, TypeError, "NoneType"),
    ],
)
def test_what_is_refused(source: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        clean_picture(source)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "left"), [("WEBP", 20), ("JPEG", 12), ("PNG", 20), ("BMP", 20)])
def test_a_file_that_breaks_off_in_its_head_is_refused(kind: str, left: int) -> None:
    data = png(half("RGB", (0, 0, 0), (255, 255, 255)), kind)[:left]
    with pytest.raises(ValueError, match="The file"):
        clean_picture(data)


def test_a_picture_of_the_caller_stays_as_it_was() -> None:
    data = png(half("RGB", (0, 0, 0), (255, 255, 255), (2000, 1500)), "JPEG")
    image = Image.open(io.BytesIO(data))  # not read yet: Pillow could decode it small
    assert clean_picture(image).shape == (3, 32, 32) and image.size == (2000, 1500)


def test_a_huge_file_is_refused_before_it_is_decoded() -> None:
    class Huge(Image.Image):
        size = (20_000, 20_000)

        def load(self) -> None:
            raise AssertionError("decoded")

    with pytest.raises(ValueError, match="20000 x 20000"):
        clean_picture(Huge())


def test_a_file_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "drawing.png"
    half("L", 0, 255).save(file)
    assert is_half_black(clean_picture(file)) and is_half_black(clean_picture(str(file)))
    with pytest.raises(ValueError, match="folder"):
        clean_picture(tmp_path)
    with pytest.raises(ValueError, match="pixels"):
        clean_picture(file, size=0)


def test_what_is_blank() -> None:
    assert is_blank(torch.ones(3, 32, 32)) and is_blank(torch.full((3, 32, 32), 0.3))
    dot = torch.ones(3, 32, 32)
    dot[:, 5, 5] = 0
    assert not is_blank(dot)
