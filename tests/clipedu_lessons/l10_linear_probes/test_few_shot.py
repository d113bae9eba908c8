"""Few shots: seeded draws, intervals, and the interpolation of Figure 7."""

from __future__ import annotations

import math

import pytest
import torch

from clipedu_lessons.l10_linear_probes.few_shot import (
    apart,
    effective_shots,
    few_shot_figure,
    sample_shots,
)


def test_every_class_gets_as_many_and_larger_draws_contain_smaller() -> None:
    labels = torch.tensor([0] * 9 + [2] * 5 + [3] * 7)  # class 1 does not occur
    small, large = (sample_shots(labels, k, seed=4) for k in (2, 4))
    assert torch.bincount(labels[small]).tolist() == [2, 0, 2, 2]
    assert set(small.tolist()) < set(large.tolist())
    assert torch.equal(small, sample_shots(labels, 2, seed=4))
    assert not torch.equal(small, sample_shots(labels, 2, seed=5))


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


def test_the_class_with_too_few_is_named() -> None:
    with pytest.raises(ValueError, match=r"Class 2 has 1 example.*ask for 1 or fewer"):
        sample_shots(torch.tensor([0, 0, 1, 1, 2]), 2)


def test_refusals() -> None:
    for shots in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="whole number from 1"):
            sample_shots(torch.tensor([0, 1]), shots)
    for shots, accuracies, zero in (
        ([1], [], 0.5),
        ([2, 1], [0.1, 0.2], 0.5),
        ([0, 1], [0.1, 0.2], 0.5),
        ([1, 2], [0.1, math.nan], 0.5),
        ([1, 2], [0.1, 0.2], math.nan),
    ):
        with pytest.raises(ValueError):
            effective_shots(shots, accuracies, zero)


def test_figure() -> None:
    runs = {"a": torch.rand(5, 2), "b": torch.rand(5, 2)}
    figure, words = few_shot_figure(runs, {"a": 0.5, "b": 0.4}, shots=(1, 2))
    assert "a star at 45 %" in words
    labels = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert labels == ["0", "1", "2"]


def test_names_beside_a_figure_do_not_overlap() -> None:
    found = apart({"words": 95.0, "digits": 94.0, "counting": 42.0}, least=5.5)
    assert found == {"counting": 42.0, "digits": 94.0, "words": 99.5}
    assert apart({}) == {}
