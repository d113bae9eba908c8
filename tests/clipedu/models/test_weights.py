"""Weights to every form and back, and a sentence for whatever is wrong with a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from clipedu.models import CLIP, PRESETS, CLIPConfig, ViTConfig, build
from clipedu.models.weights import (
    WeightsError,
    check_shapes,
    expected_shapes,
    infer_config,
    load_clip,
    read_weights,
    resize_positions,
    save_weights,
)


def assert_equal(model: CLIP, other: CLIP) -> None:
    state, found = model.state_dict(), other.state_dict()
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "folder"])
def test_there_and_back(small, tmp_path: Path, name: str) -> None:
    if name == "folder" and not isinstance(small.config.vision, ViTConfig):
        with pytest.raises(ValueError, match="no ResNet"):
            save_weights(small, tmp_path / name)
        return
    for file in save_weights(small, tmp_path / name):
        assert file.is_file()
    model = load_clip(tmp_path / name)
    assert model.config == small.config and not model.training
    assert_equal(small, model)
    assert all(p.requires_grad and not p.is_meta for p in model.parameters())


def test_a_file_in_a_folder_finds_its_description(tmp_path: Path) -> None:
    model = build(CLIPConfig.from_dict(_gelu_config()), seed=0)
    file = save_weights(model, tmp_path, "hf")[0]
    assert read_weights(file).config.activation == "gelu"
    (tmp_path / "config.json").unlink()
    with pytest.raises(FileNotFoundError, match="model.safetensors with config.json"):
        read_weights(tmp_path)


def _gelu_config() -> dict:
    return {
        "embed_dim": 24,
        "vision": {
            "kind": "vit", "resolution": 32, "patch": 16, "width": 48, "layers": 1, "heads": 3
        },
        "text": {"vocab_size": 50, "context_length": 8, "width": 32, "heads": 4, "layers": 1},
        "activation": "gelu",
    }  # fmt: skip


def test_heads_and_activation_that_no_shape_shows_are_kept(tmp_path: Path) -> None:
    model = build(CLIPConfig.from_dict(_gelu_config()), seed=0)
    for out in ("a.safetensors", "hf"):
        save_weights(model, tmp_path / out)
        assert read_weights(tmp_path / out).config == model.config
    with pytest.raises(ValueError, match="QuickGELU, 64 channels a head"):
        save_weights(model, tmp_path / "a.pt")


def test_small_models_of_the_course(tmp_path: Path) -> None:
    model = build("tiny", seed=0)  # its stem and blocks are not OpenAI's
    save_weights(model, tmp_path / "a.safetensors")
    assert read_weights(tmp_path / "a.safetensors").config == model.config
    with pytest.raises(ValueError, match="form must be one of"):
        save_weights(model, tmp_path / "b", "onnx")


def test_the_papers_models_are_known_by_their_shapes() -> None:
    for name, config in PRESETS.items():
        if config.text.vocab_size == 49408:
            assert infer_config(expected_shapes(config), Path(name)) == config, name


def test_16_bits_become_32(small, tmp_path: Path) -> None:
    half = {
        name: tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        for name, tensor in small.state_dict().items()
    }
    torch.save(half, tmp_path / "a.pt")
    save_file(half, tmp_path / "a.safetensors")
    for name in ("a.pt", "a.safetensors"):
        model = load_clip(tmp_path / name, activation="quick_gelu")
        assert {p.dtype for p in model.parameters()} == {torch.float32}
        for key, tensor in model.state_dict().items():
            assert torch.equal(tensor, half[key].float() if tensor.is_floating_point() else tensor)
        assert model.encode_image(torch.zeros(1, 3, 64, 64)).isfinite().all()


# the activation


def test_an_activation_that_nobody_names_is_asked_for(small, tmp_path: Path) -> None:
    torch.save(small.state_dict(), tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="does not say with which activation.*quick_gelu for"):
        read_weights(tmp_path / "a.pt")
    for activation in ("quick_gelu", "gelu"):
        model = load_clip(tmp_path / "a.pt", activation=activation)
        assert model.config.activation == activation


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test_an_activation_that_contradicts_the_file_is_refused(small, tmp_path, name) -> None:
    save_weights(small, tmp_path / name)
    with pytest.raises(WeightsError, match="trained with quick_gelu, not with gelu"):
        read_weights(tmp_path / name, activation="gelu")
    assert read_weights(tmp_path / name, activation="quick_gelu").config == small.config


@pytest.mark.parametrize("small", ["vit"], indirect=True)
@pytest.mark.parametrize(
    ("side", "change", "message"),
    [
        ("text_config", {"hidden_act": "gelu"}, "hidden_act of text and vision"),
        ("vision_config", {"layer_norm_eps": 1e-6}, "layer_norm_eps"),
        ("text_config", {"eos_token_id": 7}, "read at token 7"),
        ("text_config", {"hidden_size": 32}, "of another shape: positional_embedding"),
        ("vision_config", {"num_hidden_layers": 4}, "missing: visual.transformer.resblocks.3"),
    ],
)
def test_a_config_that_computes_something_else(small, tmp_path, side, change, message) -> None:
    save_weights(small, tmp_path)
    data = json.loads((tmp_path / "config.json").read_text())
    data[side] |= change
    (tmp_path / "config.json").write_text(json.dumps(data))
    with pytest.raises(WeightsError, match=message):
        read_weights(tmp_path)


@pytest.mark.parametrize("small", ["vit"], indirect=True)
def test_the_first_releases_of_hugging_face(small, tmp_path: Path) -> None:
    """Defaults left out, eos_token_id 2, and the numbers of the positions among the tensors."""
    save_weights(small, tmp_path)
    data = json.loads((tmp_path / "config.json").read_text())
    data["text_config"]["eos_token_id"] = 2
    del data["text_config"]["hidden_act"], data["vision_config"]["hidden_act"]
    (tmp_path / "config.json").write_text(json.dumps(data))
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["text_model.embeddings.position_ids"] = torch.arange(20)[None]
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    assert_equal(small, load_clip(tmp_path))


def test_open_clip_fields_that_change_the_model(small, tmp_path: Path) -> None:
    torch.save(small.state_dict(), tmp_path / "open_clip_pytorch_model.bin")
    about = {"embed_dim": 48, "text_cfg": {"no_causal_mask": True}, "vision_cfg": {}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": about}))
    with pytest.raises(WeightsError, match="not known here.*no_causal_mask"):
        read_weights(tmp_path)


# other sizes of pictures


def test_positions_are_interpolated(small, tmp_path: Path) -> None:
    save_weights(small, tmp_path / "a.safetensors")
    weights = read_weights(tmp_path / "a.safetensors")
    model = load_clip(weights, resolution=128)
    assert model.config.vision.resolution == 128
    assert model.encode_image(torch.randn(2, 3, 128, 128)).shape == (2, 48)
    with pytest.raises(ValueError, match="120|multiple|divides"):
        load_clip(weights, resolution=120)


@pytest.mark.parametrize("small", ["vit"], indirect=True)
def test_interpolation_keeps_the_class_token_and_a_plane(small, tmp_path: Path) -> None:
    """A constant stays itself, and a slope stays a slope between its ends."""
    name = "visual.positional_embedding"
    with torch.no_grad():
        grid = torch.arange(4.0).view(4, 1, 1).expand(4, 4, 128)
        small.visual.positional_embedding[1:] = grid.reshape(16, 128)
    save_weights(small, tmp_path / "a.safetensors")
    weights = read_weights(tmp_path / "a.safetensors")
    assert torch.equal(resize_positions(weights, 64).tensors[name], weights.tensors[name])
    larger = resize_positions(weights, 128).tensors[name]
    assert torch.equal(larger[0], weights.tensors[name][0])
    rows = larger[1:].view(8, 8, 128)
    torch.testing.assert_close(rows, rows[:, :1, :1].expand(8, 8, 128))
    assert (rows[1:, 0, 0] > rows[:-1, 0, 0]).all()
    assert rows[3, 0, 0].item() == pytest.approx(1.25, abs=0.05)


# wrong files


@pytest.fixture
def plain(small) -> dict[str, torch.Tensor]:
    return dict(small.state_dict())


def refused(path: Path, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        read_weights(path, activation="quick_gelu")


def test_missing_unknown_and_misshapen_tensors_are_named(plain, tmp_path: Path) -> None:
    del plain["ln_final.weight"]
    plain["logit_bias"] = torch.zeros(())
    plain["text_projection"] = torch.zeros(63, 48)
    torch.save(plain, tmp_path / "a.pt")
    wrong = "1 missing: ln_final.weight; 1 unknown: logit_bias; 1 of another shape: text_proj"
    refused(tmp_path / "a.pt", rf"{wrong}ection \(63, 48\)\. The nearest known model")


def test_the_nearest_model_is_the_right_one(tmp_path: Path) -> None:
    shapes = expected_shapes(PRESETS["ViT-B/16"])
    found = {name: shape for name, shape in shapes.items() if name != "visual.ln_post.bias"}
    with pytest.raises(WeightsError, match="nearest known model is ViT-B/16: 301 of its 302"):
        check_shapes(found, shapes, tmp_path)


def test_a_file_of_another_network(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(3, 3)}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "holds no CLIP.*token_embedding.weight")
    with pytest.raises(WeightsError, match="holds no CLIP"):  # before an activation is asked for
        read_weights(tmp_path / "a.pt")
    save_file({"fc.weight": torch.zeros(3, 3)}, tmp_path / "a.safetensors")
    refused(tmp_path / "a.safetensors", "holds no CLIP")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt"])
def test_a_truncated_file(small, tmp_path: Path, name: str) -> None:
    (file,) = save_weights(small, tmp_path / name)
    data = file.read_bytes()
    for end in (20, 400, len(data) // 2, len(data) - 1):
        file.write_bytes(data[:end])
        refused(file, "truncated or damaged.*Fetch it again")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "neither safetensors nor"),
        (b"<!DOCTYPE html><html>Not found</html>", "neither safetensors nor"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "pointer of Git LFS"),
        (b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00echo\x85R.", "bare pickle.*any program"),
    ],
)
def test_a_file_that_is_no_weights(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    refused(tmp_path / "a.pt", message)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file .*a.pt"):
        read_weights(tmp_path / "a.pt")


def test_a_failed_save_leaves_the_old_file(small, tmp_path: Path, monkeypatch) -> None:
    (file,) = save_weights(small, tmp_path / "a.pt")
    before = file.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space left"):
        save_weights(small, tmp_path / "a.pt")
    assert file.read_bytes() == before and list(tmp_path.iterdir()) == [file]


# memory

MEASURE = """
import os, re, sys
import torch
from clipedu.models.weights import load_clip

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024

torch.set_num_threads(1)
for form in sys.argv[2:]:
    load_clip(f"{sys.argv[1]}/tiny/{form}", activation="quick_gelu")  # loads what torch needs
for form in sys.argv[2:]:
    if os.fork() == 0:
        before = peak()
        model = load_clip(f"{sys.argv[1]}/wide/{form}", activation="quick_gelu")
        for parameter in model.parameters():
            parameter.sum()  # a mapped file is in memory only once it is read
        size = sum(p.numel() * 4 for p in model.parameters())
        fixed = 16 * 2**20  # what torch and the allocator keep, however large the file is
        print(form, (peak() - before - fixed) / size, flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the peak")
def test_loading_takes_little_more_memory_than_the_weights(tmp_path: Path) -> None:
    """At most 1.3 times their size in fp32, whatever the file, beside a fixed cost.

    ViT-B/32 itself took 1.15, all included.
    """
    tiny = CLIPConfig.from_dict(_gelu_config() | {"activation": "quick_gelu"})
    tiny = tiny.replace(vision_heads=1, text_heads=1)  # as OpenAI's code counts them
    wide = tiny.replace(
        vision_width=384, vision_layers=9, vision_heads=6, text_width=256, text_layers=4,
        text_heads=4, embed_dim=256, vocab_size=8000,
    )  # fmt: skip
    forms = ["a.pt", "a.safetensors", "hf", "half.pt", "half.safetensors"]
    for name, config in (("tiny", tiny), ("wide", wide)):
        model = build(config, seed=0)
        (tmp_path / name).mkdir()
        for out in forms[:3]:
            save_weights(model, tmp_path / name / out)
        half = {n: t.half() if t.ndim > 1 else t for n, t in model.state_dict().items()}
        torch.save(half, tmp_path / name / "half.pt")
        save_file(half, tmp_path / name / "half.safetensors")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path), *forms], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    peaks = dict(line.split() for line in done.stdout.splitlines())
    assert list(peaks) == forms
    assert all(0.6 < float(peak) <= 1.3 for peak in peaks.values()), peaks
