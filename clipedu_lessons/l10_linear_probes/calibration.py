"""When a model says 80 %, is it right 80 times in a hundred?

The expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv 1706.04599) compares
confidence with accuracy in bins of equal width. Temperature scaling divides all logits by one
number: no prediction changes, only confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from scipy.optimize import brentq

from clipedu.evaluation.statistics import clopper_pearson
from clipedu.plots import COLOURS
from clipedu_lessons.common.figures import new_figure

BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence against accuracy in bins of equal width.

    edges (B + 1,) from 0 to 1; counts (B,) pictures; confidence and accuracy (B,), NaN where a bin
    is empty
    """

    edges: torch.Tensor
    counts: torch.Tensor
    confidence: torch.Tensor
    accuracy: torch.Tensor

    @property
    def ece(self) -> float:
        """Expected calibration error: mean of |accuracy - confidence|, weighted by pictures."""
        gaps = (self.accuracy - self.confidence).abs().nan_to_num(0)
        return float((gaps * self.counts).sum() / self.counts.sum())

    @property
    def overconfidence(self) -> float:
        """Mean confidence less accuracy over all pictures; above 0: it promises too much."""
        gaps = (self.confidence - self.accuracy).nan_to_num(0)
        return float((gaps * self.counts).sum() / self.counts.sum())


def reliability(
    probabilities: torch.Tensor, labels: torch.Tensor, *, bins: int = BINS
) -> Reliability:
    """Sort predictions by how sure they are: probabilities (N, C), labels (N,) int64.

    A confidence on an edge belongs to the bin beneath it, 0 to the first.
    Raises ValueError when rows are not probabilities, lengths differ, or bins < 1.
    """
    p = _check(probabilities, labels)
    if bins < 1:
        raise ValueError(f"bins is 1 or more; got {bins}.")
    if float(p.min()) < -1e-6 or not torch.allclose(p.sum(1), torch.ones(len(p)).double()):
        raise ValueError("Each row must hold probabilities that add up to 1: logits.softmax(1).")
    confidence, chosen = p.max(1)
    right = (chosen == labels.cpu()).double()
    place = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
    counts = torch.bincount(place, minlength=bins)
    return Reliability(
        edges=torch.linspace(0, 1, bins + 1),
        counts=counts,
        confidence=torch.bincount(place, weights=confidence, minlength=bins) / counts,
        accuracy=torch.bincount(place, weights=right, minlength=bins) / counts,
    )


def noise_floor(
    probabilities: torch.Tensor, draws: int = 200, *, bins: int = BINS, seed: int = 0
) -> torch.Tensor:
    """(draws,) ECEs that a perfectly calibrated model with these confidences would show.

    probabilities (N, C): each prediction is right with exactly the probability that it claims. The
    ECE is above zero all the same, because a bin of few predictions misses its mean by chance.
    """
    confidence = probabilities.detach().double().max(1).values
    generator = torch.Generator().manual_seed(seed)
    right = torch.rand(draws, len(confidence), generator=generator) < confidence
    place = (confidence * bins).ceil().long().sub(1).clamp(0, bins - 1)
    claimed = torch.bincount(place, weights=confidence, minlength=bins)
    kept = torch.zeros(draws, bins, dtype=torch.double)
    kept.scatter_add_(1, place.expand(draws, -1), right.double())
    return (kept - claimed).abs().sum(1) / len(confidence)


def fit_temperature(
    logits: torch.Tensor, labels: torch.Tensor, *, low: float = 1e-2, high: float = 1e2
) -> float:
    """The temperature T in [low, high] with the least cross-entropy of softmax(logits / T).

    logits (N, C) of pictures that were not trained on, labels (N,). The loss is convex in 1 / T, so
    its slope has one root. Perfect validation answers ask for T = low, useless ones for
    T = high; that says that there are too few pictures.
    Raises ValueError for NaN, other shapes, or limits that are not 0 < low < high.
    """
    z = _check(logits, labels)
    if not 0 < low < high < math.inf:
        raise ValueError(f"0 < low < high is needed; got {low} and {high}.")
    z = z - z.max(1, keepdim=True).values
    own = z.gather(1, labels.cpu()[:, None])[:, 0]

    def slope(sharpness: float) -> float:  # of the mean loss, by 1 / T
        return float(((z * sharpness).softmax(1) * z).sum(1).mean() - own.mean())

    least, most = math.log(1 / high), math.log(1 / low)
    if slope(math.exp(most)) <= 0:
        return low
    if slope(math.exp(least)) >= 0:
        return high
    return math.exp(-brentq(lambda log: slope(math.exp(log)), least, most, xtol=1e-12))


def _check(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if scores.ndim != 2 or 0 in scores.shape or tuple(labels.shape) != (len(scores),):
        raise ValueError(
            f"(N, C) and labels (N,) are needed, N at least 1; got {tuple(scores.shape)} and "
            f"{tuple(labels.shape)}."
        )
    if labels.is_floating_point() or int(labels.min()) < 0 or int(labels.max()) >= scores.shape[1]:
        raise ValueError(f"Labels are whole numbers from 0 to {scores.shape[1] - 1}.")
    if not torch.isfinite(scores).all():
        raise ValueError("There is NaN or infinity among the scores.")
    return scores.detach().cpu().double()


def reliability_figure(found: dict[str, Reliability]) -> Figure:
    """A panel for each: accuracy of each bin against its confidence; the diagonal is calibrated.

    The area of a dot is the share of pictures in its bin, its bar the 95 % interval of the bin's
    accuracy.
    """
    figure = new_figure(2.7 * len(found) + 0.5, 3.1)
    panels = figure.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for axes, (name, each) in zip(panels, found.items(), strict=True):
        axes.plot([0, 1], [0, 1], color="#666666", linestyle="--", marker="")
        some = each.counts > 0
        shares = (each.counts[some] / each.counts.sum()).numpy()
        x, y = each.confidence[some].numpy(), each.accuracy[some].numpy()
        for a, b, n in zip(x, y, each.counts[some].tolist(), strict=True):
            ends = clopper_pearson(round(float(b) * n), n)
            axes.plot([a, a], ends, color="#666666", linestyle="-", linewidth=1, marker="")
        axes.scatter(x, y, s=12 + 500 * shares, color=COLOURS[2], edgecolor="black", zorder=3)
        axes.set(xlim=(0, 1.03), ylim=(0, 1.03), xlabel="confidence")
        axes.set_title(f"{name}\nECE {each.ece:.2f}", fontsize=10)
    panels[0].set_ylabel("accuracy of the bin")
    return figure
