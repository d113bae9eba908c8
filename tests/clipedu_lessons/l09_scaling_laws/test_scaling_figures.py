"""The figure of a power law: what is drawn, and that it can be read without colour."""

from __future__ import annotations

import pytest

from clipedu_lessons.l09_scaling_laws.scaling import fit_power_law
from clipedu_lessons.l09_scaling_laws.scaling_figures import law_figure

COMPUTE, ERROR = [1.0, 10.0, 100.0], [50.0, 41.0, 32.0]


def test_points_and_line_are_drawn() -> None:
    law = fit_power_law(COMPUTE, ERROR)
    points = {"one": (COMPUTE, ERROR), "other": (COMPUTE[:2], ERROR[:2])}
    figure = law_figure(points, law, unit="steps", names=list("abc"))
    axes = figure.axes[0]
    line, one, other = axes.lines
    assert line.get_ydata()[[0, -1]] == pytest.approx(law([1.0, 100.0]))
    assert list(one.get_ydata()) == ERROR and len(other.get_ydata()) == 2
    assert one.get_marker() != other.get_marker()
    assert [text.get_text() for text in axes.texts] == list("abc")
    assert axes.get_xlabel() == "steps" and "%" in axes.get_ylabel()
    labels = [text.get_text() for text in axes.get_legend().texts]
    assert labels == [f"power law, slope {law.slope:.3f}", *points]


def test_nothing_to_draw_is_refused() -> None:
    law = fit_power_law(COMPUTE, ERROR)
    with pytest.raises(ValueError, match="no points"):
        law_figure({}, law, unit="steps")
    with pytest.raises(ValueError):
        law_figure({"one": (COMPUTE, ERROR)}, law, unit="steps", names=["a"])
