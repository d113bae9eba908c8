"""`clipedu plan`: what it prints, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clipedu.cli.main import main

TINY = ["plan", "tiny", "--batch-size", "1024", "--pairs", "102400"]


def test_a_plan_that_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = tmp_path / "plan.json"
    assert main([*TINY, "--gpus", "2", "--json", str(told)]) == 0
    out, facts = capsys.readouterr().out, json.loads(told.read_text())
    assert "loss matrix" in out and "communication" in out and ": fits" in out
    assert facts["fits"] and facts["total_memory"] == sum(facts["memory"].values())


def test_a_plan_that_does_not_fit_says_what_would(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "tiny", "--batch-size", "262144", "--gpu", "laptop"]) == 1
    assert "to make it fit: --loss tiled" in capsys.readouterr().out


def test_a_wrong_call_is_answered_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*TINY, "--gpus", "3"]) == 1
    assert "can't be shared equally by 3" in capsys.readouterr().err


def test_what_does_not_learn_needs_no_optimizer(tmp_path: Path) -> None:
    told, parts = tmp_path / "plan.json", []
    for share in ("1", "0.02"):
        assert main([*TINY, "--learned", share, "--json", str(told)]) == 0
        parts.append(json.loads(told.read_text())["memory"])
    whole, lora = parts
    for part in ("gradients", "optimizer"):
        assert lora[part] == pytest.approx(0.02 * whole[part])
    assert lora["weights"] == whole["weights"] and lora["activations"] == whole["activations"]
    assert main([*TINY, "--learned", "0"]) == 1
