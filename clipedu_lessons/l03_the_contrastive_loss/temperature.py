"""An explorer of the logit scale: one picture, eight captions, and what the scale makes of them.

Only differences of cosines count in a softmax, so one number, the margin, says how well the picture
does: the right caption's cosine minus that of the best wrong caption. The gradient is with respect
to the cosines, which is what reaches the encoders: scale * (p - y).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.figure import Figure
from torch import Tensor

from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.widgets import Explorer

CAPTIONS = 8
RIGHT = 0.6  # the right caption's cosine
STEP = 0.1  # from one wrong caption's cosine to the next
MARGINS = (-0.4, 0.8)  # beyond these a cosine would leave -1 .. 1
SCALES = (1.0, 100.0)  # the paper's cap is 100 (section 2.5)


class Row(NamedTuple):
    """One picture's row: (8,) cosines, probabilities and gradient, the right caption first."""

    scale: float
    margin: float
    cosines: Tensor
    probabilities: Tensor
    gradient: Tensor
    loss: float


def temperature_row(scale: float, margin: float) -> Row:
    """Softmax, cross-entropy and its gradient for a picture with this margin at this scale.

    Raises ValueError for a scale or a margin outside SCALES and MARGINS.
    """
    for name, value, (low, high) in (("scale", scale, SCALES), ("margin", margin, MARGINS)):
        if not low - 1e-6 <= value <= high + 1e-6:
            raise ValueError(f"the {name} is {value}; expected {low:g} to {high:g}")
    wrong = RIGHT - margin - STEP * torch.arange(CAPTIONS - 1, dtype=torch.float64)
    cosines = torch.cat([torch.tensor([RIGHT], dtype=torch.float64), wrong])  # (8,)
    log_p = (scale * cosines).log_softmax(dim=0)
    right = torch.zeros(CAPTIONS, dtype=torch.float64)
    right[0] = 1
    gradient = scale * (log_p.exp() - right)
    return Row(scale, margin, cosines, log_p.exp(), gradient, -log_p[0].item())


def row_in_words(row: Row) -> str:
    """What the figure shows, as text."""
    pushes = row.gradient[1:]
    share = (pushes[0] / pushes.sum()).item()
    return (
        f"Scale {row.scale:.1f}, margin {row.margin:+.2f}: the right caption has probability "
        f"{row.probabilities[0].item():.3f}, the loss is {row.loss:.3f} (guessing: ln 8 = "
        f"{math.log(CAPTIONS):.3f}). The right caption is pulled with {-row.gradient[0].item():.2f}"
        f"; of the push on the wrong ones, the best wrong caption gets {share:.0%}."
    )


def row_figure(row: Row) -> Figure:
    """Three panels: the probabilities, the gradient, and the loss against the margin."""
    figure = new_figure(7.4, 2.8)
    bars, pushes, curve = figure.subplots(1, 3)
    colours, hatches = ["#0072B2"] + ["#dddddd"] * (CAPTIONS - 1), ["//"] + [""] * (CAPTIONS - 1)
    names = ["right", *(f"wrong {k}" for k in range(1, CAPTIONS))]
    for axes, values in ((bars, row.probabilities.tolist()), (pushes, row.gradient.tolist())):
        axes.barh(range(CAPTIONS), values, color=colours, hatch=hatches, edgecolor="black")
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
    bars.set_yticks(range(CAPTIONS), names)
    bars.set(xlim=(0, 1), xlabel="probability", title=f"Scale {row.scale:.1f}")
    pushes.set_yticks(range(CAPTIONS), [""] * CAPTIONS)
    pushes.axvline(0, color="black", linewidth=0.8, marker="")
    reach = max(1.0, 1.15 * row.gradient.abs().max().item())
    pushes.set(xlim=(-reach, reach), xlabel="gradient on the cosine")
    pushes.set_title("Pull (left), push (right)")
    margins = torch.linspace(*MARGINS, 121).tolist()
    losses = [temperature_row(row.scale, margin).loss for margin in margins]
    curve.plot(margins, losses, marker="")
    curve.plot([row.margin], [row.loss], "o", color="black", markersize=8, markevery=1)
    curve.axhline(math.log(CAPTIONS), color="#666666", linestyle=":", marker="")
    curve.text(MARGINS[1], math.log(CAPTIONS), "ln 8", ha="right", va="bottom")
    curve.set(xlabel="margin (cosine)", ylabel="loss (nats)", title="Loss against margin")
    curve.set_ylim(bottom=0)
    return figure


def gradient_figure(scales: Sequence[float]) -> Figure:
    """For each scale: the loss and the pull on the right caption, against the margin."""
    figure = new_figure(7.4, 3.2)
    left, right = figure.subplots(1, 2)
    margins = torch.linspace(*MARGINS, 121).tolist()
    for scale in scales:
        rows = [temperature_row(scale, margin) for margin in margins]
        label = f"scale {scale:.3g}"
        left.plot(margins, [row.loss for row in rows], label=label)
        right.plot(margins, [-row.gradient[0].item() for row in rows], label=label)
    left.set(xlabel="margin (cosine)", ylabel="loss (nats)", title="What it costs", ylim=(0, 6))
    right.set(xlabel="margin (cosine)", ylabel="pull: scale x (1 - p)", title="How hard it pulls")
    right.set_yscale("log")
    right.set_ylim(1e-3, 200)
    left.legend()
    return figure


class TemperatureExplorer(Explorer):
    """Two sliders, `scale` and `margin`: probabilities, loss and gradient of one picture."""

    text = "temperature explorer: logit scale and margin (it needs a running notebook)"

    def __init__(self, scale: float = 1 / 0.07, margin: float = 0.1) -> None:
        low, high = (math.log10(value) for value in SCALES)
        self.scale = ipywidgets.FloatLogSlider(
            value=scale,
            base=10,
            min=low,
            max=high,
            step=0.05,
            readout_format=".1f",
            description="logit scale",
            tooltip="what cosines are multiplied by before the softmax: 1 / temperature",
            continuous_update=False,
        )
        self.margin = ipywidgets.FloatSlider(
            value=margin,
            min=MARGINS[0],
            max=MARGINS[1],
            step=0.02,
            readout_format="+.2f",
            description="margin",
            tooltip="cosine of the right caption less that of the best wrong caption",
            continuous_update=False,
        )
        super().__init__([self.scale, self.margin])

    def draw(self) -> tuple[Figure, str]:
        row = temperature_row(self.scale.value, self.margin.value)
        return row_figure(row), row_in_words(row)
