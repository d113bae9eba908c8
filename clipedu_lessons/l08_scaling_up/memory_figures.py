"""Figures of memory: two batches to scale, memory against batch, and plans side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.l08_scaling_up.planner import Plan

Series = Sequence[tuple[int, float, float]]  # batch, MiB, seconds

#: (what, how): label, line style, marker.
STYLES = {
    ("loss", "dense"): ("whole matrix", "-", "o"),
    ("loss", "tiled"): ("tiles", "--", "s"),
    ("step", "plain"): ("everything kept", "-", "o"),
    ("step", "recompute"): ("recomputed blocks", ":", "^"),
    ("step", "accumulated"): ("GradCache, chunks of 128", "--", "s"),
    ("step", "accumulated, tiled"): ("and tiles", "-.", "D"),
}
TITLES = {"loss": "The loss alone, 128 dimensions", "step": "A whole step, laptop_vit"}


def memory_figure(table: Mapping[tuple[str, str], Series]) -> tuple[Figure, str]:
    """Two panels of MiB against batch, both axes logarithmic, and what one sees in words.

    table: (what, how) -> rows as `benchmarks/memory.py` wrote them. Raises ValueError for an empty
    table.
    """
    if not table:
        raise ValueError("There is nothing to draw: run benchmarks/memory.py first.")
    figure = new_figure(8.6, 3.6)
    for axes, what in zip(figure.subplots(1, 2), TITLES, strict=True):
        for (kind, how), (label, line, marker) in STYLES.items():
            rows = sorted(table.get((kind, how), ()))
            if kind == what and rows:
                xs, ys = [n for n, _, _ in rows], [size for _, size, _ in rows]
                axes.plot(xs, ys, line, marker=marker, label=label, color="black", ms=4)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.tick_params(axis="x", labelsize=8)
        axes.set(title=TITLES[what], xlabel="pairs in the batch", ylabel="extra memory, MiB")
        axes.legend(fontsize=8)
    return figure, memory_in_words(table)


def memory_in_words(table: Mapping[tuple[str, str], Series]) -> str:
    """How much each line grows from its first batch to its last."""
    parts = []
    for key, (label, _, _) in STYLES.items():
        rows = sorted(table.get(key, ()))
        if len(rows) > 1:
            batch, memory = rows[-1][0] / rows[0][0], rows[-1][1] / rows[0][1]
            parts.append(f"{key[0]}, {label}: {batch:.0f} times the batch, {memory:.1f} times")
    return "Memory against batch. " + "; ".join(parts) + " the memory."


def batches_figure(ours: int, theirs: int) -> Figure:
    """The similarities of two batches as squares, to scale; the smaller one in a corner."""
    figure = new_figure(4.6, 4.6)
    axes = figure.subplots()
    axes.add_patch(Rectangle((0, 0), theirs, theirs, fc="0.88", ec="black"))
    axes.add_patch(Rectangle((0, theirs - ours), ours, ours, fc="black", ec="black"))
    arrow = {"arrowstyle": "->", "color": "black"}
    label = (0.16 * theirs, 0.82 * theirs)
    axes.annotate(f"ours: {ours:,} x {ours:,}", (ours, theirs - ours), label, arrowprops=arrow)
    words = f"one step of the paper:\n{theirs:,} x {theirs:,}\nsimilarities"
    axes.text(theirs / 2, theirs * 0.4, words, ha="center", va="center")
    edge = 0.02 * theirs
    axes.set(xlim=(-edge, theirs + edge), ylim=(-edge, theirs + edge))
    axes.set(xlabel="captions", ylabel="pictures", aspect="equal")
    return figure


def plans_figure(plans: Mapping[str, Plan]) -> Figure:
    """A bar of GiB for each plan, in pieces by part, and the memory of the GPU as a line.

    Raises ValueError when there is none, or when they are for GPUs of different kinds.
    """
    kinds = {plan.gpu for plan in plans.values()}
    if len(kinds) != 1:
        raise ValueError(f"Plans for one kind of GPU fit in one figure; there are {len(kinds)}.")
    figure = new_figure(7.2, 3.6)
    axes = figure.subplots()
    bottoms = [0.0] * len(plans)
    hatches = ("", "//", "..", "xx", "\\\\", "--", "++", "oo")
    for k, part in enumerate(next(iter(plans.values())).memory):
        sizes = [plan.memory[part] / 2**30 for plan in plans.values()]
        look: dict[str, Any] = {"hatch": hatches[k % len(hatches)], "ec": "black"}
        look["color"] = str(0.95 - 0.08 * k)  # a grey
        axes.bar(range(len(plans)), sizes, 0.6, bottom=bottoms, label=part, **look)
        bottoms = [a + b for a, b in zip(bottoms, sizes, strict=True)]
    one = next(iter(plans.values()))
    axes.axhline(one.machine.memory / 2**30, color="black", ls="--", label=f"a {one.gpu} has")
    axes.set_xticks(range(len(plans)), list(plans))
    axes.set_ylabel(f"GiB on each of {one.gpus} GPUs")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
