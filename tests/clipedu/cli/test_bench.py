"""`clipedu bench step`: what it measures, and the peer beside it where one is installed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch

from clipedu.cli.bench import FOLDER
from clipedu.cli.main import main

WORDS = ["bench", "step", "--batch-size", "4", "--rounds", "2", "--precision", "fp32"]


@pytest.fixture(autouse=True)
def same_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_row_for_each_length_of_captions(tmp_path: Path) -> None:
    out = tmp_path / "step.json"
    assert main([*WORDS, "--model", "laptop_vit", "--threads", "1", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert (found["model"], found["precision"], found["threads"]) == ("laptop_vit", "fp32", 1)
    short, full = found["rows"]
    assert short["name"] == "clipedu, short captions" and full["name"].startswith("clipedu, full")
    assert short["times_clipedu"] == full["times_clipedu"] == 1
    # 16 columns of captions against 32, and pictures that cost the same
    assert 0.6 * full["gflop"] < short["gflop"] < 0.95 * full["gflop"]
    assert all(row["gigabytes"] > 0 and row["share_matmul"] > 0 for row in found["rows"])


def test_work_is_counted() -> None:
    spec = importlib.util.spec_from_file_location("step", FOLDER / "step.py")
    step = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(step)
    a, b = torch.randn(8, 16), torch.randn(16, 4)
    flops, moved = step.count_work(lambda: (a @ b).view(32))
    assert (flops, moved) == (2 * 8 * 16 * 4, 4 * (8 * 16 + 16 * 4 + 8 * 4))  # a view moves nothing


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="needs the whole open_clip")
@pytest.mark.parametrize("model", ["laptop_vit", "resnet"])
def test_open_clip_computes_the_same_loss(model: str, tmp_path: Path) -> None:
    pytest.importorskip("open_clip_train")
    out = tmp_path / "step.json"
    assert main([*WORDS, "--model", model, "--against", "open_clip", "--json", str(out)]) == 0
    rows = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    ours, theirs = rows["clipedu, short captions"], rows["open_clip fp32, short captions"]
    assert theirs["loss"] == pytest.approx(ours["loss"], rel=1e-4)


def test_what_is_missing_is_said(monkeypatch, tmp_path: Path, capsys) -> None:
    assert main([*WORDS, "--model", "nothing"]) == 1
    assert "no model 'nothing'; there are: resnet, tiny" in capsys.readouterr().err
    monkeypatch.setattr("clipedu.cli.bench.FOLDER", tmp_path / "away")
    assert main(WORDS) == 1
    assert "benchmarks come with a clone of the course" in capsys.readouterr().err
