"""Shift a picture by single pixels, shrink it in two ways, and see how much the result changes.

The picture moves on a wider white sheet, so nothing is cut off. Small pictures are compared by the
cosine of their ink, which is 1 minus their brightness: white paper counts as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import avg_pool2d, cosine_similarity, pad

from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.widgets import LIST_KEYS, Explorer
from clipedu_lessons.l02_pictures_to_vectors.drawings import draw_picture

MOST_SHIFT = 8
FACTORS = (2, 4, 8)
STRIDED, POOLED = "every {k}th pixel", "mean of {k} x {k}"


@dataclass(frozen=True)
class Shrunk:
    """A picture ``shift`` pixels from the left edge, before and after shrinking by a factor k.

    sheet: (3, S, S + 8) in 0..1. strided, pooled: (3, S/k, (S + 8)/k), every k-th pixel and the
    mean of k x k.
    """

    shift: int
    factor: int
    sheet: Tensor
    strided: Tensor
    pooled: Tensor


def shift_and_shrink(picture: Tensor, shift: int, factor: int = 4) -> Shrunk:
    """Move a picture (3, S, S), float in 0..1 on white, and shrink it in both ways.

    Raises ValueError for another shape, a shift outside 0..8, or a factor that does not divide S
    and 8.
    """
    if picture.ndim != 3 or picture.shape[0] != 3 or picture.shape[1] != picture.shape[2]:
        raise ValueError(f"expected one picture of shape (3, S, S), got {tuple(picture.shape)}")
    if not 0 <= shift <= MOST_SHIFT:
        raise ValueError(f"the shift is {shift}; it must be a whole number from 0 to {MOST_SHIFT}")
    if factor not in FACTORS or picture.shape[1] % factor:
        raise ValueError(
            f"the factor is {factor}; choose one of {FACTORS} that divides the picture's "
            f"{picture.shape[1]} pixels"
        )
    sheet = pad(picture.float(), (shift, MOST_SHIFT - shift), value=1.0)  # (3, S, S + 8)
    pooled = avg_pool2d(sheet[None], factor)[0]
    return Shrunk(shift, factor, sheet, sheet[:, ::factor, ::factor], pooled)


def all_shifts(picture: Tensor, factor: int = 4) -> list[Shrunk]:
    """:func:`shift_and_shrink` at every shift from 0 to 8."""
    return [shift_and_shrink(picture, shift, factor) for shift in range(MOST_SHIFT + 1)]


def agreement(one: Shrunk, other: Shrunk) -> tuple[float, float]:
    """The cosines between the ink of two small pictures: by striding, and by pooling."""
    pairs = ((one.strided, other.strided), (one.pooled, other.pooled))
    strided, pooled = (cosine_similarity((1 - a).flatten(), (1 - b).flatten(), 0) for a, b in pairs)
    return float(strided), float(pooled)


def in_words(before: Shrunk, after: Shrunk) -> str:
    """What one pixel more of shift changes, as text."""
    strided, pooled = agreement(before, after)
    k = before.factor
    return (
        f"The picture is moved from {before.shift} to {after.shift} pixels and shrunk by {k}. "
        f"The small pictures before and after have a cosine of {strided:.2f} if every {k}th pixel "
        f"is kept, and of {pooled:.2f} if each is the mean of {k} x {k} pixels."
    )


def shift_strip(series: Sequence[Shrunk], shifts: Sequence[int] = (0, 1, 2, 3, 4)) -> Figure:
    """Several shifts side by side: the sheet above, the two small pictures below it, with their
    cosines to the ones on the left."""
    figure = new_figure(1.75 * len(shifts) + 0.4, 4.8)
    rows = figure.subplots(3, len(shifts), squeeze=False)
    for column, shift in enumerate(shifts):
        one = series[shift]
        cosines = agreement(series[shifts[column - 1]], one) if column else None
        draw_picture(rows[0][column], one.sheet, f"moved {shift} px")
        for row, small in enumerate((one.strided, one.pooled)):
            draw_picture(
                rows[row + 1][column], small, f"cosine {cosines[row]:.2f}" if cosines else ""
            )
    words = ("the picture", STRIDED.format(k=series[0].factor), POOLED.format(k=series[0].factor))
    for row_of_axes, name in zip(rows, words, strict=True):
        row_of_axes[0].set_ylabel(name, fontsize=9)
    return figure


class ShiftExplorer(Explorer):
    """Move a picture pixel by pixel and watch two ways of shrinking it.

    pictures: name -> (3, S, S), float in 0..1. Controls: `name`, `shift`, `factor`.
    Raises ValueError as :func:`shift_and_shrink` does.
    """

    text = "shift explorer: a picture, a shift and a factor (it needs a running notebook)"

    def __init__(self, pictures: dict[str, Tensor], factor: int = 4) -> None:
        if not pictures:
            raise ValueError("give at least one picture, as name -> (3, S, S) tensor")
        for picture in pictures.values():
            shift_and_shrink(picture, 0, factor)  # raises for a picture that can't be shrunk
        self.pictures = dict(pictures)
        self.name = ipywidgets.Dropdown(
            options=list(self.pictures),
            description="picture",
            tooltip=f"which picture is moved {LIST_KEYS}",
        )
        self.shift = ipywidgets.IntSlider(
            value=1,
            min=1,
            max=MOST_SHIFT,
            description="shift (px)",
            tooltip="how many pixels the picture is moved to the right",
            continuous_update=False,
        )
        self.factor = ipywidgets.Dropdown(
            options=list(FACTORS),
            value=factor,
            description="shrink by",
            tooltip=f"how many pixels along a side become one {LIST_KEYS}",
        )
        super().__init__([self.name, self.shift, self.factor])

    def draw(self) -> tuple[Figure, str]:
        series = all_shifts(self.pictures[self.name.value], self.factor.value)
        shift = self.shift.value
        figure = shift_strip(series, (shift - 1, shift))
        return figure, in_words(series[shift - 1], series[shift])
