"""Figures and tables of lesson 07: the live race and the stored series."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clipedu.evaluation import clopper_pearson
from clipedu.plots import COLOURS, DASHES, MARKERS
from clipedu.training.trainer import TrainingResult
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.records import read_record
from clipedu_lessons.l07_objectives.series import to_reach

Row = Mapping[str, Any]
Drawn = tuple[Figure, str]
TITLES = {
    "clip": "CLIP",
    "siglip": "SigLIP",
    "convirt": "ConVIRT",
    "virtex": "VirTex",
    "caption": "caption LM",
    "icmlm": "ICMLM",
    "bow": "bag of words",
    "ngrams": "n-grams",
    "simclr": "SimCLR",
}
RUNGS = ("ConVIRT", "linear projections", "equal weights", "learned temperature: CLIP")
PROBES = ("probe_lucide", "probe_font_awesome", "probe_heroicons")  # of the features
GRIDS = ("grid_lucide", "grid_font_awesome", "grid_heroicons")  # of the mean over all patches


class Printed(NamedTuple):
    """A table to print, and its numbers for the prose."""

    text: str
    values: dict[str, str]


def _line(axes: Axes, x: Sequence[float], y: Sequence[float], name: str, **how: Any) -> None:
    k = list(TITLES).index(name)
    style: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k % 4]}
    axes.plot(x, y, marker=MARKERS[k % len(MARKERS)], markersize=4, markevery=1, **{**style, **how})


def _names_at_the_ends(axes: Axes, ends: Mapping[str, tuple[float, float]], gap: float) -> None:
    """Each line's name to the right of its end, moved so that no two are closer than `gap`."""
    at = -1e9
    for name, (x, y) in sorted(ends.items(), key=lambda item: item[1][1]):
        at = max(y, at + gap)
        k = list(TITLES).index(name)
        how: dict[str, Any] = {"textcoords": "offset points", "xytext": (8, 0), "va": "center"}
        color = COLOURS[k % len(COLOURS)]
        axes.annotate(TITLES[name], (x, at), fontsize=9, color=color, **how)


def race_figure(runs: Mapping[str, TrainingResult]) -> Drawn:
    """Zero-shot accuracy of live runs against pictures seen, and against seconds."""
    figure = new_figure(9, 3.4)
    seen, spent = figure.subplots(1, 2, sharey=True)
    ends, last = {}, {}
    for name, run in runs.items():
        rows = [row for row in run.history if "zero_shot" in row]
        share = [0.0, *(100 * row["zero_shot"]["whole"] for row in rows)]
        pictures = [0, *(row["step"] * run.recipe.batch_size for row in rows)]
        _line(seen, pictures, share, name)
        _line(spent, [0, *(row["seconds"] for row in rows)], share, name, label=TITLES[name])
        ends[name], last[name] = (pictures[-1], share[-1]), share[-1]
    top = max(last.values())
    _names_at_the_ends(seen, ends, 0.08 * top)
    seen.set(xlabel="pictures seen", ylabel="zero-shot accuracy (%)", ylim=(0, None))
    seen.set_xlim(0, 1.35 * max(x for x, _ in ends.values()))
    spent.set(xlabel="seconds of training", xlim=(0, None))
    spent.legend(loc="upper left")
    said = ", ".join(f"{TITLES[name]} {share:.0f} percent" for name, share in last.items())
    return figure, f"Accuracy against pictures seen, and against seconds. At the end: {said}."


def finished(series: Sequence[Row]) -> list[Row]:
    """The rows of the runs that came to their end, where the probe is measured."""
    last = {(row["objective"], row["seed"]) for row in series if row["step"] and row[PROBES[0]]}
    return [row for row in series if (row["objective"], row["seed"]) in last]


def by_run(series: Sequence[Row]) -> dict[str, dict[int, list[Row]]]:
    """objective -> seed -> its rows in order of steps; objectives as in TITLES."""
    runs: dict[str, dict[int, list[Row]]] = {}
    for name in TITLES:
        for row in sorted(series, key=lambda row: row["step"]):
            if row["objective"] == name:
                runs.setdefault(name, {}).setdefault(int(row["seed"]), []).append(row)
    return runs


def series_figure(series: Sequence[Row]) -> Drawn:
    """Zero-shot accuracy of the stored runs against pictures seen, and against compute."""
    figure = new_figure(9.5, 4.6)
    panels = figure.subplots(1, 2, sharey=True)
    words = []
    for axes, column in zip(panels, ("pictures", "flops"), strict=True):
        ends = {}
        for name, seeds in by_run(series).items():
            runs = [[r for r in rows if r["step"] and r["zero_shot"] is not None]
                    for rows in seeds.values()]  # fmt: skip
            if not all(runs):
                continue  # it names nothing
            moments = list(zip(*runs, strict=False))  # of each moment the seeds' rows
            x = [statistics.fmean(r[column] for r in rows) for rows in moments]
            y = [100 * statistics.fmean(r["zero_shot"] for r in rows) for rows in moments]
            low = [100 * min(r["zero_shot"] for r in rows) for rows in moments]
            high = [100 * max(r["zero_shot"] for r in rows) for rows in moments]
            _line(axes, x, y, name)
            color = COLOURS[list(TITLES).index(name) % len(COLOURS)]
            axes.fill_between(x, low, high, color=color, alpha=0.15, linewidth=0)
            ends[name] = (x[-1], y[-1])
        axes.set(xscale="log", ylim=(0, None))
        left, right = axes.get_xlim()
        axes.set_xlim(left, right * (right / left) ** 0.35)
        _names_at_the_ends(axes, ends, 0.05 * max((y for _, y in ends.values()), default=1))
        if column == "pictures":
            words = [f"{TITLES[n]} {y:.0f}" for n, (_, y) in ends.items()]
    panels[0].set(xlabel="pictures seen", ylabel="zero-shot accuracy, mean of three sets (%)")
    panels[1].set(xlabel="floating-point operations of training")
    text = (
        "Accuracy against pictures seen, and against compute, mean and range of seeds. In the end, "
    )
    return figure, text + "in percent: " + ", ".join(words) + "."


def series_table(series: Sequence[Row]) -> Printed:
    """The last row of each objective, means over seeds; accuracies and probes in percent."""
    lines = [
        "objective     seeds  zero-shot  (range)         per token  probe   grid  FLOPs    loss"
    ]
    values: dict[str, str] = {}
    runs = by_run(series)
    for name, seeds in runs.items():
        last = [rows[-1] for rows in seeds.values()]
        asked = [_mean([row], _columns("whole_{}")) for row in last]
        shares = [share for share in asked if share is not None]
        span = f"({min(shares):.1f} to {max(shares):.1f})" if shares else ""
        cells = {
            "zs": statistics.fmean(shares) if shares else None,
            "pt": _mean(last, _columns("{}_per_token")),
            "probe": _mean(last, PROBES),
            "grid": _mean(last, GRIDS),
        }
        text = {key: "–" if x is None else f"{x:.1f}" for key, x in cells.items()}
        values |= {f"{key}_{name}": x for key, x in text.items() if x != "–"}
        work, loss = last[0]["flops"], statistics.fmean(r["loss"] for r in last)
        row = f"{TITLES[name]:13} {len(last):5}  {text['zs']:>9}  {span:14}  {text['pt']:>9}"
        lines.append(f"{row} {text['probe']:>6} {text['grid']:>6}  {work:.1e}  {loss:5.2f}")
    took = {name: [rows[-1]["seconds"] for rows in seeds.values()] for name, seeds in runs.items()}
    if "caption" in took and "bow" in took:
        ratio = statistics.fmean(took["caption"]) / statistics.fmean(took["bow"])
        values["lm_slower"] = f"{ratio:.1f}"
    start = [rows[0] for seeds in runs.values() for rows in seeds.values()]
    for key, columns in (("probe", PROBES), ("grid", GRIDS)):
        values[f"{key}_untrained"] = f"{_mean(start, columns) or 0:.1f}"
    both = f"{values['probe_untrained']:>6} {values['grid_untrained']:>6}"
    lines.append(f"{'untrained':13} {'':5}  {'–':>9}  {'':14}  {'–':>9} {both}")
    return Printed("\n".join(lines), values)


def _columns(form: str) -> list[str]:
    return [form.format(name[6:]) for name in PROBES]


def _mean(rows: Sequence[Row], columns: Sequence[str]) -> float | None:
    """In percent, over rows and columns; None where there is nothing."""
    cells = [100 * row[c] for row in rows for c in columns if row.get(c) is not None]
    return statistics.fmean(cells) if cells else None


#: Three ways to ask a caption model for a name, and their columns: by the likelihood of the whole
#: name, by its mean per token, and without what the model says of a name on the average picture.
WAYS = {
    "whole name": "whole_{}",
    "per token": "{}_per_token",
    "habits taken away": "{}_centered",
}


class Bound(NamedTuple):
    """A share with the upper end of its 95 % interval, and how soon the better one gets there."""

    share: float
    upper: float
    pictures: float  # after which the better one's mean curve is at `upper`
    all: float  # pictures that the worse one has seen in the end

    @property
    def factor(self) -> float:
        return self.all / self.pictures


def at_least(series: Sequence[Row], better: str, worse: str, asked: int, way: str) -> Bound:
    """For a `worse` that ends near chance: a rough bound of how much less `better` needs.

    asked: different pictures that a run was asked, of all sets together. All seeds are asked about
    the same ones, so each counts once. way: a key of `WAYS`, how the worse one is asked.
    """
    runs = by_run(series)
    last = [rows[-1] for rows in runs[worse].values()]
    share = (_mean(last, _columns(WAYS[way])) or 0) / 100
    upper = clopper_pearson(round(share * asked), asked)[1]
    reached = [to_reach(rows, upper) for rows in runs[better].values()]
    return Bound(share, upper, statistics.fmean(reached), last[0]["pictures"])


def probe_figure(series: Sequence[Row]) -> Drawn:
    """The probe across artists of each objective, on two kinds of features; dotted: untrained."""
    runs = by_run(series)
    kinds = (("features", PROBES, COLOURS[0], "o"), ("mean over patches", GRIDS, COLOURS[4], "D"))
    found = {
        name: [[_mean([rows[-1]], kind[1]) or 0 for rows in seeds.values()] for kind in kinds]
        for name, seeds in runs.items()
    }
    order = sorted(found, key=lambda name: -max(map(max, found[name])))
    start = [rows[0] for seeds in runs.values() for rows in seeds.values()]
    figure = new_figure(7, 3.6)
    axes = figure.subplots()
    for number, (label, columns, color, marker) in enumerate(kinds):
        how: dict[str, Any] = {"color": color, "marker": marker, "linestyle": "", "markevery": 1}
        for k, name in enumerate(order):
            said = label if not k else "_"
            places = [k + 0.3 * number - 0.15] * len(found[name][number])
            axes.plot(found[name][number], places, label=said, markersize=5, **how)
        axes.axvline(_mean(start, columns) or 0, color=color, linestyle=":", marker="")
    axes.set_yticks(range(len(order)), [TITLES[name] for name in order])
    axes.set(xlabel="linear probe across artists (%); dotted: untrained", xlim=(0, None))
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.legend(loc="lower right")
    said = ", ".join(f"{TITLES[n]} {max(map(statistics.fmean, found[n])):.0f}" for n in order)
    return figure, f"Two marks for each seed; the better of the two means, in percent: {said}."


def ladder(series: Sequence[Row]) -> dict[str, dict[int, float]]:
    """From ConVIRT to CLIP: rung -> seed -> accuracy in percent, the mean of the three sets."""
    runs, columns = by_run(series), _columns("whole_{}")
    rows = list(read_record("ladder"))
    rows += [{**seeds[-1], "rung": "ConVIRT"} for seeds in runs["convirt"].values()]
    rows += [{**seeds[-1], "rung": "learned temperature: CLIP"} for seeds in runs["clip"].values()]
    rungs: dict[str, dict[int, float]] = {name: {} for name in RUNGS}
    for row in rows:
        rungs[row["rung"]][int(row["seed"])] = _mean([row], columns) or 0.0
    return rungs


def ladder_figure(series: Sequence[Row]) -> Drawn:
    """A row for each rung, with a dot for each seed and a bar for their mean."""
    rungs = ladder(series)
    figure = new_figure(7, 2.4)
    axes = figure.subplots()
    for k, shares in enumerate(rungs.values()):
        how: dict[str, Any] = {"linestyle": "", "markevery": 1}
        axes.plot(list(shares.values()), [k] * len(shares), "o", color="0.5", markersize=5, **how)
        axes.plot(statistics.fmean(shares.values()), k, "|", color="black", markersize=18, **how)
    axes.set_yticks(range(len(rungs)), list(rungs))
    axes.set(xlabel="zero-shot accuracy, mean of three sets (%)", xlim=(0, None))
    axes.set_ylim(len(rungs) - 0.5, -0.5)
    said = ", ".join(f"{name} {statistics.fmean(x.values()):.1f}" for name, x in rungs.items())
    return figure, f"Dots for seeds, a bar for their mean, in percent: {said}."
