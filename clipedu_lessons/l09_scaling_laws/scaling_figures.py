"""A figure of a power law: points, line and band on two logarithmic axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from clipedu.plots import COLOURS, MARKERS
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.l09_scaling_laws.scaling import PowerLaw

Points = tuple[Sequence[float] | np.ndarray, Sequence[float] | np.ndarray]


class _RoundNumbers(MaxNLocator):
    """Numbers on a logarithmic axis: 1, 2, 5, 10 and so on; over a short range evenly far apart."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        if 0 < 4 * vmin < vmax:
            return LogLocator(subs=(1.0, 2.0, 5.0)).tick_values(vmin, vmax)
        return super().tick_values(vmin, vmax)


def law_figure(
    points: dict[str, Points],
    law: PowerLaw,
    *,
    unit: str,
    names: Sequence[str] | None = None,
) -> Figure:
    """Errors against compute, with the line that was fitted to them.

    Args:
        points: label -> (compute, error in percent); each label has its own marker.
        law: of errors in percent.
        unit: what compute is counted in, for the axis.
        names: of the points of the first label, written beside them.
    Raises ValueError when there are no points, or another number of names.
    """
    if not points:
        raise ValueError("There are no points to draw.")
    figure = new_figure(7.0, 4.2)
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel=unit, ylabel="zero-shot error (%)")
    every = np.concatenate([np.asarray(compute, dtype=float) for compute, _ in points.values()])
    reach = np.logspace(np.log10(every.min()), np.log10(every.max()), 50)
    label = f"power law, slope {law.slope:.3f}"
    axes.plot(reach, law(reach), "--", marker="", color="black", label=label)
    colours = ("black", *COLOURS[2:])
    for k, (label, (compute, error)) in enumerate(points.items()):
        axes.plot(
            compute,
            error,
            linestyle="",
            marker=MARKERS[(0, 2, 1, 3, 4, 5, 6)[k % 7]],
            color=colours[k % len(colours)],
            markersize=6,
            markevery=1,
            label=label,
        )
    if names is not None:
        compute, error = next(iter(points.values()))
        for name, x, y in zip(names, compute, error, strict=True):
            axes.annotate(name, (float(x), float(y)), (6, 5), textcoords="offset points")
    # a range of less than ten times has no power of ten in it: plain numbers instead
    axes.yaxis.set_major_locator(_RoundNumbers(6))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.legend()
    return figure
