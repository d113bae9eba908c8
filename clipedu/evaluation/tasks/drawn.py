"""Tasks drawn by a program: how many, which color, which word.

Training saw none of these pictures. Each task draws from one seeded generator, so the pictures are
the same on every machine; shapes are drawn four times as large and averaged down for smooth edges.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from clipedu.evaluation.tasks.icon_sets import FACTS, WORDS, icon_pictures, shared_name
from clipedu.evaluation.tasks.task import Task, register_task

THINGS = ("circles", "squares", "triangles")
#: Red, green and blue, by names as OpenMoji's colored circles, squares and hearts have them.
COLORS: dict[str, list[int]] = WORDS["colors"]
#: Fonts of the rendered words: files of `clipedu.plots.font_folder()`.
WORD_FONTS = ("DejaVuSans-Bold.ttf", "DejaVuSans.ttf", "DejaVuSerif-Bold.ttf")


def _shrink(drawing: np.ndarray) -> np.ndarray:
    """(4 S, 4 S) -> (S, S), averaged."""
    size = len(drawing) // 4
    return drawing.reshape(size, 4, size, 4).mean((1, 3))


def _as_pictures(drawn: Sequence[np.ndarray]) -> torch.Tensor:
    """Drawings (S, S), 1 is white -> pictures (N, 3, S, S)."""
    gray = torch.from_numpy(np.stack(drawn)).float()[:, None].clamp(0, 1)
    return gray.expand(-1, 3, -1, -1).contiguous()


# ------------------------------------------------ counting (the paper's CLEVR counts, Table 9)
def _shape(kind: str, side: int) -> np.ndarray:
    """A shape (side, side) of ink 0 or 1."""
    y, x = np.mgrid[:side, :side] + 0.5
    if kind == "squares":
        return np.ones((side, side))
    if kind == "circles":
        return ((x - side / 2) ** 2 + (y - side / 2) ** 2 <= (side / 2) ** 2).astype(float)
    return (np.abs(x - side / 2) <= y / 2).astype(float)


def count_picture(n: int, kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """`n` (1 to 9) shapes that do not touch, on a 3 x 3 grid: (size, size) float, 1 is white."""
    ink = np.zeros((4 * size, 4 * size))
    cell = 4 * size // 3
    side = int(cell * rng.uniform(0.5, 0.75))
    for index in rng.permutation(9)[:n]:
        row, column = divmod(int(index), 3)
        top = row * cell + int(rng.integers(1, cell - side))
        left = column * cell + int(rng.integers(1, cell - side))
        ink[top : top + side, left : left + side] = _shape(kind, side)
    return 1 - _shrink(ink)


@register_task("counting")
def _counting(size: int) -> Task:
    rng = np.random.default_rng(0)
    labels = torch.arange(8).repeat_interleave(60)
    drawn = [count_picture(int(k) + 1, THINGS[i % 3], size, rng) for i, k in enumerate(labels)]
    return Task("counting", _as_pictures(drawn), labels, **FACTS["counting"])


# ----------------------------------------------------------------------------------------- color
@register_task("colour")
def _color(size: int) -> Task:
    icons = icon_pictures(size)
    held_out = ((i, icons.icons[i]) for i in icons.where(["font_awesome"]))
    rows = [i for i, icon in held_out if icon.style == "solid" and shared_name(icon)]
    alpha = torch.from_numpy(np.array(icons.rgba[rows][..., 3])).float()[:, None] / 255
    paints = torch.tensor(list(COLORS.values())).float()[:, :, None, None] / 255  # (C, 3, 1, 1)
    pictures = torch.cat([alpha * paint + (1 - alpha) for paint in paints])  # over white paper
    labels = torch.arange(len(COLORS)).repeat_interleave(len(rows))
    return Task("colour", pictures.clamp(0, 1), labels, **FACTS["colour"])


# ---------------------------------------------------- words to read (the paper's rendered SST2)
def word_picture(word: str, font: Path, size: int) -> np.ndarray:
    """`word` as large as fits: (size, size) float, dark on white."""
    fine = letters = 4 * size
    while True:
        face = ImageFont.truetype(str(font), letters)
        left, top, right, bottom = face.getbbox(word)
        if max(right - left, bottom - top) <= 0.9 * fine or letters <= 8:
            break
        letters = int(letters * 0.92)
    sheet = Image.new("L", (fine, fine), 255)
    corner = ((fine - right - left) / 2, (fine - bottom - top) / 2)
    ImageDraw.Draw(sheet).text(corner, word, fill=0, font=face)
    return _shrink(np.asarray(sheet, dtype=float)) / 255


@register_task("rendered_words")
def _rendered_words(size: int) -> Task:
    from clipedu.plots import font_folder  # here, because it loads matplotlib

    drawn, labels = [], []
    for label, word in enumerate(FACTS["rendered_words"]["class_names"]):
        for font in WORD_FONTS:
            for text in (word, word.upper(), word.capitalize()):
                page = word_picture(text, font_folder() / font, size)
                drawn += [page, 1 - page]  # dark on light, light on dark
                labels += [label, label]
    pictures, facts = _as_pictures(drawn), FACTS["rendered_words"]
    return Task("rendered_words", pictures, torch.tensor(labels), **facts)
