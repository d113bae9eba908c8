"""Figures of robustness: models on logit axes with the line through them, and one thing as several
artists draw it (paper Figures 13 to 15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clipedu.pairs import FAMILIES
from clipedu.plots import COLOURS, MARKERS, picture_grid
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.things import REFERENCE, things, things_task
from clipedu_lessons.l11_robustness.robustness import Line, logit
from clipedu_lessons.l11_robustness.shifts import SHIFTS, shifted

Point = tuple[float, float]
_EDGE = 1e-3  # where an accuracy of exactly 0 or 1 is drawn: its logit is infinite
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
_GREYS = ("#333333", "#888888", "#333333")
_DASHES = ("-", "--", "-.")


def draw_line(axes: Axes, line: Line, name: str = "", number: int = 0) -> None:
    """Models, their line and the prediction interval, on axes that are logit axes already.

    name: of the models, for the legend; number: which of three greys, markers and dashes
    """
    x, y = _inwards(line.reference), _inwards(line.shifted)
    grey, dash = _GREYS[number % 3], _DASHES[number % 3]
    axes.plot(
        x, y, linestyle="", marker=".x+"[number % 3], color=grey, markersize=5, markevery=1,
        label=name or "supervised models",
    )  # fmt: skip
    ends = logit([x.min(), x.max()])
    at = 1 / (1 + np.exp(-np.linspace(ends[0] - 0.3, ends[1] + 0.9, 60)))
    label = f"line: {name}" if name else "their line, 95 % of models"
    axes.plot(at, line.predict(at), color=grey, linestyle=dash, marker="", label=label)
    if not number:
        axes.fill_between(at, *line.interval(at), color="#999999", alpha=0.3, linewidth=0)


def draw_points(axes: Axes, points: Mapping[str, Sequence[Point]]) -> None:
    """Further models, name -> (reference, shifted) as shares of 1; several are joined in order."""
    for i, (name, many) in enumerate(points.items(), start=1):
        xy = _inwards(np.reshape(many, (-1, 2)))
        axes.plot(
            xy[:, 0], xy[:, 1], color=COLOURS[(i + 1) % len(COLOURS)],
            linestyle="-" if len(xy) > 1 else "", linewidth=1, markersize=7, markevery=1,
            marker=MARKERS[i % len(MARKERS)], markeredgecolor="black", label=name,
        )  # fmt: skip


def testbed_figure(
    panels: Mapping[str, Mapping[str, Line]],
    points: Mapping[str, Mapping[str, Sequence[Point]]] | None = None,
    *,
    columns: int = 4,
    width: float = 2.6,
) -> Figure:
    """One panel a shifted set, on logit axes in percent, with one legend for all.

    panels: shift -> name of the models -> their line; points: shift -> what `draw_points` takes.
    Raises ValueError for no panel.
    """
    if not panels:
        raise ValueError("There is no line to draw.")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(width * columns + 0.5, 2.9 * rows + 1.0)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, (shift, lines) in zip(grid.flat, panels.items(), strict=False):
        axes.set(xscale="logit", yscale="logit")
        for i, (name, line) in enumerate(lines.items()):
            draw_line(axes, line, name, i)
        same = np.linspace(0.02, 0.98, 50)
        axes.plot(same, same, color="#999999", linestyle=":", marker="", label="nothing lost")
        draw_points(axes, (points or {}).get(shift, {}))
        drawn = [child.get_xydata() for child in axes.lines if child.get_label() != "nothing lost"]
        x, y = np.vstack([np.asarray(part) for part in drawn if len(part)]).T
        for axis, values in ((axes.xaxis, x), (axes.yaxis, y)):
            low, high = 0.85 * values.min(), 1 - 0.85 * (1 - values.max())
            ticks = [tick for tick in _TICKS if low <= tick <= high]
            axis.set_ticks(ticks, [f"{100 * tick:g}" for tick in ticks])
            axis.set_ticks([], minor=True)
            axis.axes.set(**{f"{axis.axis_name}lim": (low, high)})
        axes.tick_params(labelsize=8)
        axes.set_title(shift, fontsize=10)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes in grid[-1]:
        axes.set_xlabel("reference (%)")
    for axes in grid[:, 0]:
        axes.set_ylabel("shifted set (%)")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8.5)
    return figure


def strip(thing: str, families: Sequence[str], rendered: Sequence[str]) -> Figure:
    """One thing as the reference and other icon sets draw it, then as rendered shifts show it.

    The paper's strip of bananas (Figure 13), in small. Raises ValueError for what is no thing, or a
    shift that does not exist.
    """
    if thing not in things():
        raise ValueError(f"{thing!r} is not among the {len(things())} shared things.")
    pictures, titles = [], []
    for family in (REFERENCE, *families):
        task = things_task(family)
        rows = torch.nonzero(task.labels == list(things()).index(thing)).flatten()
        if len(rows):
            pictures.append(task.pictures[rows[0]])
            titles.append(FAMILIES[family].title)
    for name in rendered:
        if name not in SHIFTS:
            raise ValueError(f"There is no shift {name!r}. The shifts are: {', '.join(SHIFTS)}.")
        pictures.append(shifted(pictures[0][None], name)[0])
        titles.append(name.replace("_", " "))
    return picture_grid(torch.stack(pictures), titles, columns=-(-len(pictures) // 2))


def _inwards(shares: np.ndarray) -> np.ndarray:
    """The same accuracies, those of exactly 0 or 1 moved to where they can be drawn."""
    extreme = (shares == 0) | (shares == 1)
    return np.where(extreme, np.clip(shares, _EDGE, 1 - _EDGE), shares)
