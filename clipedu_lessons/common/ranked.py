"""One picture and what the model takes it for, beside each other: what three widgets show."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure

from clipedu.evaluation import Ranked
from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.ranking_figure import in_percent

SHOWN = 6


def ranked_figure(
    picture: torch.Tensor,
    ranking: Sequence[Ranked],
    before: Mapping[str, float] | None = None,
    *,
    k: int = SHOWN,
    title: str = "what the model sees",
) -> Figure:
    """The picture, left, and its k most probable classes as bars, right.

    picture: (3, R, R) float 0..1; ranking: best first, as `classify` gives it
    before: probabilities of an earlier question by class; each is a diamond at its place, so that
    one sees what moved.
    Raises ValueError when there is nothing to rank, or the picture has another shape.
    """
    if not ranking:
        raise ValueError("There is no ranking to show: give what classify answered for a picture.")
    if picture.ndim != 3 or picture.shape[0] != 3:
        raise ValueError(f"The picture is (3, R, R); got {tuple(picture.shape)}.")
    shown = ranking[:k]
    figure = new_figure(6.4, 2.5)
    figure.set_layout_engine("none")  # a layout engine would take longer than the model
    seen = figure.add_axes((0.01, 0.08, 0.32, 0.78))
    seen.imshow(picture.detach().cpu().clamp(0, 1).permute(1, 2, 0).numpy(), vmin=0, vmax=1)
    seen.set(xticks=[], yticks=[])
    seen.spines[:].set_visible(True)
    seen.set_title(title, fontsize=9)
    bars = figure.add_axes((0.56, 0.2, 0.34, 0.66))
    names = [textwrap.shorten(one.name, 24, placeholder=" …") for one in shown]
    hatches = ["////"] + [None] * (len(shown) - 1)  # the first is marked by more than its length
    for y, (one, hatch) in enumerate(zip(shown, hatches, strict=True)):
        bars.barh(y, one.probability, height=0.6, color="#BBBBBB", edgecolor="#444444", hatch=hatch)
        percent = in_percent(one.probability)
        bars.text(1.02, y, percent, va="center", fontsize=8, parse_math=False)
        if before and one.name in before:
            bars.plot(
                [before[one.name]],
                [y],
                linestyle="",
                marker="D",
                markevery=1,
                markersize=6,
                markerfacecolor="white",
                markeredgecolor=COLOURS[0],
                clip_on=False,  # whole also at 0 and 1
                zorder=3,
            )
    bars.set_yticks(range(len(shown)), names, fontsize=9)
    for label in bars.get_yticklabels():
        label.set_parse_math(False)  # a dollar sign in a name is no formula
    bars.set(xlim=(0, 1), ylim=(k - 0.4, -0.6))
    bars.set_xticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=8)
    moved = "; diamond: before" if before else ""
    bars.set_xlabel(f"probability{moved}", fontsize=8)
    bars.grid(axis="y", visible=False)
    return figure


def ranked_words(
    ranking: Sequence[Ranked], before: Mapping[str, float] | None = None, *, k: int = 3
) -> str:
    """The same in a sentence: the first k of how many, and how the first one moved."""
    first = ", ".join(f"{one.name} {in_percent(one.probability)}" for one in ranking[:k])
    said = f"Of {len(ranking)} classes the model ranks {first}."
    if before and ranking[0].name in before:
        old, new = before[ranking[0].name], ranking[0].probability
        if abs(new - old) >= 0.0005:
            said += f" {ranking[0].name} was at {in_percent(old)} before."
    return said
