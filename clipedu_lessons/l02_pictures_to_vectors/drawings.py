"""Figures of lesson 02: pictures in frames, and two sets of pictures compared with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from clipedu.evaluation import clopper_pearson
from clipedu_lessons.common.figures import new_figure


def comparison_figure(rows: Tensor, columns: Tensor, cosines: Mapping[str, Tensor]) -> Figure:
    """For each way of comparing, a table of cosines between the pictures at its two sides.

    rows (N, 3, R, R) and columns (M, 3, R, R) in 0..1; cosines: title -> (N, M). Darker cells are
    more similar. Raises ValueError for a table of another shape.
    """
    n, m = len(rows), len(columns)
    for title, table in cosines.items():
        if tuple(table.shape) != (n, m):
            raise ValueError(f"{title!r} is {tuple(table.shape)}, not one value a pair: {n, m}")
    figure = new_figure(4.4 * len(cosines), 4.2)
    parts: Any = figure.subfigures(1, len(cosines), squeeze=False)
    for part, (title, table) in zip(parts[0], cosines.items(), strict=True):
        part.suptitle(title, fontsize=11)
        cells = part.subplots(n + 1, m + 1)
        cells[0, 0].axis("off")
        for j in range(m):
            draw_picture(cells[0, j + 1], columns[j])
        for i in range(n):
            draw_picture(cells[i + 1, 0], rows[i])
            for j in range(m):
                _cell(cells[i + 1, j + 1], float(table[i, j]))
    return figure


def _cell(axes: Axes, value: float) -> None:
    gray = 1 - 0.85 * min(max(value, 0.0), 1.0)
    axes.set_facecolor((gray, gray, gray))
    color = "black" if gray > 0.5 else "white"
    axes.text(0.5, 0.5, f"{value:.2f}", ha="center", va="center", color=color, fontsize=10)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    _bare(axes)


def accuracy_figure(
    found: Mapping[str, Mapping[str, Sequence[float]]], chance: float, asked: int
) -> Figure:
    """Bars for the mean accuracies with 95 % intervals, a point for each run.

    found: group (a learning rate) -> name (an encoder) -> shares of `asked` answers, one a seed.
    """
    figure = new_figure(7.2, 3.0)
    axes = figure.subplots()
    names = list(next(iter(found.values())))
    fills, hatches = ("#FFFFFF", "#BBBBBB", "#56B4E9", "#E69F00"), ("", "", "//", "xx")
    wide = 0.8 / len(names)
    for k, name in enumerate(names):
        at = [i + (k - (len(names) - 1) / 2) * wide for i in range(len(found))]
        runs = [[100 * share for share in group[name]] for group in found.values()]
        means = [sum(run) / len(run) for run in runs]
        ends = [clopper_pearson(round(mean * asked / 100), asked) for mean in means]
        reach = [[abs(100 * x[k] - m) for x, m in zip(ends, means, strict=True)] for k in (0, 1)]
        look: dict[str, Any] = {"color": fills[k % 4], "hatch": hatches[k % 4], "capsize": 3}
        axes.bar(at, means, 0.92 * wide, yerr=reach, label=name, edgecolor="black", **look)
        for x, run in zip(at, runs, strict=True):
            axes.plot([x] * len(run), run, "ko", linestyle="", markersize=3.5, markevery=1)
    axes.axhline(100 * chance, color="black", linestyle=":", marker="")
    axes.set_xticks(range(len(found)), list(found))
    axes.set(ylabel="right answers (percent)")
    axes.margins(y=0.3)  # room for the legend
    axes.legend(fontsize=9, loc="upper left", ncols=2)
    return figure


def draw_picture(axes: Axes, picture: Tensor, title: str = "", size: float = 9) -> None:
    """A picture (3, R, C) in 0..1 in a frame, without ticks; size: of the title, in points."""
    axes.imshow(picture.permute(1, 2, 0).clamp(0, 1).numpy(), interpolation="nearest")
    if title:
        axes.set_title(title, fontsize=size).set_parse_math(False)
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set(visible=True, color="#888888")
