"""The same regression by scikit-learn: the oracle of the tests and benchmarks, and the fallback."""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F

from clipedu.evaluation.logistic import (
    MAX_ITERATIONS,
    TOLERANCE,
    LinearProbe,
    ProbeSolver,
    spread_out,
)


def fit_probe(
    features: torch.Tensor,
    labels: torch.Tensor,
    lam: float,
    *,
    classes: int | None = None,
    solver: str = "clipedu",
    dtype: torch.dtype = torch.float64,
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
) -> LinearProbe:
    """One logistic regression: features (N, W), labels (N,), strength lambda of the penalty.

    solver: "clipedu", or "sklearn", the oracle, for whom lambda is 1 / C
    Raises what `ProbeSolver` raises, and ValueError for another solver.
    """
    if solver not in ("clipedu", "sklearn"):
        raise ValueError(f"solver is 'clipedu' or 'sklearn'; got {solver!r}.")
    ours = ProbeSolver(
        features,
        labels,
        classes=classes,
        dtype=dtype,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )
    if solver == "clipedu":
        return ours.fit(lam)
    return fit_sklearn(
        features,
        labels,
        lam,
        classes=ours.classes,
        dtype=dtype,
        max_iterations=max_iterations,
        tolerance=tolerance,
    )


def fit_sklearn(
    features: torch.Tensor,
    labels: torch.Tensor,
    lam: float,
    *,
    classes: int,
    dtype: torch.dtype = torch.float64,
    max_iterations: int = MAX_ITERATIONS,
    tolerance: float = TOLERANCE,
    start: LinearProbe | None = None,
) -> LinearProbe:
    """What `ProbeSolver(features, labels).fit(lam)` finds, found by `LogisticRegression`.

    Of two classes scikit-learn keeps one row w = w1 - w0. At the best w1 = -w0 that row costs half
    of what its square says, so its C is 2 / lambda there and 1 / lambda otherwise.
    start: a probe of the same features and labels to begin at; zeros without one
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    x, y = features.detach().cpu().to(dtype), labels.cpu()
    two = len(y.unique()) == 2
    model = LogisticRegression(C=(2 if two else 1) / lam, max_iter=max_iterations, tol=tolerance)
    present, numbers = y.unique(return_inverse=True)
    if start is not None:
        w, b = start.weights[present], start.bias[present]
        w, b = (w[1:] - w[:1], b[1:] - b[:1]) if two else (w, b)
        model.set_params(warm_start=True)
        model.coef_, model.intercept_ = w.to(dtype).numpy(), b.to(dtype).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told by `converged`
        model.fit(x.numpy(), y.numpy())
    w = torch.from_numpy(model.coef_).double()
    b = torch.from_numpy(model.intercept_).double()
    if two:
        w, b = torch.cat([-w, w]) / 2, torch.cat([-b, b]) / 2
    cross_entropy = F.cross_entropy(x.double() @ w.T + b, numbers, reduction="sum")
    loss = float(cross_entropy + lam / 2 * (w**2).sum())
    iterations = int(model.n_iter_[0])
    converged = iterations < max_iterations
    return spread_out(w, b, present, classes, lam, loss, iterations, converged)
