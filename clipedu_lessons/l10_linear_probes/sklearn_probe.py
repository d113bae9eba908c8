"""The same logistic regression by scikit-learn: an oracle for the library's `fit_probe`."""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F

from clipedu.evaluation.probe import ABSENT_LOGIT, TOLERANCE, LinearProbe


def fit_sklearn(
    features: torch.Tensor,
    labels: torch.Tensor,
    lam: float,
    *,
    classes: int | None = None,
    max_iterations: int = 1000,
    tolerance: float = TOLERANCE,
    start: LinearProbe | None = None,
) -> LinearProbe:
    """What `fit_probe` finds with the same arguments, found by `LogisticRegression`.

    Of two classes scikit-learn keeps one row w = w1 - w0. At the best w1 = -w0 that row costs half
    of what its square says, so its C is 2 / lambda there and 1 / lambda otherwise.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    x, y = features.detach().cpu().double(), labels.cpu()
    present, numbers = y.unique(return_inverse=True)
    two = len(present) == 2
    model = LogisticRegression(C=(2 if two else 1) / lam, max_iter=max_iterations, tol=tolerance)
    if start is not None:
        w, b = start.weights[present], start.bias[present]
        w, b = (w[1:] - w[:1], b[1:] - b[:1]) if two else (w, b)
        model.set_params(warm_start=True)
        model.coef_, model.intercept_ = w.numpy(), b.numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `converged` says it
        model.fit(x.numpy(), y.numpy())
    w, b = (torch.from_numpy(found).double() for found in (model.coef_, model.intercept_))
    if two:
        w, b = torch.cat([-w, w]) / 2, torch.cat([-b, b]) / 2
    cross_entropy = F.cross_entropy(x @ w.T + b, numbers, reduction="sum")
    loss = float(cross_entropy + lam / 2 * (w**2).sum())
    iterations = int(model.n_iter_[0])
    classes = int(y.max()) + 1 if classes is None else classes
    weights, bias = w.new_zeros(classes, x.shape[1]), w.new_full((classes,), ABSENT_LOGIT)
    weights[present], bias[present] = w, b - b.mean()  # the same constant for all changes nothing
    return LinearProbe(weights, bias, lam, loss, iterations, iterations < max_iterations)
