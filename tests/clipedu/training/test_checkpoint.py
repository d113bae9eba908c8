from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from clipedu.device import pick_device
from clipedu.models import build
from clipedu.tokenizer import Tokenizer
from clipedu.training import (
    RECIPES,
    Checkpoint,
    CheckpointError,
    Recipe,
    Run,
    load_checkpoint,
    load_model,
    load_pretrained,
    save_checkpoint,
    save_model,
)
from clipedu.training.checkpoint import load_weights_
from clipedu.training.run import to_checkpoint

TOKENIZER = Tokenizer.train(["small red left"] * 3, 262)


@pytest.fixture
def saved() -> Checkpoint:
    recipe = dataclasses.replace(RECIPES["tiny"], vocab_size=300, ema_decay=0.9)
    run = Run(recipe, 5, pick_device("cpu"), TOKENIZER, {"pairs": 7})
    for p in run.parameters:
        p.grad = torch.ones_like(p)
    run.optimizer.step()
    run.step = 3
    return to_checkpoint(run)


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]), name


def test_everything_comes_back(saved: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "checkpoint.safetensors", saved)
    for where in (tmp_path, tmp_path / "checkpoint.safetensors"):
        back = load_checkpoint(where)
        for part in ("model", "optimizer", "average", "extra"):
            assert_same(getattr(back, part), getattr(saved, part))
        for name in ("recipe", "seed", "step", "config", "facts"):
            assert getattr(back, name) == getattr(saved, name), name
        assert back.tokenizer.to_dict() == TOKENIZER.to_dict()
    assert os.listdir(tmp_path) == ["checkpoint.safetensors"]  # no draft is left


def test_no_pickle(saved: Checkpoint, tmp_path: Path) -> None:
    """The file is a length, that many bytes of JSON, and raw numbers: nothing that could be run."""
    file = save_checkpoint(tmp_path / "c.safetensors", saved)
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    ends = [v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"]
    assert len(data) == 8 + size + max(ends)


def test_a_model_comes_back_with_openais_names(tmp_path: Path) -> None:
    model = build("tiny", seed=1, vocab_size=TOKENIZER.vocab_size)
    file = save_model(tmp_path / "m.safetensors", model, TOKENIZER, about={"minutes": 3})
    assert_same(load_file(file), model.state_dict())
    back, tokenizer, about = load_model(file)
    assert_same(back.state_dict(), model.state_dict())
    assert tokenizer.to_dict() == TOKENIZER.to_dict() and about == {"minutes": 3}
    assert not back.training and back.config == model.config


def test_half_is_half_the_size_and_nearly_the_same(tmp_path: Path) -> None:
    model = build("tiny", seed=1, vocab_size=TOKENIZER.vocab_size, text_width=64).eval()
    model.visual.bn1.running_var.fill_(1e6)  # more than fp16 can hold
    full = save_model(tmp_path / "full.safetensors", model, TOKENIZER)
    half = save_model(tmp_path / "half.safetensors", model, TOKENIZER, half=True)
    weights = [sum(t.nbytes for t in load_file(file).values()) for file in (full, half)]
    assert weights[1] < 0.56 * weights[0]
    back = load_model(half)[0]
    assert back.visual.bn1.running_var.max() == 1e6
    for name, value in back.state_dict().items():
        assert value.dtype == model.state_dict()[name].dtype
        torch.testing.assert_close(value, model.state_dict()[name], rtol=1e-3, atol=1e-5)


def test_from_a_checkpoint_the_average_is_loaded(saved: Checkpoint, tmp_path: Path) -> None:
    saved.average = {k: v.clone() for k, v in saved.average.items()}
    saved.average["logit_scale"] += 1
    save_checkpoint(tmp_path / "checkpoint.safetensors", saved)
    model, _, about = load_model(tmp_path)
    assert_same(model.state_dict(), saved.average)
    assert about["step"] == 3 and about["seed"] == 5
    saved.average = {}
    save_checkpoint(tmp_path / "checkpoint.safetensors", saved)
    assert_same(load_model(tmp_path)[0].state_dict(), saved.model)


def damage(data: bytes, how: str) -> bytes:
    if how == "empty":
        return b""
    if how == "half of it":
        return data[: len(data) // 2]
    if how == "one byte short":
        return data[:-1]
    if how == "one bit":
        return data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:]
    if how == "text":
        return b"not a checkpoint at all, but long enough to look like one"
    if how == "header":
        return data[:20] + b"\xff\xff" + data[22:]
    raise AssertionError(how)


@pytest.mark.parametrize(
    "how", ["empty", "half of it", "one byte short", "one bit", "text", "header"]
)
def test_a_damaged_file_is_noticed(how: str, saved: Checkpoint, tmp_path: Path) -> None:
    file = save_checkpoint(tmp_path / "checkpoint.safetensors", saved)
    file.write_bytes(damage(file.read_bytes(), how))
    for load in (load_checkpoint, load_model):
        with pytest.raises(CheckpointError, match="truncated or damaged"):
            load(file)


def test_other_files_are_told_from_ours(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not one of clipedu's"):
        load_model(tmp_path / "other.safetensors")
    header = json.dumps({"format": "clipedu checkpoint 99", "kind": "model"})
    save_file({"x": torch.zeros(2)}, tmp_path / "new.safetensors", metadata={"clipedu": header})
    with pytest.raises(CheckpointError, match="clipedu checkpoint 99"):
        load_model(tmp_path / "new.safetensors")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no .*nowhere"):
        load_checkpoint(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="get as far as a checkpoint"):
        load_checkpoint(tmp_path)
    with pytest.raises(FileNotFoundError, match="no trained model 'gpt'"):
        load_pretrained("gpt")


def test_a_model_is_no_run_to_go_on_with(tmp_path: Path) -> None:
    model = build("tiny", seed=1, vocab_size=TOKENIZER.vocab_size)
    file = save_model(tmp_path / "model.safetensors", model, TOKENIZER)
    with pytest.raises(CheckpointError, match="optimizer's memory is not in it"):
        load_checkpoint(file)


def test_weights_of_another_preset(tmp_path: Path) -> None:
    model, other = build("tiny", seed=1), build("tiny", seed=1, vision_width=16)
    with pytest.raises(CheckpointError, match=r"belong to another model.*visual\.conv1"):
        load_weights_(other, model.state_dict(), "here")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    missing = dict(list(model.state_dict().items())[1:])
    with pytest.raises(CheckpointError, match="the file none"):
        load_weights_(model, missing, "here")
    assert_same(model.state_dict(), before)


def test_the_tokenizer_must_be_the_models(tmp_path: Path) -> None:
    model = build("tiny", seed=1, vocab_size=400)
    with pytest.raises(CheckpointError, match="400 token embeddings.*another model's tokenizer"):
        save_model(tmp_path / "m.safetensors", model, TOKENIZER)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "broken", ["training.checkpoint.save_file", "files.os.replace", "files.os.fsync"]
)
def test_a_failed_write_leaves_what_was_there(
    broken: str, saved: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save_checkpoint(tmp_path / "checkpoint.safetensors", saved)
    before = file.read_bytes()

    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"clipedu.{broken}", full)
    saved.step = 4
    with pytest.raises(OSError, match=r"No space left.*What was there before is untouched"):
        save_checkpoint(file, saved)
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == [file.name]


def test_a_card_beside_the_file_is_read(tmp_path: Path) -> None:
    model = build("tiny", seed=1, vocab_size=TOKENIZER.vocab_size)
    file = save_model(tmp_path / "m.safetensors", model, TOKENIZER, about={"seed": 1})
    assert load_pretrained(file)[2] == {"seed": 1}
    file.with_suffix(".json").write_text(json.dumps({"minutes": 9}))
    back, tokenizer, card = load_pretrained(file)
    assert card == {"seed": 1, "minutes": 9}
    assert tokenizer.to_dict() == TOKENIZER.to_dict()
    assert_same(back.state_dict(), model.state_dict())


def test_a_recipe_from_the_future_is_explained(saved: Checkpoint, tmp_path: Path) -> None:
    class Later(Recipe):
        def to_dict(self) -> dict:
            return {**super().to_dict(), "moon_phase": 1}

    saved.recipe = Later(**vars(saved.recipe))
    file = save_checkpoint(tmp_path / "checkpoint.safetensors", saved)
    with pytest.raises(CheckpointError, match="another version of clipedu.*moon_phase"):
        load_checkpoint(file)
