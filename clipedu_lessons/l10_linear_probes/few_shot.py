"""A few labeled examples per class against none: Figures 6 and 7 of the paper.

Both classifiers read the same unit vectors; their weights come from words or from examples. One
draw of examples says little, so there are repeats and a 95 % interval of their mean. With 16 labels
or fewer none is left to tune lambda with, so it is one number for all.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from scipy.stats import t as student
from tqdm.auto import tqdm

from clipedu.evaluation.inputs import check_features
from clipedu.evaluation.probe import Split, fit_probe
from clipedu.numbers import is_whole
from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure

SHOTS = (1, 2, 4, 8, 16)
LAM = 0.03  # for unit vectors; ten times more or less moves our curves by a few percent


@dataclass(frozen=True)
class ShotPoint:
    """Accuracy (share of 1) with `shots` labelled examples per class: mean and 95 % interval.

    The interval is of the mean over the draws of examples (Student's t), not of one draw.
    """

    shots: int
    mean: float
    low: float
    high: float
    runs: tuple[float, ...]


class EffectiveShots(NamedTuple):
    """How many examples per class zero-shot is worth. sign: "=", or "<" and ">" at the ends."""

    shots: float
    sign: str

    def __str__(self) -> str:
        return f"{'' if self.sign == '=' else self.sign + ' '}{self.shots:.3g}"


def sample_shots(labels: torch.Tensor, shots: int, *, seed: int = 0) -> torch.Tensor:
    """Positions of `shots` examples of every class that occurs in `labels` (N,), by `seed`.

    Raises ValueError when a class has fewer, saying which and how many all classes have.
    """
    if not is_whole(shots) or shots < 1:
        raise ValueError(f"shots is how many examples per class, 1 or more; got {shots!r}.")
    check_features(torch.zeros(len(labels), 1), labels)
    labels = labels.cpu()
    counts = torch.bincount(labels)
    fewest = int(counts[counts > 0].min())
    if fewest < shots:
        first = int(torch.nonzero((counts > 0) & (counts < shots)).flatten()[0])
        raise ValueError(
            f"Class {first} has {int(counts[first])} example(s), and {shots} per class are asked "
            f"for. Every class has at least {fewest}: ask for {fewest} or fewer, or choose "
            "another task."
        )
    generator = torch.Generator().manual_seed(seed)
    chosen = []
    for label in labels.unique():
        rows = torch.nonzero(labels == label).flatten()
        chosen.append(rows[torch.randperm(len(rows), generator=generator)[:shots]])
    return torch.cat(chosen)


def few_shot(
    features: torch.Tensor,
    labels: torch.Tensor,
    split: Split,
    *,
    shots: Sequence[int] = SHOTS,
    repeats: int = 5,
    seed: int = 0,
    lam: float = LAM,
    classes: int | None = None,
    progress: bool = False,
) -> list[ShotPoint]:
    """Fit on `shots` examples per class, `repeats` times, and test on `split.test`.

    features (N, W), unit vectors such as `picture_features(..., projected=True)`; labels (N,)
    Examples come from train and validation. A larger draw contains the smaller ones of its seed.
    Raises ValueError when a class has too few examples, or shots or repeats make no sense.
    """
    check_features(features, labels)
    if repeats < 1 or not shots:
        raise ValueError("repeats is 1 or more, and shots holds at least one number.")
    pool, classes = split.fitted, classes or int(labels.max()) + 1
    test = features[split.test], labels[split.test]
    sample_shots(labels[pool], max(shots))  # says at once what is missing
    points = []
    for count in tqdm(shots, "shots", delay=2, disable=not progress, leave=False):
        runs = []
        for repeat in range(repeats):
            rows = pool[sample_shots(labels[pool], count, seed=seed + repeat)]
            probe = fit_probe(features[rows], labels[rows], lam, classes=classes)
            runs.append(probe.accuracy(*test))
        points.append(_point(count, runs))
    return points


def _point(shots: int, runs: Sequence[float]) -> ShotPoint:
    mean = statistics.fmean(runs)
    if len(runs) == 1:
        return ShotPoint(shots, mean, math.nan, math.nan, tuple(runs))
    error = statistics.stdev(runs) / math.sqrt(len(runs))
    low, high = (mean + float(q) * error for q in student.ppf([0.025, 0.975], len(runs) - 1))
    return ShotPoint(shots, mean, max(0.0, low), min(1.0, high), tuple(runs))


def effective_shots(
    shots: Sequence[float], accuracies: Sequence[float], zero_shot: float
) -> EffectiveShots:
    """Where the few-shot curve reaches `zero_shot`, by interpolation along log(shots) (Figure 7).

    shots rising and above 0, one accuracy for each. The first crossing counts. A zero-shot beneath
    the first point gives "<", above all points ">": a bound, not an estimate.
    Raises ValueError for lists that do not fit, or NaN.
    """
    if len(shots) != len(accuracies) or not shots:
        raise ValueError("Give one accuracy for each number of shots, at least one.")
    if any(a >= b for a, b in zip(shots, shots[1:], strict=False)) or shots[0] <= 0:
        raise ValueError(f"shots rise and are above 0; got {list(shots)}.")
    if not all(math.isfinite(x) for x in (*accuracies, zero_shot)):
        raise ValueError("An accuracy is NaN or infinite.")
    if zero_shot < accuracies[0]:
        return EffectiveShots(float(shots[0]), "<")
    for k, reached in enumerate(accuracies):
        if reached == zero_shot:
            return EffectiveShots(float(shots[k]), "=")
        if reached > zero_shot:
            share = (zero_shot - accuracies[k - 1]) / (reached - accuracies[k - 1])
            low, high = math.log(shots[k - 1]), math.log(shots[k])
            return EffectiveShots(math.exp(low + share * (high - low)), "=")
    return EffectiveShots(float(shots[-1]), ">")


def few_shot_figure(
    curves: dict[str, Sequence[ShotPoint]], zero_shots: dict[str, float], *, title: str = ""
) -> Figure:
    """A panel for each task: accuracy against shots, its interval, and zero-shot as a star at 0.

    Raises ValueError when there is no curve, or a task has no zero-shot accuracy.
    """
    if not curves or set(curves) - set(zero_shots):
        raise ValueError("Give at least one curve, and the zero-shot accuracy of every task.")
    columns = min(4, len(curves))
    rows = -(-len(curves) // columns)
    size = (2.4 * columns + 0.6, 2.3 * rows + (0.3 if title else 0))
    figure = new_figure(*size)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in panels.flat[len(curves) :]:
        axes.set_axis_off()
    for axes, (name, points) in zip(panels.flat, curves.items(), strict=False):
        x = list(range(1, len(points) + 1))  # doublings are equal steps, and 0 has a place
        y = [100 * p.mean for p in points]
        low, high = [100 * p.low for p in points], [100 * p.high for p in points]
        axes.fill_between(x, low, high, color=COLOURS[2], alpha=0.25, linewidth=0)
        axes.plot(x, y, color=COLOURS[2], marker="o", linestyle="-", markevery=1)
        zero = 100 * zero_shots[name]
        axes.axhline(zero, color="black", linestyle=":", marker="")
        axes.plot([0], [zero], color="black", marker="*", markersize=10, linestyle="")
        axes.set_xticks([0, *x], ["0", *(str(p.shots) for p in points)])
        axes.set_title(name, fontsize=10)
        axes.set_ylim(0, 100)
    for axes in panels[-1]:
        axes.set_xlabel("examples per class")
    for axes in panels[:, 0]:
        axes.set_ylabel("accuracy (%)")
    if title:
        figure.suptitle(title)
    return figure
