"""Our logistic regression against scikit-learn's, and against what it must refuse."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from clipedu.evaluation.probe import LinearProbe, fit_probe, search_lambda
from clipedu_lessons.l10_linear_probes.sklearn_probe import fit_sklearn

Data = tuple[torch.Tensor, torch.Tensor]


def blobs(n: int = 150, width: int = 12, classes: int = 4, seed: int = 0) -> Data:
    """Overlapping clouds with unequal scales and a mean far from zero, as real features have."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % classes
    centres = torch.randn(classes, width, generator=g)
    x = centres[labels] + 1.5 * torch.randn(n, width, generator=g)
    return x * torch.logspace(-0.5, 0.5, width) + 3, labels


def objective(probe: LinearProbe, x: torch.Tensor, y: torch.Tensor) -> float:
    """Written anew, from the definition."""
    cross_entropy = F.cross_entropy(x.double() @ probe.weights.T + probe.bias, y, reduction="sum")
    return float(cross_entropy + probe.lam / 2 * (probe.weights**2).sum())


@pytest.mark.parametrize("lam", [0.1, 10.0, 1e4])
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_agrees_with_sklearn(lam: float, classes: int) -> None:
    x, y = blobs(classes=classes)
    tight = {"tolerance": 1e-9, "max_iterations": 5000}
    ours = fit_probe(x, y, lam, **tight)
    theirs = fit_sklearn(x, y, lam, classes=classes, **tight)
    assert ours.converged and theirs.converged
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-6)
    torch.testing.assert_close(ours.weights, theirs.weights, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(ours.bias, theirs.bias, rtol=1e-3, atol=1e-3)
    assert ours.loss == pytest.approx(objective(ours, x, y), rel=1e-9)


def test_the_gradient_is_zero_at_the_solution() -> None:
    x, y = blobs()
    probe = fit_probe(x, y, 0.5, tolerance=1e-9)
    w = probe.weights.clone().requires_grad_()
    b = probe.bias.clone().requires_grad_()
    loss = F.cross_entropy(x.double() @ w.T + b, y, reduction="sum") + 0.25 * (w**2).sum()
    grads = torch.autograd.grad(loss, (w, b))
    assert max(float(g.abs().max()) for g in grads) < 1e-4


def test_a_warm_start_changes_the_work_not_the_answer() -> None:
    x, y = blobs()
    near = fit_probe(x, y, 1.02, tolerance=1e-8)
    cold, warm = (fit_probe(x, y, 1.0, tolerance=1e-8, start=s) for s in (None, near))
    assert warm.iterations < cold.iterations
    assert warm.loss == pytest.approx(cold.loss, rel=1e-9)
    torch.testing.assert_close(warm.weights, cold.weights, rtol=1e-3, atol=1e-4)


def hard() -> Data:
    """Axes from 10 to 0.01 long and classes that can be told apart: as of few pictures of a tower.

    At small lambdas the loss is a long flat valley.
    """
    g = torch.Generator().manual_seed(1)
    labels = torch.arange(120) % 4
    x = torch.randn(120, 60, generator=g) + torch.randn(4, 60, generator=g)[labels]
    turn = torch.linalg.qr(torch.randn(60, 60, generator=g))[0]
    return (x * torch.logspace(1, -2, 60)) @ turn, labels


@pytest.mark.parametrize("lam", [1.0, 1e-2, 1e-4])
def test_our_minimum_is_no_higher_than_sklearns(lam: float) -> None:
    x, y = hard()
    theirs = fit_sklearn(x, y, lam, classes=4)
    falling = [1e2, 1.0, 1e-2, 1e-4][: 2 - round(math.log10(lam) / 2)]
    ours = search_lambda((x, y), (x, y), grid=falling, search="grid").probes[0]
    assert ours.lam == lam and ours.converged
    for probe in (ours, theirs):
        assert probe.loss == pytest.approx(objective(probe, x, y), rel=1e-6)
    assert ours.loss <= theirs.loss * (1 + 1e-5)


def test_a_search_ends_where_separate_fits_end_and_gets_there_sooner() -> None:
    x, y = hard()
    lams = [10.0 ** (k / 4) for k in range(-11, 9)]
    fit = partial(fit_probe, x, y, tolerance=1e-8, max_iterations=5000)
    path = search_lambda((x, y), (x, y), grid=lams, search="grid", fit=fit).probes
    apart = [fit(lam) for lam in lams]
    assert [probe.lam for probe in path] == lams
    for one, other in zip(path, apart, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)
    assert sum(p.iterations for p in path) < sum(p.iterations for p in apart) / 2


def test_a_class_that_the_start_lacks_is_learned() -> None:
    x, y = blobs(classes=3)
    start = fit_probe(x[y < 2], y[y < 2], 1.0, classes=3)
    cold, warm = (fit_probe(x, y, 1.0, tolerance=1e-8, start=s) for s in (None, start))
    assert warm.loss == pytest.approx(cold.loss, rel=1e-9)


@pytest.mark.parametrize("classes", [2, 4])
def test_sklearn_starts_where_it_is_told(classes: int) -> None:
    x, y = blobs(classes=classes)
    fixed = {"classes": classes, "tolerance": 1e-8}
    near = fit_sklearn(x, y, 1.02, **fixed)
    cold, warm = fit_sklearn(x, y, 1.0, **fixed), fit_sklearn(x, y, 1.0, start=near, **fixed)
    assert warm.iterations < cold.iterations
    assert warm.loss == pytest.approx(cold.loss, rel=1e-7)


def test_more_features_than_pictures() -> None:
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(9, 40, generator=g), torch.arange(9) % 3
    ours, theirs = (fit(x, y, 1.0, classes=3, tolerance=1e-9) for fit in (fit_probe, fit_sklearn))
    torch.testing.assert_close(ours.weights, theirs.weights, rtol=1e-3, atol=1e-5)


def test_shifting_and_rotating_features_changes_nothing() -> None:
    x, y = blobs(width=6)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(3)))[0]
    options = {"tolerance": 1e-9}
    probe, moved = fit_probe(x, y, 1.0, **options), fit_probe(x @ turn - 7, y, 1.0, **options)
    assert moved.loss == pytest.approx(probe.loss, rel=1e-6)
    torch.testing.assert_close(moved.weights, probe.weights @ turn.double(), rtol=1e-3, atol=1e-4)


def test_a_large_lambda_leaves_the_class_frequencies() -> None:
    x, _ = blobs(n=100)
    y = torch.cat([torch.zeros(70), torch.ones(30)]).long()
    p = fit_probe(x, y, 1e6).logits(x).softmax(1)
    torch.testing.assert_close(p[:, 1], torch.full((100,), 0.3).double(), atol=0.01, rtol=0)


def test_iterations_are_limited_and_it_is_said() -> None:
    x, y = blobs()
    probe = fit_probe(x, y, 1e-3, max_iterations=2)
    assert (probe.iterations, probe.converged) == (2, False)


# --- bad input


def test_constant_features_say_the_commonest_class() -> None:
    y = torch.tensor([0, 1, 1, 1, 2])
    probe = fit_probe(torch.full((5, 4), 2.5), y, 1.0, tolerance=1e-8)
    assert float(probe.weights.abs().max()) == 0
    assert probe.logits(torch.full((3, 4), 2.5)).argmax(1).tolist() == [1, 1, 1]
    p = probe.logits(torch.zeros(1, 4)).softmax(1)[0]
    torch.testing.assert_close(p, torch.tensor([0.2, 0.6, 0.2]).double(), atol=1e-4, rtol=0)


def test_a_class_without_pictures_never_wins() -> None:
    x, y = blobs(classes=3)
    for fit in (fit_probe, fit_sklearn):
        probe = fit(x, y, 1.0, classes=6)
        assert probe.weights.shape == (6, 12)
        assert int(probe.logits(100 * torch.randn(50, 12)).argmax(1).max()) <= 2
        assert torch.isfinite(probe.logits(x)).all()


def test_what_it_refuses() -> None:
    x, y = blobs(n=20)

    def fit(features: object, labels: object, lam: float = 1.0, **options: object) -> None:
        fit_probe(features, labels, lam, **options)

    broken = x.clone()
    broken[7, 2] = torch.nan
    with pytest.raises(ValueError, match=r"1 of 20 rows of features hold NaN.*number 7"):
        fit(broken, y)
    with pytest.raises(ValueError, match="same class"):
        fit(x, torch.zeros(20).long())
    with pytest.raises(TypeError, match="got list. From words"):
        fit(x, ["cat"] * 20)
    with pytest.raises(TypeError, match="int64"):
        fit(x, y.float())
    with pytest.raises(ValueError, match="one label for each row"):
        fit(x, y[:-1])
    with pytest.raises(ValueError, match=r"Labels are 0\.\.2"):
        fit(x, y, classes=3)
    with pytest.raises(TypeError, match="float tensor"):
        fit(x.long(), y)
    with pytest.raises(ValueError, match=r"\(N, W\)"):
        fit(x[0], y)


def test_other_refusals() -> None:
    x, y = blobs(n=20)
    for lam in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="above 0"):
            fit_probe(x, y, lam)
    with pytest.raises(ValueError, match="max_iterations"):
        fit_probe(x, y, 1.0, max_iterations=0)
    for scale in (1e100, 1e200):
        with pytest.raises(FloatingPointError, match="scale the features down"):
            fit_probe(x.double() * scale, y, 1.0)
    with pytest.raises(ValueError, match=r"reads features \(N, 12\)"):
        fit_probe(x, y, 1.0).logits(x[:, :5])
