"""The figures of robustness hold every model, those at the very ends too."""

import numpy as np
import pytest
from scipy.special import expit

from clipedu_lessons.l11_robustness.robustness import fit_line, logit
from clipedu_lessons.l11_robustness.robustness_figures import strip
from clipedu_lessons.l11_robustness.robustness_figures import testbed_figure as draw  # not a test

X = np.array([0.2, 0.35, 0.5, 0.6, 0.7, 0.8])


def a_line(x=X):
    noise = np.array([0.1, -0.1, 0.05, 0.0, -0.1, 0.1])
    return fit_line(x, expit(0.9 * logit(X) - 1 + noise))


def test_a_panel_has_the_models_their_lines_and_the_points():
    points = {"a shift": {"ours": [(0.5, 0.6), (0.9, 0.4)]}}
    figure = draw({"a shift": {"plain": a_line(), "matched": a_line()}}, points)
    figure.draw_without_rendering()
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    lines = ["plain", "line: plain", "matched", "line: matched"]
    assert names == [*lines, "nothing lost", "ours"]
    (left, right), (low, high) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert left < 0.2 and right > 0.9 and low < a_line().shifted.min() and high > 0.6
    with pytest.raises(ValueError, match="no line"):
        draw({})


@pytest.mark.filterwarnings("error:Attempt to set")
def test_an_accuracy_of_exactly_0_or_1_is_drawn_at_the_edge():
    x = X.copy()
    x[0] = 0.0
    with pytest.warns(UserWarning, match="moved inwards"):
        line = a_line(x)
    figure = draw({"a shift": {"": line}}, {"a shift": {"ours": [(1.0, 1.0)]}})
    figure.draw_without_rendering()
    (left, right), (low, high) = figure.axes[0].get_xlim(), figure.axes[0].get_ylim()
    assert 0 < left < 0.001 and 0.999 < right < 1 and 0 < low < high < 1


def test_panels_that_are_left_over_are_empty():
    figure = draw({str(k): {"": a_line()} for k in range(3)}, columns=2)
    assert len(figure.axes) == 4 and not figure.axes[-1].axison


def test_a_strip_refuses_what_is_no_thing_and_no_shift():
    assert len(strip("camera", ("lucide",), ("silhouette",)).axes) >= 1
    with pytest.raises(ValueError, match="not among"):
        strip("philosophy", (), ())
    with pytest.raises(ValueError, match="no shift"):
        strip("camera", (), ("fog",))
