from __future__ import annotations

import argparse
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from clipedu.cli.train import add_train
from clipedu.pairs import Icon, all_captions
from clipedu.training import Pairs as AnyPairs
from clipedu.training import Recipe, load_checkpoint, load_model
from clipedu.training.checkpoint import last_checkpoint

SHORT = ["--recipe", "tiny", "--steps", "3", "--batch-size", "4", "--set", "vocab_size=280"]


class Pairs(AnyPairs):
    icons = [Icon("mdi", "plain", f"thing number {k}", f"{k}.svg") for k in range(8)]

    def __len__(self) -> int:
        return 8

    def texts(self) -> list[str]:
        return all_captions(self.icons)

    def batch_at(self, step: int, n: int, seed: int, augmentation: object):
        generator = torch.Generator().manual_seed(1000 * seed + step)
        pictures = torch.rand(n, 3, 32, 32, generator=generator)
        return pictures, [icon.name for icon in self.icons[:n]]


@pytest.fixture(autouse=True)
def fake_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clipedu.training.trainer.training_pairs", lambda *a, **k: Pairs())


@pytest.fixture(autouse=True)
def listen_to_ctrl_c() -> Iterator[None]:
    """A job in the background starts with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def run(*words: object):
    parser = argparse.ArgumentParser()
    add_train(parser.add_subparsers())
    args = parser.parse_args(["train", *map(str, words)])
    outcome = args.run(args)
    return outcome if isinstance(outcome, tuple) else (outcome, None)


def test_a_run_leaves_a_model_and_an_outcome(tmp_path: Path, capsys) -> None:
    code, outcome = run(*SHORT, "--seed", 3, "--out", tmp_path / "a", "--no-evaluation")
    assert code == 0
    json.dumps(outcome, allow_nan=False)
    assert (outcome["steps"], outcome["seed"]) == (3, 3)
    assert outcome["recipe"]["batch_size"] == 4
    assert "3 steps in" in capsys.readouterr().out
    assert load_model(tmp_path / "a")[0].config.text.vocab_size <= 280


def test_ctrl_c_then_resume(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Pairs.batch_at

    def interrupting(self, step: int, n: int, seed: int, augmentation: object):
        if step == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return before(self, step, n, seed, augmentation)

    monkeypatch.setattr(Pairs, "batch_at", interrupting)
    code, _ = run(*SHORT, "--out", tmp_path, "--no-evaluation", "--quiet")
    assert code == 130
    assert f"clipedu train --resume {tmp_path}" in capsys.readouterr().err
    assert load_checkpoint(tmp_path).step == 2
    monkeypatch.setattr(Pairs, "batch_at", before)
    code, outcome = run("--resume", tmp_path, "--no-evaluation", "--quiet")
    assert (code, outcome["steps"]) == (0, 3)
    with pytest.raises(ValueError, match="keeps its recipe.*steps"):
        run("--resume", tmp_path, "--steps", 9)


class Shards(Pairs):
    def report(self) -> str:
        return "8 pairs in 1 shard; none skipped."


@pytest.mark.parametrize("words", [(), ("--shards", "my"), ("--validate",)])
def test_after_ctrl_c_the_data_is_named_too(words, tmp_path: Path, capsys, monkeypatch) -> None:
    def interrupting(self, step: int, n: int, seed: int, augmentation: object):
        os.kill(os.getpid(), signal.SIGINT)
        return torch.rand(n, 3, 32, 32), [icon.name for icon in self.icons[:n]]

    monkeypatch.setattr(Pairs, "batch_at", interrupting)
    monkeypatch.setattr("clipedu.pairs.open_shards", lambda *a, **k: Shards())
    monkeypatch.setattr("clipedu.training.left_out_split", lambda *a, **k: (Pairs(), None))
    code, _ = run(*SHORT, *words, "--out", tmp_path, "--no-evaluation", "--quiet")
    said = capsys.readouterr().err
    assert code == 130 and f"clipedu train --resume {tmp_path}" in said
    assert ("Add" in said) == bool(words) and " ".join(words) in said


@pytest.mark.parametrize("asked", [True, False])
def test_validation_is_evaluation_too(asked: bool, tmp_path: Path, monkeypatch) -> None:
    calls = []

    def measure(model, tokenizer) -> dict[str, float]:
        calls.append(1)
        return {"validation": 0.5}

    monkeypatch.setattr("clipedu.training.left_out_split", lambda *a, **k: (Pairs(), measure))
    words = [] if asked else ["--no-evaluation"]
    _, outcome = run(*SHORT, "--validate", *words, "--out", tmp_path, "--quiet")
    assert outcome["zero_shot"] == ({"validation": 0.5} if asked else {})
    assert bool(calls) == asked


def test_fields_of_fields_can_be_set(tmp_path: Path) -> None:
    changes = ["augmentation.thin=0.5", "model.vision_width=16", "grad_clip=null", "preset=tiny"]
    words = [word for change in changes for word in ("--set", change)]
    _, outcome = run(*SHORT, *words, "--out", tmp_path, "--no-evaluation", "--quiet")
    recipe = outcome["recipe"]
    assert recipe["augmentation"]["thin"] == 0.5
    assert recipe["grad_clip"] is None
    assert load_model(tmp_path)[0].config.vision.width == 16


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "--out FOLDER"),
        (["--out", "x", "--set", "steps"], "FIELD=VALUE"),
        (["--out", "x", "--set", "optimizer.lr=1"], "Only model, augmentation, execution and"),
        (["--out", "x", "--set", "stepz=1"], "Did you mean 'steps'"),
        (["--out", "x", "--set", "model=3", "--set", "model.width=1"], "model was set to 3"),
        (["--out", "x", "--batch-size", "1"], "loss is 0"),
        (["--out", "x", "--seed", "-1"], "whole number from 0"),
        (["--out", "x", "--recipe", "nope"], "tiny, lesson, laptop"),
        (["--out", "x", "--recipe", "paper"], "for reading"),
    ],
)
def test_a_wrong_call_is_explained(words, says: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=says):
        run(*words)
    assert not list(tmp_path.iterdir())


def test_help_shows_an_example(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        run("--help")
    assert stop.value.code == 0
    assert "clipedu train --recipe laptop --seed 0 --out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("grad_clip=None", None),
        ("grad_clip=null", None),
        ("betas=(0.9, 0.98)", (0.9, 0.98)),
        ("betas=[0.9, 0.98]", (0.9, 0.98)),
        ("warmup=.1", 0.1),
        ("warmup=1e-1", 0.1),
        ("mask_same_captions=False", False),
        ("precision=fp32", "fp32"),
        ("precision='fp32'", "fp32"),
    ],
)
def test_values_are_read_as_json_or_python_writes_them(
    text: str, value: object, tmp_path: Path
) -> None:
    run(*SHORT, "--set", text, "--out", tmp_path, "--no-evaluation", "--quiet")
    written = Recipe.load(tmp_path / "recipe.json")
    assert getattr(written, text.partition("=")[0]) == value


def test_a_folder_with_a_space_can_be_pasted(tmp_path: Path) -> None:
    folder = tmp_path / "my runs"
    run(*SHORT, "--out", folder, "--no-evaluation", "--quiet")
    assert f"--resume '{folder}'" in last_checkpoint(folder)
