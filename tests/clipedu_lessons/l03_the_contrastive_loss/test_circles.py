"""Vectors in a circle, stage by stage."""

from __future__ import annotations

import pytest
import torch

from clipedu_lessons.l03_the_contrastive_loss.circles import circle_figure

IMAGE = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.6, 0.8]])
TEXT = torch.tensor([[0.8, 0.6], [0.6, 0.8], [-0.8, 0.6]])


def test_the_circle_draws_every_vector_of_every_stage() -> None:
    figure = circle_figure({"before": (IMAGE, TEXT), "after": (TEXT, TEXT)}, ["c", "d", "t"])
    assert [axes.get_title() for axes in figure.axes] == ["before", "after"]
    for axes in figure.axes:
        assert len(axes.lines) == 6 and {text.get_text() for text in axes.texts} >= {"c", '"c"'}
    with pytest.raises(ValueError, match="expected"):
        circle_figure({"of 16 dimensions": (torch.ones(3, 16), torch.ones(3, 16))}, ["c", "d", "t"])
