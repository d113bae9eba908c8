"""Two figures of lesson 01 without controls: what merges buy, and what training draws together.

They are here, and not in the lesson's cells, because how to draw is not what the lesson teaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from clipedu_lessons.common.figures import new_figure


def merges_figure(merges: Sequence[int], pieces: Sequence[float], words: float) -> Figure:
    """Tokens per text against the number of merges; `words` per text as a dashed line."""
    if len(merges) != len(pieces) or not merges:
        raise ValueError(f"{len(merges)} numbers of merges, but {len(pieces)} of pieces")
    figure = new_figure(7, 3.4)
    axes = figure.subplots()
    axes.plot(merges, pieces, markevery=1, label="tokens per text")
    axes.axhline(words, color="black", linestyle="--", label="words and signs per text")
    axes.set(xlabel="merges", ylabel="mean number per text")
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


def cosines_figure(cosines: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """Panel title -> kind of pair -> (P,) cosines, as one box for each kind.

    A box holds the middle half, its line is the median, the whiskers reach from 5 to 95 percent.
    Raises ValueError when there are no panels, or their kinds differ.
    """
    panels = list(cosines.items())
    if not panels or any(list(kinds) != list(panels[0][1]) for _, kinds in panels):
        raise ValueError("give at least one panel, and the same kinds of pairs in each")
    count = len(panels[0][1])
    figure = new_figure(7.5, 1.2 + 0.5 * count)
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, kinds) in zip(row, panels, strict=True):
        axes.boxplot(
            [values.detach().cpu().numpy() for values in kinds.values()],
            orientation="horizontal",
            whis=(5, 95),
            showfliers=False,
            tick_labels=list(kinds),
            widths=0.55,
            medianprops={"color": "black", "linewidth": 3, "linestyle": "-", "marker": ""},
        )
        axes.set(title=title, xlabel="cosine", xlim=(-0.3, 1.02))
        axes.invert_yaxis()
    for axes in row[1:]:
        axes.set_yticklabels([])  # the first panel names the kinds for all
    return figure
