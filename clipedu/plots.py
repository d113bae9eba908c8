"""Figures that everybody can read: in print, without color, and in words.

Lines differ in dash and marker as well as in color. `show` stores a sentence that describes the
figure as `alt` in the output's metadata, for web pages, and folded up beneath it, for JupyterLab.
"""

from __future__ import annotations

import base64
import builtins
import html
import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from PIL import Image
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    import torch

    Pictures = torch.Tensor | np.ndarray

# Okabe and Ito's colors, told apart by every kind of color vision; neighbors differ in gray.
COLOURS = ("#000000", "#E69F00", "#0072B2", "#CC79A7", "#D55E00", "#56B4E9", "#009E73")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
EVERY = (0.1,) * len(COLOURS)  # ten markers a line, however many points it has ...
FEW = 30  # ... but a line of so few points is drawn with a marker at each of them
PRINTED = 76  # characters in a line of printed words
FOLDED = '<details style="font-size:85%"><summary>Description</summary>{}</details>'
DPI = 100  # a figure of 8 x 5 inches is 20 to 60 kB, so ten of them fit in a notebook of 1 MB


def use_style() -> None:
    """Make matplotlib draw for print, grayscale and color-blind readers, from now on."""
    cycle = cycler(color=COLOURS, linestyle=DASHES, marker=MARKERS, markevery=EVERY)
    mpl.rc("axes", prop_cycle=cycle, grid=True, titlesize=11)
    mpl.rc("axes.spines", right=False, top=False)
    mpl.rc("figure", dpi=DPI, figsize=(7.0, 4.2))
    mpl.rc("figure.constrained_layout", use=True)
    mpl.rc("font", size=10)
    mpl.rc("grid", alpha=0.3)
    mpl.rc("image", cmap="cividis")
    mpl.rc("legend", frameon=False)
    mpl.rc("lines", markersize=4)


def font_folder() -> Path:
    """The folder of the TrueType fonts that come with matplotlib (DejaVu and others)."""
    return Path(mpl.get_data_path()) / "fonts" / "ttf"


def picture_grid(
    pictures: Pictures, titles: Sequence[str] | None = None, columns: int = 8, *, title: str = ""
) -> Figure:
    """Pictures in rows, each with its title beneath.

    pictures: (N, 3, H, W) float in 0..1, or (N, H, W, 3) or (N, H, W, 4) uint8 (alpha over white).
    titles: N strings, wrapped to the width of a picture and cut after three lines.
    Raises ValueError for other shapes and types, no pictures, NaN, or a wrong number of titles.
    """
    rgb = _as_rgb(pictures)  # (N, 3, H, W) -> (N, H, W, 3) float
    count, height, width = rgb.shape[:3]
    if titles is not None and len(titles) != count:
        raise ValueError(f"{count} pictures but {len(titles)} titles: give one title per picture")
    if columns < 1:
        raise ValueError(f"columns is {columns}: it must be 1 or more")
    use_style()
    columns = min(columns, count)
    wrapped = [textwrap.wrap(str(t), 15, max_lines=3, placeholder=" ...") for t in titles or ()]
    # All in inches, from the top left corner.
    gap, wide, head = 0.1, 1.05, 0.35 if title else 0.05
    tall = wide * height / width
    row_tall = tall + gap + 0.145 * max(map(len, wrapped), default=0)
    across, down = columns * (wide + gap), head + -(-count // columns) * row_tall
    figure = Figure(figsize=(across, down), dpi=DPI)
    figure.set_layout_engine("none")  # every position is computed below
    if title:
        figure.suptitle(title, y=1 - 0.1 / down, va="top", fontsize=11)
    for k in range(count):
        row, column = divmod(k, columns)
        left, bottom = column * (wide + gap) + gap / 2, down - head - row * row_tall - tall
        axes = figure.add_axes((left / across, bottom / down, wide / across, tall / down))
        axes.imshow(rgb[k], interpolation="nearest", vmin=0, vmax=1)
        axes.set_axis_off()
        if wrapped:  # two points below the picture
            words = axes.text(0.5, -2 / 72 / tall, "\n".join(wrapped[k]), ha="center", va="top")
            words.set(transform=axes.transAxes, fontsize=8.5, parse_math=False)  # $ is no formula
    return figure


def _as_rgb(pictures: Pictures) -> np.ndarray:
    """(N, H, W, 3) float in 0..1 from either of the layouts that picture_grid takes."""
    if not isinstance(pictures, np.ndarray):  # NumPy has no bfloat16
        tensor = pictures.float() if pictures.is_floating_point() else pictures
        pictures = tensor.detach().cpu().numpy()
    array = pictures
    if array.ndim == 4 and len(array) and array.dtype == np.uint8 and array.shape[3] in (3, 4):
        rgb, alpha = np.split(array / np.float32(255), [3], axis=3)
        return rgb * alpha + (1 - alpha) if alpha.size else rgb  # over white paper
    floats = np.issubdtype(array.dtype, np.floating)
    if not floats or array.ndim != 4 or not len(array) or array.shape[1] != 3:
        raise ValueError(
            f"pictures of shape {array.shape} and type {array.dtype}: expected (N, 3, H, W) float "
            "or (N, H, W, 3 or 4) uint8, N at least 1; for one picture give picture[None]"
        )
    if not (array.min() >= -1e-3 and array.max() <= 1 + 1e-3):  # also where there is a NaN
        raise ValueError("float pictures must lie in 0..1: show them before they are normalized")
    return np.clip(array.transpose(0, 2, 3, 1), 0, 1)


def show(fig: Figure, words: str) -> None:
    """Display a figure with the words that describe it, folded up beneath, and close the figure.

    words: a sentence or two: what is drawn, and what to see in it; outside a notebook they are
    printed. Raises ValueError for words too short to describe anything.
    """
    words = " ".join(words.split())
    if len(words) < 15:
        raise ValueError(f"{words!r} does not describe a figure: say what it shows, in a sentence")
    shell = getattr(builtins, "get_ipython", lambda: None)()  # IPython makes these two built-in
    if hasattr(shell, "kernel"):
        folded = {"text/html": FOLDED.format(html.escape(words))}
        for data, notes in (figure_bundle(fig, words), (folded, {})):
            getattr(builtins, "display")(data, metadata=notes, raw=True)  # noqa: B009
    else:
        print(textwrap.fill(words, PRINTED))
    from matplotlib import pyplot as plt

    plt.close(fig)


def figure_bundle(fig: Figure, words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The (data, metadata) of a notebook output: a PNG, and its description wherever it is read."""
    for line in (line for axes in fig.axes for line in axes.lines):
        if line.get_markevery() == EVERY[0] and len(np.asarray(line.get_xdata())) <= FEW:
            line.set_markevery(None)  # each point is a measurement that the reader wants to see
    drawn, packed, text = io.BytesIO(), io.BytesIO(), PngInfo()
    fig.savefig(drawn, format="png")
    # 256 colours are enough for a figure, and a third of the bytes: a notebook stays under 1 MB.
    picture = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    text.add_text("Description", words)
    picture.save(packed, format="png", optimize=True, pnginfo=text)
    png = base64.b64encode(packed.getvalue()).decode("ascii")
    return {"image/png": png, "text/plain": words}, {"image/png": {"alt": words}}
