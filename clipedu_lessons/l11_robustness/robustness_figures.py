"""Figures of robustness: models on logit axes with the line through them, and one thing in many
hands (paper Figures 13 to 15)."""

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
from clipedu_lessons.l11_robustness.robustness import Line
from clipedu_lessons.l11_robustness.shifts import SHIFTS, shifted

Point = tuple[float, float]
_EDGE = 1e-3  # where an accuracy of exactly 0 or 1 is drawn: its logit is infinite
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


def draw_line(
    axes: Axes,
    line: Line,
    points: Mapping[str, Sequence[Point]] | None = None,
    *,
    kinds: Sequence[str] | None = None,
    shift: str = "the shifted set",
) -> None:
    """Models, their line with its bootstrap band, and other points, on logit axes in percent.

    points: name -> (reference, shifted) accuracies as shares of 1; several are joined in order
    kinds: one word for each model of the line: another grey and marker for each kind
    An accuracy of exactly 0 or 1 is drawn at 0.1 or 99.9 %: the axes don't reach it.
    """
    axes.set_xscale("logit")
    axes.set_yscale("logit")
    x, y = _inwards(line.reference[:, 0]), _inwards(line.shifted)
    names = np.array(kinds if kinds is not None else ["supervised models"] * len(x))
    for i, kind in enumerate(dict.fromkeys(names.tolist())):
        chosen = names == kind
        axes.plot(
            x[chosen], y[chosen], linestyle="", marker=".+x1"[i % 4], color="#555555",
            markersize=6, markevery=1, label=kind,
        )  # fmt: skip
    drawn = {name: _inwards(np.reshape(many, (-1, 2))) for name, many in (points or {}).items()}
    others = [xy for many in drawn.values() for xy in many]
    low = min([x.min(), *(p[0] for p in others)])
    high = max([x.max(), *(p[0] for p in others)])
    ends = np.log([low, high]) - np.log1p([-low, -high])
    at = 1 / (1 + np.exp(-np.linspace(ends[0] - 0.2, ends[1] + 0.2, 60)))
    axes.plot(at, line.predict(at), color="black", linestyle="-", marker="", label="their line")
    axes.fill_between(at, *line.band(at), color="#999999", alpha=0.35, linewidth=0)
    axes.plot(at, at, color="#999999", linestyle=":", marker="", label="nothing lost")
    for i, (name, many) in enumerate(drawn.items(), start=1):
        axes.plot(
            many[:, 0], many[:, 1], color=COLOURS[(i + 1) % len(COLOURS)],
            linestyle="-" if len(many) > 1 else "", linewidth=1, markersize=7, markevery=1,
            marker=MARKERS[i % len(MARKERS)], markeredgecolor="black", label=name,
        )  # fmt: skip
    every_y = [*y, *(p[1] for p in others), float(line.predict(at[0]))]
    _percent(axes.xaxis, at[0], at[-1])
    _percent(axes.yaxis, min(every_y), max(*every_y, float(at[-1])))
    axes.set_xlim(at[0], at[-1])
    top = max(every_y)
    ceiling = 0.99 if top < 0.98 else 1 - 0.5 * (1 - top)  # above 99 % are points, too
    axes.set_ylim(min(every_y) * 0.85, min(ceiling, top * 1.1))
    axes.set_title(shift, fontsize=10)


def testbed_figure(
    lines: Mapping[str, Line],
    points: Mapping[str, Mapping[str, Sequence[Point]]] | None = None,
    *,
    kinds: Sequence[str] | None = None,
    reference: str = "reference",
) -> Figure:
    """Side by side, one panel a shifted set: `draw_line` for each, one legend for all.

    lines: shift -> line; points: shift -> what `draw_line` takes. Raises ValueError for no line.
    """
    if not lines:
        raise ValueError("There is no line to draw.")
    figure = new_figure(2.9 * len(lines) + 0.6, 4.1)
    panels = np.atleast_1d(figure.subplots(1, len(lines)))
    for axes, (shift, line) in zip(panels, lines.items(), strict=True):
        draw_line(axes, line, (points or {}).get(shift), kinds=kinds, shift=shift)
        axes.set_xlabel(f"{reference} (%)")
    panels[0].set_ylabel("shifted set (%)")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8.5)
    return figure


def strip(
    thing: str, *, rendered: Sequence[str] = ("line_only", "silhouette", "noise_3")
) -> Figure:
    """One thing as seven families draw it, then rendered shifts of the reference's picture.

    The paper's strip of bananas (Figure 13), in small. Raises ValueError for what is no thing, or a
    shift that does not exist.
    """
    if thing not in things():
        raise ValueError(f"{thing!r} is not among the {len(things())} shared things.")
    pictures, titles = [], []
    for family in sorted(FAMILIES, key=lambda key: (key != REFERENCE, list(FAMILIES).index(key))):
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
    return picture_grid(torch.stack(pictures), titles, columns=5)


def _inwards(shares: np.ndarray) -> np.ndarray:
    """The same accuracies, those of exactly 0 or 1 moved to where they can be drawn."""
    extreme = (shares == 0) | (shares == 1)
    return np.where(extreme, np.clip(shares, _EDGE, 1 - _EDGE), shares)


def _percent(axis: object, low: float, high: float) -> None:
    ticks = [tick for tick in _TICKS if low * 0.8 <= tick <= 1 - (1 - high) * 0.8]
    axis.set_ticks(ticks, [f"{100 * tick:g}" for tick in ticks])  # type: ignore[attr-defined]
    axis.set_ticks([], minor=True)  # type: ignore[attr-defined]
