"""Linear probes: how good are the features? (paper section 3.2 and appendix A.3)

The pictures of a task are split once into train, validation and test. Lambda is chosen on
validation, the last fit is on train + validation, and test is looked at once. A probe of a family
that CLIP never saw learns from that family's labels: only zero-shot is zero-shot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from clipedu.evaluation.embedding import embed_pictures, encode_pictures
from clipedu.evaluation.inputs import check_features, check_labels
from clipedu.evaluation.logistic import TOLERANCE, LinearProbe, ProbeSolver
from clipedu.evaluation.statistics import clopper_pearson
from clipedu.models import CLIP

SHARE = 0.2  # of validation, and of test; the rest is for training
# "96 logarithmically spaced steps" over twelve decades: eight steps a decade, so 97 values, and the
# seven values that the paper's search starts from are among them.
LAMBDA_GRID = tuple(10.0 ** (k / 8 - 6) for k in range(97))


def picture_features(
    model: CLIP, pictures: torch.Tensor, *, projected: bool = False, **options: Any
) -> torch.Tensor:
    """Pictures (N, 3, R, R) float 0..1 -> features (N, W) before the projection, float32, CPU.

    projected: after the projection instead, (N, E), L2-normalized: the space of zero-shot
    options: preprocess, batch_size, progress of `encode_pictures`; raises what that raises
    """
    if projected:
        return embed_pictures(model, pictures, **options).cpu()
    return encode_pictures(model, pictures, model.image_features, **options).cpu()


@dataclass(frozen=True, eq=False)
class Split:
    """Which pictures are for what: three int64 tensors of indices that do not overlap.

    Raises ValueError where they do.
    """

    train: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor

    def __post_init__(self) -> None:
        rows = torch.cat([self.train, self.validation, self.test])
        twice = len(rows) - len(rows.unique())
        if twice:
            raise ValueError(
                f"{twice} of {len(rows)} rows of the split are in two parts, or twice in one. What "
                "the probe has learned from can't test it: give each row to one part."
            )

    @property
    def fitted(self) -> torch.Tensor:
        """Train and validation together, what the last fit sees."""
        return torch.cat([self.train, self.validation])


def split_pictures(labels: torch.Tensor, *, seed: int = 0) -> Split:
    """Split every class 60 : 20 : 20, at random by `seed`, at least one picture to each part.

    labels: (N,) int64. Raises ValueError when a class has fewer than three pictures.
    """
    check_labels(labels, len(labels))
    labels = labels.cpu()
    generator = torch.Generator().manual_seed(seed)
    parts: tuple[list[torch.Tensor], ...] = ([], [], [])
    for label in labels.unique():
        rows = torch.nonzero(labels == label).flatten()
        if len(rows) < 3:
            raise ValueError(
                f"Class {int(label)} has fewer than three pictures: choose another task."
            )
        rows = rows[torch.randperm(len(rows), generator=generator)]
        held = max(1, round(len(rows) * SHARE))
        sizes = [len(rows) - 2 * held, held, held]
        for part, chosen in zip(parts, rows.split(sizes), strict=True):
            part.append(chosen)
    return Split(*(torch.cat(part).sort().values for part in parts))


@dataclass(frozen=True)
class LambdaSearch:
    """What was tried: lambdas in rising order, each with its validation accuracy (shares of 1)."""

    lams: list[float]
    accuracies: list[float]
    best: float  # the lambda of the highest accuracy; of ties the largest, the simplest probe
    losses: list[float] = field(repr=False)  # what each fit minimized
    unconverged: int  # fits that ran out of iterations


def search_lambda(
    train: tuple[torch.Tensor, torch.Tensor],
    validation: tuple[torch.Tensor, torch.Tensor],
    *,
    grid: Sequence[float] = LAMBDA_GRID,
    search: str = "halving",
    classes: int | None = None,
    tolerance: float = TOLERANCE,
    fit: Callable[[float, LinearProbe | None], LinearProbe] | None = None,
) -> LambdaSearch:
    """Choose lambda by the accuracy on validation (features (N, W), labels (N,)): appendix A.3.

    search: "grid" tries all of `grid`, from large to small; "halving" is the paper's parametric
        binary search: about seven spread over the grid, then the two halfway to the neighbors of
        the best, until they are one step apart. Of several peaks it finds one.
    fit: instead of `ProbeSolver`: (lambda, the probe of the nearest larger lambda) -> probe
    Raises ValueError for an empty or wrong grid, and what `ProbeSolver` raises.
    """
    lams = sorted({float(x) for x in grid})
    if not lams or not lams[0] > 0 or lams[-1] == float("inf"):
        raise ValueError("The grid of lambdas holds at least one number, all of them above 0.")
    if search not in ("grid", "halving"):
        raise ValueError(f"search is 'grid' or 'halving'; got {search!r}.")
    check_features(*validation)
    classes = classes or 1 + int(max(train[1].max(), validation[1].max()))
    solver = ProbeSolver(*train, classes=classes, tolerance=tolerance)
    path = solver.path(reversed(lams)) if search == "grid" and fit is None else None
    probes: dict[int, LinearProbe] = {}  # by index of lambda
    accuracies: dict[int, float] = {}

    def attempt(k: int) -> None:
        if k in probes:
            return
        larger = probes.get(min((j for j in probes if j > k), default=-1))
        probes[k] = next(path) if path else (fit or solver.fit)(lams[k], larger)
        accuracies[k] = probes[k].accuracy(*validation)

    def peak() -> int:
        return max(accuracies, key=lambda k: (accuracies[k], k))

    last, step = len(lams) - 1, 1
    while search == "halving" and last // (2 * step) >= 6:
        step *= 2
    for k in sorted({*range(0, last, step), last}, reverse=True):
        attempt(k)
    while step > 1:
        step //= 2
        best = peak()
        attempt(min(best + step, last))
        attempt(max(best - step, 0))
    order = sorted(probes)
    tried, shares = [lams[k] for k in order], [accuracies[k] for k in order]
    unconverged = sum(not probe.converged for probe in probes.values())
    return LambdaSearch(tried, shares, lams[peak()], [probes[k].loss for k in order], unconverged)


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """A probe, and how well it does on the test part. Accuracies are shares of 1."""

    accuracy: float
    interval: tuple[float, float]  # 95 % Clopper-Pearson
    search: LambdaSearch
    probe: LinearProbe
    split: Split
    logits: torch.Tensor = field(repr=False)  # (n, C) float64, of the test part
    labels: torch.Tensor = field(repr=False)  # (n,)

    @property
    def lam(self) -> float:
        return self.probe.lam

    @property
    def mean_per_class(self) -> float:
        """The mean over the test part's classes of the share that is right (paper, Table 9)."""
        right = (self.logits.argmax(1) == self.labels).double()
        shares = [right[self.labels == label].mean() for label in self.labels.unique()]
        return float(torch.stack(shares).mean())

    @property
    def n(self) -> int:
        """Pictures in the test part."""
        return len(self.labels)

    def __str__(self) -> str:
        low, high = self.interval
        test = f"{self.accuracy:.1%} on {self.n} test pictures ({low:.1%} to {high:.1%})"
        return f"{test}, lambda {self.lam:.3g} of {len(self.search.lams)} tried"


def linear_probe(
    features: torch.Tensor,
    labels: torch.Tensor,
    *,
    split: Split | None = None,
    classes: int | None = None,
    tolerance: float = TOLERANCE,
    **search: Any,
) -> ProbeResult:
    """The paper's protocol from features (N, W) float and labels (N,) int64 to a test accuracy.

    split: default `split_pictures(labels)`; search: `grid` and `search` of `search_lambda`
    Raises what `split_pictures`, `search_lambda` and `ProbeSolver` raise.
    """
    check_features(features, labels)
    split = split or split_pictures(labels)
    features, labels = features.detach().cpu(), labels.cpu()
    parts = (split.train, split.validation, split.fitted, split.test)
    train, validation, both, test = ((features[rows], labels[rows]) for rows in parts)
    classes = int(labels.max()) + 1 if classes is None else classes
    found = search_lambda(train, validation, classes=classes, tolerance=tolerance, **search)
    falling = [found.best * 10.0**k for k in (3, 2, 1, 0)]  # from zeros it would stop early
    *_, probe = ProbeSolver(*both, classes=classes, tolerance=tolerance).path(falling)
    logits = probe.logits(test[0])
    right, n = int((logits.argmax(1) == test[1]).sum()), len(test[1])
    interval = clopper_pearson(right, n)
    return ProbeResult(right / n, interval, found, probe, split, logits, test[1])
