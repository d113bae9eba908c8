"""Two prompts compared on the same pictures."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import binomtest

from clipedu_lessons.l06_prompts.paired import gain, gain_of


def test_a_gain_is_what_changed() -> None:
    before = torch.tensor([1, 1, 0, 0, 0, 1]).bool()
    after = torch.tensor([1, 0, 1, 1, 0, 1]).bool()
    found = gain_of(before, after)
    assert (found.fixed, found.broken) == (2, 1)
    assert found.points == pytest.approx(100 / 6)
    with pytest.raises(ValueError, match="Expected"):
        gain_of(before, after[:3])


@pytest.mark.parametrize(("fixed", "broken"), [(1, 0), (12, 9), (9, 12), (30, 9), (40, 0)])
def test_interval_and_p_agree(fixed: int, broken: int) -> None:
    found = gain(fixed, broken, 300)
    assert found.low <= found.points <= found.high
    assert found.p == pytest.approx(binomtest(fixed, fixed + broken).pvalue)
    assert (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_the_interval_covers() -> None:
    """Of 400 experiments whose true gain is 10 points, 95 % or more have it in their interval."""
    draw = torch.Generator().manual_seed(0)
    kinds = torch.multinomial(torch.tensor([0.2, 0.1, 0.7]), 400 * 150, True, generator=draw)
    inside = 0
    for of in kinds.view(400, 150):
        found = gain(int((of == 0).sum()), int((of == 1).sum()), 150)
        inside += found.low <= 10 <= found.high
    assert inside >= 0.93 * 400


def test_nothing_changed_and_what_cannot_be() -> None:
    assert gain(0, 0, 10)[:3] == (0, 0, 0) and gain(0, 0, 10).p == 1
    for counts in ((-1, 2, 10), (6, 6, 10)):
        with pytest.raises(ValueError, match="can't be"):
            gain(*counts)
