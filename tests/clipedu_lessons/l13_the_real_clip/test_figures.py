from __future__ import annotations

import pytest
import torch
from PIL import Image

from clipedu_lessons.l13_the_real_clip import figures


def test_the_activations_differ_by_a_wave() -> None:
    figure, words = figures.activation_figure()
    (difference,) = figure.axes[1].lines
    assert abs(difference.get_ydata()).max() == pytest.approx(0.0203, abs=1e-4)
    assert "between -0.020 and 0.006" in words


def test_the_stages_mark_the_square_in_the_middle() -> None:
    figure, words = figures.stages_figure(Image.new("RGB", (60, 40)), torch.rand(3, 32, 32), 8)
    (square,) = figure.axes[0].patches
    assert (square.get_x(), square.get_y(), square.get_width()) == (10, 0, 40)
    assert "grid of 4 x 4 patches" in words


def test_cosines_have_a_row_and_a_mean_each() -> None:
    groups = {"right": torch.linspace(0.4, 0.6, 50), "wrong": torch.linspace(-0.1, 0.3, 50)}
    figure, words = figures.cosine_figure(groups)
    assert len(figure.axes) == 2
    assert words.endswith("Means: right 0.50, wrong 0.10.")


def test_a_path_leads_from_before_to_after() -> None:
    paths = {"hot": [(0.0, 30.0, 80.0), (1.0, 95.0, 10.0)], "cool": [(0.0, 30, 80), (1.0, 80, 78)]}
    figure, words = figures.trade_figure(paths)
    (axes,) = figure.axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[30, 95], [30, 80]]
    assert "hot, from 30 and 80 to 95 and 10" in words


def test_a_single_path_has_its_chord_and_its_shares() -> None:
    path = [(0.0, 30.0, 80.0), (0.5, 80.0, 75.0), (1.0, 95.0, 60.0)]
    (axes,) = figures.trade_figure({"tuned": path})[0].axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[30, 80, 95], [30, 95]]
    assert [text.get_text() for text in axes.texts] == ["α = 0", "α = 0.5", "α = 1"]
