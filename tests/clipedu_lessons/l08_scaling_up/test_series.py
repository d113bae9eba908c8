"""The stored runs that lesson 08 reads are of today's recipe and data."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from clipedu.objectives import info_nce
from clipedu.training.batches import dataset_fingerprint
from clipedu_lessons.common.records import about_record, read_record
from clipedu_lessons.l09_scaling_laws.grid import data, recipe_of

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def batches() -> Any:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location("batches", BENCHMARKS / "batches.py")
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(BENCHMARKS))


def test_the_stored_runs_are_of_this_recipe_and_these_pairs(batches: Any) -> None:
    rows = read_record("batches")
    short, long = batches.PAIRS, batches.LONG_PAIRS
    made = {(row["run"], row["pairs"], row["seed"]) for row in rows}
    assert {(name, short, seed) for name in batches.RUNS for seed in (0, 1, 2)} <= made
    assert {(name, long, 0) for name in batches.LONG} <= made
    for row in rows:
        assert row["batch"] == batches.RUNS[row["run"]][0]
        assert row["steps"] * row["batch"] == row["pairs"] and row["pairs"] in (short, long)
        assert row["error"] == pytest.approx((row["remix"] + row["bootstrap"]) / 2, abs=2e-4)
    grid = {(r["width"], r["pairs"], r["seed"]): r["error"] for r in read_record("scaling")}
    for row in rows:  # the same run in two tables
        if row["run"] == "batch 64":
            assert row["error"] == grid[batches.WIDTH, short, row["seed"]]
    cosines = read_record("batches_cosines")
    assert {(row["run"], row["pairs"], row["seed"]) for row in cosines} == made
    ends = {r["run"]: r for r in cosines if r["pairs"] == short and r["seed"] == 0}  # the last
    assert min(ends["lost gradient"][k] for k in ("across", "pictures", "names")) > 0.999
    assert max(ends["batch 64"][k] for k in ("across", "pictures", "names")) < 0.95
    recipe = recipe_of(batches.WIDTH, batches.PAIRS, 256).to_dict()
    for name in ("batches", "scaling"):
        about = about_record(name)
        assert about["data"] == dataset_fingerprint(data()[0])
        assert {"command", "date", "machine"} <= set(about)
    assert about_record("batches")["recipe"] == json.loads(json.dumps(recipe))


def test_the_wrong_losses_are_wrong_as_they_say(batches: Any) -> None:
    random = torch.Generator().manual_seed(0)
    made = torch.randn(2, 16, 8, generator=random, dtype=torch.float64)
    image, text = torch.nn.functional.normalize(made, dim=-1)
    ids = torch.arange(16)
    ids[3] = 0
    scale = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    leaf = image.clone().requires_grad_()

    def gradients(loss: Any) -> tuple[float, torch.Tensor, float]:
        value = loss(leaf, text, scale, ids)
        to_image, to_scale = torch.autograd.grad(value, (leaf, scale))
        return value.item(), to_image, to_scale.item()

    right = gradients(info_nce)
    lost = gradients(batches.lost_gradient)
    assert lost[0] == pytest.approx(right[0]) and lost[2] == pytest.approx(right[2])
    assert torch.nn.functional.cosine_similarity(lost[1].ravel(), right[1].ravel(), dim=0) < 0.99
    times = gradients(batches.scale_times_chunks)
    torch.testing.assert_close(times[1], right[1])
    assert times[0] == pytest.approx(right[0]) and times[2] == pytest.approx(4 * right[2])
    assert gradients(batches.accumulated)[0] < right[0]  # an exam with fewer wrong captions
