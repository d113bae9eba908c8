"""Few shots: seeded draws, intervals, and the interpolation of Figure 7."""

from __future__ import annotations

import math

import pytest
import torch

from clipedu.evaluation.probe import split_pictures
from clipedu_lessons.l10_linear_probes.few_shot import (
    effective_shots,
    few_shot,
    few_shot_figure,
    sample_shots,
)

Data = tuple[torch.Tensor, torch.Tensor]


@pytest.fixture(scope="module")
def data() -> Data:
    g = torch.Generator().manual_seed(0)
    labels = torch.arange(180) % 3
    x = torch.randn(3, 8, generator=g)[labels] + torch.randn(180, 8, generator=g)
    return torch.nn.functional.normalize(x, dim=1), labels


def test_every_class_gets_as_many_and_larger_draws_contain_smaller() -> None:
    labels = torch.tensor([0] * 9 + [2] * 5 + [3] * 7)  # class 1 does not occur
    small, large = (sample_shots(labels, k, seed=4) for k in (2, 4))
    assert torch.bincount(labels[small]).tolist() == [2, 0, 2, 2]
    assert set(small.tolist()) < set(large.tolist())
    assert torch.equal(small, sample_shots(labels, 2, seed=4))
    assert not torch.equal(small, sample_shots(labels, 2, seed=5))


def test_curve_rises_and_intervals_contain_their_mean(data: Data) -> None:
    x, y = data
    points = few_shot(x, y, split_pictures(y), shots=(1, 4, 16), repeats=4)
    assert [p.shots for p in points] == [1, 4, 16]
    assert points[0].mean < points[-1].mean
    for p in points:
        assert 0 <= p.low <= p.mean <= p.high <= 1 and len(p.runs) == 4
        assert p.mean == pytest.approx(sum(p.runs) / 4)


def test_test_pictures_are_never_examples(data: Data) -> None:
    x, y = data
    split = split_pictures(y)
    spoiled = x.clone()
    spoiled[split.test] = torch.nan
    with pytest.raises(ValueError, match="NaN"):  # they are looked at, with the rest
        few_shot(spoiled, y, split, shots=(1,), repeats=1)
    one = few_shot(x, y, split, shots=(2,), repeats=1)[0]
    rows = split.fitted[sample_shots(y[split.fitted], 2, seed=0)]
    assert not set(rows.tolist()) & set(split.test.tolist())
    assert math.isnan(one.low)  # one draw has no interval


def test_interpolation_is_along_the_logarithm() -> None:
    found = effective_shots([1, 4, 16], [0.2, 0.4, 0.6], 0.5)
    assert found.sign == "=" and found.shots == pytest.approx(8)  # halfway from ln 4 to ln 16
    assert effective_shots([1, 4], [0.2, 0.4], 0.4) == (4, "=")
    assert effective_shots([1, 4], [0.2, 0.4], 0.2) == (1, "=")
    assert effective_shots([1, 2, 4, 8], [0.3, 0.2, 0.5, 0.4], 0.45).shots < 4  # first crossing


def test_ends_are_bounds() -> None:
    assert effective_shots([1, 2], [0.3, 0.4], 0.1) == (1, "<")
    assert effective_shots([1, 2], [0.3, 0.4], 0.9) == (2, ">")
    assert str(effective_shots([1, 2], [0.3, 0.4], 0.9)) == "> 2"


def test_the_class_with_too_few_is_named(data: Data) -> None:
    with pytest.raises(ValueError, match=r"Class 2 has 1 example.*ask for 1 or fewer"):
        sample_shots(torch.tensor([0, 0, 1, 1, 2]), 2)
    x, y = data
    with pytest.raises(ValueError, match="at least 48"):
        few_shot(x, y, split_pictures(y), shots=(1, 64))


def test_refusals(data: Data) -> None:
    x, y = data
    split = split_pictures(y)
    for shots in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="1 or more"):
            sample_shots(y, shots)
    with pytest.raises(ValueError, match="repeats"):
        few_shot(x, y, split, repeats=0)
    with pytest.raises(ValueError, match="same class"):
        few_shot(x, torch.zeros_like(y), split, shots=(1,))
    with pytest.raises(TypeError, match="words"):
        few_shot(x, ["a"] * 180, split, shots=(1,))
    for shots, accuracies, zero in (
        ([1], [], 0.5),
        ([2, 1], [0.1, 0.2], 0.5),
        ([0, 1], [0.1, 0.2], 0.5),
        ([1, 2], [0.1, math.nan], 0.5),
        ([1, 2], [0.1, 0.2], math.nan),
    ):
        with pytest.raises(ValueError):
            effective_shots(shots, accuracies, zero)


def test_figure(data: Data) -> None:
    x, y = data
    points = few_shot(x, y, split_pictures(y), shots=(1, 2), repeats=2)
    figure = few_shot_figure({"a": points, "b": points}, {"a": 0.5, "b": 0.4}, title="two")
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
    with pytest.raises(ValueError, match="zero-shot accuracy of every task"):
        few_shot_figure({"a": points}, {})
