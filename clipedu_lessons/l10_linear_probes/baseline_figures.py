"""The paper's Figures 5, 10 and 11 in small: CLIP against an encoder trained with labels.

`benchmarks/baseline.py` measures, `read_record("baseline")` gives the rows. Each function gives
`(figure, words)` for `clipedu.plots.show(*...)`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.l10_linear_probes.paper_figures import Drawn, difference_bars

Rows = Sequence[Mapping[str, Any]]
#: column -> name, and the fill and hatch of its bars; from the least that was learned to the most.
TOWERS = {
    "untrained_probe": ("probe, tower untrained", "white", "...."),
    "supervised_probe": ("probe, tower trained with labels", "#DDDDDD", "////"),
    "clip_probe": ("probe, CLIP's tower", COLOURS[2], None),
}


def differences(rows: Rows) -> Drawn:
    """Zero-shot CLIP (as Figure 5) and a probe on CLIP (as Figure 11) less the supervised probe.

    rows: `task`, and accuracies `zero_shot`, `clip_probe`, `supervised_probe` as shares of 1
    Raises ValueError for no rows.
    """
    _some(rows)
    figure = new_figure(9, 0.24 * len(rows) + 1.5)
    names = [str(row["task"]).replace("_", " ") for row in rows]
    said = []
    panels = {
        "zero_shot": "zero-shot CLIP less the probe (Fig. 5)",
        "clip_probe": "probe on CLIP less the probe (Fig. 11)",
    }
    for axes, (column, title) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        values = [100 * (row[column] - row["supervised_probe"]) for row in rows]
        difference_bars(axes, names, values, [f"{v:+.1f}" for v in values], "points")
        axes.set_title(title, fontsize=10)
        said.append(sum(v > 0 for v in values))
    return figure, (
        "Bars around zero, one a task: how far CLIP is ahead of a probe on the tower that was "
        f"trained with labels. Left, zero-shot CLIP: ahead on {said[0]} of {len(rows)} tasks. "
        f"Right, a probe on CLIP: ahead on {said[1]}."
    )


def means(rows: Rows) -> Drawn:
    """The mean accuracy of the three probes, over all tasks and over those unseen (as Figure 10).

    rows: as for `differences`, with `untrained_probe` and `seen`. Raises ValueError for no rows.
    """
    _some(rows)
    unseen = [row for row in rows if str(row["seen"]) == "False"]
    groups = {f"all {len(rows)} tasks": rows, f"{len(unseen)} not seen": unseen}
    groups = {name: some for name, some in groups.items() if some}
    figure = new_figure(6.5, 3)
    axes = figure.subplots()
    said = []
    for k, (column, (name, fill, hatch)) in enumerate(TOWERS.items()):
        values = [100 * fmean(row[column] for row in some) for some in groups.values()]
        at = [y + 0.27 * (k - 1) for y in range(len(groups))]
        axes.barh(at, values, 0.25, color=fill, hatch=hatch, edgecolor="black", label=name)
        for y, value in zip(at, values, strict=True):
            axes.text(value + 1, y, f"{value:.1f}", va="center", fontsize=8)
        said.append(f"{name} {values[0]:.1f} %")
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set(xlabel="mean accuracy (%)", xlim=(0, 108))
    axes.grid(axis="y", visible=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure, f"Bars of mean accuracy. Over all tasks: {'; '.join(said)}."


def _some(rows: Rows) -> None:
    if not rows:
        raise ValueError("There are no tasks to draw.")
