"""Figures that everybody can read: in print, without colour, and in words.

Notable:
* lines differ in dash and marker as well as in colour (Okabe and Ito's palette, dark to light);
* `show` displays a figure together with a sentence that says what it shows. The sentence is printed
  beneath the figure and stored as `alt` in the output's metadata, the place agreed on for it.
  Measured: nbconvert's classic template and MyST read that (or the plain-text form, the same
  sentence); JupyterLab 4.6 and nbconvert's lab template do not yet, so the printed sentence is what
  a screen reader meets there.
"""

from __future__ import annotations

import base64
import builtins
import io
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from PIL import Image
from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    import torch

    Pictures = torch.Tensor | np.ndarray

# Okabe and Ito's colours, told apart by every kind of colour vision; neighbours differ in grey.
COLOURS = ("#000000", "#E69F00", "#0072B2", "#CC79A7", "#D55E00", "#56B4E9", "#009E73")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
EVERY = (0.1,) * len(COLOURS)  # ten markers a line, however many points it has ...
FEW = 30  # ... but a line of so few points is drawn with a marker at each of them
PRINTED = 76  # characters a line of printed words: a page of a printed notebook holds no more
DPI = 100  # a figure of 8 x 5 inches is then 20 to 60 kB: ten of them fit in a notebook of 1 MB

_words: WeakKeyDictionary[Figure, str] = WeakKeyDictionary()


def use_style() -> None:
    """Make matplotlib draw for print, greyscale and colour-blind readers, from now on."""
    mpl.rcParams.update(
        {
            "axes.prop_cycle": cycler(
                color=COLOURS, linestyle=DASHES, marker=MARKERS, markevery=EVERY
            ),
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "axes.titlesize": 11,
            "figure.dpi": DPI,
            "figure.figsize": (7.0, 4.2),
            "figure.constrained_layout.use": True,
            "font.size": 10,
            "grid.alpha": 0.3,
            "image.cmap": "cividis",
            "legend.frameon": False,
            "lines.markersize": 4,
        }
    )


def picture_grid(
    pictures: Pictures,
    titles: Sequence[str] | None = None,
    columns: int = 8,
    *,
    title: str = "",
) -> Figure:
    """Pictures in rows, each with its title beneath.

    pictures: (N, 3, H, W) float in 0..1, or (N, H, W, 3) or (N, H, W, 4) uint8 (alpha over white).
    titles: N strings, wrapped to the width of a picture and cut after three lines.
    Raises ValueError for other shapes and types, no pictures, NaN, or a wrong number of titles.
    """
    rgb = _as_rgb(pictures)  # (N, H, W, 3) float
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
    total = (columns * (wide + gap), head + -(-count // columns) * row_tall)
    figure = Figure(figsize=total, dpi=DPI)
    figure.set_layout_engine("none")  # every place is given here
    if title:
        figure.suptitle(title, y=1 - 0.1 / total[1], va="top", fontsize=11)
    for k in range(count):
        row, column = divmod(k, columns)
        left, bottom = column * (wide + gap) + gap / 2, total[1] - head - row * row_tall - tall
        axes = figure.add_axes(
            (left / total[0], bottom / total[1], wide / total[0], tall / total[1])
        )
        axes.imshow(rgb[k], interpolation="nearest", vmin=0, vmax=1)
        axes.set_axis_off()
        if wrapped:
            beneath = axes.annotate(
                "\n".join(wrapped[k]),
                (0.5, 0),
                (0, -2),
                xycoords="axes fraction",
                textcoords="offset points",
                fontsize=8.5,
                ha="center",
                va="top",
            )
            beneath.set_parse_math(False)  # a dollar sign in a name is no formula
    return figure


def _as_rgb(pictures: Pictures) -> np.ndarray:
    """(N, H, W, 3) float in 0..1 from either of the layouts that picture_grid takes."""
    if isinstance(pictures, np.ndarray):
        array = pictures
    else:  # NumPy has no bfloat16
        tensor = pictures.float() if pictures.is_floating_point() else pictures
        array = tensor.detach().cpu().numpy()
    found = f"pictures of shape {tuple(array.shape)} and type {array.dtype}"
    expected = "expected (N, 3, H, W) float or (N, H, W, 3 or 4) uint8"
    if array.ndim != 4 or len(array) == 0:
        raise ValueError(f"{found}: {expected}, N at least 1; for one picture give picture[None]")
    if array.dtype == np.uint8 and array.shape[3] in (3, 4):
        scaled = array / np.float32(255)
        if array.shape[3] == 4:
            alpha = scaled[..., 3:]
            scaled = scaled[..., :3] * alpha + (1 - alpha)  # over white paper
        return scaled
    if not np.issubdtype(array.dtype, np.floating) or array.shape[1] != 3:
        raise ValueError(f"{found}: {expected}")
    if not np.isfinite(array).all() or array.min() < -1e-3 or array.max() > 1 + 1e-3:
        raise ValueError(
            "float pictures must lie in 0..1 and hold no NaN: show them before they are normalised"
        )
    return np.clip(array.transpose(0, 2, 3, 1), 0, 1)


def show(fig: Figure, words: str) -> None:
    """Display a figure with the words that describe it, print the words beneath, close the figure.

    words: one or two sentences: what is drawn, and what to see in it. Outside a notebook only the
    words are printed. Raises ValueError for words too short to describe anything.
    """
    words = " ".join(words.split())
    if len(words) < 15:
        raise ValueError(f"{words!r} does not describe a figure: say what it shows, in a sentence")
    _words[fig] = words
    display = notebook_display()
    if display is not None:
        bundle, metadata = figure_bundle(fig, words)
        display(bundle, metadata=metadata, raw=True)
    print(textwrap.fill(words, PRINTED))
    from matplotlib import pyplot as plt

    plt.close(fig)


def figure_bundle(fig: Figure, words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The (data, metadata) of a notebook output: a PNG, and its description wherever it is read."""
    _mark_every_point_of_short_lines(fig)
    drawn = io.BytesIO()
    fig.savefig(drawn, format="png")
    # 256 colours are enough for a figure, and a third of the bytes: a notebook stays under 1 MB.
    picture = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    text = PngInfo()
    text.add_text("Description", words)
    packed = io.BytesIO()
    picture.save(packed, format="png", optimize=True, pnginfo=text)
    png = base64.b64encode(packed.getvalue()).decode("ascii")
    return {"image/png": png, "text/plain": words}, {"image/png": {"alt": words}}


def _mark_every_point_of_short_lines(fig: Figure) -> None:
    """Undo the style's spacing of markers, which is by length along the line, where there are few
    points anyway: each of them is a measurement that the reader wants to see."""
    for axes in fig.axes:
        for line in axes.lines:
            if line.get_markevery() == EVERY[0] and len(np.asarray(line.get_xdata())) <= FEW:
                line.set_markevery(None)


def describe(fig: Figure) -> str | None:
    """The words that `show` attached to this figure; None before."""
    return _words.get(fig)


def notebook_display() -> Callable[..., None] | None:
    """IPython's `display` where a kernel runs this code, so that a figure reaches somebody.

    IPython makes itself known by two built-in names; so nothing need be imported to ask.
    """
    shell = getattr(builtins, "get_ipython", lambda: None)()
    return getattr(builtins, "display", None) if hasattr(shell, "kernel") else None
