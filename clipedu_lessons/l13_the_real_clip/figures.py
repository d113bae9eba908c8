"""The figures of lesson 13. Each function returns a figure and the words that describe it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from torch import Tensor

from clipedu.plots import COLOURS, MARKERS
from clipedu_lessons.common.figures import new_figure

Drawn = tuple[Figure, str]


def activation_figure() -> Drawn:
    """GELU and QuickGELU, and their difference."""
    figure = new_figure(8.0, 2.8)
    left, right = _row(figure, 2)
    x = torch.linspace(-6, 6, 601)
    exact, quick = F.gelu(x), x * torch.sigmoid(1.702 * x)
    plain: dict[str, Any] = {"marker": ""}
    left.plot(x, exact, label="GELU", color=COLOURS[0], linestyle="-", **plain)
    left.plot(x, quick, label="QuickGELU", color=COLOURS[1], linestyle="--", **plain)
    left.set(xlabel="x", ylabel="activation", xlim=(-4, 3), ylim=(-0.4, 3))
    left.legend()
    right.plot(x, quick - exact, color="black", linestyle="-", **plain)
    right.set(xlabel="x", ylabel="QuickGELU - GELU")
    low, high = (quick - exact).aminmax()
    words = "Left: the two curves lie almost on each other. Right: their difference, "
    return figure, words + f"a wave between {low:.3f} and {high:.3f} that ends at 0."


def stages_figure(photograph: Image.Image, cut: Tensor, patch: int) -> Drawn:
    """What preprocessing does: the photograph with the square that is kept, the square, patches.

    cut: (3, R, R) in 0..1, the result before it is standardized
    """
    side, (width, height) = cut.shape[-1], photograph.size
    kept = min(width, height)
    figure = new_figure(9.0, 2.9)
    first, second, third = _row(figure, 3)
    first.imshow(photograph)
    corner = ((width - kept) / 2, (height - kept) / 2)
    first.add_patch(Rectangle(corner, kept, kept, fill=False, color="white", lw=2.5, ls="--"))
    first.set_title(f"{width} x {height}: the square is kept")
    for axes in (second, third):
        axes.imshow(cut.permute(1, 2, 0).numpy())
    second.set_title(f"resized and cut: {side} x {side}")
    for at in range(0, side + 1, patch):
        third.axhline(at - 0.5, color="white", lw=0.8, marker="", ls="-")
        third.axvline(at - 0.5, color="white", lw=0.8, marker="", ls="-")
    third.set_title(f"{side // patch} x {side // patch} patches of {patch} pixels")
    for axes in (first, second, third):
        axes.set_axis_off()
    words = "A photograph with a dashed square in its middle; the square, resized; and a grid of "
    return figure, f"{words}{side // patch} x {side // patch} patches over it."


def cosine_figure(groups: Mapping[str, Tensor]) -> Drawn:
    """Histograms of cosines, one row for each group, with its mean."""
    figure = new_figure(7.5, 0.95 * len(groups) + 0.7)
    rows: Any = figure.subplots(len(groups), 1, sharex=True, squeeze=False)[:, 0]
    low = min(float(values.min()) for values in groups.values())
    said = []
    for axes, (name, values) in zip(rows, groups.items(), strict=True):
        axes.hist(values.numpy(), bins=60, range=(low, 1), density=True, color="0.7")
        mean = float(values.mean())
        axes.axvline(mean, color="black", marker="", ls="--")
        axes.set_title(f"{name}: mean {mean:.2f}", loc="left", fontsize=9, pad=2)
        axes.set_yticks([])
        axes.grid(visible=False)
        said.append(f"{name} {mean:.2f}")
    rows[-1].set_xlabel("cosine similarity")
    return figure, f"Histograms of cosines, one below the other. Means: {', '.join(said)}."


def trade_figure(paths: Mapping[str, Sequence[tuple[float, float, float]]]) -> Drawn:
    """Accuracy on the new task against the old one, in percent, along each path of WiSE-FT.

    paths: name -> (share of the fine-tuned weights, new, old), from share 0 to 1. A single path is
    drawn with its shares and the straight line between its ends.
    """
    figure = new_figure(6.5, 4.2)
    (axes,), said = _row(figure, 1), list[str]()
    for k, (name, path) in enumerate(paths.items()):
        _, new, old = zip(*path, strict=True)
        style: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k]}
        axes.plot(new, old, label=name, linestyle="-", **style)
        if len(paths) == 1:
            axes.plot(new[:: len(new) - 1], old[:: len(old) - 1], "--", color="0.5", marker="")
            for share, *at in path:
                axes.annotate(f"α = {share:g}", at, (-38, -10), textcoords="offset points")
        ends = f"from {new[0]:.0f} and {old[0]:.0f} to {new[-1]:.0f} and {old[-1]:.0f}"
        said.append(f"{name}, {ends}")
    axes.set(xlabel="accuracy on the new task (%)", ylabel="accuracy on the old task (%)")
    axes.margins(0.13)
    axes.legend(loc="lower left")
    words = "Each line goes from the weights before to the fine-tuned ones; new and old accuracy: "
    return figure, words + "; ".join(said) + "."


def _row(figure: Figure, count: int) -> Any:
    """So many axes side by side."""
    return figure.subplots(1, count, squeeze=False)[0]
