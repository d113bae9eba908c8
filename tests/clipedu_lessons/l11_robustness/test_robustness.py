"""Logits, the line through models, and what stands above it."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import linregress

from clipedu_lessons.l11_robustness.robustness import (
    effective_robustness,
    fit_line,
    logit,
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


def clipped_fit(n_reference, **how):
    x = np.where(X == X.max(), 1.0, X)
    with pytest.warns(UserWarning, match="clipped"):
        return fit_line(x, on_a_line(X), n_reference=n_reference, bootstrap=5, **how)


@pytest.mark.parametrize("shape", [(6,), (1,), (6, 1)])
def test_pictures_may_be_counted_for_each_model(shape):
    one, many = clipped_fit(50), clipped_fit(np.full(shape, 50))
    assert many.slopes == pytest.approx(one.slopes) and many.slopes.shape == (1,)
    assert many.draws == pytest.approx(one.draws)


def test_each_model_is_clipped_by_its_own_pictures():
    ns = [10, 10, 10, 10, 10, 200]  # only the last, at exactly 1, is moved by them
    assert clipped_fit(ns).slope == pytest.approx(clipped_fit(200).slope)
    x = np.column_stack([X, X[::-1] ** 2])
    x[0, 0] = x[1, 1] = 0.0
    with pytest.warns(UserWarning, match="clipped"):
        by_set, whole = (
            fit_line(x, X, n_reference=n, bootstrap=0) for n in ([20, 80], [[20, 80]] * 6)
        )
    assert by_set.slopes == pytest.approx(whole.slopes)


@pytest.mark.parametrize(
    "how", [{"n_reference": [50] * 5}, {"n_shifted": [50] * 5}, {"n_shifted": [[50] * 6]}]
)
def test_pictures_of_another_number_of_models_are_refused(how):
    with pytest.raises(ValueError, match=f"{next(iter(how))} is one number.* 6 models"):
        fit_line(X, on_a_line(X), bootstrap=5, **how)


def test_a_draw_of_one_model_is_no_line_and_is_drawn_again():
    x = np.array([0.3, 0.5, 0.7])
    line = fit_line(x, on_a_line(x), bootstrap=200)  # of 3 models, 1 draw in 9 is of one alone
    assert line.draws[:, 0] == pytest.approx(0.9)
    # the others are drawn as they always were
    rows = np.random.default_rng(0).integers(3, size=(200, 3))
    whole = np.ptp(rows, axis=1) > 0
    y = expit(logit(on_a_line(x)) + [0.1, -0.2, 0.1])
    want = [linregress(logit(x[row]), logit(y[row])).slope for row in rows[whole]]
    assert fit_line(x, y, bootstrap=200).draws[whole, 0] == pytest.approx(want)
    pair = np.column_stack([X, np.roll(X, 1)])
    both = fit_line(pair, expit(logit(pair) @ [0.3, 0.6]), bootstrap=300)
    assert both.draws[:, :2] == pytest.approx(np.tile([0.3, 0.6], (300, 1)))


def test_reference_sets_that_say_the_same_still_have_a_band():
    line = fit_line(np.column_stack([X, X]), on_a_line(X), bootstrap=50)
    low, high = line.band([0.5, 0.5])
    assert low == pytest.approx(high) == pytest.approx(on_a_line(0.5))


def test_a_bootstrap_that_finds_no_line_says_so():
    rng = np.random.default_rng(0)
    x = rng.uniform(0.2, 0.8, (22, 20))
    with pytest.raises(ValueError, match="more models, or with bootstrap=0"):
        fit_line(x, rng.uniform(0.2, 0.8, 22), bootstrap=5)


def test_without_a_bootstrap_there_is_a_line_and_no_interval():
    line = fit_line(X, on_a_line(X), bootstrap=0)
    above = effective_robustness(line, 0.5, 0.6, n_reference=50, n_shifted=50)
    assert above.value == pytest.approx(0.6 - on_a_line(0.5))
    assert math.isnan(above.low) and math.isnan(above.high) and not above.positive
    assert np.isnan(line.band(X)).all() and np.shape(line.band(X)) == (2, 6)
    with pytest.raises(ValueError, match="0 or more; got -1"):
        fit_line(X, on_a_line(X), bootstrap=-1)


@pytest.mark.filterwarnings("ignore:Exactly 0 or 1")
def test_all_right_is_moved_by_half_a_picture_in_value_and_interval():
    line = fit_line(X, on_a_line(X), bootstrap=400)
    above = effective_robustness(line, 1.0, 0.9, n_reference=50, n_shifted=5000)
    assert above.value == pytest.approx(0.9 - on_a_line(0.99))
    assert above.low <= above.value <= above.high
    assert line.predict([1.0, 0.5], [50, 50]) == pytest.approx(on_a_line(np.array([0.99, 0.5])))


@pytest.mark.filterwarnings("ignore:Exactly 0 or 1")
@pytest.mark.parametrize("shifted", [0.0, 1.0])
def test_none_or_all_right_of_few_leaves_room_for_luck(shifted):
    line = fit_line(X, on_a_line(X), bootstrap=400)
    few, many = (effective_robustness(line, 0.5, shifted, n_shifted=n) for n in (20, 5000))
    assert few.high - few.low >= 0.05 > many.high - many.low
    few, many = (effective_robustness(line, shifted, 0.5, n_reference=n) for n in (20, 5000))
    assert few.high - few.low > 3 * (many.high - many.low) > 0


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
