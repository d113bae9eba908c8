"""Multinomial logistic regression by L-BFGS, made for trying many lambdas on the same features.

Minimises  sum of cross-entropies + lambda / 2 * |W|^2  over W (C, W) and a bias that is not
penalised: scikit-learn's `LogisticRegression(C=1 / lambda)`, the oracle in `logistic_sklearn`.

Notable, and why it is faster than solving each lambda from nothing:
- the features are centred and turned into their principal axes once (one SVD). That changes no
  solution and no penalty, and it drops the axes along which nothing varies
- along those axes the Hessian is nearly diagonal, so L-BFGS starts from its diagonal
  (`logistic_lbfgs`, which is the inner loop)
- lambdas go from large to small (`ProbeSolver.path`): a fit starts where the two before it point
  to, and keeps what they have learned of the curvature
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from clipedu.evaluation.logistic_lbfgs import Memory, Problem, minimise

#: Of the gradient of the mean loss, which scikit-learn's `tol` is about as well. Its 1e-4 stops
#: small lambdas far from their minimum: there the penalty's own gradient is smaller than that, and
#: the accuracy is one of where the solver stopped, not of lambda.
TOLERANCE = 1e-6
MAX_ITERATIONS = 1000  # the paper's (appendix A.3)
NEVER = -1e9  # the logit of a class that the labels do not contain


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
    dtype: float32 is somewhat faster, and stops where its rounding hides the gradient.
    Raises ValueError or TypeError for NaN, one class, labels that are words, or other lengths.
    """

    def __init__(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        *,
        classes: int | None = None,
        dtype: torch.dtype = torch.float64,
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
        self.problem = Problem.of(self.z, F.one_hot(numbers).T.to(dtype).contiguous())

    def fit(self, lam: float, start: LinearProbe | None = None) -> LinearProbe:
        """The probe for one lambda > 0, from `start` (of this solver's features) or from zeros."""
        found = self._zeros()
        if start is not None:
            before = start.weights[self.present]
            found[:, :-1] = before @ self.axes.T
            found[:, -1] = start.bias[self.present] + before @ self.mean
        return self._probe(lam, *self._solve(lam, found, Memory()))

    def path(self, lams: Iterable[float]) -> Iterator[LinearProbe]:
        """Probes for lambdas that fall, each helped by the ones before it.

        Along log lambda the weights move smoothly, so a fit starts on the line through the last
        two; and of the curvature that L-BFGS has learned, another lambda changes a known part.
        Raises ValueError for a lambda that is not above 0 and below the one before it.
        """
        memory = Memory()
        last: list[tuple[float, torch.Tensor]] = []  # the last two: log lambda, weights
        for lam in lams:
            _check_lambda(lam)
            at, start = math.log(lam), self._zeros()
            if last:
                if not at < last[-1][0]:
                    raise ValueError("Along a path lambdas fall: sort them, the largest first.")
                memory.move(lam - math.exp(last[-1][0]), self.problem.penalised)
                start = last[-1][1]
            if len(last) == 2:
                (x, w), (y, v) = last
                start = torch.lerp(w, v, (at - x) / (y - x))
            solved = self._solve(lam, start, memory)
            last = [*last[-1:], (at, solved[0])]
            yield self._probe(lam, *solved)

    def _zeros(self) -> torch.Tensor:
        return self.z.new_zeros(len(self.present), self.z.shape[1] + 1)  # (P, r + 1), last: bias

    def _solve(
        self, lam: float, start: torch.Tensor, memory: Memory
    ) -> tuple[torch.Tensor, float, int, bool]:
        _check_lambda(lam)
        found, loss, iterations, converged = minimise(
            self.problem,
            start,
            lam,
            memory,
            max_iterations=self.max_iterations,
            tolerance=self.tolerance,
        )
        if not (math.isfinite(loss) and bool(torch.isfinite(found).all())):
            raise FloatingPointError(
                f"The solver left the numbers at lambda {lam:g}. Try dtype=torch.float64, or "
                "features of a smaller scale."
            )
        return found, loss, iterations, converged

    def _probe(
        self, lam: float, found: torch.Tensor, loss: float, iterations: int, converged: bool
    ) -> LinearProbe:
        """Back from principal axes: weights (P, r + 1) -> a probe of the features."""
        w = found[:, :-1].double() @ self.axes  # (P, W)
        intercepts = found[:, -1].double() - w @ self.mean
        return spread_out(
            w, intercepts, self.present, self.classes, lam, loss, iterations, converged
        )


def _check_lambda(lam: float) -> None:
    if not (math.isfinite(lam) and lam > 0):
        raise ValueError(f"lambda is a number above 0, such as 1.0; got {lam!r}.")


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
