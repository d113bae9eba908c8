"""Which class is taken for which: a matrix for few classes, the commonest errors for many."""

from __future__ import annotations

from collections import Counter

import torch
from matplotlib.figure import Figure

from clipedu.evaluation.zeroshot import ZeroShotResult
from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure

MOST_CLASSES = 20  # more would not be readable


def confusion_matrix(result: ZeroShotResult) -> torch.Tensor:
    """(C, C) shares: row = the right class, column = the answer; NaN without pictures."""
    classes = len(result.class_names)
    cells = result.labels * classes + result.predictions[:, 0]
    counts = torch.bincount(cells, minlength=classes * classes).view(classes, classes).double()
    return counts / counts.sum(1, keepdim=True)


def commonest_confusions(result: ZeroShotResult, count: int = 10) -> list[tuple[str, str, int]]:
    """The commonest errors: (right class, predicted class, how often), commonest first."""
    pairs = zip(result.labels.tolist(), result.predictions[:, 0].tolist(), strict=True)
    wrong = Counter(pair for pair in pairs if pair[0] != pair[1])
    ranked = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:count]
    return [(result.class_names[a], result.class_names[b], times) for (a, b), times in ranked]


def confusion_figure(result: ZeroShotResult, *, most: int = 12) -> Figure:
    """The matrix with its numbers for up to 20 classes; for more, the `most` commonest errors."""
    names = result.class_names
    if len(names) > MOST_CLASSES:
        rows = commonest_confusions(result, most)[::-1]
        figure = new_figure(7, 0.34 * len(rows) + 1.1)
        axes = figure.subplots()
        axes.barh(range(len(rows)), [times for *_, times in rows], color=COLOURS[2], height=0.6)
        axes.set_yticks(
            range(len(rows)), [f"{right} taken for {wrong}" for right, wrong, _ in rows]
        )
        axes.set_xlabel("pictures")
        axes.set_title(f"{result.task}: the commonest errors")
        return figure
    shares = confusion_matrix(result)
    side = max(4.0, 0.42 * len(names) + 1.8)
    figure = new_figure(side + 0.6, side)
    axes = figure.subplots()
    axes.imshow(shares.nan_to_num().numpy(), cmap="Greys", vmin=0, vmax=1)
    for i, row in enumerate(shares.tolist()):
        for j, share in enumerate(row):
            if share >= 0.005:  # a NaN is not
                axes.text(j, i, f"{100 * share:.0f}", ha="center", va="center", fontsize=7,
                          color="white" if share > 0.5 else "black")  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("the answer")
    axes.set_ylabel("the right class")
    axes.set_title(f"{result.task}: percent of each row")
    axes.grid(False)
    return figure


def confusion_words(result: ZeroShotResult, most: int = 3) -> str:
    """The commonest errors in a sentence, for who hears the figure."""
    worst = commonest_confusions(result, most)
    if not worst:
        return f"{result.task}: every picture is named right."
    errors = ", ".join(f"{right} for {wrong} ({times})" for right, wrong, times in worst)
    return f"{result.task}: most often the model takes {errors}."
