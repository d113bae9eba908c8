"""The paper's protocol: a split, a search, a last fit, one look at the test part."""

from __future__ import annotations

import contextlib

import pytest
import torch

from clipedu.evaluation import Task
from clipedu.evaluation.probe import (
    LAMBDA_GRID,
    LinearProbe,
    Split,
    fit_probe,
    linear_probe,
    picture_features,
    search_lambda,
    split_pictures,
)
from clipedu.models import CLIP
from clipedu_lessons.l10_linear_probes.sklearn_probe import fit_sklearn

Data = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def data() -> Data:
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 4
    centres = torch.randn(4, 16, generator=g)
    return centres[labels] + 1.3 * torch.randn(240, 16, generator=g), labels


def test_the_grid_is_the_papers() -> None:
    assert len(LAMBDA_GRID) - 1 == 96  # steps
    assert (LAMBDA_GRID[0], LAMBDA_GRID[-1]) == (1e-6, 1e6)
    starts = [1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6]
    assert all(min(abs(x / s - 1) for x in LAMBDA_GRID) < 1e-12 for s in starts)


@pytest.mark.parametrize("counts", [[3, 3], [10, 4, 7], [100, 3]])
def test_split_parts_are_disjoint_and_every_class_is_everywhere(counts: list[int]) -> None:
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    split = split_pictures(labels, seed=3)
    rows = torch.cat([split.train, split.validation, split.test])
    assert rows.sort().values.tolist() == list(range(len(labels)))
    for part in (split.train, split.validation, split.test):
        assert labels[part].unique().tolist() == list(range(len(counts)))
    assert len(split.train) >= len(split.test)


def test_split_is_seeded() -> None:
    labels = torch.arange(60) % 3
    one, again, other = (split_pictures(labels, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.test, again.test) and not torch.equal(one.test, other.test)


def test_search_halves_as_the_paper_does(data: Data) -> None:
    x, y = data
    split = split_pictures(y)
    parts = [(x[rows], y[rows]) for rows in (split.train, split.validation)]
    whole = search_lambda(*parts, search="grid")
    halved = search_lambda(*parts)
    assert len(whole.lams) == 97
    assert 7 + 4 <= len(halved.lams) <= 15  # seven, and at most two for each of four halvings
    assert whole.best == max(
        lam
        for lam, a in zip(whole.lams, whole.accuracies, strict=True)
        if a == max(whole.accuracies)
    )
    assert max(halved.accuracies) >= max(whole.accuracies) - 0.05  # it may miss a narrow peak
    best = LAMBDA_GRID.index(halved.best)
    tried = [LAMBDA_GRID.index(lam) for lam in halved.lams]
    assert {best - 1, best + 1} & set(tried)  # at its end it stands one step apart


def test_a_search_says_what_each_fit_came_to(data: Data) -> None:
    x, y = data
    parts = (x[::2], y[::2]), (x[1::2], y[1::2])
    grid = [1e-2, 1.0, 1e2]

    def fit(lam: float, start: LinearProbe | None) -> LinearProbe:
        return fit_sklearn(*parts[0], lam, classes=4, start=start)

    ours = search_lambda(*parts, grid=grid, search="grid")
    theirs = search_lambda(*parts, grid=grid, search="grid", fit=fit)
    losses = [probe.loss for probe in ours.probes]
    assert losses == sorted(losses)  # a larger lambda has a larger minimum
    assert losses == pytest.approx([probe.loss for probe in theirs.probes], rel=1e-6)
    assert ours.accuracies == theirs.accuracies

    def one_iteration(lam: float, start: LinearProbe | None) -> LinearProbe:
        return fit_probe(*parts[0], lam, start=start, max_iterations=1)

    cut = search_lambda(*parts, grid=grid, search="grid", fit=one_iteration)
    assert [p.converged for p in ours.probes + cut.probes] == 3 * [True] + 3 * [False]


def test_agrees_with_sklearn(data: Data) -> None:
    x, y = data
    grid = LAMBDA_GRID[40:80:8]
    ours = linear_probe(x, y, search="grid", grid=grid)
    train, validation, both, test = (
        (x[rows], y[rows])
        for rows in (ours.split.train, ours.split.validation, ours.split.fitted, ours.split.test)
    )

    def fit(lam: float, start: LinearProbe | None) -> LinearProbe:
        return fit_sklearn(*train, lam, classes=4, start=start)

    theirs = search_lambda(train, validation, search="grid", grid=grid, fit=fit)
    assert ours.lam == theirs.best
    accuracy = fit_sklearn(*both, theirs.best, classes=4).accuracy(*test)
    assert abs(ours.accuracy - accuracy) <= 1 / len(ours.labels)
    assert max(
        abs(a - b) for a, b in zip(ours.search.accuracies, theirs.accuracies, strict=True)
    ) <= 1 / len(ours.split.validation)


def test_the_last_fit_sees_validation_and_never_test(data: Data) -> None:
    x, y = data
    split = split_pictures(y)
    before = linear_probe(x, y, split=split, grid=[1.0])
    spoiled = x.clone()
    spoiled[split.test] = 1e3
    assert torch.equal(
        before.probe.weights, linear_probe(spoiled, y, split=split, grid=[1.0]).probe.weights
    )
    spoiled = x.clone()
    spoiled[split.validation] += 5
    after = linear_probe(spoiled, y, split=split, grid=[1.0])
    assert not torch.allclose(before.probe.weights, after.probe.weights)


def test_a_grid_of_one_is_taken_as_it_is(data: Data) -> None:
    for search in ("grid", "halving"):
        result = linear_probe(*data, grid=[0.5], search=search)
        assert result.lam == 0.5 and result.search.lams == [0.5]


def test_result_says_what_it_measured(data: Data) -> None:
    result = linear_probe(*data, grid=[1.0, 10.0])
    assert len(result.labels) == 48 and len(result.logits) == 48
    assert result.interval[0] < result.accuracy < result.interval[1]
    right = result.logits.argmax(1) == result.labels
    assert result.accuracy == pytest.approx(float(right.double().mean()))
    assert "48 test pictures" in str(result)


def test_features_of_a_model(model: CLIP, task: Task) -> None:
    features = picture_features(model, task.pictures, batch_size=5)
    assert features.shape[0] == 12 and features.dtype == torch.float32
    torch.testing.assert_close(features, picture_features(model, task.pictures))
    assert features.shape[1] != model.config.embed_dim or not torch.allclose(
        features, picture_features(model, task.pictures, projected=True)
    )
    unit = picture_features(model, task.pictures, projected=True).norm(dim=1)
    torch.testing.assert_close(unit, torch.ones(12))
    assert model.training  # left in the mode it was in
    result = linear_probe(features, task.labels, classes=len(task.class_names), grid=[1.0])
    assert result.probe.weights.shape[0] == 4  # also the class without a picture


# --- bad input


def test_classes_too_small_to_split() -> None:
    with pytest.raises(ValueError, match="Class 1 has fewer than three"):
        split_pictures(torch.tensor([0, 0, 0, 0, 1, 1]))


@pytest.mark.parametrize("grid", [[], [0.0, 1.0], [-1.0], [float("inf")], [float("nan")]])
def test_wrong_grids(data: Data, grid: list[float]) -> None:
    with pytest.raises(ValueError, match="grid of lambdas"):
        search_lambda(data, data, grid=grid)


def test_wrong_names_and_inputs(data: Data, model: CLIP, task: Task) -> None:
    x, y = data
    with pytest.raises(ValueError, match="halving"):
        search_lambda(data, data, search="random")
    with pytest.raises(ValueError, match="NaN"):
        linear_probe(x * torch.nan, y)
    with pytest.raises(ValueError, match="same class"):
        linear_probe(x, torch.zeros_like(y))
    with pytest.raises(TypeError, match="words"):
        linear_probe(x, ["cat"] * len(x))
    with pytest.raises(ValueError, match="px wide"):
        picture_features(model, task.pictures[:, :, :16, :16])
    with pytest.raises(ValueError, match="batch_size"):
        picture_features(model, task.pictures, batch_size=0)


def test_parts_that_overlap_are_refused() -> None:
    rows = torch.arange(10)
    with pytest.raises(ValueError, match="10 of 20 rows of the split are in two parts"):
        Split(rows[:5], rows[5:], rows)
    with pytest.raises(ValueError, match="1 of 3 rows"):
        Split(torch.tensor([0, 0]), torch.tensor([1]), torch.tensor([], dtype=torch.int64))


def test_a_row_without_a_label_is_refused() -> None:
    features, labels = torch.randn(12, 4), torch.arange(12) % 3 - 1
    with pytest.raises(ValueError, match="4 label.s. out of range: number 0 is -1.*from 0"):
        linear_probe(features, labels)


def test_the_mean_per_class_weighs_classes_alike(data: Data) -> None:
    result = linear_probe(*data, grid=[1.0])
    predicted = result.logits.argmax(1)
    shares = [
        float((predicted[result.labels == c] == c).double().mean())
        for c in set(result.labels.tolist())
    ]
    assert result.mean_per_class == pytest.approx(sum(shares) / len(shares))


@pytest.mark.parametrize("scale", [1.0, 1e200])
def test_a_fit_takes_one_thread_and_gives_the_others_back(
    monkeypatch: pytest.MonkeyPatch, scale: float
) -> None:
    import scipy.optimize

    inside = []
    fit = scipy.optimize.minimize

    def watched(*words: object, **options: object) -> object:
        inside.append(torch.get_num_threads())
        return fit(*words, **options)

    monkeypatch.setattr(scipy.optimize, "minimize", watched)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        x = scale * torch.randn(20, 3, generator=torch.Generator().manual_seed(0)).double()
        with contextlib.suppress(FloatingPointError):
            fit_probe(x, torch.arange(20) % 2, 1.0)
        assert inside == [1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
