"""The picture of a training run: its loss, and what the model can name on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from clipedu.evaluation import clopper_pearson
from clipedu.plots import COLOURS, DASHES, MARKERS
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.records import read_record

#: step -> task -> (share, lowest, highest): a share and its 95 % interval.
Scores = Mapping[int, Mapping[str, tuple[float, float, float]]]
WIDTH = 15  # steps of a mean


def library_losses(seed: int) -> list[float]:
    """The losses of the library's run with this seed, as benchmarks/my_clip.py stored them.

    Empty where no run is stored. results/my_clip.json says with which recipe, when and where.
    """
    try:
        rows = read_record("my_clip")
    except FileNotFoundError:
        return []
    return [row["loss"] for row in rows if row["who"] == "library" and row["seed"] == seed]


def run_figure(
    losses: Sequence[float], batch_size: int, scores: Scores, library: Sequence[float] = ()
) -> Figure:
    """Loss of each step with ln N and the library's run, and beside it zero-shot accuracy.

    Raises ValueError when there is no step to draw.
    """
    if not losses:
        raise ValueError("There is no step to draw: the list of losses is empty.")
    figure = new_figure(9.5, 3.8)
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    plain: dict[str, Any] = {"marker": "", "linestyle": "-"}
    steps = np.arange(1, len(losses) + 1)
    left.plot(steps, losses, color="0.75", linewidth=0.8, label="each step", **plain)
    words = f"mean of {WIDTH} steps"
    left.plot(steps, centered_mean(losses), color=COLOURS[0], label=words, **plain)
    if library:
        mean = centered_mean(library)
        style: dict[str, Any] = {"linestyle": "--", "marker": "", "color": COLOURS[4]}
        left.plot(np.arange(1, len(mean) + 1), mean, label="the library's run", **style)
    guess = math.log(batch_size)
    left.axhline(guess, color="0.4", linestyle=":", marker="")
    words = f"guessing: ln {batch_size} = {guess:.2f}"
    left.annotate(words, (steps[-1], guess), (0, 3), ha="right", **_OFFSET)
    left.set(xlabel="step", ylabel="loss (nats)", ylim=(0, 1.12 * max(guess, *losses)))
    left.legend(loc="lower left")
    for k, name in enumerate(_tasks(scores)):
        x = [step for step, row in scores.items() if name in row]
        y = 100 * np.array([scores[step][name] for step in x])  # (points, 3)
        style = {"color": COLOURS[k % 7], "linestyle": DASHES[k % 7], "marker": MARKERS[k % 7]}
        errors = [y[:, 0] - y[:, 1], y[:, 2] - y[:, 0]]
        right.errorbar(x, y[:, 0], errors, capsize=3, label=name.replace("_", " "), **style)
    right.set(xlabel="step", ylabel="right at the first guess (%)", ylim=(0, None))
    if scores:
        right.legend(loc="upper left")
    return figure


def run_words(
    losses: Sequence[float], batch_size: int, scores: Scores, library: Sequence[float] = ()
) -> str:
    """The same in words, for `show(run_figure(...), run_words(...))`."""
    guess = math.log(batch_size)
    words = f"Left: the loss falls from {losses[0]:.2f} to {centered_mean(losses)[-1]:.2f}, "
    words += f"below the dotted line of guessing at {guess:.2f}"
    if library:
        words += f"; the library's run, dashed, ends at {centered_mean(library)[-1]:.2f}"
    for k, name in enumerate(_tasks(scores)):
        shares = [row[name][0] for row in scores.values() if name in row]
        words += ". Right: accuracy with 95 % intervals: " if k == 0 else "; "
        words += f"{name.replace('_', ' ')} from {shares[0]:.0%} to {shares[-1]:.0%}"
    return words + "."


def shortcut_figure(
    losses: Mapping[str, Sequence[float]], answers: Mapping[str, Sequence[int]], asked: int
) -> Figure:
    """The losses of two runs, and how many of `asked` color and shape questions each got right.

    The questions have eight options: chance is 12.5 %, and knowing the color leaves ln 32.
    """
    figure = new_figure(9.5, 3.2)
    left, right = figure.subplots(1, 2)
    how = zip(answers, ("-", "--"), ("0.8", "0.4"), (0.0, 0.4), strict=True)
    for name, dashes, gray, shift in how:
        left.plot(losses[name], linestyle=dashes, color="black", marker="", label=name)
        share = np.array(answers[name]) / asked
        ends = np.array([clopper_pearson(number, asked) for number in answers[name]])
        error = 100 * np.abs(ends.T - share)
        bars: dict[str, Any] = {"color": gray, "edgecolor": "black", "capsize": 3, "label": name}
        right.bar(np.arange(len(share)) + shift, 100 * share, 0.38, yerr=error, **bars)
    for n in (256, 32):
        left.axhline(math.log(n), color="0.5", linestyle=":", marker="", linewidth=1)
        left.annotate(f"ln {n}", (0, math.log(n)), (0, 2), **_OFFSET)
    left.set(xlabel="step", ylabel="loss (nats)", ylim=(0, None))
    right.axhline(12.5, color="black", linestyle=":", marker="", linewidth=1)
    right.set_xticks([0.2, 1.2], ["which color?", "which shape?"])
    right.set(ylabel="right answers (%)", ylim=(0, 105))
    left.legend(loc="lower left")
    right.legend(loc="upper right")
    return figure


def centered_mean(values: Sequence[float], width: int = WIDTH) -> np.ndarray:
    """(n,) -> (n,): the mean of each value and its neighbors, fewer of them near the ends."""
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    place = np.arange(len(values))
    reach = np.minimum(np.minimum(place, place[::-1]), width // 2)
    first, last = place - reach, place + reach + 1
    return np.asarray((total[last] - total[first]) / (last - first))


_OFFSET: dict[str, Any] = {"textcoords": "offset points", "fontsize": 9, "va": "bottom"}


def _tasks(scores: Scores) -> list[str]:
    return list(dict.fromkeys(name for row in scores.values() for name in row))
