"""Shift a picture by single pixels, shrink it in two ways, and see which way notices.

The picture moves on a wider white sheet, so nothing is cut off and its ink stays the same. "Ink
kept" is the darkness of the small picture, each of its pixels counted for the k x k that it
represents, as a share of the darkness of the large one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
from matplotlib.figure import Figure
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.widgets import LIST_KEYS, Explorer
from clipedu_lessons.l02_pictures_to_vectors.picture_path import draw_picture

MOST_SHIFT = 8
FACTORS = (2, 4, 8)
PLAIN, POOLED = "every {k}th pixel kept", "mean of {k} x {k} pixels"


@dataclass(frozen=True)
class Shrunk:
    """A picture at one shift, before and after shrinking by ``factor`` (k).

    sheet: (3, S, S + 8) in 0..1, the picture ``shift`` pixels from the left edge.
    plain, pooled: (3, S/k, (S + 8)/k), every k-th pixel and the mean of k x k.
    plain_ink, pooled_ink: the share of the sheet's ink that is left, 1 for all of it.
    """

    shift: int
    factor: int
    sheet: Tensor
    plain: Tensor
    pooled: Tensor
    plain_ink: float
    pooled_ink: float


def shift_and_shrink(picture: Tensor, shift: int, factor: int = 4) -> Shrunk:
    """Move a picture (3, S, S), float in 0..1 on white, and shrink it in both ways.

    Raises ValueError for another shape, an empty picture, a shift outside 0..8, or a factor that
    does not divide S and 8.
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
    ink = (1 - sheet).sum().item()
    if ink < 1e-6:
        raise ValueError("this picture is all white: there is nothing to see moving")
    plain = sheet[:, ::factor, ::factor]
    pooled = avg_pool2d(sheet[None], factor)[0]
    shares = [factor**2 * (1 - small).sum().item() / ink for small in (plain, pooled)]
    return Shrunk(shift, factor, sheet, plain, pooled, *shares)


def ink_by_shift(picture: Tensor, factor: int = 4) -> list[Shrunk]:
    """:func:`shift_and_shrink` at every shift from 0 to 8."""
    return [shift_and_shrink(picture, shift, factor) for shift in range(MOST_SHIFT + 1)]


def shift_in_words(shrunk: Shrunk) -> str:
    """What one shift shows, as text."""
    return (
        f"The picture is {shrunk.shift} pixels from the left edge, shrunk by {shrunk.factor}. "
        f"Keeping every {shrunk.factor}th pixel keeps {shrunk.plain_ink:.0%} of its ink, "
        f"the mean of {shrunk.factor} x {shrunk.factor} keeps {shrunk.pooled_ink:.0%}."
    )


def shift_figure(series: Sequence[Shrunk], shift: int) -> Figure:
    """One shift: the sheet, both small pictures, and the ink that every shift keeps."""
    now = series[shift]
    figure = new_figure(9.2, 2.5)
    panels = figure.subplots(1, 4, width_ratios=(1, 1, 1, 1.5))
    draw_picture(panels[0], now.sheet, f"moved {now.shift} px")
    draw_picture(panels[1], now.plain, PLAIN.format(k=now.factor))
    draw_picture(panels[2], now.pooled, POOLED.format(k=now.factor))
    shifts = [one.shift for one in series]
    panels[3].plot(shifts, [one.plain_ink for one in series], markevery=1, label="every k-th pixel")
    panels[3].plot(shifts, [one.pooled_ink for one in series], markevery=1, label="mean of k x k")
    panels[3].axvline(shift, color="#888888", linewidth=6, alpha=0.35)
    panels[3].set(xlabel="shift (pixels)", ylabel="share of ink kept", xticks=shifts)
    panels[3].set_ylim(0, 1.15 * max(1.4, *(one.plain_ink for one in series)))
    panels[3].legend(fontsize=8, loc="upper right")
    return figure


def shift_strip(series: Sequence[Shrunk], shifts: Sequence[int] = (0, 1, 2, 3, 4)) -> Figure:
    """Several shifts side by side: the sheet above, the two small pictures below it."""
    figure = new_figure(1.75 * len(shifts) + 0.4, 4.8)
    rows = figure.subplots(3, len(shifts), squeeze=False)
    for column, shift in enumerate(shifts):
        one = series[shift]
        draw_picture(rows[0][column], one.sheet, f"moved {one.shift} px")
        draw_picture(rows[1][column], one.plain, f"ink {one.plain_ink:.0%}")
        draw_picture(rows[2][column], one.pooled, f"ink {one.pooled_ink:.0%}")
    words = ("the picture", PLAIN.format(k=series[0].factor), POOLED.format(k=series[0].factor))
    for row, name in zip(rows, words, strict=True):
        row[0].set_ylabel(name.replace(" pixel", "\npixel"), fontsize=9)
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
            value=0,
            min=0,
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
        series = ink_by_shift(self.pictures[self.name.value], self.factor.value)
        shift = self.shift.value
        return shift_figure(series, shift), shift_in_words(series[shift])
