"""The figures of lesson 06: what prompts score, what they answer, what averages are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from clipedu.plots import COLOURS, MARKERS
from clipedu_lessons.common.figures import new_figure

Span = tuple[float, float, float]  # value, and the ends of its interval


def dots_figure(groups: Mapping[str, Mapping[str, Span]], *, line: float, about: str) -> Figure:
    """A dot and an interval for each label, under the title of its group; a line at the baseline.

    groups: title -> label -> value, low, high
    """
    rows = sum(len(of) + 1 for of in groups.values())
    figure = new_figure(6.4, 0.23 * rows + 0.7)
    axes: Any = figure.subplots()
    ticks: list[str] = []
    for title, of in groups.items():
        axes.text(0.01, len(ticks), title, transform=axes.get_yaxis_transform(), va="center",
                  fontsize=8, style="italic")  # fmt: skip
        ticks.append("")
        for label, (value, low, high) in of.items():
            axes.plot([low, high], [len(ticks)] * 2, color="0.55", linestyle="-", marker="|")
            axes.plot(value, len(ticks), "ko", markersize=5)
            ticks.append(label)
    axes.axvline(line, color="black", linestyle=":", linewidth=1)
    axes.set_yticks(range(len(ticks)), ticks, fontsize=8, family="monospace")
    axes.set(xlabel=about, ylim=(len(ticks) - 0.4, -0.6))
    axes.tick_params(axis="y", length=0)
    return figure


def answers_figure(classes: Sequence[str], counts: Mapping[str, Sequence[int]]) -> Figure:
    """How often each class was answered, a panel for each prompt; `counts` has (C,) numbers."""
    figure = new_figure(7.2, 2.5)
    panels: Any = figure.subplots(1, len(counts), sharey=True)
    for axes, (title, of) in zip(panels, counts.items(), strict=True):
        axes.bar(range(len(classes)), of, color="0.4")
        axes.axhline(sum(of) / len(classes), color="black", linestyle=":", linewidth=1)
        axes.set_xticks(range(len(classes)), classes, rotation=90, fontsize=7)
        axes.set_title(title, fontsize=8, loc="left")
    panels[0].set_ylabel("pictures given this name")
    return figure


def spread_figure(values: Sequence[float], marks: Mapping[str, float], about: str) -> Figure:
    """A histogram of controls, and labelled lines where the prompts in question are."""
    figure = new_figure(6.4, 2.6)
    axes: Any = figure.subplots()
    heights, *_ = axes.hist(values, bins=20, color="0.75", edgecolor="white")
    top = float(max(heights))
    for k, (label, x) in enumerate(marks.items()):
        axes.axvline(x, color="black", linewidth=1.5, linestyle=(":", "--", "-")[k % 3])
        axes.text(x, top * (1.22 - 0.12 * (k % 2)), f" {label}", fontsize=8, family="monospace",
                  ha="right" if x > max(values) - 1 else "left")  # fmt: skip
    axes.set(xlabel=about, ylabel="controls", ylim=(0, 1.35 * top))
    return figure


def curves_figure(
    panels: Mapping[str, Mapping[str, Sequence[float]]],
    sizes: Sequence[int],
    *,
    xlabel: str,
    ylabel: str,
) -> Figure:
    """Curves over sizes that double, a panel for each title; labels in the first panel."""
    figure = new_figure(3.6 * len(panels), 2.9)
    drawn: Any = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, curves) in zip(drawn, panels.items(), strict=True):
        for k, (label, of) in enumerate(curves.items()):
            axes.plot(sizes, of, color=COLOURS[k], marker=MARKERS[k], markersize=4, label=label)
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_title(title, fontsize=9, loc="left")
        axes.set_xlabel(xlabel)
    drawn[0].set_ylabel(ylabel)
    drawn[0].legend(fontsize=8)
    return figure
