"""What a model says to single pictures: ranked classes as bars, as in the paper's Fig 21."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clipedu.evaluation.inputs import check_pictures
from clipedu.evaluation.zeroshot import Ranked
from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure

Rankings = Sequence[Sequence[Ranked]]


def ranking_figure(
    pictures: torch.Tensor,
    rankings: Rankings,
    right: Sequence[str] | str | None = None,
    *,
    k: int = 5,
    columns: int = 4,
    title: str = "",
) -> Figure:
    """Each picture above its k most probable classes, as horizontal bars from 0 to 1.

    pictures: (N, 3, R, R) float 0..1, or one (3, R, R); rankings: what `classify` gave for them
    right: the right class of each picture. Its bar is black and hatched and its name bold with a
        check mark; where it is not among the first k, it follows them with its rank.

    Show it with `clipedu.plots.show(figure, ranking_words(rankings, right))`.
    Raises ValueError when the lengths differ, or a right answer is none of the classes.
    """
    if pictures.ndim == 3:
        pictures = pictures[None]
    check_pictures(pictures)
    answers = _answers(rankings, right, k)
    if len(pictures) != len(rankings):
        raise ValueError(
            f"{len(pictures)} picture(s) but {len(rankings)} ranking(s): give what classify "
            "answered for these pictures."
        )
    if columns < 1:
        raise ValueError(f"columns is 1 or more; got {columns}.")
    columns = min(columns, len(rankings))
    rows = -(-len(rankings) // columns)
    bars = max(len(_shown(r, a, k)) for r, a in zip(rankings, answers, strict=True))
    size = (2.3 * columns, rows * (1.6 + 0.34 * bars) + (0.35 if title else 0))
    figure = new_figure(*size)
    figure.set_layout_engine("constrained", w_pad=0.08)
    if title:
        figure.suptitle(title)
    # A picture and its bars share a column: 2 grid rows for each row of pictures.
    heights = [1.3, 0.34 * bars] * rows
    axes: Any = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=heights)
    for i in range(rows * columns):
        row, column = divmod(i, columns)
        above, below = axes[2 * row][column], axes[2 * row + 1][column]
        above.set_axis_off()
        if i >= len(rankings):
            below.set_axis_off()
            continue
        rgb = pictures[i].detach().cpu().float().clamp(0, 1).permute(1, 2, 0)  # (R, R, 3)
        above.imshow(rgb.numpy(), interpolation="nearest")
        answer = answers[i]
        if answer is not None:
            place = _rank(rankings[i], answer)
            words = textwrap.shorten(answer, 24, placeholder=" …")
            above.set_title(f"answer: {words}\nrank {place} of {len(rankings[i])}", fontsize=9)
        _bars(below, _shown(rankings[i], answer, k), answer, k, bars)
    return figure


def _bars(
    axes: Axes, shown: list[tuple[int, Ranked]], answer: str | None, k: int, bars: int
) -> None:
    """One bar for each (rank, class), its name above it, its probability at its end."""
    for y, (rank, (name, probability)) in enumerate(shown):
        is_right = name == answer
        axes.barh(
            y,
            probability,
            height=0.34,
            color=COLOURS[0] if is_right else "#BBBBBB",
            edgecolor="white" if is_right else "#666666",
            hatch="////" if is_right else None,
            linewidth=0.5,
        )
        words = textwrap.shorten(name, 30 - 4 * is_right, placeholder=" …")
        words = f"\N{CHECK MARK} {words}" if is_right else words
        words = f"{rank}. {words}" if rank > k else words
        weight = "bold" if is_right else "normal"
        text: dict[str, Any] = {"fontsize": 8, "weight": weight, "parse_math": False}
        axes.text(0.02, y - 0.22, words, va="bottom", **text)
        axes.text(1, y - 0.22, in_percent(probability), va="bottom", ha="right", **text)
    axes.set_xlim(0, 1)
    axes.set_ylim(bars - 0.6, -0.9)  # the most probable on top, the same height for every picture
    axes.grid(False)
    axes.set_yticks([])
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=7)
    axes.set_xlabel("probability", fontsize=7, labelpad=1)


def ranking_words(rankings: Rankings, right: Sequence[str] | str | None = None, k: int = 3) -> str:
    """The same in sentences, for who hears the figure: what each picture was taken for.

    Raises what `ranking_figure` raises for rankings that do not fit their answers.
    """
    sentences = []
    for number, (ranking, answer) in enumerate(
        zip(rankings, _answers(rankings, right, k), strict=True), start=1
    ):
        guesses = ", ".join(f"{name} {in_percent(p)}" for name, p in ranking[:k])
        start = f"Picture {number}: the" if len(rankings) > 1 else "The"
        if answer is None:
            sentences.append(f"{start} model ranks {guesses}.")
            continue
        place = _rank(ranking, answer)
        verdict = "right" if place == 1 else f"rank {place} of {len(ranking)}"
        sentences.append(f"{start} answer is {answer} ({verdict}); the model ranks {guesses}.")
    return " ".join(sentences)


def _answers(rankings: Rankings, right: Sequence[str] | str | None, k: int) -> list[str | None]:
    """One answer for each ranking, checked; None where nobody said."""
    if k < 1:
        raise ValueError(f"k is how many classes to show, 1 or more; got {k}.")
    if not rankings or any(not ranking for ranking in rankings):
        raise ValueError("There is no ranking to show: give what classify answered.")
    if isinstance(rankings[0], Ranked):
        raise TypeError("rankings is a list with one ranking for each picture; put [ ] around it.")
    if right is None:
        return [None] * len(rankings)
    answers = [right] if isinstance(right, str) else list(right)
    if len(answers) != len(rankings):
        raise ValueError(f"{len(answers)} right answer(s) for {len(rankings)} ranking(s).")
    for answer, ranking in zip(answers, rankings, strict=True):
        if all(answer != name for name, _ in ranking):
            raise ValueError(f"The right answer {answer!r} is none of the {len(ranking)} classes.")
    return list(answers)


def _rank(ranking: Sequence[Ranked], answer: str) -> int:
    return 1 + [name for name, _ in ranking].index(answer)


def _shown(ranking: Sequence[Ranked], answer: str | None, k: int) -> list[tuple[int, Ranked]]:
    """The first k with their ranks, and the right answer if it comes later."""
    shown = list(enumerate(ranking[:k], start=1))
    if answer is not None and (place := _rank(ranking, answer)) > k:
        shown.append((place, ranking[place - 1]))
    return shown


def in_percent(probability: float) -> str:
    """0.034 -> "3.4 %", with as many digits as help."""
    if 0 < probability < 0.001:
        return "<0.1 %"
    return f"{100 * probability:.1f} %" if probability < 0.0995 else f"{100 * probability:.0f} %"
