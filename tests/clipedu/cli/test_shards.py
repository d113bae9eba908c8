"""From the command line: pairs become shards, and a model trains on them and goes on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clipedu.cli.main import main
from clipedu.pairs import PairSet, Pictures, load_icons

TRAIN = "--recipe tiny --steps 4 --batch-size 16 --no-evaluation --quiet".split()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> PairSet:
    icons = load_icons(["mdi"])[:60]
    rgba = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 4), dtype=np.uint8)
    pairs = PairSet(Pictures(icons, rgba, 32), ["mdi"])
    monkeypatch.setattr("clipedu.pairs.training_pairs", lambda size, **_: pairs)
    return pairs


def test_shards_are_written_trained_on_and_resumed(
    few: PairSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shards, run, told = tmp_path / "shards", tmp_path / "run", tmp_path / "told.json"
    call = ["data", "shard", "--out", str(shards), "--per-shard", "25", "--json", str(told)]
    assert main(call) == 0
    assert json.loads(told.read_text())["shards"] == 3
    assert "60 pairs in 3 shards" in capsys.readouterr().out
    assert main(call) == 1 and "--overwrite" in capsys.readouterr().err
    assert main(["train", "--shards", str(shards), "--out", str(run), *TRAIN]) == 0
    capsys.readouterr()
    # a finished run that goes on has nothing to do, and needs the pairs that it had
    assert main(["train", "--resume", str(run), "--shards", str(shards), "--quiet"]) == 0
    (shards / "00002.tar").unlink()
    assert main(["train", "--resume", str(run), "--shards", str(shards), "--quiet"]) == 1
    assert "other data" in capsys.readouterr().err


def test_a_run_on_shards_does_not_go_on_without_them(
    few: PairSet,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The pairs of the shards and those they were made of are as many, in other batches."""
    monkeypatch.setattr("clipedu.training.trainer.training_pairs", lambda *args, **_: few)
    shards, run = str(tmp_path / "shards"), str(tmp_path / "run")
    assert main(["data", "shard", "--out", shards]) == 0
    assert main(["train", "--shards", shards, "--out", run, *TRAIN]) == 0
    capsys.readouterr()
    assert main(["train", "--resume", run, "--quiet"]) == 1
    said = capsys.readouterr().err
    assert "kind: ShardPairs, now PairSet" in said and "the same --shards" in said


def test_shards_of_a_held_out_family_are_not_trained_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rgba = np.zeros((20, 32, 32, 4), np.uint8)
    unseen = PairSet(Pictures(load_icons(["lucide"])[:20], rgba, 32), ["lucide"])
    monkeypatch.setattr("clipedu.pairs.held_out_pairs", lambda *args, **_: unseen)
    shards, run = tmp_path / "shards", tmp_path / "run"
    assert main(["data", "shard", "--family", "lucide", "--out", str(shards)]) == 0
    assert main(["train", "--shards", str(shards), "--out", str(run), *TRAIN]) == 1
    assert "These pairs are held out" in capsys.readouterr().err
    assert not (run / "history.jsonl").exists()


def test_wrong_calls_are_answered_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "shard"]) == 1
    assert "--out FOLDER" in capsys.readouterr().err
    assert main(["train", "--shards", str(tmp_path), "--out", str(tmp_path / "r"), *TRAIN]) == 1
    assert "clipedu data shard" in capsys.readouterr().err
    both = ["train", "--shards", str(tmp_path), "--validate", "--out", str(tmp_path / "r")]
    assert main(both) == 1
    assert "leave out --shards" in capsys.readouterr().err
