"""Multinomial logistic regression by L-BFGS, made for trying many lambdas on the same features.

Minimises  sum of cross-entropies + lambda / 2 * |W|^2  over W (C, W) and a bias that is not
penalised: scikit-learn's `LogisticRegression(C=1 / lambda)`, the oracle in `logistic_sklearn`.

Notable, and why it is faster than solving each lambda from nothing:
- the features are centred and turned into their principal axes once (one SVD). That changes no
  solution and no penalty, and it drops the axes along which nothing varies
- along those axes the Hessian is nearly diagonal, so L-BFGS starts from its diagonal,
  kappa * s^2 + lambda, where kappa is the mean of p(1 - p) at that moment
- lambdas go from large to small, each from the solution of the one before (a warm start)
- logits are linear in the weights: a line search costs no further product with the features
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

TOLERANCE = 1e-4  # scikit-learn's, and on the same quantity: the gradient of the mean loss
MAX_ITERATIONS = 1000  # the paper's (appendix A.3)
NEVER = -1e9  # the logit of a class that the labels do not contain
MEMORY = 10  # pairs that L-BFGS remembers, scikit-learn's as well


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A linear classifier on features: weights (C, W), bias (C,), float64, on the CPU.

    loss: what was minimised, at its end; converged: the gradient got below the tolerance before
    the iterations ran out
    """

    weights: torch.Tensor
    bias: torch.Tensor
    lam: float
    loss: float
    iterations: int
    converged: bool

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Features (N, W) -> logits (N, C), float64. Raises ValueError for another width."""
        if features.ndim != 2 or features.shape[1] != self.weights.shape[1]:
            raise ValueError(
                f"This probe reads features (N, {self.weights.shape[1]}); "
                f"got {tuple(features.shape)}."
            )
        return features.detach().cpu().double() @ self.weights.T + self.bias

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Features (N, W) -> the most probable class of each, (N,) int64."""
        return self.logits(features).argmax(1)

    def accuracy(self, features: torch.Tensor, labels: torch.Tensor) -> float:
        """The share of features (N, W) whose label (N,) is predicted."""
        return float((self.predict(features) == labels.cpu()).double().mean())


class ProbeSolver:
    """Features and labels, prepared once; `fit` then solves for any lambda.

    features (N, W) float, labels (N,) int64 from 0 to classes - 1.
    dtype: torch.float64 for comparisons to many digits; float32 is about twice as fast.
    Raises ValueError or TypeError for NaN, one class, labels that are words, or other lengths.
    """

    def __init__(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        *,
        classes: int | None = None,
        dtype: torch.dtype = torch.float32,
        max_iterations: int = MAX_ITERATIONS,
        tolerance: float = TOLERANCE,
    ) -> None:
        check_features(features, labels)
        self.classes = int(labels.max()) + 1 if classes is None else classes
        if self.classes < 2 or len(labels.unique()) < 2:
            raise ValueError(
                "All labels are the same class: there is nothing to tell apart. A probe needs "
                "pictures of at least two classes."
            )
        if int(labels.max()) >= self.classes or int(labels.min()) < 0:
            raise ValueError(
                f"Labels are 0..{self.classes - 1} for {self.classes} classes; got "
                f"{int(labels.min())}..{int(labels.max())}."
            )
        self.present, numbers = labels.cpu().unique(return_inverse=True)  # classes with a picture
        if max_iterations < 1 or not tolerance > 0:
            raise ValueError("max_iterations is 1 or more, and tolerance is above 0.")
        self.max_iterations, self.tolerance = max_iterations, tolerance
        x = features.detach().cpu().double()
        self.mean = x.mean(0)
        _, values, axes = torch.linalg.svd(x - self.mean, full_matrices=False)
        noise = 1e-6 if dtype == torch.float32 else 1e-12  # axes below it hold rounding only
        kept = values > noise * max(float(values[0]), float(x.abs().max()) + 1e-300)
        self.axes = axes[kept]  # (r, W)
        self.z = ((x - self.mean) @ self.axes.T).to(dtype)  # (N, r)
        spread = values[kept].to(dtype) ** 2
        self.spread = torch.cat([spread, spread.new_tensor([len(x)])])  # (r + 1,), last: the bias
        self.answers = F.one_hot(numbers).T.to(dtype).contiguous()  # (P, N)

    def fit(self, lam: float, start: LinearProbe | None = None) -> LinearProbe:
        """The probe for one lambda > 0, from `start` (of this solver's features) or from zeros."""
        if not (math.isfinite(lam) and lam > 0):
            raise ValueError(f"lambda is a number above 0, such as 1.0; got {lam!r}.")
        found = self.z.new_zeros(len(self.present), self.z.shape[1] + 1)  # (P, r + 1), last: bias
        if start is not None:
            before = start.weights[self.present]
            found[:, :-1] = before @ self.axes.T
            found[:, -1] = start.bias[self.present] + before @ self.mean
        found, loss, iterations, converged = _lbfgs(self, found, lam)
        if not (math.isfinite(loss) and bool(torch.isfinite(found).all())):
            raise FloatingPointError(
                f"The solver left the numbers at lambda {lam:g}. Try dtype=torch.float64, or "
                "features of a smaller scale."
            )
        w = found[:, :-1].double() @ self.axes  # (P, W)
        intercepts = found[:, -1].double() - w @ self.mean
        return spread_out(
            w, intercepts, self.present, self.classes, lam, loss, iterations, converged
        )


def spread_out(
    w: torch.Tensor,
    intercepts: torch.Tensor,
    present: torch.Tensor,
    classes: int,
    lam: float,
    loss: float,
    iterations: int,
    converged: bool,
) -> LinearProbe:
    """A probe of all classes from the (P, W) and (P,) of those present: the others never win."""
    weights = w.new_zeros(classes, w.shape[1])
    bias = w.new_full((classes,), NEVER)
    weights[present] = w
    bias[present] = intercepts - intercepts.mean()  # a constant for all classes says nothing
    return LinearProbe(weights, bias, lam, loss, iterations, converged)


def _lbfgs(
    solver: ProbeSolver, weights: torch.Tensor, lam: float
) -> tuple[torch.Tensor, float, int, bool]:
    """L-BFGS from `weights` (C, r + 1); returns weights, loss, iterations, converged.

    Nocedal and Wright 2006, algorithm 7.4, with a diagonal that follows the Hessian. Everything is
    (C, ...) and not (..., C): a softmax over the long side of a small matrix is ten times slower.
    """
    z, answers, spread = solver.z, solver.answers, solver.spread
    n, classes = len(z), len(answers)
    penalty = torch.full_like(spread, lam)
    penalty[-1] = 0
    rounding = 10 * torch.finfo(z.dtype).eps

    def cross_entropy(logits: torch.Tensor) -> float:
        return float(torch.logsumexp(logits, 0).sum() - (logits * answers).sum())

    def gradient(logits: torch.Tensor, w: torch.Tensor) -> tuple[torch.Tensor, float]:
        p = logits.softmax(0)  # (C, N)
        kappa = float(p.sum() - (p * p).sum()) / p.numel() * classes / (classes - 1)
        residual = p - answers
        g = w * penalty
        g[:, :-1] += residual @ z
        g[:, -1] += residual.sum(1)
        return g, kappa

    logits = weights[:, :-1] @ z.T + weights[:, -1:]  # (C, N)
    squares = float((weights[:, :-1] ** 2).sum())
    loss = cross_entropy(logits) + lam / 2 * squares
    g, kappa = gradient(logits, weights)
    steps: list[torch.Tensor] = []
    changes: list[torch.Tensor] = []
    idle = 0
    for iteration in range(solver.max_iterations):
        # the length, not scikit-learn's largest entry: at least as strict, and the same in any axes
        if float(g.norm()) <= solver.tolerance * n:
            return weights, loss, iteration, True
        diagonal = 1 / (kappa * spread + penalty).clamp(min=1e-30)  # (r + 1,)
        d = -_two_loops(g, steps, changes, diagonal)
        downhill = float((g * d).sum())
        along = d[:, :-1] @ z.T + d[:, -1:]  # (C, N): how the logits move
        cross, square = float((weights[:, :-1] * d[:, :-1]).sum()), float((d[:, :-1] ** 2).sum())
        t = 1.0
        for _ in range(40):  # halve until the loss falls enough (Armijo)
            moved = torch.add(logits, along, alpha=t)
            moved_squares = squares + 2 * t * cross + t * t * square
            moved_loss = cross_entropy(moved) + lam / 2 * moved_squares
            if moved_loss <= loss + 1e-4 * t * downhill + rounding * abs(loss):
                break
            t /= 2
        idle = idle + 1 if loss - moved_loss <= rounding * abs(loss) else 0
        if idle >= 3:  # the loss no longer moves: what is left of the gradient is rounding
            return weights, loss, iteration, True
        weights = torch.add(weights, d, alpha=t)
        before, (g, kappa) = g, gradient(moved, weights)
        logits, loss, squares = moved, moved_loss, moved_squares
        step, change = (t * d).flatten(), (g - before).flatten()
        if float(step @ change) > 1e-10 * float(step.norm() * change.norm()):
            steps.append(step)
            changes.append(change)
            del steps[:-MEMORY], changes[:-MEMORY]
    return weights, loss, solver.max_iterations, float(g.norm()) <= solver.tolerance * n


def _two_loops(
    g: torch.Tensor,
    steps: list[torch.Tensor],
    changes: list[torch.Tensor],
    diagonal: torch.Tensor,
) -> torch.Tensor:
    """The inverse Hessian that L-BFGS remembers, times the gradient (C, r + 1)."""
    q = g.clone()
    flat = q.view(-1)
    products = [float(s @ y) for s, y in zip(steps, changes, strict=True)]
    kept = []
    for s, y, sy in zip(reversed(steps), reversed(changes), reversed(products), strict=True):
        a = float(s @ flat) / sy
        flat.sub_(y, alpha=a)
        kept.append(a)
    q *= diagonal
    if changes:  # the scale of the diagonal, from the last step
        last = changes[-1].view_as(q)
        # Squares of a tiny change are 0 in float32; the step is then short enough unscaled.
        size = float((last * last * diagonal).sum())
        q *= products[-1] / size if size > 0 else 1.0
    for s, y, sy, a in zip(steps, changes, products, reversed(kept), strict=True):
        flat.add_(s, alpha=a - float(y @ flat) / sy)
    return q


def check_features(features: torch.Tensor, labels: torch.Tensor) -> None:
    """Raise TypeError or ValueError unless features are (N, W) float and labels (N,) int64.

    Constant features are allowed: a probe on them says the commonest class.
    """
    if not isinstance(features, torch.Tensor) or not features.is_floating_point():
        what = features.dtype if isinstance(features, torch.Tensor) else type(features).__name__
        raise TypeError(f"Features are a float tensor (N, W); got {what}.")
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(f"Features are (N, W), at least one; got shape {tuple(features.shape)}.")
    if not isinstance(labels, torch.Tensor) or labels.dtype != torch.int64:
        words = isinstance(labels, (list, tuple)) and any(isinstance(x, str) for x in labels)
        kind = labels.dtype if isinstance(labels, torch.Tensor) else type(labels).__name__
        got = "words" if words else str(kind)
        raise TypeError(
            f"Labels are an int64 tensor (N,) of class numbers; got {got}. From words: "
            "names = sorted(set(words)); labels = torch.tensor([names.index(w) for w in words])."
        )
    if tuple(labels.shape) != (len(features),):
        raise ValueError(
            f"{len(features)} rows of features, but labels of shape {tuple(labels.shape)}: one "
            "label for each row."
        )
    broken = torch.nonzero(~torch.isfinite(features).all(1)).flatten()
    if len(broken):
        raise ValueError(
            f"{len(broken)} of {len(features)} rows of features hold NaN or infinity, the first "
            f"is row {int(broken[0])}. Look at the model or the pictures that gave them."
        )
