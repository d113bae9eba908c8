"""Power laws: against numpy's own fit, simulated lines, and the paper's tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipedu_lessons.l09_scaling_laws.scaling import (
    SeriesRun,
    bootstrap_band,
    compare_families,
    compute_advantage,
    fit_power_law,
    load_series,
    paper_points,
    predict,
)

COMPUTE = [1.0, 10.0, 100.0, 1000.0]


@settings(deadline=None, max_examples=30)
@given(st.floats(-2, -0.01), st.floats(0.1, 90), st.floats(1e-3, 1e6))
def test_an_exact_power_law_is_found_in_any_unit(slope: float, scale: float, unit: float) -> None:
    compute = [unit * c for c in COMPUTE]
    law = fit_power_law(compute, [scale * c**slope for c in COMPUTE])
    assert law.slope == pytest.approx(slope, abs=1e-9)
    assert law(compute) == pytest.approx([scale * c**slope for c in COMPUTE], rel=1e-9)
    assert law.factor(10) == pytest.approx(10**slope)
    assert law.compute_for(float(law(55.0))) == pytest.approx(55.0, rel=1e-6)
    assert law.spread == pytest.approx(0, abs=1e-9)
    assert law.r == pytest.approx(-1)


def test_the_line_is_numpys() -> None:
    rng = np.random.default_rng(0)
    compute, error = 10 ** rng.uniform(0, 4, 9), rng.uniform(0.1, 0.9, 9)
    slope, intercept = np.polyfit(np.log10(compute), np.log10(error), 1)
    law = fit_power_law(compute, error)
    assert (law.slope, law.intercept) == pytest.approx((slope, intercept))
    assert law.r == pytest.approx(np.corrcoef(np.log10(compute), np.log10(error))[0, 1])


def test_the_papers_tables_give_the_slope_and_correlation_that_are_noted() -> None:
    names, compute, error = paper_points("resnet")
    assert names == ["RN50", "RN101", "RN50x4", "RN50x16", "RN50x64"]
    law = fit_power_law(compute, error)
    assert round(law.slope, 4) == -0.0755 and round(law.r, 3) == -0.993
    assert max(compute) / min(compute) == pytest.approx(44, abs=0.5)  # section 3.1.5
    vits, vit_compute, vit_error = paper_points("vit")
    assert len(vits) == 4
    assert (np.asarray(vit_error) < law(vit_compute)).all()  # every ViT lies below the line
    with pytest.raises(ValueError, match="resnet"):
        paper_points("mixer")


@pytest.mark.parametrize(
    ("compute", "error", "words"),
    [
        ([1, 2], [0.5, 0.4], "at least 3 points"),
        ([1, 2, 3], [0.5, 0.4], "One error for each"),
        ([1, 2, 3], [0.5, 0.0, 0.3], "0 has no logarithm"),
        ([1, 2, 3], [0.5, -0.1, 0.3], "number 1"),
        ([1, 2, 3], [0.5, math.nan, 0.3], "number 1"),
        ([0, 2, 3], [0.5, 0.4, 0.3], "compute number 0"),
        ([2, 2, 2], [0.5, 0.4, 0.3], "same compute"),
    ],
)
def test_points_that_make_no_line_are_refused(
    compute: list[float], error: list[float], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        fit_power_law(compute, error)
    with pytest.raises(ValueError, match=words):
        bootstrap_band(compute, error)


def test_a_prediction_holds_95_of_100_new_points_and_widens_with_distance() -> None:
    rng = np.random.default_rng(1)
    x = np.linspace(0, 3, 6)
    inside = []
    for _ in range(400):
        noise = rng.normal(0, 0.02, 7)
        law = fit_power_law(10**x, 10 ** (-0.1 * x + noise[:6]))
        told = predict(law, 10**4)
        inside.append(told.low <= 10 ** (-0.4 + noise[6]) <= told.high)
    assert 0.92 <= np.mean(inside) <= 0.98
    near, far = (predict(law, c) for c in (10**1.5, 10**5))
    assert near.high / near.low < far.high / far.low
    assert predict(law, 10**4, level=0.5).high < predict(law, 10**4).high
    for bad in ({"compute": 0.0}, {"compute": 5.0, "level": 95}):
        with pytest.raises(ValueError):
            predict(law, **bad)


def test_the_band_holds_the_line_and_repeats_with_its_seed() -> None:
    rng = np.random.default_rng(2)
    x = np.repeat(np.linspace(0, 3, 6), 3)
    error = 10 ** (-0.2 * x - 0.1 + rng.normal(0, 0.01, 18))
    names = np.repeat(np.arange(6), 3).tolist()
    band = bootstrap_band(10**x, error, models=names, draws=300)
    law = fit_power_law(10**x, error)
    assert (band.low <= law(band.compute)).all() and (law(band.compute) <= band.high).all()
    low, high = band.slope_interval()
    assert low < law.slope < high and low < -0.2 < high
    again = bootstrap_band(10**x, error, models=names, draws=300)
    assert (again.low == band.low).all() and (again.slopes == band.slopes).all()
    assert len(bootstrap_band(10**x, error, at=[5.0], draws=20).low) == 1


def test_seeds_of_one_model_are_not_models() -> None:
    """Three seeds that agree make a band no narrower than the models do."""
    x = np.array([0.0, 1.0, 2.0, 3.0])
    error = 10 ** np.array([-0.05, -0.1, -0.31, -0.3])
    one = bootstrap_band(10**x, error, draws=400)
    args = (10 ** np.repeat(x, 3), np.repeat(error, 3))
    three = bootstrap_band(*args, models=np.repeat(x, 3).tolist(), draws=400)
    as_points = bootstrap_band(*args, draws=400)
    wide, same, narrow = (np.ptp(b.slope_interval()) for b in (one, three, as_points))
    assert same == pytest.approx(wide, rel=0.15) and narrow < 0.8 * wide
    with pytest.raises(ValueError, match="at least 3 models"):
        bootstrap_band(10**x, error, models=[1, 1, 2, 2])
    with pytest.raises(ValueError, match="one for each"):
        bootstrap_band(10**x, error, models=[1, 2, 3])


def runs(family: str, shift: float, noise: float, models: int = 5) -> list[SeriesRun]:
    """Models on a line, three seeds each; `shift` moves it sideways."""
    rng = np.random.default_rng(len(family))
    found = []
    for k in range(models):
        for seed in range(3):
            compute = 1e12 * 10 ** (k / 2)
            error = 0.9 * (compute / 1e12 / shift) ** -0.1 * 10 ** rng.normal(0, noise)
            found.append(
                SeriesRun(f"{family} {k}", family, seed, 1, 1, 1, compute, 1.0, {"error": error})
            )
    return found


def test_families_are_compared_where_both_have_points() -> None:
    exact = compare_families(runs("resnet", 1, 0), runs("vit", 4, 0))
    assert exact.times == pytest.approx(4) and exact.low == pytest.approx(4)
    assert exact.errors[0] < exact.error < exact.errors[1] <= 0.9
    noisy = compare_families(runs("resnet", 1, 0.004), runs("vit", 4, 0.004), draws=300)
    assert noisy.low < 4 < noisy.high and 1 < noisy.low
    turned = compare_families(runs("vit", 4, 0.004), runs("resnet", 1, 0.004), draws=300)
    assert turned.times == pytest.approx(1 / noisy.times)
    equal = compare_families(runs("resnet", 1, 0.01), runs("vit", 1, 0.01), draws=300)
    assert equal.low < 1 < equal.high
    wild = compare_families(runs("resnet", 1, 0), runs("vit", 1, 0.2), draws=300)
    assert wild.high / wild.low > 1e3  # some draws do not fall at all
    with pytest.raises(ValueError, match="No error is reached by both"):
        compare_families(runs("resnet", 1, 0), runs("vit", 1e6, 0))


def test_advantage_is_the_distance_between_two_lines() -> None:
    one = fit_power_law(COMPUTE, [0.5 * c**-0.1 for c in COMPUTE])
    other = fit_power_law(COMPUTE, [0.5 * (c / 3) ** -0.1 for c in COMPUTE])
    assert compute_advantage(one, other, 0.4) == pytest.approx(3)
    assert compute_advantage(other, one, 0.4) == pytest.approx(1 / 3)
    rising = fit_power_law(COMPUTE, COMPUTE)
    with pytest.raises(ValueError, match="does not fall"):
        compute_advantage(one, rising, 0.4)
    with pytest.raises(ValueError, match="above 0"):
        compute_advantage(one, other, 0)


def test_a_series_that_is_not_there_or_damaged_is_said(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="benchmarks/scaling.py"):
        load_series(tmp_path / "none.csv")
    (tmp_path / "bad.csv").write_text("model,family\nRN-8,resnet\n")
    with pytest.raises(ValueError, match="flops"):
        load_series(tmp_path / "bad.csv")
