"""Pictures from outside: every kind of file and array, and those that are refused."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from clipedu.pairs import all_captions, clean_caption, clean_picture, load_icons


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


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_every_orientation_is_set_upright(kind: str, tag: int) -> None:
    upright = Image.new("RGB", (64, 64), "white")
    upright.paste("red", (0, 0, 32, 32))
    upright.paste("blue", (32, 0, 64, 32))
    undo = {
        2: 0,
        3: 3,
        4: 1,
        5: 5,
        6: 2,
        7: 6,
        8: 4,
    }  # what Pillow must do for a file with this tag
    stored = upright if tag == 1 else upright.transpose(Image.Transpose(undo[tag]))
    exif = Image.Exif()
    exif[0x0112] = tag
    picture = clean_picture(png(stored, kind, exif=exif.tobytes()))
    corners = [picture[:, y, x].round().tolist() for y, x in ((5, 5), (5, 26), (26, 5), (26, 26))]
    assert corners == [[1, 0, 0], [0, 0, 1], [1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize(
    ("kind", "exif"),
    [
        ("WEBP", b"Exif\0\0" + b"\x99" * 30),
        ("WEBP", b""),
        ("JPEG", b"Exif\0\0" + b"\x99" * 30),
        ("JPEG", b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01"),
        ("PNG", b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0six\0\0\0\0\0"),
    ],
)
def test_a_broken_exif_leaves_a_sound_picture(kind: str, exif: bytes) -> None:
    data = png(half("RGB", (0, 0, 0), (255, 255, 255)), kind, exif=exif, quality=95)
    assert is_half_black(clean_picture(data))


def test_a_broken_exif_in_a_png_text_leaves_a_sound_picture() -> None:
    info = PngInfo()
    info.add_text("Raw profile type exif", "\nexif\n 8\nzzzz")
    assert is_half_black(clean_picture(png(half("RGB", (0,) * 3, (255,) * 3), pnginfo=info)))


def test_the_orientation_counts_where_other_tags_are_broken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x9286] = b"\xff" * 9  # a comment in no known encoding
    data = exif.tobytes()[:-4] + b"\xff\xff\xff\xff"
    picture = clean_picture(png(half("RGB", (0, 0, 0), (255,) * 3), "JPEG", exif=data))
    assert (picture[:, :12] < 0.1).all() and (picture[:, 20:] > 0.9).all()


def test_of_an_animation_the_first_picture_is_taken() -> None:
    first, last = half("RGB", (0, 0, 0), (255, 255, 255)), Image.new("RGB", (64, 64), "red")
    for kind in ("GIF", "WEBP", "PNG"):
        more: dict[str, object] = {"lossless": True} if kind == "WEBP" else {}
        data = png(first, kind, save_all=True, append_images=[last], **more)
        assert is_half_black(clean_picture(data))


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    small = png(Image.new("L", (8, 8)))
    for side, words in ((12_000, "megapixels"), (60_000, "megapixels")):
        size = side.to_bytes(4, "big") * 2
        head = small[:16] + size + small[24:29]
        data = head + zlib.crc32(head[12:]).to_bytes(4, "big") + small[33:]
        with pytest.raises(ValueError, match=words):
            clean_picture(data)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("a dog", "a dog"),
        (b"\xef\xbb\xbfa dog\r\n", "a dog"),
        ("\ufeff a dog", "a dog"),
        ("cafe\u0301", "caf\u00e9"),
        ("\uac00".encode(), "\uac00"),
        ("\u1100\u1161", "\uac00"),  # Hangul, as macOS writes file names
        ("hy\u00adphen", "hyphen"),
        ("\u200ea\u200b dog\u2060", "a dog"),
        ("\U0001f469\u200d\U0001f467", "\U0001f469\u200d\U0001f467"),  # a family is joined
        ("\u2764\ufe0f", "\u2764\ufe0f"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",) * 2,  # Persian needs its joiner
        ("7", "7"),
        ("?", "?"),
        ("a\tdog\nand a cat", "a\tdog\nand a cat"),
    ],
)
def test_captions_leave_as_words(source: object, words: str) -> None:
    assert clean_caption(source) == words == clean_caption(words)


@pytest.mark.parametrize("source", [7, 0.5, float("nan"), None, True, ["a dog"], {"en": "a dog"}])
def test_what_is_no_text_is_no_caption(source: object) -> None:
    with pytest.raises(TypeError, match=type(source).__name__):
        clean_caption(source)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "no words"),
        (" \n\u3000", "no words"),
        ("\u200b\u200d\ufeff", "no words"),
        ("\u3164\u115f\u2800", "no words"),
        ("\ufe0f", "no words"),
        ("\u0301", "no words"),
        ("\ue000", "no words"),
        ("\ufffd\ufffd", "no words"),
        ("a d\0g", "x00"),
        ("\x1b[0ma dog", "x1b"),
        ("caf\x82", "x82"),
        ("smile \ud83d", "ud83d"),
        ("\ufffea dog", "ufffe"),
        (b"\xff\xfea\0", "utf-8"),
        ("caf\u00e9".encode("latin-1"), "utf-8"),
        ("a dog".encode("utf-16-le"), "x00"),
    ],
)
def test_captions_without_words_are_refused(source: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        clean_caption(source)


def test_the_captions_of_the_course_pass_as_they_are() -> None:
    texts = set(all_captions(load_icons())) - {""}
    assert all(clean_caption(text) == text for text in texts)


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
