"""Helpers for diagrams: boxes, arrows and labels on a canvas in inches, y down from the top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch, Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from clipedu_lessons.common.figures import new_figure

Frame = tuple[float, float, float, float]  # x, y, width, height

INK, DARK, PLAIN = "#222222", "#30343B", "#F1F1F1"
PICTURES, CAPTIONS = "#D3E6F5", "#FBE2BD"  # their positions and names differ, too
LEFT, WIDE, SIDE = 0.25, 4.7, 5.2  # of boxes and rows of tokens; shapes and code are at SIDE
BODY, NAME = 9, 10  # font sizes, in points
LINE = 0.16  # from a line of text to the next
DOTS = "⋯"
THINGS = {"star": "★", "cloud": "☁", "heart": "♥", "sun": "☀", "phone": "☎", "flag": "⚑"}


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty drawing of so many inches."""
    figure = new_figure(width, height)
    figure.set_layout_engine("none")  # every position is given
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    return figure, axes


def label(axes: Axes, x: float, y: float, text: str, **how: Any) -> None:
    """Words, centered at a point unless `how` says otherwise."""
    axes.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": BODY, "color": INK, **how})


def shape(axes: Axes, x: float, y: float, *sizes: object, **how: Any) -> None:
    """The shape of a tensor, as code writes it."""
    label(axes, x, y, f"({', '.join(map(str, sizes))})", family="monospace", **how)


def code(axes: Axes, x: float, y: float, names: str) -> None:
    """Names of variables, one a line, around the height y."""
    for k, name in enumerate(lines := names.splitlines()):
        at = y + LINE * (k - (len(lines) - 1) / 2)
        label(axes, x, at, name, ha="left", family="monospace", color="#666666")


def box(axes: Axes, frame: Frame, name: str, note: str = "", color: str = PLAIN) -> None:
    """A rounded box with a name in bold and beneath it a note."""
    x, y, w, h = frame
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(FancyBboxPatch((x, y), w, h, style, fc=color, ec=INK, lw=1.1))
    notes = note.splitlines()
    top = y + h / 2 - LINE / 2 * len(notes)
    label(axes, x + w / 2, top, name, fontsize=NAME, weight="bold")
    for k, line in enumerate(notes):
        label(axes, x + w / 2, top + LINE * (k + 1) + 0.02, line)


def cell(axes: Axes, frame: Frame, text: str = "", color: str = "white", **how: Any) -> None:
    """A rectangle with words or a formula in it, white on a dark color."""
    x, y, w, h = frame
    axes.add_patch(Rectangle((x, y), w, h, fc=color, ec=INK, lw=0.9))
    if text:
        ink = "white" if color == DARK else INK
        label(axes, x + w / 2, y + h / 2, text, **{"color": ink, "fontsize": NAME, **how})


def arrow(axes: Axes, *points: tuple[float, float], dashed: bool = False) -> None:
    """A line through the points, with a head at the last one."""
    how: dict[str, Any] = {"lw": 1.2, "color": INK, "capstyle": "butt", "joinstyle": "miter"}
    how |= {"ls": "--" if dashed else "-", "zorder": 1, "arrowstyle": "-|>", "mutation_scale": 10}
    axes.add_patch(FancyArrowPatch(path=Path(points), **how))


def thing(axes: Axes, name: str, x: float, y: float, size: float) -> None:
    """A small picture of one of THINGS, in a frame, from its top left corner."""
    cell(axes, (x, y, size, size))
    drawn = TextPath((0, 0), THINGS[name], size=10)
    edges = drawn.get_extents()
    middle = (edges.x0 + edges.x1) / 2, (edges.y0 + edges.y1) / 2
    zoom = 0.76 * size / max(edges.width, edges.height)
    move = Affine2D().translate(-middle[0], -middle[1]).scale(zoom, -zoom)
    move.translate(x + size / 2, y + size / 2)
    axes.add_patch(PathPatch(move.transform_path(drawn), fc=DARK, ec="none"))


def mark(axes: Axes, tag: tuple[float, float], *frames: Frame) -> None:
    """Thick frames around a part, and the words "you are here"."""
    style = "round,pad=0.05,rounding_size=0.1"
    for x, y, w, h in frames:
        axes.add_patch(FancyBboxPatch((x, y), w, h, style, fc="none", ec="black", lw=3, zorder=4))
    around = {"boxstyle": "round,pad=0.25", "fc": "black", "ec": "black"}
    label(axes, *tag, "you are here", weight="bold", color="white", bbox=around, zorder=5)


def logits(
    axes: Axes,
    corner: tuple[float, float],
    size: tuple[float, float],
    names: Sequence[str],
    above: float = 0.42,
    first: bool = False,
) -> None:
    """The matrix of logits, with u at the left and v above it. size: width, height of a cell.

    first: the first row and the first column have the colors of pictures and of captions.
    """
    (x, y), (w, h) = corner, size
    for i, a in enumerate(names):
        u, v = ("⋮", DOTS) if a == DOTS else (f"$u_{a}$", f"$v_{a}$")
        cell(axes, (x - 0.6, y + i * h + 0.04, 0.46, h - 0.08), u, PICTURES)
        cell(axes, (x + i * w + 0.05, y - above, w - 0.1, 0.3), v, CAPTIONS)
        for j, b in enumerate(names):
            text = f"$z_{{{a}{b}}}$" if DOTS not in (a, b) else DOTS if a != DOTS else "⋮"
            text = "⋱" if a == b == DOTS else text
            tint = PICTURES if first and i == 0 else CAPTIONS if first and j == 0 else "white"
            cell(axes, (x + j * w, y + i * h, w, h), text, DARK if i == j else tint)


def places(names: Sequence[str]) -> list[float]:
    """Where the tokens are, from left to right."""
    return [LEFT + (k + 0.5) * WIDE / len(names) for k in range(len(names))]


def arrows_down(axes: Axes, y: float, names: Sequence[str]) -> float:
    """An arrow down for each token but the dots; returns where they end."""
    for x, name in zip(places(names), names, strict=True):
        if name != DOTS:
            arrow(axes, (x, y), (x, y + 0.2))
    return y + 0.2


def vectors(axes: Axes, y: float, names: Sequence[str], color: str, read: int = -1) -> float:
    """A column of numbers for each token, beneath an arrow; the one that is read is dark."""
    y = arrows_down(axes, y, names)
    for k, (x, name) in enumerate(zip(places(names), names, strict=True)):
        if name == DOTS:
            label(axes, x, y + 0.18, DOTS, fontsize=12)
            continue
        for part in range(4):
            frame = (x - 0.09, y + 0.09 * part, 0.18, 0.09)
            cell(axes, frame, color=DARK if k == read else color)
        if color == PICTURES:  # words are named once, above
            label(axes, x + 0.14, y + 0.18, name, ha="left")
    return y + 0.36


def stage(
    axes: Axes, y: float, name: str, note: str, color: str, names: str = "", copies: int = 1
) -> float:
    """A box on the way down, its names in code at the side; returns where it ends."""
    tall, copies = 0.34 + 0.16 * (note.count("\n") + 1), min(copies, 3)
    for k in reversed(range(copies)):  # a pile, for several of the same
        title, below = ("", "") if k else (name, note)
        box(axes, (LEFT + 0.05 * k, y + 0.05 * k, WIDE, tall), title, below, color)
    code(axes, SIDE, y + tall / 2, names)
    return y + tall + 0.05 * (copies - 1)
