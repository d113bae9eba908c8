"""Logits, the line through models, and what stands above it."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import linregress

from clipedu.evaluation.robustness import (
    effective_robustness,
    fit_line,
    gap_closed,
    logit,
    relative_robustness,
)

X = np.array([0.2, 0.35, 0.5, 0.6, 0.7, 0.8])


def on_a_line(x, slope=0.9, intercept=-1.0):
    return expit(slope * np.log(x / (1 - x)) + intercept)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.001, 0.999))
def test_logit_is_undone_by_the_logistic_function(share):
    assert expit(logit(share)) == pytest.approx(share)
    assert float(logit(1 - share)) == pytest.approx(-float(logit(share)), abs=1e-9)


@pytest.mark.parametrize(
    ("share", "n", "want"), [(0.0, 100, 0.005), (1.0, 100, 0.995), (0.0, None, 0.001)]
)
def test_zero_and_one_are_moved_inwards_and_said(share, n, want):
    with pytest.warns(UserWarning, match="moved inwards"):
        assert float(logit(share, n)) == pytest.approx(math.log(want / (1 - want)))


def test_an_accuracy_that_was_measured_is_not_moved():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(logit(0.0001)) == pytest.approx(math.log(0.0001 / 0.9999))


@pytest.mark.parametrize(("bad", "words"), [(76.2, "percent"), (-0.1, "0 to 1"), (math.nan, "NaN")])
def test_what_is_no_accuracy_is_refused(bad, words):
    with pytest.raises(ValueError, match=words):
        logit(bad)


def test_the_fit_is_scipys_on_logits():
    rng = np.random.default_rng(0)
    y = expit(logit(on_a_line(X)) + rng.normal(0, 0.2, len(X)))
    line, want = fit_line(X, y, bootstrap=20), linregress(logit(X), logit(y))
    assert line.slope == pytest.approx(want.slope)
    assert line.intercept == pytest.approx(want.intercept)
    assert line.r == pytest.approx(want.rvalue)
    assert line.clipped == 0


def test_the_band_holds_the_line_and_widens_away_from_the_models():
    rng = np.random.default_rng(1)
    x = rng.uniform(0.4, 0.6, 30)
    line = fit_line(x, expit(logit(on_a_line(x)) + rng.normal(0, 0.2, 30)))
    at = np.array([0.5, 0.95])
    low, high = line.band(at)
    assert (low < line.predict(at)).all() and (line.predict(at) < high).all()
    logits = logit(high) - logit(low)
    assert logits[1] > 2 * logits[0]


def test_an_accuracy_of_one_among_the_models_is_clipped_and_counted():
    y = on_a_line(X)
    y[-1] = 1.0
    with pytest.warns(UserWarning, match="clipped"):
        assert fit_line(X, y, n_shifted=50, bootstrap=5).clipped == 1


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (X[:2], X[:2], "2 model"),
        (X, X[:3], "One reference"),
        (np.full(6, 0.5), X, "equally good"),
        (X * 100, X, "percent"),
    ],
)
def test_a_fit_that_says_nothing_is_refused(x, y, words):
    with pytest.raises(ValueError, match=words):
        fit_line(x, y, bootstrap=5)


def test_a_model_on_the_line_has_none_and_one_above_it_has_its_distance():
    line = fit_line(X, on_a_line(X), bootstrap=50)
    assert effective_robustness(line, 0.55, float(on_a_line(0.55))).value == pytest.approx(0)
    above = effective_robustness(line, 0.55, float(on_a_line(0.55)) + 0.1)
    assert above.value == pytest.approx(0.1)
    assert above.positive and above.low <= above.value <= above.high


def test_fewer_pictures_make_a_wider_interval():
    line = fit_line(X, on_a_line(X), bootstrap=400)
    few, many = (
        effective_robustness(line, 0.5, 0.5, n_reference=n, n_shifted=n) for n in (50, 5000)
    )
    assert few.high - few.low > 3 * (many.high - many.low)
    # as wide as the two binomials say: sd² = p(1-p)/n (1 + slope of the curve at 0.5, squared)
    slope = 0.9 * on_a_line(0.5) * (1 - on_a_line(0.5)) / 0.25
    sd = math.sqrt(0.25 / 50 * (1 + slope**2))
    assert few.high - few.low == pytest.approx(2 * 1.96 * sd, rel=0.2)


def test_two_references_explain_what_one_cannot():
    rng = np.random.default_rng(2)
    x = rng.uniform(0.2, 0.8, (40, 2))
    y = expit(logit(x) @ [0.3, 0.6] - 0.5)
    both = fit_line(x, y, bootstrap=10)
    assert both.slopes == pytest.approx([0.3, 0.6])
    assert effective_robustness(both, x[0], y[0]).value == pytest.approx(0, abs=1e-9)
    assert fit_line(x[:, 0], y, bootstrap=10).r < 0.9 < both.r
    with pytest.raises(ValueError, match="2 reference sets"):
        both.predict(0.5)


def test_relative_robustness_and_the_gap():
    assert relative_robustness(0.4, 0.5) == pytest.approx(-0.1)
    line = fit_line(X, on_a_line(X), bootstrap=5)
    expected = float(line.predict(0.7))
    assert gap_closed(line, 0.7, expected) == pytest.approx(0)
    assert gap_closed(line, 0.7, 0.7) == pytest.approx(1)
    with pytest.raises(ValueError, match="no gap"):
        gap_closed(fit_line(X, on_a_line(X, 1, 1), bootstrap=5), 0.5, 0.6)
