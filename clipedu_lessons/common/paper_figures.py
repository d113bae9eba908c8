"""Figures 5, 7, 8, 11 and 13 and Tables 1 and 2 of the paper, drawn again from its numbers.

Each function gives `(figure, words)` for `clipedu.plots.show(*...)`. Wins are solid and losses
hatched, so that greyscale print keeps the difference. Source: Radford et al. 2021, arXiv
2103.00020; baseline lines of Figure 13: the testbed of Taori et al. 2020, arXiv 2007.00644.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipedu.plots import COLOURS, DPI, use_style
from clipedu_lessons.common.paper import BASELINES, DATASETS, PaperTable, load_paper_table
from clipedu_lessons.common.paper_claims import fig5_deltas, fig5_misfits, probe_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Drawn = tuple["Figure", str]
SOURCE = "Radford et al. 2021, arXiv 2103.00020"
WIN, LOSS, GREY = COLOURS[2], "#DDDDDD", "#666666"


def _figure(width: float, height: float) -> Figure:
    use_style()
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    return Figure(figsize=(width, height), dpi=DPI, layout=ConstrainedLayoutEngine())


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


def figure5(table: PaperTable | None = None) -> Drawn:
    """Zero-shot CLIP against a linear probe on ResNet-50: bars by the tables, labels as printed."""
    table = table or load_paper_table("per_dataset")
    deltas, misfits = fig5_deltas(table), fig5_misfits(table)
    printed = table.numbers("fig5_delta_printed")
    labels = [
        f"{p:+.1f}" + (f" printed; tables {deltas[d]:+.1f}" if d in misfits else "")
        for d, p in zip(deltas, printed, strict=True)
    ]
    figure = _figure(7, 6)
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


def figure7(table: PaperTable | None = None) -> Drawn:
    """How many labelled examples per class match zero-shot CLIP, on CLIP's own features."""
    table = table or load_paper_table("per_dataset")
    pairs = zip(
        table.column("dataset"), table.numbers("fig7_shots_to_match_zero_shot"), strict=True
    )
    shots = sorted(((value, str(name)) for name, value in pairs if value == value))
    values = [value for value, _ in shots]
    mean, median = statistics.fmean(values), statistics.median(values)
    figure = _figure(7, 5.6)
    axes = figure.subplots()
    axes.barh(range(len(shots)), values, color=WIN, edgecolor="black", linewidth=0.6)
    for y, value in enumerate(values):
        note = axes.text(value * 1.06, y, f"{value:g}", va="center", fontsize=7, zorder=5)
        note.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    axes.set_yticks(range(len(shots)), [name for _, name in shots], fontsize=7.5)
    axes.axvline(mean, color=COLOURS[4], linestyle="--", marker="", label=f"mean {mean:.1f}")
    axes.axvline(median, color="black", linestyle=":", marker="", label=f"median {median:.1f}")
    axes.set(xscale="log", xlabel="labelled examples per class (log scale)", xlim=(0.5, 400))
    axes.set_ylim(-0.8, len(shots) - 0.2)
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right")
    axes.set_title("Figure 7, redrawn")
    words = (
        f"One bar a dataset, from {values[0]:g} to {values[-1]:g} labelled examples per class. A "
        f"few long bars pull the mean, {mean:.1f}, far above the median, {median:.1f}. "
        f"Source: {SOURCE}."
    )
    return figure, words


def figure8(table: PaperTable | None = None) -> Drawn:
    """Zero-shot against the linear probe of the same model: a dot for each dataset."""
    table = table or load_paper_table("per_dataset")
    probe = np.array(table.numbers("linear_probe_clip_t10"))
    zero = np.array(table.numbers("zero_shot_clip_t11"))
    r = float(np.corrcoef(probe, zero)[0, 1])
    slope, start = np.polyfit(probe, zero, 1)
    figure = _figure(6, 5.2)
    axes = figure.subplots()
    axes.plot([20, 100], [20, 100], color="black", linestyle="--", marker="", label="equal")
    ends = np.array([45.0, 100.0])
    line = f"fit: slope {slope:.2f} (printed 1.28)"
    axes.plot(ends, slope * ends + start, color=GREY, linestyle="-", marker="", label=line)
    axes.plot(probe, zero, linestyle="", marker="o", color=WIN, markevery=1)
    for name in ("STL10", "MNIST", "KITTI", "CLEVRCounts", "EuroSAT", "Country211", "ImageNet"):
        at = DATASETS.index(name)
        axes.annotate(name, (probe[at], zero[at]), (4, -9), textcoords="offset points", fontsize=7)
    axes.set(xlabel="linear probe on CLIP's features (%)", ylabel="zero-shot CLIP (%)")
    axes.set(xlim=(40, 101), ylim=(15, 101))
    axes.set_title(f"Figure 8, redrawn: r = {r:.2f} (printed 0.82)")
    axes.legend(loc="upper left")
    words = (
        f"A cloud of 27 dots, all beneath the diagonal: the probe is better everywhere. The better "
        f"the features, the better zero-shot (r = {r:.2f}); the steep fit says that hard tasks "
        f"have the larger gap. Source: {SOURCE}."
    )
    return figure, words


def figure11(table: PaperTable | None = None) -> Drawn:
    """CLIP's features against those of the best ImageNet model, as linear probes."""
    table = table or load_paper_table("per_dataset")
    names = [str(name) for name in table.column("dataset")]
    values = table.numbers("fig11_delta_printed")
    figure = _figure(7, 5.8)
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


_FIG13 = ("ImageNetV2", "ImageNet-R", "ObjectNet", "ImageNet-Sketch", "ImageNet-A")
_DOTS: dict[str, tuple[str, str, str, str]] = {  # label -> (where, model, marker, colour)
    "ResNet-101": ("Figure 13", "ResNet-101 (supervised ImageNet)", "s", GREY),
    "Noisy Student L2": ("Table 16", "Noisy Student EfficientNet-L2", "D", COLOURS[1]),
    "CLIP, probe on ImageNet": (
        "Table 16",
        "CLIP ViT-L/14@336px linear probe on ImageNet",
        "^",
        COLOURS[4],
    ),
    "CLIP, zero-shot": ("Figure 13", "CLIP ViT-L/14@336px zero-shot", "o", COLOURS[2]),
}


def figure13(table: PaperTable | None = None) -> Drawn:
    """Accuracy under five natural shifts against accuracy on ImageNet, with the baseline lines."""
    table = table or load_paper_table("robustness")
    figure = _figure(8, 5.2)
    panels: Any = figure.subplots(2, 3, sharex=True, sharey=True)
    grid = np.linspace(55, 92, 60)
    gains = []
    for axes, shift in zip(list(panels.flat)[: len(_FIG13)], _FIG13, strict=True):
        line = BASELINES[shift]
        fitted = [line.predict(float(x)) for x in grid]
        axes.plot(grid, fitted, color="black", linestyle="-", marker="", label="standard models")
        axes.plot(grid, grid, color=GREY, linestyle=":", marker="", label="no loss")
        for label, (where, model, marker, colour) in _DOTS.items():
            at = {"where": where, "model_or_quantity": model}
            x = table.row(**at, dataset="ImageNet")["value"]
            y = table.row(**at, dataset=shift)["value"]
            style: dict[str, Any] = {"linestyle": "", "marker": marker, "color": colour}
            axes.plot([x], [y], markersize=7, label=label, markevery=1, **style)
        gains.append(line.effective_robustness(float(x or 0), float(y or 0)))  # the last: zero-shot
        axes.set_title(f"{shift}: {gains[-1]:+.1f}", fontsize=10)
        axes.set(xlim=(55, 92), ylim=(0, 100))
    for axes in panels[1]:
        axes.set_xlabel("ImageNet (%)")
    for axes in panels[:, 0]:
        axes.set_ylabel("the shift (%)")
    panels[0, 2].tick_params(labelbottom=True)
    legend = panels[1, 2]
    legend.set_axis_off()
    handles, names = panels[0, 0].get_legend_handles_labels()
    legend.legend(handles, names, loc="center", fontsize=9)
    words = (
        "Five panels, accuracy under a shift against accuracy on ImageNet. Standard models lie on "
        "the curve. At the same ImageNet accuracy as ResNet-101, zero-shot CLIP lies "
        f"{min(gains):.0f} to {max(gains):.0f} points above it (in the titles); a probe on "
        "ImageNet moves right, and up on ImageNetV2 alone. Sources: arXiv 2103.00020; curves: "
        "arXiv 2007.00644."
    )
    return figure, words


def table1() -> Drawn:
    """Zero-shot CLIP against Visual N-Grams."""
    rows = {name: _small("Table 1", name) for name in ("Visual N-Grams", "CLIP")}
    figure, axes = _grouped(rows, "Table 1, redrawn")
    words = "; ".join(
        f"{name}: {rows['Visual N-Grams'][name]:.1f} to {rows['CLIP'][name]:.1f} %"
        for name in rows["CLIP"]
    )
    return figure, (
        f"Paired bars. From Visual N-Grams to CLIP: {words}. Not like for like: CLIP has ten times "
        f"the data and far more compute. Source: {SOURCE}."
    )


def table2() -> Drawn:
    """Humans and zero-shot CLIP on Oxford Pets."""
    names = ("Zero-shot human", "One-shot human", "Two-shot human", "Zero-shot CLIP")
    rows = {name: _small("Table 2", name) for name in names}
    figure, axes = _grouped(rows, "Table 2, redrawn: Oxford-IIIT Pets")
    zero, one, two, clip = (rows[name]["accuracy"] for name in names)
    return figure, (
        f"Groups of four bars. People name {zero:.1f} % of the breeds with no example, {one:.1f} % "
        f"with one and {two:.1f} % with two; CLIP {clip:.1f} % with none. The first example helps "
        f"people most, where they had been unsure. Source: {SOURCE}."
    )


def _small(table: str, row: str) -> dict[str, float]:
    found = load_paper_table("small_tables").where_is(table=table, row=row)
    return {str(each["column"]): float(each["value"] or 0) for each in found}


def _grouped(rows: dict[str, dict[str, float]], title: str) -> tuple[Figure, Axes]:
    """Bars side by side: a group for each column, a fill and a hatch for each row."""
    fills: tuple[tuple[str, str | None], ...] = (
        ("white", "////"),
        ("#BBBBBB", "...."),
        (COLOURS[5], "xx"),
        (COLOURS[2], None),
    )
    fills = fills[: len(rows) - 1] + fills[-1:]
    columns = list(next(iter(rows.values())))
    figure = _figure(7, 3.6)
    axes = figure.subplots()
    width = 0.8 / len(rows)
    for k, ((name, row), (fill, hatch)) in enumerate(zip(rows.items(), fills, strict=True)):
        at = np.arange(len(columns)) + (k - (len(rows) - 1) / 2) * width
        values = [row[c] for c in columns]
        axes.bar(at, values, width, color=fill, hatch=hatch, edgecolor="black", label=name)
        for x, value in zip(at, values, strict=True):
            axes.text(x, value + 1, f"{value:.1f}", ha="center", fontsize=7)
    axes.set_xticks(range(len(columns)), [_wrapped(c) for c in columns], fontsize=8)
    axes.set(ylabel="percent", ylim=(0, 125))
    axes.set_yticks(range(0, 101, 20))
    axes.grid(axis="x", visible=False)
    axes.legend(ncols=2, loc="upper left", fontsize=8)
    axes.set_title(title)
    return figure, axes


def _wrapped(words: str) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(words, 18))
