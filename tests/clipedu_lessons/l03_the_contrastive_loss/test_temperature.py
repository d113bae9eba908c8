"""The temperature explorer: its numbers against torch's autograd, its controls, its labels."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from clipedu_lessons.l03_the_contrastive_loss.temperature import (
    CAPTIONS,
    TemperatureExplorer,
    gradient_figure,
    row_figure,
    row_in_words,
    temperature_row,
)


@settings(deadline=None, max_examples=25)
@given(st.floats(1, 100), st.floats(-0.4, 0.8))
def test_the_numbers_are_those_of_torch(scale: float, margin: float) -> None:
    row = temperature_row(scale, margin)
    cosines = row.cosines.clone().requires_grad_()
    loss = F.cross_entropy((scale * cosines)[None], torch.tensor([0]))
    loss.backward()
    assert row.loss == pytest.approx(loss.item(), abs=1e-9)
    assert torch.allclose(row.gradient, cosines.grad, atol=1e-9)
    assert row.probabilities.sum().item() == pytest.approx(1)
    assert (cosines[0] - cosines[1:].max()).item() == pytest.approx(margin, abs=1e-9)
    assert cosines.abs().max().item() <= 1 + 1e-9


def test_the_gradient_sums_to_zero_and_only_the_right_caption_is_pulled() -> None:
    row = temperature_row(20.0, 0.1)
    assert row.gradient.sum().item() == pytest.approx(0, abs=1e-9)
    assert row.gradient[0] < 0 < row.gradient[1:].min()


def test_a_larger_scale_gives_the_hardest_caption_more_of_the_push() -> None:
    shares = []
    for scale in (1.0, 10.0, 100.0):
        pushes = temperature_row(scale, 0.1).gradient[1:]
        shares.append((pushes[0] / pushes.sum()).item())
    assert shares == sorted(shares) and shares[0] < 0.25 < 0.99 < shares[2]


@pytest.mark.parametrize(("scale", "margin"), [(0.5, 0.1), (101, 0.1), (10, 0.9), (10, -0.5)])
def test_values_outside_the_range_are_refused(scale: float, margin: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        temperature_row(scale, margin)


def test_the_words_carry_the_numbers_of_the_row() -> None:
    row = temperature_row(10.0, 0.2)
    words = row_in_words(row)
    assert f"{row.loss:.3f}" in words and f"{math.log(CAPTIONS):.3f}" in words
    assert "Scale 10.0, margin +0.20" in words


def test_the_figures_name_their_axes() -> None:
    for figure in (row_figure(temperature_row(10.0, 0.2)), gradient_figure((1, 10, 100))):
        assert all(axes.get_xlabel() for axes in figure.axes)
    labels = [text.get_text() for text in gradient_figure((1, 10)).axes[0].get_legend().texts]
    assert labels == ["scale 1", "scale 10"]


def test_moving_a_control_changes_picture_and_words() -> None:
    widget = TemperatureExplorer()
    seen = {(widget.picture.value, widget.words.value)}
    widget.scale.value = 100.0
    seen.add((widget.picture.value, widget.words.value))
    widget.margin.value = -0.4
    seen.add((widget.picture.value, widget.words.value))
    assert len({picture for picture, _ in seen}) == len({words for _, words in seen}) == 3
    assert "Scale 100.0, margin -0.40" in widget.words.value


def test_both_ends_of_both_sliders_can_be_drawn() -> None:
    widget = TemperatureExplorer()
    for scale in (10**widget.scale.min, 10**widget.scale.max):
        for margin in (widget.margin.min, widget.margin.max):
            widget.scale.value, widget.margin.value = scale, margin
            assert f"margin {margin:+.2f}" in widget.words.value


def test_controls_are_labelled_and_the_picture_has_words() -> None:
    widget = TemperatureExplorer()
    for control in (widget.scale, widget.margin):
        assert control.description and control.tooltip and not control.continuous_update
    assert 'alt="Scale' in widget.picture.value and 'role="status"' in widget.words.value
    assert "running notebook" in repr(widget)
