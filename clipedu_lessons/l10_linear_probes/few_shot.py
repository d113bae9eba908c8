"""A few labeled examples per class against none: Figures 6 and 7 of the paper.

Both classifiers read the same unit vectors; their weights come from words or from examples. One
draw of examples says little, so there are repeats, and every statement about them has an interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure

from clipedu.numbers import check_whole
from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure

SHOTS = (1, 2, 4, 8)


class EffectiveShots(NamedTuple):
    """How many examples per class zero-shot is worth. sign: "=", or "<" and ">" at the ends."""

    shots: float
    sign: str

    def __str__(self) -> str:
        return f"{'' if self.sign == '=' else self.sign + ' '}{self.shots:.3g}"


def sample_shots(labels: torch.Tensor, shots: int, *, seed: int = 0) -> torch.Tensor:
    """Positions of `shots` examples of every class that occurs in `labels` (N,), by `seed`.

    A larger draw contains the smaller ones of its seed. Raises ValueError when a class has fewer,
    saying which and how many all classes have.
    """
    check_whole("shots", shots)
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


def apart(heights: dict[str, float], least: float = 5.5) -> dict[str, float]:
    """Name -> height of its label: each at least so far above the last, no higher than needed."""
    found: dict[str, float] = {}
    for name, y in sorted(heights.items(), key=lambda item: item[1]):
        found[name] = max(y, max(found.values(), default=-least) + least)
    return found


def few_shot_figure(
    runs: dict[str, torch.Tensor], zero_shot: dict[str, float], shots: Sequence[int] = SHOTS
) -> tuple[Figure, str]:
    """Accuracy against examples per class as in Figure 6: thin lines of tasks, thick their mean.

    runs: task -> (draws, len(shots)) accuracies; zero_shot: task -> accuracy, a star at 0. The
    names are beside both ends, moved apart where they would overlap.
    """
    figure = new_figure(6.4, 3.6)
    axes = figure.subplots()
    x = list(range(1, len(shots) + 1))  # doublings are equal steps, and 0 has a position
    mean = torch.stack([100 * each.double() for each in runs.values()]).mean(0)  # (draws, shots)
    curves = {name: (100 * each.double().mean(0)).tolist() for name, each in runs.items()}
    stars = {name: 100 * value for name, value in zero_shot.items()}
    for k, (name, y) in enumerate(curves.items()):
        label = "each task" if k == 0 else None
        axes.plot(x, y, color="#888888", marker="", linewidth=1, linestyle="--", label=label)
        axes.plot([0], [stars[name]], "*", color="white", markeredgecolor="#666666")
    for at, ends, side in (
        (x[-1] + 0.1, {name: y[-1] for name, y in curves.items()}, "left"),
        (-0.1, stars, "right"),
    ):
        for name, height in apart(ends).items():
            axes.text(at, height, name, fontsize=8, va="center", ha=side)
    low, high = mean.quantile(torch.tensor([0.025, 0.975], dtype=mean.dtype), dim=0)
    axes.fill_between(x, low, high, color=COLOURS[2], alpha=0.25, linewidth=0)
    line: dict[str, Any] = {"linestyle": "-", "linewidth": 2}
    axes.plot(x, mean.mean(0), color=COLOURS[2], marker="o", label="probe, mean", **line)
    star = 100 * sum(zero_shot.values()) / len(zero_shot)
    axes.plot([0], [star], "*", color="black", markersize=13, label="zero-shot, mean")
    axes.axhline(star, color="black", linestyle=":", marker="", linewidth=1)
    axes.set_xticks([0, *x], ["0", *map(str, shots)])
    axes.set(xlim=(-1.2, x[-1] + 1.1), ylim=(0, 104))
    axes.set(xlabel="labeled examples per class", ylabel="accuracy (%)")
    axes.legend(loc="upper left", fontsize=8)
    first, last = mean.mean(0)[[0, -1]].tolist()
    return figure, (
        f"Accuracy against examples per class, averaged over {', '.join(runs)}. Zero-shot is a "
        f"star at {star:.0f} %. With one example the probe is at {first:.0f} %, with {shots[-1]} "
        f"at {last:.0f} %; the band holds 95 % of the draws."
    )
