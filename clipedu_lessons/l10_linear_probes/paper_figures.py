"""Figures 5, 7, 8, 10 and 11 of the paper, drawn again from its numbers.

Each function gives `(figure, words)` for `clipedu.plots.show(*...)`. Wins are solid and losses
hatched, so that greyscale print keeps the difference. Source: Radford et al. 2021, arXiv
2103.00020.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.paper import DATASETS, load_paper_table
from clipedu_lessons.l10_linear_probes.paper_claims import fig5_deltas, fig5_misfits, probe_row

Drawn = tuple[Figure, str]
SOURCE = "Radford et al. 2021, arXiv 2103.00020"
WIN, LOSS, GREY = COLOURS[2], "#DDDDDD", "#666666"


def difference_bars(
    axes: Axes, names: Sequence[str], values: Sequence[float], labels: Sequence[str], xlabel: str
) -> None:
    """Horizontal bars around 0, the largest on top: solid for a gain, hatched for a loss.

    Raises ValueError when the three lists differ in length or hold nothing.
    """
    if not names or not len(names) == len(values) == len(labels):
        raise ValueError("Give one value and one label for each name, and at least one name.")
    order = sorted(range(len(names)), key=lambda i: values[i])  # the last is drawn on top
    reach = max(abs(v) for v in values) or 1.0
    for y, i in enumerate(order):
        gain = values[i] >= 0
        axes.barh(
            y,
            values[i],
            color=WIN if gain else LOSS,
            edgecolor="black",
            hatch=None if gain else "////",
            linewidth=0.6,
        )
        right = gain or len(labels[i]) > 8  # a long label has no room left of a long bar
        x = max(values[i], 0.0) + 0.02 * reach if right else values[i] - 0.02 * reach
        axes.text(x, y, labels[i], va="center", ha="left" if right else "right", fontsize=7)
    axes.set_yticks(range(len(order)), [names[i] for i in order], fontsize=7.5)
    axes.axvline(0, color="black", linewidth=1, marker="")
    axes.set_xlim(-1.35 * reach, 1.35 * reach)  # a label stands outside the longest bar
    axes.set_ylim(-0.8, len(order) - 0.2)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(xlabel)


def figure5() -> Drawn:
    """Zero-shot CLIP against a linear probe on ResNet-50: bars by the tables, labels as printed."""
    table = load_paper_table("per_dataset")
    deltas, misfits = fig5_deltas(table), fig5_misfits(table)
    printed = table.column("fig5_delta_printed")
    labels = [
        f"{p:+.1f}" + (f" printed; tables {deltas[d]:+.1f}" if d in misfits else "")
        for d, p in zip(deltas, printed, strict=True)
    ]
    figure = new_figure(7, 6)
    axes = figure.subplots()
    difference_bars(
        axes, list(deltas), list(deltas.values()), labels, "points: zero-shot CLIP less the probe"
    )
    axes.set_title("Figure 5, redrawn from Tables 10 and 11")
    wins = sum(d > 0 for d in deltas.values())
    most = max(deltas, key=lambda d: deltas[d])
    words = (
        f"Bars around zero for 27 datasets. Zero-shot CLIP is ahead of a probe on ResNet-50 on "
        f"{wins}, most on {most} ({deltas[most]:+.1f}), and far behind on EuroSAT and KITTI. The "
        f"printed labels of {' and '.join(misfits)} do not fit the tables. Source: {SOURCE}."
    )
    return figure, words


def figure7() -> Drawn:
    """How many labeled examples per class match zero-shot CLIP, on CLIP's own features."""
    table = load_paper_table("per_dataset")
    columns = (table.column(name) for name in ("fig7_shots_to_match_zero_shot", "dataset"))
    shots = sorted((value, name) for value, name in zip(*columns, strict=True) if value is not None)
    values = [value for value, _ in shots]
    mean, median = np.mean(values), np.median(values)
    figure = new_figure(7, 5.6)
    axes = figure.subplots()
    axes.barh(range(len(shots)), values, color=WIN, edgecolor="black", linewidth=0.6)
    for y, value in enumerate(values):
        note = axes.text(value * 1.06, y, f"{value:g}", va="center", fontsize=7, zorder=5)
        note.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1, "zorder": 4})
    axes.set_yticks(range(len(shots)), [name for _, name in shots], fontsize=7.5)
    axes.axvline(mean, color=COLOURS[4], linestyle="--", marker="", label=f"mean {mean:.1f}")
    axes.axvline(median, color="black", linestyle=":", marker="", label=f"median {median:.1f}")
    axes.set(xscale="log", xlabel="labeled examples per class (log scale)", xlim=(0.5, 400))
    axes.set_xticks([1, 10, 100], ["1", "10", "100"])
    axes.set_ylim(-0.8, len(shots) - 0.2)
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right")
    axes.set_title("Figure 7, redrawn")
    words = (
        f"One bar a dataset, from {values[0]:g} to {values[-1]:g} labeled examples per class. A "
        f"few long bars pull the mean, {mean:.1f}, far above the median, {median:.1f}. "
        f"Source: {SOURCE}."
    )
    return figure, words


def figure8() -> Drawn:
    """Zero-shot against the linear probe of the same model: a labeled dot for each dataset."""
    table = load_paper_table("per_dataset")
    probe, zero = table.numbers("linear_probe_clip_t10"), table.numbers("zero_shot_clip_t11")
    r = float(np.corrcoef(probe, zero)[0, 1])
    slope, start = np.polyfit(probe, zero, 1)
    figure = new_figure(7.2, 5.8)
    axes = figure.subplots()
    axes.plot([20, 100], [20, 100], color="black", linestyle="--", marker="", label="equal")
    ends = np.array([45.0, 100.0])
    line = f"fit: slope {slope:.2f} (printed 1.28)"
    axes.plot(ends, slope * ends + start, color=GREY, linestyle="-", marker="", label=line)
    axes.plot(probe, zero, linestyle="", marker="o", color=WIN, markevery=1)
    heights: list[float] = []  # of the labels, from the top: each a little below the last
    for at in np.argsort(-zero):
        y = min(zero[at], heights[-1] - 2.9) if heights else 100.0
        heights.append(y)
        note: dict[str, Any] = {"fontsize": 7, "va": "center", "textcoords": "data"}
        arrow = {"arrowstyle": "-", "linewidth": 0.4, "color": "#999999"}
        text = f"{DATASETS[at]} {zero[at]:.0f} / {probe[at]:.0f}"
        axes.annotate(text, (probe[at], zero[at]), (103, y), arrowprops=arrow, **note)
    axes.set(xlabel="linear probe on CLIP's features (%)", ylabel="zero-shot CLIP (%)")
    axes.set(xlim=(40, 124), ylim=(15, 102), xticks=range(40, 101, 10))
    axes.set_title(f"Figure 8, redrawn: r = {r:.2f} (printed 0.82)")
    axes.legend(loc="upper left")
    words = (
        f"A cloud of 27 dots, all beneath the diagonal: the probe is better everywhere. The better "
        f"the features, the better zero-shot (r = {r:.2f}); the steep fit says that hard tasks "
        f"have the larger gap. Each dot is labeled: zero-shot / probe. Source: {SOURCE}."
    )
    return figure, words


def figure10() -> Drawn:
    """The 66 models of Table 10: mean probe over all 27 datasets against the mean over 12."""
    table = load_paper_table("linear_probe")
    twelve, all27 = (table.numbers(f"mean{what}_computed") for what in ("12_kornblith", "27"))
    families = list(dict.fromkeys(table.column("family")))
    kinds = {"CLIP-ViT": (WIN, "o"), "CLIP-RN": (COLOURS[0], "s")}
    figure = new_figure(7, 4.8)
    axes = figure.subplots()
    plain = iter("v^<>x+*dDphPX1234")
    for family in families:
        rows = [i for i, name in enumerate(table.column("family")) if name == family]
        color, marker = kinds.get(family, (GREY, next(plain)))
        axes.plot(
            twelve[rows], all27[rows], linestyle="", marker=marker, color=color, label=family,
            markersize=6 if family in kinds else 5,
        )  # fmt: skip
    other = np.array([family not in kinds for family in table.column("family")])
    slope, start = np.polyfit(twelve[other], all27[other], 1)
    ends = np.array([twelve.min(), twelve.max()])
    axes.plot(ends, slope * ends + start, color=GREY, linestyle=":", marker="")
    above = (all27 - slope * twelve - start)[~other]
    arrow = {"arrowstyle": "-", "linewidth": 0.6, "color": GREY}
    for which, place in ((other, (90.0, 71.5)), (~other, (87.4, 85.4))):
        best = int(np.flatnonzero(which)[all27[which].argmax()])
        text = f"{table.column('family')[best]} {table.column('model')[best]}"
        axes.annotate(text, (twelve[best], all27[best]), place, arrowprops=arrow,
                      fontsize=7, ha="right")  # fmt: skip
    axes.set(xlabel="mean of the 12 datasets close to ImageNet (%)", ylabel="mean of all 27 (%)")
    axes.set_title("Table 10: 66 models, the means of Figure 10")
    axes.legend(fontsize=6.5, ncols=2, loc="lower right")
    return figure, (
        f"One mark for each of {len(twelve)} models. The {len(above)} CLIPs lie {above.min():.1f} "
        f"to {above.max():.1f} points above the line through all others (dotted): on the wider set "
        f"of tasks they are better than their mean of 12 says. Source: {SOURCE}."
    )


def figure11() -> Drawn:
    """CLIP's features against those of the best ImageNet model, as linear probes."""
    table = load_paper_table("per_dataset")
    names, values = table.column("dataset"), table.column("fig11_delta_printed")
    figure = new_figure(7, 5.8)
    axes = figure.subplots()
    labels = [f"{value:+.1f}" for value in values]
    difference_bars(axes, names, values, labels, "points: CLIP less Noisy Student L2-800")
    axes.set_title("Figure 11, redrawn: linear probes")
    clip = probe_row("CLIP-ViT", "L/14-336px")
    student = probe_row("EfficientNet Noisy Student", "L2-475")
    words = (
        f"Bars around zero for 27 datasets. CLIP's features win most on text in pictures, on "
        f"traffic signs and on places, and lose on ImageNet ({values[-1]:+.1f}). These bars are "
        f"{sum(v > 0 for v in values)} wins and {sum(v == 0 for v in values)} tie; against the "
        f"475-pixel Noisy Student there are {int((clip > student).sum())} wins, the number that "
        f"the paper prints. Source: {SOURCE}."
    )
    return figure, words
