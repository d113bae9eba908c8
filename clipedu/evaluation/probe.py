"""Linear probes: how good are the features? (paper section 3.2 and appendix A.3)

The pictures of a task are split once into train, validation and test. Lambda is chosen on
validation, the last fit is on train + validation, and test is looked at once. A probe of a family
that CLIP never saw learns from that family's labels: only zero-shot is zero-shot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from clipedu.evaluation.embedding import embed_pictures, encode_pictures
from clipedu.evaluation.inputs import check_features, check_labels
from clipedu.evaluation.statistics import clopper_pearson
from clipedu.models import CLIP
from clipedu.numbers import check_whole

# "96 logarithmically spaced steps" over twelve decades: 97 values, eight steps a decade.
LAMBDA_GRID = tuple(10.0 ** (k / 8 - 6) for k in range(97))
#: The largest entry of the gradient of the mean loss, like scikit-learn's `tol`. Its 1e-4 stops
#: small lambdas far off their minimum, where the accuracy depends on the solver, not on lambda.
TOLERANCE = 1e-7
ABSENT_LOGIT = -1e9  # of a class that the labels do not contain: it never wins


def picture_features(
    model: CLIP, pictures: torch.Tensor, *, projected: bool = False, **options: Any
) -> torch.Tensor:
    """Pictures (N, 3, R, R) float 0..1 -> features (N, W) before the projection, float32, CPU.

    projected: after it instead, (N, E), L2-normalized: the space of zero-shot
    options: preprocess, batch_size, progress of `encode_pictures`; raises what that raises
    """
    if projected:
        return embed_pictures(model, pictures, **options).cpu()
    return encode_pictures(model, pictures, model.image_features, **options).cpu()


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A linear classifier on features: weights (C, W), bias (C,), float64, on the CPU."""

    weights: torch.Tensor
    bias: torch.Tensor
    lam: float
    loss: float  # what was minimized, at its end
    iterations: int
    converged: bool  # it came to a minimum before the iterations ran out

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Features (N, W) -> logits (N, C), float64. Raises ValueError for another width."""
        width, shape = self.weights.shape[1], tuple(features.shape)
        if shape[1:] != (width,):
            raise ValueError(f"This probe reads features (N, {width}); got {shape}.")
        return features.detach().cpu().double() @ self.weights.T + self.bias

    def accuracy(self, features: torch.Tensor, labels: torch.Tensor) -> float:
        """The share of features (N, W) whose label (N,) is predicted."""
        return float((self.logits(features).argmax(1) == labels.cpu()).double().mean())


def fit_probe(
    features: torch.Tensor,
    labels: torch.Tensor,
    lam: float,
    *,
    classes: int | None = None,
    start: LinearProbe | None = None,
    tolerance: float = TOLERANCE,
    max_iterations: int = 1000,  # the paper's
) -> LinearProbe:
    """Multinomial logistic regression by L-BFGS (appendix A.3), from `start` or from zeros.

    Minimizes  sum of cross-entropies + lambda / 2 * |weights|^2  over weights and bias, as
    scikit-learn's `LogisticRegression(C=1 / lambda)` does. The bias is not penalized.
    features: (N, W) float; labels: (N,) int64. Raises ValueError or TypeError for NaN, one class,
    labels that are words, other lengths, lambda <= 0; FloatingPointError for an overflow.
    """
    from scipy.optimize import minimize  # takes half a second to load

    check_features(features, labels)
    classes = int(labels.max()) + 1 if classes is None else classes
    check_labels(labels, len(features), classes)
    if not (math.isfinite(lam) and lam > 0):
        raise ValueError(f"lambda is a number above 0, such as 1.0; got {lam!r}.")
    limit = check_whole("max_iterations", max_iterations)
    answers = F.one_hot(labels.cpu(), classes).T.double()  # (C, N)
    absent = ~answers.any(1)
    if int(absent.sum()) == classes - 1:
        raise ValueError("All labels are the same class. A probe needs at least two classes.")
    x = features.detach().cpu().double()
    n, mean = len(x), x.mean(0)
    x = torch.cat([x - mean, x.new_ones(n, 1)], 1)  # (N, W + 1): centered, and ones for the bias
    penalty = torch.full_like(x[0], lam)
    penalty[-1] = 0
    # A logit that is always too low leaves an absent class without a gradient: its weights stay 0.
    offset = torch.where(absent, ABSENT_LOGIT, 0.0).double()  # (C,)

    w = x.new_zeros(classes, x.shape[1])
    if start is not None:
        w[:, :-1] = start.weights
        present = start.bias > ABSENT_LOGIT
        w[:, -1] = torch.where(present, start.bias + start.weights @ mean, 0.0)

    def objective(flat: Any) -> tuple[float, Any]:
        w = torch.from_numpy(flat).view(classes, -1)
        log_p = (w @ x.T + offset[:, None]).log_softmax(0)  # (C, N)
        loss = (penalty * w * w).sum() / 2 - (answers * log_p).sum()
        gradient = (log_p.exp() - answers) @ x + penalty * w
        return loss.item() / n, gradient.flatten().numpy() / n

    options = {"maxiter": limit, "gtol": tolerance, "ftol": 1e-14, "maxls": 50}
    # scipy's threads spin while torch's work, and the other way round: on two cores, two threads
    # made small fits 10 times slower and large ones no faster
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        at = w.flatten().numpy()
        found = minimize(objective, at, jac=True, method="L-BFGS-B", options=options)
    finally:
        torch.set_num_threads(threads)
    if not found.success and not found.fun <= objective(w.flatten().numpy())[0] + 1e-9:
        raise FloatingPointError(f"Overflow at lambda {lam:g}: scale the features down.")
    w = torch.from_numpy(found.x).view(classes, -1)
    bias = w[:, -1] - w[:, :-1] @ mean + offset
    converged = found.status != 1  # 1: the iterations ran out; 2: what is left is rounding
    return LinearProbe(w[:, :-1], bias, lam, found.fun * n, int(found.nit), converged)


@dataclass(frozen=True, eq=False)
class Split:
    """Which pictures are for what: int64 indices. Raises ValueError where the parts overlap."""

    train: torch.Tensor
    validation: torch.Tensor
    test: torch.Tensor

    def __post_init__(self) -> None:
        rows = torch.cat([self.train, self.validation, self.test])
        if twice := len(rows) - len(rows.unique()):
            raise ValueError(
                f"{twice} of {len(rows)} rows of the split are in two parts, or twice in one. What "
                "the probe has learned from can't test it: give each row to one part."
            )

    @property
    def fitted(self) -> torch.Tensor:
        """What the last fit sees: train and validation."""
        return torch.cat([self.train, self.validation])


def split_pictures(labels: torch.Tensor, *, seed: int = 0) -> Split:
    """Split every class 60 : 20 : 20, at random by `seed`, at least one picture to each part.

    labels: (N,) int64. Raises ValueError when a class has fewer than three pictures.
    """
    check_labels(labels, len(labels))
    labels = labels.cpu()
    generator = torch.Generator().manual_seed(seed)
    parts: list[tuple[torch.Tensor, ...]] = []  # for each class: train, validation, test
    for label in labels.unique():
        rows = torch.nonzero(labels == label).flatten()
        if len(rows) < 3:
            raise ValueError(
                f"Class {int(label)} has fewer than three pictures: choose another task."
            )
        rows = rows[torch.randperm(len(rows), generator=generator)]
        held = max(1, round(len(rows) / 5))
        parts.append(rows.split([len(rows) - 2 * held, held, held]))
    return Split(*(torch.cat(part).sort().values for part in zip(*parts, strict=True)))


class LambdaSearch(NamedTuple):
    """What was tried, in rising order of lambda."""

    lams: list[float]
    accuracies: list[float]  # on validation, shares of 1
    best: float  # the lambda of the highest accuracy; of ties the largest, the simplest probe
    probes: list[LinearProbe]


def search_lambda(
    train: tuple[torch.Tensor, torch.Tensor],
    validation: tuple[torch.Tensor, torch.Tensor],
    *,
    grid: Sequence[float] = LAMBDA_GRID,
    search: str = "halving",
    classes: int | None = None,
    fit: Callable[..., LinearProbe] | None = None,
) -> LambdaSearch:
    """Choose lambda by the accuracy on validation (features (N, W), labels (N,)): appendix A.3.

    search: "grid" tries all of `grid`, from large to small; "halving" is the paper's parametric
        binary search: about seven spread over the grid, then the two halfway to the neighbors of
        the best, until they are one step apart. Of several peaks it finds one.
    fit: instead of `fit_probe` on `train`: fit(lam, start=a probe or None) -> probe
    Raises ValueError for an empty or wrong grid, and what `fit_probe` raises.
    """
    lams = sorted({float(x) for x in grid})
    if not lams or not lams[0] > 0 or lams[-1] == float("inf"):
        raise ValueError("The grid of lambdas holds at least one number, all of them above 0.")
    if search not in ("grid", "halving"):
        raise ValueError(f"search is 'grid' or 'halving'; got {search!r}.")
    check_features(*train)
    check_features(*validation)
    classes = classes or 1 + int(max(train[1].max(), validation[1].max()))
    fit = fit or partial(fit_probe, *train, classes=classes)
    probes: dict[int, LinearProbe] = {}  # by index of lambda
    accuracies: dict[int, float] = {}

    def attempt(k: int) -> None:
        if k not in probes:
            larger = [probes[j] for j in sorted(probes) if j > k]
            probes[k] = fit(lams[k], start=_start(lams[k], larger))
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
    return LambdaSearch(tried, shares, lams[peak()], [probes[k] for k in order])


def _start(lam: float, larger: list[LinearProbe]) -> LinearProbe | None:
    """Where a fit starts, given probes of larger lambdas, the nearest first.

    Along log lambda the weights move smoothly: on the line through two, half the work is done.
    """
    if len(larger) < 2:
        return larger[0] if larger else None
    near, far = larger[:2]
    t = math.log(lam / far.lam) / math.log(near.lam / far.lam)
    weights, bias = torch.lerp(far.weights, near.weights, t), torch.lerp(far.bias, near.bias, t)
    return replace(near, weights=weights, bias=bias)


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

    def __str__(self) -> str:
        low, high = self.interval
        test = f"{self.accuracy:.1%} on {len(self.labels)} test pictures ({low:.1%} to {high:.1%})"
        return f"{test}, lambda {self.lam:.3g} of {len(self.search.lams)} tried"


def linear_probe(
    features: torch.Tensor,
    labels: torch.Tensor,
    *,
    split: Split | None = None,
    classes: int | None = None,
    **search: Any,
) -> ProbeResult:
    """The paper's protocol from features (N, W) float and labels (N,) int64 to a test accuracy.

    split: default `split_pictures(labels)`; search: `grid` and `search` of `search_lambda`
    Raises what `split_pictures`, `search_lambda` and `fit_probe` raise.
    """
    check_features(features, labels)
    split = split or split_pictures(labels)
    features, labels = features.detach().cpu(), labels.cpu()
    parts = (split.train, split.validation, split.fitted, split.test)
    train, validation, both, test = ((features[rows], labels[rows]) for rows in parts)
    classes = int(labels.max()) + 1 if classes is None else classes
    found = search_lambda(train, validation, classes=classes, **search)
    start = found.probes[found.lams.index(found.best)]
    probe = fit_probe(*both, found.best, classes=classes, start=start)
    logits = probe.logits(test[0])
    right, n = int((logits.argmax(1) == test[1]).sum()), len(test[1])
    return ProbeResult(right / n, clopper_pearson(right, n), found, probe, split, logits, test[1])
