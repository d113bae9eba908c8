"""The paper's Figure 13 and its baseline lines."""

from __future__ import annotations

import math

import pytest

from clipedu_lessons.l11_robustness.paper_lines import BASELINES, figure13


@pytest.mark.parametrize(
    ("shift", "predicted", "zero_shot", "robustness"),
    [
        ("ImageNetV2", 64.1, 70.1, 6.0),
        ("ImageNet-Sketch", 24.5, 60.2, 35.7),
        ("ImageNet-R", 36.8, 88.9, 52.1),
        ("ObjectNet", 34.8, 72.3, 37.5),
        ("ImageNet-A", 6.1, 77.2, 71.1),
    ],
)
def test_baseline_lines(shift: str, predicted: float, zero_shot: float, robustness: float) -> None:
    line = BASELINES[shift]
    assert line.predict(76.2) == pytest.approx(predicted, abs=0.06)
    assert line.effective_robustness(76.2, zero_shot) == pytest.approx(robustness, abs=0.06)
    for percent in (0, 100, math.nan):
        with pytest.raises(ValueError, match="between 0 and 100"):
            line.predict(percent)


def test_the_figure_has_axes_and_words() -> None:
    figure, words = figure13()
    assert "2103.00020" in words and len(words) > 80
    for axes in figure.axes:
        if axes.axison:
            assert axes.get_title() or axes.get_xlabel()
