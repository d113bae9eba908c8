"""Figures of memory: two batches to scale, and plans side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.l08_scaling_up.planner import Plan

#: Parts of a plan's memory that a figure shows as one.
GROUPS = {
    "weights, gradients, Adam": ("weights", "gradients", "optimizer", "half-precision copies"),
    "activations": ("activations",),
    "gradients in flight": ("gradients in flight",),
    "embeddings": ("embeddings",),
    "loss matrix": ("loss matrix",),
}
_BESIDE: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "va": "center"}


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
    """A bar of GiB for each plan, in five parts, and the memory of the GPU as a line.

    Raises ValueError when there is none, or when they are for GPUs of different kinds.
    """
    kinds = {plan.gpu for plan in plans.values()}
    if len(kinds) != 1:
        raise ValueError(f"Plans for one kind of GPU fit in one figure; there are {len(kinds)}.")
    figure = new_figure(8.4, 0.9 + 0.62 * len(plans))
    axes = figure.subplots()
    left = [0.0] * len(plans)
    for k, (name, parts) in enumerate(GROUPS.items()):
        sizes = [sum(plan.memory[part] for part in parts) / 2**30 for plan in plans.values()]
        look: dict[str, Any] = {
            "color": COLOURS[k],
            "ec": "black",
            "hatch": ("", "//", "..")[k % 3],
        }
        axes.barh(range(len(plans)), sizes, 0.6, left=left, label=name, **look)
        left = [a + b for a, b in zip(left, sizes, strict=True)]
    one = next(iter(plans.values()))
    axes.axvline(one.machine.memory / 2**30, color="black", ls="--", marker="")
    axes.annotate(f"a {one.gpu} has", (one.machine.memory / 2**30, -0.45), (3, 0), **_BESIDE)
    axes.set_yticks(range(len(plans)), list(plans))
    axes.invert_yaxis()
    axes.set_xlabel(f"GiB on each of {one.gpus} GPUs")
    axes.legend(fontsize=8, loc="lower right")
    return figure
