"""The result figure of lesson 12: shares with their intervals."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure

Span = tuple[float, float, float]  # a share, and the ends of its 95 % interval


def shares_figure(
    shares: Mapping[str, Span], *, chance: float, xlabel: str = "right (%)", bold: str = ""
) -> tuple[Figure, str]:
    """A dot with its interval for each label, and a dotted line at chance; and it in words.

    bold: the label that is filled, the others are hollow
    """
    figure = new_figure(6.4, 0.33 * len(shares) + 0.9)
    axes = figure.subplots()
    for y, (label, (value, low, high)) in enumerate(shares.items()):
        ends = [100 * low, 100 * high]
        axes.plot(ends, [y, y], color="black", linestyle="-", marker="|", linewidth=1)
        fill = COLOURS[2] if label == bold else "white"
        axes.plot(100 * value, y, "o", color=fill, markeredgecolor="black", markersize=8)
        axes.text(103, y, f"{value:.0%}", va="center", fontsize=8)
    axes.axvline(100 * chance, color="black", linestyle=":", marker="")
    axes.set_yticks(range(len(shares)), list(shares), fontsize=8)
    axes.set(xlim=(-2, 112), ylim=(len(shares) - 0.5, -0.5), xlabel=xlabel)
    axes.set_xticks(range(0, 101, 20))
    said = "; ".join(f"{label} {value:.0%}" for label, (value, _, _) in shares.items())
    return figure, f"Dots with 95 % intervals, guessing at {chance:.0%}: {said}."
