"""`clipedu load`: what it says, what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from clipedu.cli.main import main
from clipedu.models.weights import read_weights, save_weights


@pytest.mark.parametrize("small", ["vit"], indirect=True)
def test_from_one_form_to_the_next(small, tmp_path: Path, capsys) -> None:
    save_weights(small, tmp_path / "a.pt")
    chain = [tmp_path / name for name in ("a.pt", "b.safetensors", "c", "d.pt")]
    for source, out in zip(chain, chain[1:], strict=False):
        facts = tmp_path / "facts.json"
        assert main(["load", str(source), "--save", str(out), "--json", str(facts)]) == 0
        said = capsys.readouterr().out
        assert "quick_gelu, pictures of 64 px, 200 tokens" in said and f"Wrote {out}" in said
        assert json.loads(facts.read_text())["config"]["embed_dim"] == 48
    found = read_weights(chain[-1])
    assert found.config == small.config
    for name, tensor in small.state_dict().items():
        assert torch.equal(found.tensors[name], tensor)


def test_a_larger_resolution(small, tmp_path: Path) -> None:
    save_weights(small, tmp_path / "a.pt")
    words = ["load", str(tmp_path / "a.pt"), "--resolution", "96"]
    assert main([*words, "--save", str(tmp_path / "b.safetensors")]) == 0
    assert read_weights(tmp_path / "b.safetensors").config.vision.resolution == 96


def test_what_is_missing_is_said(small, tmp_path: Path, capsys) -> None:
    torch.save(small.state_dict(), tmp_path / "a.pt")
    assert main(["load", str(tmp_path / "a.pt")]) == 1
    assert "with which activation" in capsys.readouterr().err
    assert main(["load", str(tmp_path / "a.pt"), "--activation", "gelu"]) == 0
    assert "a CLIP (a plain state dict)" in capsys.readouterr().out
    assert main(["load", "ViT-Z/99"]) == 1
    assert "no file or folder ViT-Z/99" in capsys.readouterr().err
