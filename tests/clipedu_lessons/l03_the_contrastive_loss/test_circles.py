"""Vectors in a circle, stage by stage."""

from __future__ import annotations

import pytest
import torch

from clipedu_lessons.l03_the_contrastive_loss.circles import angles, circle_figure

IMAGE = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.6, 0.8]])
TEXT = torch.tensor([[0.8, 0.6], [0.6, 0.8], [-0.8, 0.6]])


def test_the_circle_draws_every_vector_of_every_stage() -> None:
    figure = circle_figure({"before": (IMAGE, TEXT), "after": (TEXT, TEXT)}, ["c", "d", "t"])
    assert [axes.get_title() for axes in figure.axes] == ["before", "after"]
    before, after = ({text.get_text() for text in axes.texts} for axes in figure.axes)
    assert all(len(axes.lines) == 6 for axes in figure.axes)
    assert before == {"c", '"c"', "t", '"t"', 'd,\n"d"'}, "those that coincide share a label"
    assert after == {'c,\n"c"', 'd,\n"d"', 't,\n"t"'}
    with pytest.raises(ValueError, match="expected"):
        circle_figure({"of 16 dimensions": (torch.ones(3, 16), torch.ones(3, 16))}, ["c", "d", "t"])


def test_the_angles_of_own_and_other_pairs_by_hand() -> None:
    own, others = angles(torch.eye(3), torch.eye(3).roll(1, dims=0))
    torch.testing.assert_close(own, torch.full((3,), 90.0))
    assert others.item() == pytest.approx((3 * 0 + 3 * 90) / 6)
