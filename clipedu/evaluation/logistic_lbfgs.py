"""L-BFGS for logistic regression: the inner loop of `logistic`, and what it remembers.

Minimises  sum of cross-entropies + lambda / 2 * |W|^2  over W (P, r + 1): a row for each class, the
last column its bias, which is not penalised. Nocedal and Wright 2006, algorithms 7.4 and 7.5.

Notable:
- logits are linear in the weights: a line search costs no further product with the features
- the first guess at the curvature is the diagonal of the Hessian, looked at again every few steps
- the two loops over what is remembered are two triangular systems: four products with a matrix
  in the place of 160 with vectors, so that it pays to remember 40 steps
- everything is (P, ...) and not (..., P): a softmax over the long side of a small matrix is ten
  times slower
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

#: Pairs that L-BFGS remembers. scikit-learn's 10 take three times the iterations on the features of
#: an image tower, whose axes are of very unequal lengths.
MEMORY = 40
REFRESH = 10  # steps until the diagonal is looked at again


@dataclass(frozen=True, eq=False)
class Problem:
    """Pictures and answers, as `minimise` wants them.

    x: (N, r + 1), last a column of ones for the bias; squares: x * x
    answers: (P, N), 1 at the class of each picture
    penalised: (r + 1,), 1 for a weight and 0 for the bias
    """

    x: torch.Tensor
    squares: torch.Tensor
    answers: torch.Tensor
    penalised: torch.Tensor

    @classmethod
    def of(cls, z: torch.Tensor, answers: torch.Tensor) -> Problem:
        """From features (N, r) and one-hot answers (P, N)."""
        x = torch.cat([z, z.new_ones(len(z), 1)], 1)
        penalised = torch.ones_like(x[0])
        penalised[-1] = 0
        return cls(x, x * x, answers, penalised)


class Memory:
    """Steps that were taken, and how the gradient changed along each; at first none.

    steps, changes: (m, P * (r + 1)), in any order; crossed: (m, m), steps @ changes.T
    order: their rows, the oldest first
    """

    def __init__(self) -> None:
        self.steps = self.changes = self.crossed = torch.empty(0, 0)
        self.order: list[int] = []

    def keep(self, step: torch.Tensor, change: torch.Tensor) -> None:
        """One pair (P * (r + 1),) more, unless rounding has spoiled it, in place of the oldest."""
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

    def move(self, difference: float, penalised: torch.Tensor) -> None:
        """Make the pairs true for a lambda that is larger by `difference`.

        lambda adds itself to the Hessian's diagonal, so a change grows by that much of its step.
        """
        if self.order:
            weights = self.steps.view(MEMORY, -1, len(penalised)) * penalised
            self.changes = self.changes + difference * weights.flatten(1)
            self.crossed = self.steps @ self.changes.T

    def newton(self, g: torch.Tensor, diagonal: torch.Tensor) -> torch.Tensor:
        """The inverse Hessian that is remembered, times the gradient (P, r + 1).

        diagonal: (P, r + 1) or (r + 1,), of the inverse Hessian as first guessed
        """
        if not self.order:
            return g * diagonal
        last = self.changes[self.order[-1]].view_as(g)
        # Squares of a tiny change are 0 in float32; the step is then short enough unscaled.
        size = float((last * last * diagonal).sum())
        m = len(self.order)
        steps, changes, order = self.steps[:m], self.changes[:m], torch.tensor(self.order)
        upper = self.crossed[order][:, order].triu()
        scale = float(upper[-1, -1]) / size if size > 0 else 1.0
        place = order.argsort()  # from the oldest first to the rows as they lie
        # the first loop, from the newest pair to the oldest, is one triangular system ...
        right = (steps @ g.view(-1))[order, None]
        a = torch.linalg.solve_triangular(upper, right, upper=True)
        q = (g.view(-1) - a[place, 0] @ changes).view_as(g) * diagonal * scale
        # ... and the second, back to the newest, its transpose
        right = upper.diagonal()[:, None] * a - (changes @ q.view(-1))[order, None]
        b = torch.linalg.solve_triangular(upper.T, right, upper=False)
        return q + (b[place, 0] @ steps).view_as(q)


@torch.inference_mode()
def minimise(
    problem: Problem,
    weights: torch.Tensor,
    lam: float,
    memory: Memory,
    *,
    max_iterations: int,
    tolerance: float,
) -> tuple[torch.Tensor, float, int, bool]:
    """L-BFGS from `weights` (P, r + 1); returns weights, loss, iterations, converged.

    Converged: the gradient of the mean loss is no longer than the tolerance, or the loss has
    stopped moving at all. `memory` is used and added to.
    """
    x, answers, penalty = problem.x, problem.answers, lam * problem.penalised
    short = tolerance * len(x)
    rounding = 10 * torch.finfo(x.dtype).eps

    def cross_entropy(logits: torch.Tensor) -> tuple[float, torch.Tensor]:
        log_p = logits.log_softmax(0)  # (P, N)
        return -float(log_p.view(-1) @ answers.view(-1)), log_p

    def gradient(p: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.addmm(w * penalty, p - answers, x)  # (P, r + 1)

    logits = weights @ x.T  # (P, N)
    squares = float((weights * weights * penalty).sum())  # lambda * |W|^2
    loss, log_p = cross_entropy(logits)
    loss += squares / 2
    p = log_p.exp()
    g = gradient(p, weights)
    diagonal, idle = g, 0
    for iteration in range(max_iterations):
        # the length, not scikit-learn's largest entry: at least as strict, and the same in any axes
        if float(g.norm()) <= short:
            return weights, loss, iteration, True
        if iteration % REFRESH == 0:
            bends = (p - p * p) @ problem.squares  # (P, r + 1)
            # a tenth of the mean over classes: no curvature is left where a class is sure of all
            diagonal = 1 / (bends + 0.1 * bends.mean(0) + penalty).clamp(min=1e-30)
        d = -memory.newton(g, diagonal)
        downhill = float(g.view(-1) @ d.view(-1))
        along, weighed = d @ x.T, d * penalty  # (P, N): how the logits move
        cross = float(weighed.view(-1) @ weights.view(-1))
        square = float(weighed.view(-1) @ d.view(-1))
        t = 1.0
        for _ in range(40):  # halve until the loss falls enough (Armijo)
            moved = torch.add(logits, along, alpha=t)
            moved_squares = squares + 2 * t * cross + t * t * square
            moved_loss, log_p = cross_entropy(moved)
            moved_loss += moved_squares / 2
            if moved_loss <= loss + 1e-4 * t * downhill + rounding * abs(loss):
                break
            t /= 2
        idle = idle + 1 if loss - moved_loss <= rounding * abs(loss) else 0
        if idle >= 3:  # the loss no longer moves: what is left of the gradient is rounding
            return weights, loss, iteration, True
        weights = torch.add(weights, d, alpha=t)
        logits, loss, squares = moved, moved_loss, moved_squares
        before, g = g, gradient(log_p.exp_(), weights)
        p = log_p
        memory.keep((t * d).view(-1), (g - before).view(-1))
    return weights, loss, max_iterations, float(g.norm()) <= short
