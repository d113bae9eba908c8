"""The ladder of features, task by task, from `results/baseline.csv` (benchmarks/baseline.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.l10_linear_probes.probe_tasks import PROBE_TASKS

#: column of the table -> what the reader is told, marker, color; from the plainest on
RUNGS = {
    "colors": ("six color statistics", "_", "black"),
    "pixels": ("8 x 8 pixels", "x", "black"),
    "untrained": ("untrained encoder", "|", "black"),
    "supervised": ("labels, small", "s", COLOURS[4]),
    "simclr": ("SimCLR, small", "^", COLOURS[5]),
    "clip": ("CLIP, small", "v", COLOURS[0]),
    "shipped": ("CLIP, shipped", "o", COLOURS[2]),
}
KINDS = ("across artists", "content", "nuisance")


def ahead(row: dict[str, Any], what: str = "margin") -> str:
    """A difference of the table with its paired 95 % interval, in points: "+36 (+32 to +41)"."""
    value, low, high = (f"{100 * row[what + end]:+.0f}" for end in ("", "_low", "_high"))
    return f"{value} ({low} to {high})"


def ladder_figure(rows: Sequence[dict[str, Any]]) -> tuple[Figure, str]:
    """A line for each task: probes on all features, zero-shot as a star; and it in words.

    rows: of `read_record("baseline")`. The bar is the 95 % interval of the shipped model.
    """
    by_task = {row["task"]: row for row in rows}
    order = [name for kind in KINDS for name, task in PROBE_TASKS.items()
             if task.kind == kind and name in by_task]  # fmt: skip
    figure = new_figure(7.4, 0.36 * len(order) + 1.7)
    axes = figure.subplots()
    for y, name in enumerate(order):
        row, y = by_task[name], len(order) - 1 - y
        low, high = (100 * row[f"shipped_{end}"] for end in ("low", "high"))
        axes.plot([low, high], [y, y], "-", color=COLOURS[2], linewidth=6, alpha=0.3, marker="")
        for key, (label, marker, color) in RUNGS.items():
            axes.plot(
                100 * row[f"{key}_probe"], y, marker, color=color, markersize=8,
                markeredgewidth=1.6, label=label if y == 0 else None, linestyle="",
            )  # fmt: skip
        star: dict[str, Any] = {"color": "white", "markeredgecolor": "black", "markersize": 10}
        axes.plot(100 * row["zero_shot"], y, "*", label="zero-shot" if y == 0 else None, **star)
    kinds = [PROBE_TASKS[name].kind for name in order]
    for k in range(1, len(order)):
        if kinds[k] != kinds[k - 1]:
            axes.axhline(len(order) - k - 0.5, color="#999999", linewidth=0.8, marker="")
    texts = [f"{name}: {PROBE_TASKS[name].asks}" for name in order]
    axes.set_yticks(range(len(order)), texts[::-1], fontsize=8)
    axes.set(xlim=(0, 102), ylim=(-0.6, len(order) - 0.4), xlabel="test accuracy (%)")
    figure.legend(loc="outside upper center", ncols=4, fontsize=8)
    wins = {kind: [by_task[n]["margin_low"] > 0 for n in order if PROBE_TASKS[n].kind == kind]
             for kind in KINDS}  # fmt: skip
    parts = [f"{sum(each)} of {len(each)} tasks {kind}" for kind, each in wins.items()]
    return figure, (
        "A row for each task, a mark for each kind of features. The shipped CLIP is ahead of the "
        f"best trivial features, with an interval above zero, on {', '.join(parts)}."
    )
