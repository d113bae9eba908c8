from __future__ import annotations

from math import comb

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipedu.evaluation import clopper_pearson, grouped_interval, mean_per_class_interval


def binomial(n: int, p: float, ks: range) -> float:
    return sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in ks)


@settings(deadline=None)  # a busy machine is no error
@given(st.data(), st.integers(1, 60), st.sampled_from([0.5, 0.9, 0.95, 0.995]))
def test_it_inverts_the_two_tails(data: st.DataObject, n: int, level: float) -> None:
    right = data.draw(st.integers(0, n))
    low, high = clopper_pearson(right, n, level)
    assert 0 <= low <= right / n <= high <= 1
    tail = (1 - level) / 2
    if right > 0:  # were the truth `low`, so many or more would be this rare
        assert binomial(n, low, range(right, n + 1)) == pytest.approx(tail, rel=1e-6)
    if right < n:
        assert binomial(n, high, range(right + 1)) == pytest.approx(tail, rel=1e-6)


def test_no_certainty_at_the_ends() -> None:
    assert clopper_pearson(0, 10) == pytest.approx((0, 1 - 0.025**0.1))
    assert clopper_pearson(10, 10) == pytest.approx((0.025**0.1, 1))


@pytest.mark.parametrize("bad", [(0, 0), (-1, 5), (6, 5), (1, 5, 0.0), (1, 5, 95)])
def test_bad_input(bad: tuple) -> None:
    with pytest.raises(ValueError):
        clopper_pearson(*bad)


def test_pictures_of_their_own_give_the_exact_interval() -> None:
    for right in (0, 1, 150, 297):
        got = grouped_interval(torch.arange(297) < right)
        assert got == pytest.approx(clopper_pearson(right, 297), abs=1e-9)


def test_copies_are_no_new_trials() -> None:
    right = torch.rand(60, generator=torch.Generator().manual_seed(0)) < 0.7
    names = torch.arange(60).repeat_interleave(5)
    got = grouped_interval(right.repeat_interleave(5), names)
    assert got == pytest.approx(clopper_pearson(int(right.sum()), 60))
    every = torch.ones(300, dtype=torch.bool)
    assert grouped_interval(every, names) == pytest.approx(clopper_pearson(60, 60))


def test_classes_of_unequal_size_count_the_same() -> None:
    labels = torch.tensor([0] * 90 + [1] * 10)
    low, high = mean_per_class_interval(labels, labels == 0, 2)  # 100 % and 0 %
    assert low < 0.5 < high and high - low > 0.2  # of ten pictures, not of a hundred
    assert mean_per_class_interval(labels, labels >= 0, 2)[0] < 1
    with pytest.raises(ValueError, match="at least one"):
        grouped_interval(labels[:0] == 0)
