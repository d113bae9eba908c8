"""A stepper through byte-pair encoding: each merge joins two pieces, and the words grow together.

`bpe_steps` is the data, `step_figure` and `pieces_figure` the pictures, `BPEStepper` the slider.
Beside the words are the pair counts of that moment: the next merge is the longest bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ipywidgets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from clipedu.tokenizer.bpe import Merge, count_pairs, merge_pair, train_steps
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.widgets import Explorer

MOST_BARS = 6
MOST_LETTERS = 200  # of all words together: more would be too small to read


@dataclass(frozen=True)
class Step:
    """The words after some merges.

    number: merges made so far. merge: the last of them, None at the start.
    words: for each word its pieces and how often it occurs.
    pairs: neighbouring pieces and their counts now, in the order in which they would be merged.
    """

    number: int
    merge: Merge[str] | None
    words: tuple[tuple[tuple[str, ...], int], ...]
    pairs: tuple[tuple[tuple[str, str], int], ...]


def bpe_steps(words: Mapping[str, int], *, least: int = 2) -> list[Step]:
    """Every state that BPE passes through on a few words, from letters to the last merge.

    Args:
        words: each word with the number of times it occurs.
        least: stop when the best pair occurs less often.
    Raises ValueError when there are no words, an empty one, or more than 200 letters.
    """
    if not words or not all(words):
        raise ValueError("give at least one word, and no empty one, with how often it occurs")
    if sum(map(len, words)) > MOST_LETTERS:
        raise ValueError(
            f"these words have more than {MOST_LETTERS} letters together, too many to draw; "
            "give fewer words, or train a Tokenizer and look at its merges"
        )
    cut = {tuple(word): times for word, times in words.items()}
    steps = [_step(0, None, cut)]
    for number, merge in enumerate(train_steps(cut, least=least), 1):
        cut = {merge_pair(word, merge.pair): times for word, times in cut.items()}
        steps.append(_step(number, merge, cut))
    return steps


def _step(number: int, merge: Merge[str] | None, cut: dict[tuple[str, ...], int]) -> Step:
    pairs = sorted(count_pairs(cut).items(), key=lambda item: (-item[1], item[0]))
    return Step(number, merge, tuple(cut.items()), tuple(pairs))


def step_in_words(step: Step) -> str:
    """What the figure of a step shows, as text."""
    cut = "; ".join(" ".join(pieces) for pieces, _ in step.words)
    if step.merge is None:
        return f"Before any merge every letter is a piece: {cut}."
    first, second = step.merge.pair
    return (
        f"Merge {step.number} joins {first} and {second}, which stood side by side "
        f"{step.merge.count} times, into {step.merge.symbol}. The words are now: {cut}."
    )


def step_figure(step: Step, of: int | None = None) -> Figure:
    """The words in pieces, and beside them the pairs that compete to be merged next.

    of: the number of all merges, for the title.
    """
    height = 0.9 + 0.42 * max(len(step.words), min(len(step.pairs), MOST_BARS))
    figure = new_figure(8.0, height)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_words(left, step)
    total = "" if of is None else f" of {of}"
    left.set_title(f"after merge {step.number}{total}", loc="left")
    _draw_pairs(right, step)
    return figure


def pieces_figure(steps: Sequence[Step]) -> Figure:
    """The same words at several steps, side by side: the printed form of the slider."""
    if not steps:
        raise ValueError("give at least one step")
    height = 0.6 + 0.42 * len(steps[0].words)
    figure = new_figure(3.0 * len(steps), height)
    row = figure.subplots(1, len(steps), squeeze=False)[0]
    for axes, step in zip(row, steps, strict=True):
        _draw_words(axes, step)
        axes.set_title(f"after {step.number} merges", loc="left")
    return figure


def _draw_words(axes: Axes, step: Step) -> None:
    """One row of boxes a word; the pieces that the last merge made have a thick edge and grey."""
    longest = max(sum(map(len, pieces)) for pieces, _ in step.words)
    made = step.merge.symbol if step.merge else None
    for row, (pieces, times) in enumerate(step.words):
        axes.text(-0.25, row, f"{times} ×", ha="right", va="center", fontsize=10)
        left = 0.0
        for piece in pieces:
            new = piece == made
            box = Rectangle(
                (left + 0.06, row - 0.36),
                len(piece) - 0.12,
                0.72,
                facecolor="#d0d0d0" if new else "white",
                edgecolor="black",
                linewidth=2.4 if new else 0.8,
            )
            axes.add_patch(box)
            middle = left + len(piece) / 2
            text = axes.text(middle, row, piece, ha="center", va="center", family="monospace")
            text.set_fontweight("bold" if new else "normal")
            left += len(piece)
    axes.set_xlim(-1.3, longest + 0.1)
    axes.set_ylim(len(step.words) - 0.4, -0.6)
    axes.set_axis_off()


def _draw_pairs(axes: Axes, step: Step) -> None:
    shown = step.pairs[:MOST_BARS]
    labels = [f"{first} + {second}" for (first, second), _ in shown]
    counts = [count for _, count in shown]
    places = list(range(len(shown)))
    bars = axes.barh(places, counts, height=0.6, color="#d0d0d0", edgecolor="black")
    if bars.patches:
        bars.patches[0].set_hatch("///")
    for place, count in zip(places, counts, strict=True):
        axes.text(count, place, f" {count}", va="center")
    axes.set_yticks(places, labels, family="monospace")
    axes.set_ylim(MOST_BARS - 0.5, -0.6)
    axes.set_xlim(0, 1.15 * max(counts, default=1))
    axes.set_xlabel("times side by side")
    axes.set_title("next (hatched) and its rivals" if shown else "no pair is left", loc="left")
    axes.grid(False)


class BPEStepper(Explorer):
    """A `slider` over the merges of a few words.

    words: each word with the number of times it occurs. merges: where the slider starts.
    Raises ValueError as :func:`bpe_steps` does, and for a start that is out of range.
    """

    text = "BPE stepper: a slider over the merges (in a running notebook)"

    def __init__(self, words: Mapping[str, int], merges: int = 0, *, least: int = 2) -> None:
        self.steps = bpe_steps(words, least=least)
        last = len(self.steps) - 1
        if not 0 <= merges <= last:
            raise ValueError(f"merges is {merges}; these words allow 0 to {last}")
        self.slider = ipywidgets.IntSlider(
            value=merges,
            min=0,
            max=last,
            description="merges",
            tooltip=f"how many of the {last} merges are made; the arrow keys step through them",
            continuous_update=False,
        )
        super().__init__([self.slider])

    def draw(self) -> tuple[Figure, str]:
        step = self.steps[self.slider.value]
        return step_figure(step, len(self.steps) - 1), step_in_words(step)
