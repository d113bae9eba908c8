"""Multinomial logistic regression by L-BFGS, made for trying many lambdas on the same features.

Minimizes  sum of cross-entropies + lambda / 2 * |W|^2  over W (C, W) and a bias that is not
penalized: scikit-learn's `LogisticRegression(C=1 / lambda)`, many times as fast, because lambdas
share what is expensive: one SVD of the features, and what L-BFGS has learned of the curvature.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from clipedu.evaluation.inputs import check_features, check_labels
from clipedu.numbers import check_whole

#: Of the gradient of the mean loss, like scikit-learn's `tol`. Its 1e-4 stops small lambdas far off
#: their minimum, where the accuracy depends on the solver and not on lambda.
TOLERANCE = 1e-6
MAX_ITERATIONS = 1000  # the paper's (appendix A.3)
ABSENT_LOGIT = -1e9  # of a class that the labels do not contain
MEMORY = 40  # pairs that L-BFGS remembers; scikit-learn's 10 take three times the iterations
REFRESH = 10  # steps until the diagonal of the Hessian is computed again
EPSILON = torch.finfo(torch.float64).eps


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A linear classifier on features: weights (C, W), bias (C,), float64, on the CPU."""

    weights: torch.Tensor
    bias: torch.Tensor
    lam: float
    loss: float  # what was minimized, at its end
    iterations: int
    converged: bool  # the gradient got below the tolerance before the iterations ran out

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Features (N, W) -> logits (N, C), float64. Raises ValueError for another width."""
        width, shape = self.weights.shape[1], tuple(features.shape)
        if shape[1:] != (width,):
            raise ValueError(f"This probe reads features (N, {width}); got {shape}.")
        return features.detach().cpu().double() @ self.weights.T + self.bias

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Features (N, W) -> the most probable class of each, (N,) int64."""
        return self.logits(features).argmax(1)

    def accuracy(self, features: torch.Tensor, labels: torch.Tensor) -> float:
        """The share of features (N, W) whose label (N,) is predicted."""
        return float((self.predict(features) == labels.cpu()).double().mean())


class ProbeSolver:
    """Features (N, W) float and labels (N,) int64, prepared once; `fit` solves for any lambda.

    The features are centered and turned into their r principal axes: that changes no solution and
    no penalty, and makes the Hessian nearly diagonal. P classes have pictures.
    Raises ValueError or TypeError for NaN, one class, labels that are words, or other lengths.
    """

    def __init__(
        self,
        features: torch.Tensor,
        labels: torch.Tensor,
        *,
        classes: int | None = None,
        max_iterations: int = MAX_ITERATIONS,
        tolerance: float = TOLERANCE,
    ) -> None:
        check_features(features, labels)
        self.classes = int(labels.max()) + 1 if classes is None else classes
        check_labels(labels, len(features), self.classes)
        self.present, numbers = labels.cpu().unique(return_inverse=True)  # (P,), (N,)
        if len(self.present) < 2:
            raise ValueError("All labels are the same class. A probe needs at least two classes.")
        self.max_iterations = check_whole("max_iterations", max_iterations)
        self.tolerance = tolerance
        x = features.detach().cpu().double()
        self.mean = x.mean(0)
        _, values, axes = torch.linalg.svd(x - self.mean, full_matrices=False)
        rounding = 1e-12 * max(float(values[0]), float(x.abs().max()) + 1e-300)
        self.axes = axes[values > rounding]  # (r, W)
        z = (x - self.mean) @ self.axes.T  # (N, r)
        self.x = torch.cat([z, z.new_ones(len(z), 1)], 1)  # (N, r + 1), last: ones for the bias
        self.squares = self.x * self.x
        self.answers = F.one_hot(numbers).T.double().contiguous()  # (P, N)
        self.penalized = torch.ones_like(self.x[0])  # (r + 1,), 0 for the bias
        self.penalized[-1] = 0

    def fit(self, lam: float, start: LinearProbe | None = None) -> LinearProbe:
        """The probe for one lambda > 0, from `start` (of this solver's features) or from zeros."""
        weights = self._zeros()
        if start is not None:
            before = start.weights[self.present]
            weights[:, :-1] = before @ self.axes.T
            weights[:, -1] = start.bias[self.present] + before @ self.mean
        return self._probe(lam, *self._minimize(lam, weights, Memory()))

    def path(self, lams: Iterable[float]) -> Iterator[LinearProbe]:
        """Probes for lambdas that fall, each helped by the ones before it.

        Along log lambda the weights move smoothly, so a fit starts on the line through the last
        two; and of the curvature that L-BFGS has learned, another lambda changes a known part.
        """
        memory, start = Memory(), self._zeros()
        last: list[tuple[float, torch.Tensor]] = []  # the last two: lambda, weights
        for lam in lams:
            if last:
                if not 0 < lam < last[-1][0]:
                    raise ValueError("Along a path lambdas fall, all above 0: the largest first.")
                memory.move(lam - last[-1][0], self.penalized)
                start = last[-1][1]
            if len(last) == 2:
                (x, w), (y, v) = last
                start = torch.lerp(w, v, math.log(lam / x) / math.log(y / x))
            found = self._minimize(lam, start, memory)
            last = [*last[-1:], (lam, found[0])]
            yield self._probe(lam, *found)

    def _zeros(self) -> torch.Tensor:
        return self.x.new_zeros(len(self.present), self.x.shape[1])  # (P, r + 1)

    def _cross_entropy(self, logits: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Logits (P, N) -> the sum over pictures, and log-probabilities (P, N)."""
        log_p = logits.log_softmax(0)
        return -float(log_p.view(-1) @ self.answers.view(-1)), log_p

    @torch.inference_mode()
    def _minimize(
        self, lam: float, weights: torch.Tensor, memory: Memory
    ) -> tuple[torch.Tensor, float, int, bool]:
        """L-BFGS from `weights` (P, r + 1): weights, loss, iterations, converged.

        Logits are linear in the weights, so a line search needs no further product with the
        features. All is (P, ...): a softmax over a small matrix's long side is ten times slower.
        """
        if not (math.isfinite(lam) and lam > 0):
            raise ValueError(f"lambda is a number above 0, such as 1.0; got {lam!r}.")
        x, penalty = self.x, lam * self.penalized
        logits = weights @ x.T  # (P, N)
        squares = float((weights * weights * penalty).sum())  # lambda * |W|^2
        loss, log_p = self._cross_entropy(logits)
        loss += squares / 2
        p = log_p.exp()
        g = torch.addmm(weights * penalty, p - self.answers, x)  # the gradient, (P, r + 1)
        diagonal, idle, iteration = g, 0, 0
        # the norm, not scikit-learn's largest entry: at least as strict, and the same in any axes
        while not (converged := float(g.norm()) <= self.tolerance * len(x)):
            if iteration == self.max_iterations:
                break
            if iteration % REFRESH == 0:
                curvature = (p - p * p) @ self.squares  # (P, r + 1), of the Hessian
                # plus a tenth of the mean over classes: a class that is certain has no curvature
                diagonal = 1 / (curvature + 0.1 * curvature.mean(0) + penalty).clamp(min=1e-30)
            d = -memory.direction(g, diagonal)
            downhill = float(g.view(-1) @ d.view(-1))
            along, weighed = d @ x.T, d * penalty  # (P, N): how the logits move
            cross = float(weighed.view(-1) @ weights.view(-1))
            square = float(weighed.view(-1) @ d.view(-1))
            t, rounding = 1.0, 10 * EPSILON * abs(loss)
            for _ in range(40):  # halve until the loss falls enough (Armijo)
                moved = torch.add(logits, along, alpha=t)
                moved_squares = squares + 2 * t * cross + t * t * square
                moved_loss, log_p = self._cross_entropy(moved)
                moved_loss += moved_squares / 2
                if moved_loss <= loss + 1e-4 * t * downhill + rounding:
                    break
                t /= 2
            idle = idle + 1 if loss - moved_loss <= rounding else 0
            if converged := idle >= 3:  # what is left of the gradient is rounding
                break
            weights, before = torch.add(weights, d, alpha=t), g
            logits, loss, squares, p = moved, moved_loss, moved_squares, log_p.exp_()
            g = torch.addmm(weights * penalty, p - self.answers, x)
            memory.keep((t * d).view(-1), (g - before).view(-1))
            iteration += 1
        return weights, loss, iteration, converged

    def _probe(
        self, lam: float, weights: torch.Tensor, loss: float, iterations: int, converged: bool
    ) -> LinearProbe:
        """Back from principal axes: weights (P, r + 1) -> a probe of the features."""
        if not (math.isfinite(loss) and bool(torch.isfinite(weights).all())):
            raise FloatingPointError(f"Overflow at lambda {lam:g}: scale the features down.")
        w = weights[:, :-1] @ self.axes  # (P, W)
        full = expand_to_all_classes(w, weights[:, -1] - w @ self.mean, self.present, self.classes)
        return LinearProbe(*full, lam, loss, iterations, converged)


class Memory:
    """What L-BFGS remembers: its last steps, and how the gradient changed along each."""

    def __init__(self) -> None:
        self.steps = self.changes = torch.empty(0, 0)  # (MEMORY, P * (r + 1))
        self.crossed = torch.empty(0, 0)  # steps @ changes.T
        self.order: list[int] = []  # rows, the oldest first

    def keep(self, step: torch.Tensor, change: torch.Tensor) -> None:
        """One more pair (P * (r + 1),), unless rounding has corrupted it."""
        if not float(step @ change) > 1e-10 * float(step.norm() * change.norm()):
            return
        if not self.order:
            self.steps, self.changes = step.new_zeros(2, MEMORY, len(step))
            self.crossed = step.new_zeros(MEMORY, MEMORY)
        row = len(self.order) if len(self.order) < MEMORY else self.order.pop(0)
        self.order.append(row)
        self.steps[row], self.changes[row] = step, change
        self.crossed[row] = self.changes @ step
        self.crossed[:, row] = self.steps @ change

    def move(self, difference: float, penalized: torch.Tensor) -> None:
        """Make the pairs true for a lambda that is larger by `difference`.

        lambda adds itself to the Hessian's diagonal, so a change grows by that much of its step.
        """
        if self.order:
            weights = self.steps.view(MEMORY, -1, len(penalized)) * penalized
            self.changes = self.changes + difference * weights.flatten(1)
            self.crossed = self.steps @ self.changes.T

    def direction(self, g: torch.Tensor, diagonal: torch.Tensor) -> torch.Tensor:
        """The inverse Hessian, whose first guess is `diagonal`, times the gradient g (P, r + 1).

        The two loops of Nocedal and Wright 2006, algorithm 7.4, are two triangular systems:
        four products with a matrix instead of 160 with vectors.
        """
        if not self.order:
            return g * diagonal
        last = self.changes[self.order[-1]].view_as(g)
        # Squares of a tiny change may be 0; the step is then short enough unscaled.
        size = float((last * last * diagonal).sum())
        m, order = len(self.order), torch.tensor(self.order)
        steps, changes = self.steps[:m], self.changes[:m]
        upper = self.crossed[order][:, order].triu()
        scale = float(upper[-1, -1]) / size if size > 0 else 1.0
        rows = order.argsort()  # from the oldest first to the rows as they are stored
        # the first loop, from the newest pair to the oldest, is one triangular system ...
        right = (steps @ g.view(-1))[order, None]
        a = torch.linalg.solve_triangular(upper, right, upper=True)
        q = (g.view(-1) - a[rows, 0] @ changes).view_as(g) * diagonal * scale
        # ... and the second, back to the newest, its transpose
        right = upper.diagonal()[:, None] * a - (changes @ q.view(-1))[order, None]
        b = torch.linalg.solve_triangular(upper.T, right, upper=False)
        return q + (b[rows, 0] @ steps).view_as(q)


def expand_to_all_classes(
    w: torch.Tensor, bias: torch.Tensor, present: torch.Tensor, classes: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights (P, W) and bias (P,) of the classes present -> of all C classes.

    The others never win. The bias is centered: a constant for all classes changes nothing.
    """
    weights = w.new_zeros(classes, w.shape[1])
    all_bias = w.new_full((classes,), ABSENT_LOGIT)
    weights[present], all_bias[present] = w, bias - bias.mean()
    return weights, all_bias
