"""Figure 13 of the paper, drawn again, and the lines that it measures robustness against.

Sources: Radford et al. 2021, arXiv 2103.00020; the lines were fitted to the published accuracies of
the testbed of Taori et al. 2020, arXiv 2007.00644.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.paper import load_paper_table

GREY = "#666666"


@dataclass(frozen=True)
class BaselineLine:
    """logit(accuracy under shift) = a * logit(accuracy on ImageNet) + b, over standard models.

    r: correlation of the logits; models: how many. Fitted on the testbed's models that were
    trained on ImageNet alone (Taori et al. 2020, arXiv 2007.00644).
    """

    shift: str
    a: float
    b: float
    r: float
    models: int

    def predict(self, percent: float) -> float:
        """ImageNet accuracy -> accuracy to expect under the shift, both in percent, 0 < x < 100.

        Raises ValueError outside: the logit of 0 and of 1 is infinite.
        """
        if not 0 < percent < 100:
            raise ValueError(f"An accuracy between 0 and 100 percent is needed; got {percent}.")
        logit = math.log(percent / (100 - percent))
        return 100 / (1 + math.exp(-(self.a * logit + self.b)))

    def effective_robustness(self, percent: float, shifted: float) -> float:
        """Percentage points above what ImageNet accuracy predicts."""
        return shifted - self.predict(percent)


BASELINES = {
    line.shift: line
    for line in (
        BaselineLine("ImageNetV2", 0.911, -0.481, 0.998, 85),
        BaselineLine("ImageNet-Sketch", 1.071, -2.370, 0.932, 85),
        BaselineLine("ImageNet-R", 0.912, -1.600, 0.937, 80),
        BaselineLine("ObjectNet", 1.199, -2.024, 0.970, 85),
        BaselineLine("ImageNet-A", 3.052, -6.292, 0.879, 84),
        BaselineLine("average of 7", 0.860, -2.077, 0.981, 80),
    )
}

_FIG13 = ("ImageNetV2", "ImageNet-R", "ObjectNet", "ImageNet-Sketch", "ImageNet-A")
_DOTS: dict[str, tuple[str, str, str, str]] = {  # label -> (where, model, marker, colour)
    "ResNet-101": ("Figure 13", "ResNet-101 (supervised ImageNet)", "s", GREY),
    "Noisy Student L2": ("Table 16", "Noisy Student EfficientNet-L2", "D", COLOURS[1]),
    "CLIP, probe on ImageNet": (
        "Table 16",
        "CLIP ViT-L/14@336px linear probe on ImageNet",
        "^",
        COLOURS[4],
    ),
    "CLIP, zero-shot": ("Figure 13", "CLIP ViT-L/14@336px zero-shot", "o", COLOURS[2]),
}


def figure13() -> tuple[Figure, str]:
    """Accuracy under five natural shifts against accuracy on ImageNet, with the baseline lines."""
    table = load_paper_table("robustness")
    figure = new_figure(8, 5.2)
    panels: Any = figure.subplots(2, 3, sharex=True, sharey=True)
    grid = np.linspace(55, 92, 60)
    gains = []
    for axes, shift in zip(list(panels.flat)[: len(_FIG13)], _FIG13, strict=True):
        line = BASELINES[shift]
        fitted = [line.predict(float(x)) for x in grid]
        axes.plot(grid, fitted, color="black", linestyle="-", marker="", label="standard models")
        axes.plot(grid, grid, color=GREY, linestyle=":", marker="", label="no loss")
        for label, (where, model, marker, colour) in _DOTS.items():
            at = {"where": where, "model_or_quantity": model}
            x = table.row(**at, dataset="ImageNet")["value"]
            y = table.row(**at, dataset=shift)["value"]
            style: dict[str, Any] = {"linestyle": "", "marker": marker, "color": colour}
            axes.plot([x], [y], markersize=7, label=label, markevery=1, **style)
        gains.append(line.effective_robustness(float(x or 0), float(y or 0)))  # the last: zero-shot
        axes.set_title(f"{shift}: {gains[-1]:+.1f}", fontsize=10)
        axes.set(xlim=(55, 92), ylim=(0, 100))
    for axes in panels[1]:
        axes.set_xlabel("ImageNet (%)")
    for axes in panels[:, 0]:
        axes.set_ylabel("the shift (%)")
    panels[0, 2].tick_params(labelbottom=True)
    legend = panels[1, 2]
    legend.set_axis_off()
    handles, names = panels[0, 0].get_legend_handles_labels()
    legend.legend(handles, names, loc="center", fontsize=9)
    words = (
        "Five panels, accuracy under a shift against accuracy on ImageNet. Standard models lie on "
        "the curve. At the same ImageNet accuracy as ResNet-101, zero-shot CLIP lies "
        f"{min(gains):.0f} to {max(gains):.0f} points above it (in the titles); a probe on "
        "ImageNet moves right, and up on ImageNetV2 alone. Sources: arXiv 2103.00020; curves: "
        "arXiv 2007.00644."
    )
    return figure, words
