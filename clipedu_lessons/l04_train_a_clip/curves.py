"""The picture of a training run: its loss against chance, and what it can name, step by step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from clipedu.plots import COLOURS, DASHES, MARKERS
from clipedu.training.checkpoint import read_history
from clipedu.training.recipe import Recipe
from clipedu.training.trainer import TrainingResult
from clipedu_lessons.common.figures import new_figure

Rows = Sequence[dict[str, Any]]


def training_curve(
    run: TrainingResult | Rows | str | Path, *, recipe: Recipe | None = None, title: str = ""
) -> Figure:
    """Loss with the line of ln N, and beneath it zero-shot accuracy where it was measured.

    Args:
        run: a result, its history, or a run's folder.
        recipe: for the line of ln N; known from a result or a folder.
    Raises ValueError when there is no step to draw.
    """
    rows, recipe = _rows(run, recipe)
    measured = [row for row in rows if row.get("zero_shot")]
    figure = new_figure(7, 6 if measured else 3.6)
    axes = figure.subplots(2 if measured else 1, 1, sharex=True, squeeze=False)[:, 0]
    steps = np.array([row["step"] for row in rows])
    loss = np.array([row["loss"] for row in rows])
    axes[0].plot(steps, loss, color="0.75", linewidth=0.8, linestyle="-", marker="")
    axes[0].plot(steps, smoothed(loss), color=COLOURS[0], linestyle="-", marker="", label="loss")
    if recipe is not None and recipe.objective == "infonce":
        chance = math.log(recipe.batch_size)
        axes[0].axhline(chance, color=COLOURS[1], linestyle="--", marker="")
        words = f"guessing: ln {recipe.batch_size} = {chance:.2f}"
        axes[0].annotate(words, (steps[-1], chance), (0, 3), ha="right", **_OFFSET)
    axes[0].set_ylabel("loss")
    axes[0].set_ylim(bottom=0)
    if title:
        axes[0].set_title(title)
    for k, name in enumerate(_tasks(measured)):
        points = [
            (r["step"], 100 * r["zero_shot"][name]) for r in measured if name in r["zero_shot"]
        ]
        x, y = zip(*points, strict=True)
        style = {"color": COLOURS[k % 7], "linestyle": DASHES[k % 7], "marker": MARKERS[k % 7]}
        axes[1].plot(x, y, label=name, markevery=1, **style)
        axes[1].annotate(f"{y[-1]:.0f} %", (x[-1], y[-1]), (5, -3), **_OFFSET)
    if measured:
        axes[1].set_ylabel("zero-shot accuracy in %")
        axes[1].set_ylim(bottom=0)
        axes[1].legend(loc="best")
    axes[-1].set_xlabel("step")
    return figure


def describe_training(
    run: TrainingResult | Rows | str | Path, *, recipe: Recipe | None = None
) -> str:
    """The same in words, for `clipedu.plots.show(training_curve(run), describe_training(run))`."""
    rows, recipe = _rows(run, recipe)
    loss = smoothed(np.array([row["loss"] for row in rows]))
    words = f"Loss over {rows[-1]['step']:,} steps: from {rows[0]['loss']:.2f} to {loss[-1]:.2f}"
    if recipe is not None and recipe.objective == "infonce":
        n = recipe.batch_size
        words += f"; guessing among {n} captions would be ln {n} = {math.log(n):.2f}"
    measured = [row for row in rows if row.get("zero_shot")]
    for k, name in enumerate(_tasks(measured)):
        values = [row["zero_shot"][name] for row in measured if name in row["zero_shot"]]
        words += ". Zero-shot accuracy: " if k == 0 else "; "
        change = f"from {values[0]:.1%} to " if len(values) > 1 else ""
        words += f"{name} {change}{values[-1]:.1%}"
    return words + "."


def smoothed(values: np.ndarray, width: int = 20) -> np.ndarray:
    """(n,) -> (n,): the mean of each value and up to `width - 1` before it."""
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    last = np.arange(1, len(values) + 1)
    first = np.maximum(0, last - width)
    return (total[last] - total[first]) / (last - first)


_OFFSET: dict[str, Any] = {
    "xycoords": "data",
    "textcoords": "offset points",
    "fontsize": 9,
    "va": "bottom",
}


def _rows(
    run: TrainingResult | Rows | str | Path, recipe: Recipe | None
) -> tuple[Rows, Recipe | None]:
    if isinstance(run, TrainingResult):
        rows: Rows = run.history
        recipe = recipe or run.recipe
    elif isinstance(run, (str, Path)):
        rows = read_history(run)
        there = Path(run) / "recipe.json"
        recipe = recipe or (Recipe.load(there) if there.exists() else None)
    else:
        rows = run
    if not rows:
        raise ValueError(f"There is no step to draw: the history of {run!r} is empty.")
    return rows, recipe


def _tasks(measured: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in measured for name in row["zero_shot"]))
