"""Unit vectors of both encoders as arrows in a circle, stage by stage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from clipedu_lessons.common.figures import new_figure

CLOSE = 0.15  # vectors nearer than this share a label
Boxes = list[tuple[float, float, float]]  # left end, right end and height of the labels so far


def circle_figure(stages: Mapping[str, tuple[Tensor, Tensor]], names: Sequence[str]) -> Figure:
    """Vectors in the plane, a circle for each stage: pictures solid, captions dashed.

    stages: title -> image and text, each (N, 2). Of the circle only the part that holds vectors is
    drawn in full. Raises ValueError for vectors that are not (N, 2).
    """
    for rows in (rows for vectors in stages.values() for rows in vectors):
        if rows.shape != (len(names), 2):
            raise ValueError(f"{tuple(rows.shape)} vectors; expected {(len(names), 2)}")
    lowest = min(float(rows[:, 1].min()) for vectors in stages.values() for rows in vectors)
    bottom = min(-0.25, lowest - 0.35)
    wide = 4.6 if len(stages) == 1 else 2.5  # inches, for 3.6 units
    size = (wide * len(stages), wide / 3.6 * (1.5 - bottom) + 0.6)
    figure = new_figure(*size)
    panels = figure.subplots(1, len(stages), squeeze=False)[0]
    for axes, (title, vectors) in zip(panels, stages.items(), strict=True):
        axes.add_patch(Circle((0, 0), 1, fill=False, edgecolor="#bbbbbb"))
        taken: Boxes = []
        for u, v, name in zip(*(rows.tolist() for rows in vectors), names, strict=True):
            _arrow(axes, u[0], u[1], is_picture=True)
            _arrow(axes, v[0], v[1], is_picture=False)
            if math.dist(u, v) < CLOSE:  # one label for both, in the middle
                x, y = (u[0] + v[0]) / 2, (u[1] + v[1]) / 2
                _name(axes, x, y, f'{name},\n"{name}"', True, taken, 3.6 / wide)
            else:
                _name(axes, u[0], u[1], name, True, taken, 3.6 / wide)
                _name(axes, v[0], v[1], f'"{name}"', False, taken, 3.6 / wide)
        axes.set(xlim=(-1.8, 1.8), ylim=(bottom, 1.5), aspect="equal", xticks=[], yticks=[])
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.set_title(title, fontsize=10)
    figure.supxlabel("black square: picture; blue ring and quotation marks: caption", fontsize=9)
    return figure


def angles(image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """The angles of the own pairs in degrees, (N,), and the mean angle () of all other pairs.

    image, text: (N, E), rows of length 1.
    """
    degrees = (image @ text.T).clamp(-1, 1).arccos().rad2deg()  # (N, N)
    own, n = degrees.diagonal(), len(degrees)
    return own, (degrees.sum() - own.sum()) / (n * (n - 1))


def _arrow(axes: Axes, x: float, y: float, *, is_picture: bool) -> None:
    axes.plot(
        [0, x],
        [0, y],
        color="#000000" if is_picture else "#0072B2",
        linestyle="-" if is_picture else "--",
        marker="s" if is_picture else "o",
        markevery=[1],
        markersize=7 if is_picture else 6,
        markerfacecolor="black" if is_picture else "white",
    )


def _name(axes: Axes, x: float, y: float, text: str, dark: bool, taken: Boxes, inch: float) -> None:
    """A name outside the circle, moved outward off the earlier names; an inch is `inch` units."""
    side = "left" if x > 0.25 else "right" if x < -0.25 else "center"
    lines = text.split("\n")
    width, height = 0.075 * inch * max(map(len, lines)), 0.15 * inch * len(lines)
    for step in range(4):
        out = 1 + inch * (0.13 * len(lines) - 0.03 + 0.07 * step)
        left = out * x - {"left": 0, "right": width, "center": width / 2}[side]
        near = [(a, b) for a, b, middle in taken if abs(out * y - middle) < height]
        if not any(left < b and a < left + width for a, b in near):
            break
    taken.append((left, left + width, out * y))
    color = "#000000" if dark else "#0072B2"
    axes.text(out * x, out * y, text, ha=side, va="center", fontsize=9, color=color)
