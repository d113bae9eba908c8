"""What a prompt is worth, task by task: points gained or lost against the bare class name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from clipedu.plots import COLOURS, MARKERS
from clipedu_lessons.common.figures import new_figure


def gains(row: Mapping[str, Any], columns: Sequence[str]) -> dict[str, float]:
    """Points (of 100) by which each column is above `bare`; a column that is None is left out."""
    return {name: 100 * (row[name] - row["bare"]) for name in columns if row.get(name) is not None}


def gain_figure(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, title: str = ""
) -> Figure:
    """One line for each task, one marker for each way to ask, right of zero where it helps.

    rows: of the table `tasks`: "task", "bare" and the columns, shares of 1
    Raises ValueError when there is nothing to draw.
    """
    if not rows or not columns:
        raise ValueError("There is nothing to draw: give rows and columns.")
    first = columns[0]
    ordered = sorted(rows, key=lambda row: gains(row, columns).get(first, 0.0))
    figure = new_figure(7.4, 0.27 * len(ordered) + 1.3)
    axes = figure.subplots()
    axes.axvline(0, color="black", linewidth=0.8)
    for k, name in enumerate(columns):
        found = [(gains(row, columns).get(name), y) for y, row in enumerate(ordered)]
        points = [(gain, y) for gain, y in found if gain is not None]
        axes.plot(
            [gain for gain, _ in points],
            [y for _, y in points],
            linestyle="",
            marker=MARKERS[k],
            color=COLOURS[k],
            markerfacecolor="none" if k else COLOURS[0],
            label=name,
        )
    axes.set_yticks(range(len(ordered)), [str(row["task"]) for row in ordered], fontsize=8)
    axes.set_xlabel("points against the bare class name")
    axes.legend(loc="lower right")
    if title:
        axes.set_title(title)
    return figure


def gain_words(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """The same in sentences: on how many tasks each way helps, and where most and least."""
    sentences = []
    for name in columns:
        found = {str(row["task"]): gains(row, columns).get(name) for row in rows}
        known = {task: gain for task, gain in found.items() if gain is not None}
        if not known:
            continue
        best, worst = max(known, key=lambda t: known[t]), min(known, key=lambda t: known[t])
        up = sum(gain > 0 for gain in known.values())
        sentences.append(
            f"{name} helps on {up} of {len(known)} tasks, most on {best} ({known[best]:+.0f}), "
            f"least on {worst} ({known[worst]:+.0f})."
        )
    return " ".join(sentences)
