"""Figures of lesson 02."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.container import BarContainer

from clipedu_lessons.l02_pictures_to_vectors.drawings import accuracy_figure, comparison_figure

PICTURES = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_table_has_a_cell_for_each_pair_with_its_value() -> None:
    table = torch.tensor([[1.0, 0.25, -0.5], [0.0, 0.5, 0.75]])
    figure = comparison_figure(PICTURES[:2], PICTURES, {"pixels": table, "vectors": table})
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert said == 2 * ["1.00", "0.25", "-0.50", "0.00", "0.50", "0.75"]
    assert len(figure.axes) == 2 * 3 * 4


def test_a_table_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="one value a pair"):
        comparison_figure(PICTURES[:2], PICTURES, {"pixels": torch.zeros(3, 2)})


def test_bars_are_means_and_points_are_runs() -> None:
    found = {"rate 1": {"a": [0.1, 0.3], "b": [0.5]}, "rate 2": {"a": [0.2], "b": [0.4, 0.2]}}
    axes = accuracy_figure(found, chance=0.01, asked=10).axes[0]
    drawn = [bars for bars in axes.containers if isinstance(bars, BarContainer)]
    heights = [[bar.get_height() for bar in bars] for bars in drawn]
    assert heights == [pytest.approx([20, 20]), pytest.approx([50, 30])]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    points = sorted(y for line in dots for y in np.asarray(line.get_ydata()).tolist())
    assert points == pytest.approx([10, 20, 20, 30, 40, 50])
    assert [text.get_text() for text in axes.get_xticklabels()] == list(found)
