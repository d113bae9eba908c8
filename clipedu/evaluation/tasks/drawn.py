"""Tasks drawn by a program: how many, which colour, which word.

Notable:
- nobody's icons are in them but for `colour`, which tints a held-out family: training saw none
- each draws what it needs from one seeded generator: the same pictures on every machine
- shapes are drawn four times as large and averaged down, so that their edges are smooth
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from clipedu.evaluation.tasks.icon_sets import _all_pictures, shared_by_families
from clipedu.evaluation.tasks.task import Task, register_task

NUMBERS = "one two three four five six seven eight".split()
THINGS = ("circles", "squares", "triangles")
#: names as OpenMoji's coloured circles, squares and hearts have them
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (210, 30, 40),
    "orange": (240, 130, 20),
    "yellow": (250, 210, 40),
    "green": (60, 150, 60),
    "blue": (40, 110, 210),
    "purple": (130, 60, 160),
    "brown": (120, 75, 45),
    "black": (0, 0, 0),
}
#: as they stand on buttons and signs: short enough to be read at 32 pixels
WORDS = "stop open free cool new ok sos top soon back end on up vip exit go yes no hot id".split()


# -------------------- counting (the paper's CLEVR counts, Table 9)
def _thing(kind: str, side: int) -> np.ndarray:
    """A shape (side, side) of ink 0 or 1."""
    y, x = np.mgrid[:side, :side] + 0.5
    if kind == "squares":
        return np.ones((side, side))
    if kind == "circles":
        return ((x - side / 2) ** 2 + (y - side / 2) ** 2 <= (side / 2) ** 2).astype(float)
    return (np.abs(x - side / 2) <= y / 2).astype(float)


def count_picture(n: int, kind: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """`n` (1 to 9) things that do not touch, in nine places: (size, size) float, 1 is white."""
    fine = 4 * size
    ink = np.zeros((fine, fine))
    cell = fine // 3
    side = int(cell * rng.uniform(0.5, 0.75))
    for place in rng.permutation(9)[:n]:
        row, column = divmod(int(place), 3)
        top = row * cell + int(rng.integers(1, cell - side))
        left = column * cell + int(rng.integers(1, cell - side))
        ink[top : top + side, left : left + side] = _thing(kind, side)
    return 1 - ink.reshape(size, 4, size, 4).mean((1, 3))


@register_task("counting")
def _counting(size: int) -> Task:
    rng = np.random.default_rng(0)
    drawn, labels = [], []
    for label in range(len(NUMBERS)):
        for i in range(60):
            drawn.append(count_picture(label + 1, THINGS[i % 3], size, rng))
            labels.append(label)
    pictures = torch.from_numpy(np.stack(drawn)).float()[:, None].expand(-1, 3, -1, -1)
    return Task(
        name="counting",
        pictures=pictures.clamp(0, 1).contiguous(),
        labels=torch.tensor(labels),
        class_names=list(NUMBERS),
        templates=["{}"],
        source="circles, squares and triangles drawn by the course: how many?",
        context=[f"{{}} {thing}" for thing in THINGS] + ["an icon of {} things", "number {}"],
    )


# -------------------- colour
@register_task("colour")
def _colour(size: int) -> Task:
    pictures = _all_pictures(size)
    names = shared_by_families()
    rows = [
        i
        for i in pictures.where(["font_awesome"])
        if pictures.icons[i].style == "solid" and pictures.icons[i].name.lower() in names
    ]
    alpha = torch.from_numpy(np.array(pictures.rgba[rows][..., 3])).float()[:, None] / 255
    drawn, labels = [], []
    for label, rgb in enumerate(COLOURS.values()):
        paint = torch.tensor(rgb).float().view(1, 3, 1, 1) / 255
        drawn.append(alpha * paint + (1 - alpha))  # (n, 3, size, size) over white paper
        labels += [label] * len(rows)
    return Task(
        name="colour",
        pictures=torch.cat(drawn).clamp(0, 1),
        labels=torch.tensor(labels),
        class_names=list(COLOURS),
        templates=["{}"],
        source="Font Awesome (solid), held out of training, tinted by the course in 8 colours",
        context=["{} circle", "{} square", "{} heart", "{} book", "an emoji of {} circle"],
    )


# -------------------- words to read (the paper's rendered SST2)
def _fonts() -> list[Path]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [
        folder / f"{name}.ttf" for name in ("DejaVuSans-Bold", "DejaVuSans", "DejaVuSerif-Bold")
    ]


def word_picture(word: str, font: Path, size: int, *, inverted: bool = False) -> np.ndarray:
    """`word` as large as fits: (size, size) float, dark on light unless `inverted`."""
    from PIL import Image, ImageDraw, ImageFont

    fine = 4 * size
    letters = 4 * size
    while True:
        face = ImageFont.truetype(str(font), letters)
        left, top, right, bottom = face.getbbox(word)
        if max(right - left, bottom - top) <= 0.9 * fine or letters <= 8:
            break
        letters = int(letters * 0.92)
    sheet = Image.new("L", (fine, fine), 255)
    place = ((fine - right - left) / 2, (fine - bottom - top) / 2)
    ImageDraw.Draw(sheet).text(place, word, fill=0, font=face)
    page = np.asarray(sheet, dtype=float).reshape(size, 4, size, 4).mean((1, 3)) / 255
    return 1 - page if inverted else page


@register_task("rendered_words")
def _rendered_words(size: int) -> Task:
    drawn, labels = [], []
    for label, word in enumerate(WORDS):
        for font in _fonts():
            for text in (word, word.upper(), word.capitalize()):
                for inverted in (False, True):
                    drawn.append(word_picture(text, font, size, inverted=inverted))
                    labels.append(label)
    pictures = torch.from_numpy(np.stack(drawn)).float()[:, None].expand(-1, 3, -1, -1)
    return Task(
        name="rendered_words",
        pictures=pictures.clamp(0, 1).contiguous(),
        labels=torch.tensor(labels),
        class_names=list(WORDS),
        templates=["{}"],
        source="twenty words set in DejaVu by the course: which word is it?",
        context=["{} button", "an emoji of {} button", "{} arrow", "{} sign"],
    )


def resized(pictures: torch.Tensor, size: int) -> torch.Tensor:
    """(N, C, h, w) in 0..1 -> (N, C, size, size), smooth, also when it shrinks."""
    if pictures.shape[-2:] == (size, size):
        return pictures
    small = F.interpolate(pictures, size=(size, size), mode="bilinear", antialias=True)
    return small.clamp(0, 1)
