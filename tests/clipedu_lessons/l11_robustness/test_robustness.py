"""Logits, the line through models, the prediction interval, and what is above it."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import linregress
from scipy.stats import t as student

from clipedu_lessons.l11_robustness.robustness import (
    Rights,
    effective_robustness,
    fit_line,
    leave_one_out,
    logit,
    resampled,
)

X = np.array([0.2, 0.35, 0.5, 0.6, 0.7, 0.8])


def on_a_line(x, slope=0.9, intercept=-1.0):
    return expit(slope * np.log(x / (1 - x)) + intercept)


def scattered(models=30, scatter=0.2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.15, 0.85, models)
    return x, expit(logit(on_a_line(x)) + rng.normal(0, scatter, models))


@settings(max_examples=30, deadline=None)
@given(st.floats(0.001, 0.999))
def test_logit_is_undone_by_the_logistic_function(share):
    assert expit(logit(share)) == pytest.approx(share)
    assert float(logit(1 - share)) == pytest.approx(-float(logit(share)), abs=1e-9)


@pytest.mark.parametrize(("share", "want"), [(0.0, 0.001), (1.0, 0.999)])
def test_zero_and_one_are_moved_inwards_and_said(share, want):
    with pytest.warns(UserWarning, match="moved inwards"):
        assert float(logit(share)) == pytest.approx(math.log(want / (1 - want)))


def test_an_accuracy_that_was_measured_is_not_moved():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(logit(0.0001)) == pytest.approx(math.log(0.0001 / 0.9999))


@pytest.mark.parametrize(("bad", "words"), [(76.2, "percent"), (-0.1, "0 to 1"), (math.nan, "NaN")])
def test_what_is_no_accuracy_is_refused(bad, words):
    with pytest.raises(ValueError, match=words):
        logit(bad)


def test_the_fit_is_scipys_on_logits():
    x, y = scattered(12)
    line, want = fit_line(x, y), linregress(logit(x), logit(y))
    assert line.slope == pytest.approx(want.slope)
    assert line.intercept == pytest.approx(want.intercept)
    assert line.r == pytest.approx(want.rvalue)
    # The band at the mean of the models is t times the standard error of their mean height.
    low, high = line.band(expit(line.center))
    reach = student.ppf(0.975, 10) * line.scatter / math.sqrt(12)
    assert float(logit(high) - logit(low)) == pytest.approx(2 * reach)


def test_the_interval_is_wider_than_the_band_and_both_widen_away_from_the_models():
    x = np.random.default_rng(1).uniform(0.4, 0.6, 30)
    line = fit_line(x, expit(logit(on_a_line(x)) + np.random.default_rng(2).normal(0, 0.2, 30)))
    at = np.array([0.5, 0.95])
    for area in (line.band, line.interval):
        low, high = area(at)
        assert (low < line.predict(at)).all() and (line.predict(at) < high).all()
        width = logit(high) - logit(low)
        assert width[1] > width[0]
    assert (line.interval(at)[0] < line.band(at)[0]).all()


def test_the_interval_holds_a_new_model_as_often_as_it_says():
    rng, inside = np.random.default_rng(3), 0
    for seed in range(400):
        x, y = scattered(12, seed=seed)
        new = rng.uniform(0.15, 0.85)
        low, high = fit_line(x, y).interval(new)
        inside += low < expit(logit(on_a_line(new)) + rng.normal(0, 0.2)) < high
    assert 0.92 <= inside / 400 <= 0.98


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
        fit_line(x, y)


def test_effective_robustness_is_the_distance_from_the_line_and_from_its_interval():
    line = fit_line(*scattered())
    found = effective_robustness(line, 0.5, 0.6)
    low, high = line.interval(0.5)
    assert found.value == pytest.approx(0.6 - float(line.predict(0.5)))
    assert (found.low, found.high) == pytest.approx((0.6 - high, 0.6 - low))
    assert found.low > 0
    with pytest.raises(ValueError, match="percent"):
        effective_robustness(line, 50, 0.6)


def test_ordinary_models_left_out_are_seldom_called_robust_and_an_odd_one_is():
    outside = [np.abs(leave_one_out(*scattered(40, seed=seed))) > 1 for seed in range(5)]
    assert np.mean(outside) < 0.1
    x, y = scattered(40)
    y[3] = 0.9
    found = leave_one_out(x, y)
    assert found[3] > 1 and found.argmax() == 3
    # Two copies of the odd one hide each other, unless they are left out together.
    x, y, groups = np.append(x, x[3]), np.append(y, y[3]), [*range(40), 3]
    assert leave_one_out(x, y, groups)[-1] > leave_one_out(x, y)[-1]


def test_seeds_of_a_recipe_are_no_new_models():
    x, y = scattered(12)
    once = fit_line(x, y)
    thrice = fit_line(np.repeat(x, 3), np.repeat(y, 3), np.repeat(np.arange(12), 3).tolist())
    for area in ("band", "interval"):
        assert np.allclose(getattr(once, area)(X), getattr(thrice, area)(X))
    assert fit_line(np.repeat(x, 3), np.repeat(y, 3)).interval(0.5)[1] < once.interval(0.5)[1]
    with pytest.raises(ValueError, match="2 model"):
        fit_line(X, X, [*"aabbbb"])


def test_nested_seeds_keep_the_promise_that_models_alone_break():
    rng, groups, above = np.random.default_rng(4), np.repeat(np.arange(8), 6).tolist(), [0, 0]
    for _ in range(400):
        z = rng.uniform(-1.5, 1.5, 9)
        off = z + rng.normal(0, 0.3, 9)  # what is special about a recipe, shared by its six seeds
        x, y = np.repeat(z[1:], 6), np.repeat(off[1:], 6) + rng.normal(0, 0.03, 48)
        for which, nested in enumerate((groups, None)):
            high = fit_line(expit(x), expit(y), nested).interval(expit(z[0]))[1]
            above[which] += expit(off[0]) > high
    nested, alone = np.array(above) / 400
    assert nested <= 0.04 and alone > nested + 0.02


def sets(styles=1, better=0.5, seed=0, models=20):
    """A reference and a shift of 60 names each; the model in question is right at `better`."""
    rng, found = np.random.default_rng(seed), {}
    ability = rng.uniform(-1.0, 1.5, models)
    for name, lower in (("reference", 0.0), ("shift", 1.0)):
        hard = rng.normal(0, 1, 60)
        share = expit(ability[:, None] - lower - hard)
        models_right = rng.random((models, 60)) < share
        one = rng.random((1, 60)) < (0.5 if name == "reference" else better)
        found[name] = Rights(
            np.repeat(models_right, styles, axis=1),
            np.repeat(one, styles, axis=1),
            np.repeat(np.arange(60).astype(str), styles),
            np.repeat(np.arange(60) % 6, styles),
        )
    return found


def test_resampling_has_the_value_of_the_line_and_counts_names_once():
    data = sets()
    found = resampled(data, draws=400)
    home, away = (s.models.mean(1) for s in data.values())
    line = fit_line(home, away)
    want = effective_robustness(line, data["reference"].one.mean(), data["shift"].one.mean())
    assert found.value == pytest.approx(want.value)
    assert found.high - found.low > want.high - want.low  # pictures and models, not models alone
    assert resampled(sets(styles=4), draws=400) == pytest.approx(found)  # four styles: no news
    assert resampled(sets(better=0.95), draws=400).low > 0
    copied = {
        key: s._replace(models=np.repeat(s.models, 3, 0), groups=np.repeat(range(20), 3).tolist())
        for key, s in data.items()
    }
    assert resampled(copied, draws=400) == pytest.approx(found)


def test_resampling_takes_a_mean_over_classes_and_leaves_pictures_out():
    data = sets()
    kept = {key: s._replace(kept=s.labels != 0) for key, s in data.items()}
    left = {
        key: Rights(s.models[:, m], s.one[:, m], s.names[m], s.labels[m])
        for key, s in data.items()
        for m in [s.labels != 0]
    }
    assert resampled(kept, draws=50).value == pytest.approx(resampled(left, draws=50).value)
    unequal = {
        key: Rights(s.models[:, m], s.one[:, m], s.names[m], s.labels[m])
        for key, s in data.items()
        for m in [(s.labels != 0) | (np.arange(60) < 6)]
    }
    by_class = resampled(unequal, per_class=True, draws=50).value
    home, away = (
        [
            np.mean([row[s.labels == k].mean() for k in range(6)])
            for row in np.vstack([s.models, s.one])
        ]
        for s in unequal.values()
    )
    want = effective_robustness(fit_line(home[:-1], away[:-1]), home[-1], away[-1])
    assert by_class == pytest.approx(want.value)
