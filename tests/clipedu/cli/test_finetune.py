"""`clipedu finetune` and `clipedu export`: from a checkpoint to files and figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from clipedu.cli.main import main
from clipedu.models import build
from clipedu.models.weights import save_weights
from clipedu.tokenizer import Tokenizer
from clipedu.training import interpolate, load_model, load_pretrained, save_model

FAST = ["--steps", "2", "--batch-size", "16", "--device", "cpu"]


def test_a_task_is_learned_and_all_three_models_are_measured(tmp_path: Path, capsys) -> None:
    out, facts = tmp_path / "run", tmp_path / "facts.json"
    words = ["finetune", "laptop", "--task", "counting", "--count", "400", "--out", str(out)]
    words += ["--tasks", "heroicons", "--method", "lora", "--rank", "2", "--share", "0.25"]
    assert main([*words, *FAST, "--json", str(facts)]) == 0
    said, found = capsys.readouterr().out, json.loads(facts.read_text())
    assert "before    after  WiSE-FT" in said and "wise_ft.safetensors" in said
    assert set(found["accuracy"]) == {"heroicons", "counting"} and found["share"] == 0.25
    for rates in found["accuracy"].values():
        assert set(rates) == {"before", "after", "WiSE-FT"}
        assert all(0 <= rate <= 1 for rate in rates.values())
    assert found["accuracy"]["heroicons"]["before"] > 0.9  # the shipped model's
    assert found["recipe"]["method"] == "lora" and found["recipe"]["rank"] == 2
    before, words_of, _ = load_pretrained()
    after, same_words, _ = load_model(out)
    wise, _, about = load_model(out / "wise_ft.safetensors")
    assert same_words.to_dict() == words_of.to_dict() and about["share"] == 0.25
    mixed = interpolate(before, after, 0.25).state_dict()
    assert all(torch.equal(x, mixed[name]) for name, x in wise.state_dict().items())


def test_a_run_in_the_folder_is_not_lost(tmp_path: Path, capsys) -> None:
    save_model(tmp_path / "model.safetensors", *load_pretrained()[:2])
    words = ["finetune", "laptop", "--task", "counting", "--tasks", "counting", *FAST]
    assert main([*words, "--out", str(tmp_path)]) == 1
    assert "holds a run already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "lucide", "--count", "20"], "held out"),
        (["--task", "counting", "--count", "480"], "take some of them, not 480"),
        (["--sets", "lucide"], "lucide"),
        (["--task", "nothing"], "There is no task 'nothing'"),
        (["--task", "counting", "--share", "2"], "from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused(words: list[str], message: str, tmp_path: Path, capsys) -> None:
    usual = ["finetune", "laptop", "--out", str(tmp_path / "run"), "--tasks", "counting", *FAST]
    assert main([*usual, *words]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_both_encoders_are_exported_with_their_tokenizer(tmp_path: Path, capsys) -> None:
    pytest.importorskip("onnxscript", reason="the extra `real` is not installed")
    pytest.importorskip("onnxruntime", reason="the extra `real` is not installed")
    facts, out = tmp_path / "facts.json", tmp_path / "onnx"
    words = ["export", "laptop", "--out", str(out), "--int8", "--json", str(facts)]
    assert main(words) == 0
    said, found = capsys.readouterr().out, json.loads(facts.read_text())
    assert "agrees with torch to 1e-4" in said
    names = {"image_encoder.onnx", "image_encoder.int8.onnx", "text_encoder.onnx"}
    assert names < {path.name for path in out.iterdir()} and len(found["files"]) == 4
    assert found["files"][str(out / "image_encoder.int8.onnx")] < 10e6  # for a web page
    tokenizer: Any = Tokenizer.load(out / "tokenizer.json")
    assert tokenizer.vocab_size == found["config"]["text"]["vocab_size"]


def test_an_export_takes_the_activation_that_a_file_does_not_say(tmp_path: Path, capsys) -> None:
    torch.save(build("laptop_vit", seed=0).state_dict(), tmp_path / "a.pt")
    words = ["export", str(tmp_path / "a.pt"), "--out", str(tmp_path / "onnx")]
    assert main(words) == 1
    assert "--activation" in capsys.readouterr().err
    assert main([*words, "--activation", "gelu"]) == 1  # read, and refused for another reason
    assert "brings no tokenizer" in capsys.readouterr().err


def test_openais_file_learns_icons_with_its_own_words_and_pixels(
    tmp_path: Path, openai: Any
) -> None:
    sizes = {"vocab_size": 49_408, "context_length": 77, "text_width": 64, "text_layers": 1}
    more = {"vision_width": 64, "vision_heads": 1, "vision_layers": 1, "text_heads": 1}
    theirs = build("laptop_vit", seed=0, activation="quick_gelu", **sizes, **more)
    save_weights(theirs, tmp_path / "theirs.pt")
    out, facts = tmp_path / "run", tmp_path / "facts.json"
    words = ["finetune", str(tmp_path / "theirs.pt"), "--sets", "typicons", "--out", str(out)]
    words += ["--tasks", "counting", "--method", "frozen_image", "--json", str(facts)]
    assert main([*words, *FAST]) == 0
    assert json.loads(facts.read_text())["recipe"]["pixels"] == "openai"
    model, tokenizer, _ = load_pretrained(out)
    assert tokenizer.kind == "openai" and model.config == theirs.config
    for name, weight in theirs.state_dict().items():
        if name.startswith("visual.") or name == "text_projection":
            equal = torch.equal(weight, model.state_dict()[name])
            assert equal == name.startswith("visual."), name
