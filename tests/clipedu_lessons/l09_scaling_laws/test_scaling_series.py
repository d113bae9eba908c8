"""The measured series that lesson 09 reads."""

from __future__ import annotations

import numpy as np
import pytest

from clipedu_lessons.l09_scaling_laws.scaling import load_series


def test_the_measured_series_is_what_the_lesson_needs() -> None:
    runs = load_series()
    models = {run.model for run in runs}
    assert len(models) >= 8 and {run.family for run in runs} == {"resnet", "vit"}
    assert runs[-1].flops / runs[0].flops >= 100
    smallest = {run.model for run in runs[:1]} | {
        min((r for r in runs if r.family == f), key=lambda r: r.flops).model
        for f in ("resnet", "vit")
    }
    for name in smallest:
        assert {run.seed for run in runs if run.model == name} == {0, 1, 2}
    assert all(0 < run.error < 1 for run in runs)
    held_out = ("lucide", "font_awesome", "heroicons")
    for run in runs:
        assert run.error == pytest.approx(np.mean([run.errors[k] for k in held_out]), abs=2e-4)
