"""Power laws: against numpy's own fit, simulated lines, and the paper's tables."""

from __future__ import annotations

import dataclasses
import json
import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipedu.evaluation import embed_pictures, load_task, zero_shot_classifier
from clipedu.models import build
from clipedu.training import load_pretrained
from clipedu_lessons.common.records import about_record
from clipedu_lessons.l09_scaling_laws.grid import (
    BATCH_SIZE,
    PAIRS,
    WIDTHS,
    error_among,
    flops,
    load_grid,
    recipe_of,
)
from clipedu_lessons.l09_scaling_laws.scaling import (
    Surface,
    envelope_size,
    fit_power_law,
    fit_surface,
    interval,
    paper_points,
    predict,
    redraw,
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


LAW = Surface(floor=0.1, a=0.2, alpha=0.3, b=0.3, beta=0.5)


def grid(noise: float = 0.0, seeds: int = 3) -> list[dict[str, float]]:
    rng = np.random.default_rng(0)
    return [
        {"size": m, "pairs": d, "error": float(LAW(m, d)) + noise * rng.normal()}
        for m in (3e4, 3e5, 3e6, 3e7)
        for d in (1e3, 1e4, 1e5, 1e6)
        for _ in range(seeds)
    ]


def test_a_surface_is_found_again() -> None:
    assert fit_surface(grid(seeds=1)) == pytest.approx(LAW, abs=2e-3)
    known = fit_surface(grid(0.002), floor=0.1)
    assert known.floor == 0.1 and known == pytest.approx(LAW, abs=0.05)
    with pytest.raises(ValueError, match="6 or more"):
        fit_surface(grid()[:5])


@settings(deadline=None, max_examples=30)
@given(st.floats(9, 15))
def test_no_size_is_better_than_the_best_one(power: float) -> None:
    budget = 10**power
    best = LAW.best_size(budget)
    tried = best * np.geomspace(0.1, 10, 401)
    errors = LAW(tried, budget / 6 / tried)
    assert errors.argmin() == 200 and LAW(best, budget / 6 / best) <= errors.min() + 1e-12


def test_the_runs_alone_say_nearly_the_same_size() -> None:
    for budget in (1e11, 1e12):
        by_law, by_runs = LAW.best_size(budget), envelope_size(grid(seeds=1), budget)
        assert abs(math.log10(by_law / by_runs)) < 0.7, (
            by_law,
            by_runs,
        )  # sizes are 10 times apart


def test_seeds_of_one_cell_are_not_cells() -> None:
    """Three equal seeds make an interval as wide as one does."""
    noisy = grid(0.02, seeds=1)
    tripled = [row for row in noisy for _ in range(3)]
    wide, same = (
        np.ptp(interval([fit_surface(d, floor=0.1).beta for d in redraw(rows, 40)]))
        for rows in (noisy, tripled)
    )
    assert same == pytest.approx(wide, rel=0.5) and same > 0
    assert all(len({r["size"] for r in drawn}) > 1 for drawn in redraw(noisy, 20))


def test_the_error_among_names_is_the_mean_over_all_draws() -> None:
    """Against every draw of two other names of five."""
    tokenizer = load_pretrained()[1]
    model = build("tiny", seed=0, vocab_size=tokenizer.vocab_size)
    task = load_task("lucide")
    task = task.take(torch.arange(5))
    names = [task.class_names[k] for k in task.labels]
    task = dataclasses.replace(task, labels=torch.arange(5), class_names=names)
    whole, among = error_among(model, tokenizer, task, 3)
    weights = zero_shot_classifier(model, tokenizer, names, task.templates)
    scores = embed_pictures(model, task.pictures) @ weights.T
    wrong = [
        any(scores[k, j] > scores[k, k] for j in others)
        for k in range(5)
        for others in combinations([j for j in range(5) if j != k], 2)
    ]
    assert among == pytest.approx(np.mean(wrong), abs=1e-6)
    assert whole == pytest.approx(float((scores.argmax(1) != task.labels).double().mean()))


def test_the_measured_grid_is_what_the_lesson_needs() -> None:
    rows = load_grid()
    cells = {(row["width"], row["pairs"]) for row in rows}
    assert {(w, d) for w in WIDTHS for d in PAIRS[:4]} <= cells
    assert cells <= {(w, d) for w in WIDTHS for d in PAIRS}
    assert min(row["error"] for row in rows) < 0.4 < 0.7 < max(row["error"] for row in rows)
    assert all(0 < row["error"] < 1 for row in rows)
    for row in rows:
        assert row["flops"] == pytest.approx(flops(row["width"], row["pairs"]), rel=1e-3)
        assert row["error"] == pytest.approx((row["remix"] + row["bootstrap"]) / 2, abs=2e-4)
    recipe = about_record("scaling")["recipe"]
    steps = recipe["steps"]
    assert recipe == json.loads(json.dumps(recipe_of(WIDTHS[0], steps * BATCH_SIZE).to_dict()))
