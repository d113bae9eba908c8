"""The figures of robustness hold every model, those at the very ends too."""

import numpy as np
import pytest
from scipy.special import expit

from clipedu_lessons.l11_robustness.robustness import fit_line, logit
from clipedu_lessons.l11_robustness.robustness_figures import testbed_figure as draw  # not a test

X = np.array([0.2, 0.35, 0.5, 0.6, 0.7, 0.8])


def ends(line, points=None):
    figure = draw({"a shift": line}, None if points is None else {"a shift": points})
    figure.draw_without_rendering()
    axes = figure.axes[0]
    return figure, (*axes.get_xlim(), *axes.get_ylim())


def test_a_panel_has_the_models_their_line_and_the_points():
    line = fit_line(X, expit(0.9 * logit(X) - 1), bootstrap=20)
    figure, (left, right, low, high) = ends(line, {"ours": [(0.5, 0.6), (0.9, 0.4)], "none": []})
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["supervised models", "their line", "nothing lost", "ours", "none"]
    assert left < 0.2 and 0.9 < right < 0.95
    assert low < line.shifted.min() and 0.6 < high < 0.99
    with pytest.raises(ValueError, match="no line"):
        draw({})


@pytest.mark.filterwarnings("error:Attempt to set")
@pytest.mark.parametrize("where", ["reference", "shifted", "points"])
@pytest.mark.parametrize("extreme", [0.0, 1.0])
def test_an_accuracy_of_exactly_0_or_1_is_drawn_at_the_edge(where, extreme):
    x, y, points = X.copy(), expit(0.9 * logit(X) - 1), {"ours": [(0.5, 0.6)]}
    if where == "points":
        points["ours"].append((extreme, extreme))
        line = fit_line(x, y, bootstrap=20)
    else:
        (x if where == "reference" else y)[0 if extreme == 0 else -1] = extreme
        with pytest.warns(UserWarning, match="clipped"):
            line = fit_line(x, y, bootstrap=20)
    figure, (left, right, low, high) = ends(line, points)
    assert 0 < left < right < 1 and 0 < low < high < 1
    drawn = np.vstack([line.get_xydata() for line in figure.axes[0].lines if line.get_marker()])
    assert ((drawn > 0) & (drawn < 1)).all()
    axis = {"reference": (left, right), "shifted": (low, high), "points": (low, high)}[where]
    assert axis[0] < 0.001 if extreme == 0 else axis[1] > 0.999


def test_a_line_without_a_bootstrap_is_drawn_without_a_band():
    _, (left, right, *_) = ends(fit_line(X, expit(0.9 * logit(X) - 1), bootstrap=0))
    assert left < 0.2 and right > 0.8
