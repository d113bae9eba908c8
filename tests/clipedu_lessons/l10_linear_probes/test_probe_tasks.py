"""The tasks of the probes, and the file of measurements."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from clipedu.evaluation import load_task
from clipedu_lessons.common.records import TableError
from clipedu_lessons.l10_linear_probes.few_shot import SHOTS
from clipedu_lessons.l10_linear_probes.probe_tasks import (
    PROBE_TASKS,
    load_probe_results,
    probe_task_pictures,
)


def test_names_have_one_picture_from_each_family() -> None:
    task = probe_task_pictures("names")
    counts = torch.bincount(task.labels, minlength=len(task.class_names))
    assert len(counts) > 30 and set(counts.tolist()) == {3}


def test_a_task_is_cut_by_its_seed() -> None:
    one, again, other = (
        probe_task_pictures("counting", most=100, seed=s).labels for s in (0, 0, 1)
    )
    assert len(one) == 100
    assert torch.equal(one, again) and not torch.equal(one, other)
    with pytest.raises(ValueError, match="no probe task 'faces'"):
        probe_task_pictures("faces")


def test_a_part_of_a_task_says_the_same_of_itself() -> None:
    for name in ("emoji_groups", "style"):
        whole, part = load_task(name, 32), probe_task_pictures(name, most=50)
        assert len(part) == 50 < len(whole)
        for field in dataclasses.fields(whole):
            if field.name not in ("pictures", "labels", "near_duplicate"):
                assert getattr(part, field.name) == getattr(whole, field.name), field.name
    assert probe_task_pictures("emoji_groups", most=50).seen


def test_the_committed_measurements_are_whole() -> None:
    measured = load_probe_results()
    assert set(measured) <= set(PROBE_TASKS) and len(measured) >= 5
    for name, row in measured.items():
        assert row["why"] == PROBE_TASKS[name]
        for column in ("chance", "zero_shot", "probe", "ece_zero_shot", "ece_probe"):
            assert 0 <= row[column] <= 1, (name, column)
        assert row["probe_low"] <= row["probe"] <= row["probe_high"]
        assert any(row[f"shots_{k}"] == row[f"shots_{k}"] for k in SHOTS)
        assert row["effective_sign"] in ("=", "<", ">")


def test_our_search_is_measured_against_scikit_learn() -> None:
    """Test accuracies within 0.2 points on four tasks of six. On counting and colour both solvers
    stop in a long flat valley before its lowest point, and choose different lambdas."""
    rows = [r for r in load_probe_results().values() if r["speedup"] == r["speedup"]]
    assert sum(abs(r["ours_best"] - r["sklearn_best"]) <= 0.002 for r in rows) >= 4
    for row in rows:
        assert row["speedup"] == pytest.approx(row["sklearn_seconds"] / row["ours_seconds"], 1e-3)
        assert row["speedup"] > 1


def test_a_missing_file_or_column_is_said(tmp_path: Path) -> None:
    path = tmp_path / "probes.csv"
    with pytest.raises(FileNotFoundError, match=r"benchmarks/probe\.py"):
        load_probe_results(path)
    path.write_text("# a note\ntask,why,chance\ndigits,handwriting,0.1\n")
    with pytest.raises(TableError, match="lacks the column.*zero_shot"):
        load_probe_results(path)
