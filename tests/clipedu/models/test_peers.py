"""Random weights, written to disk by one and read by the other: the same numbers come out.

openai/CLIP, open_clip and transformers are the oracles; each that is missing is skipped.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from clipedu.models import CLIP, ViTConfig
from clipedu.models.weights import load_clip, read_weights, resize_positions, save_weights

EXACT = {"atol": 1e-5, "rtol": 1e-5}


def results(image: Tensor, text: Tensor, scale: Tensor) -> dict[str, Tensor]:
    """Raw embeddings, logits, and the gradients of a loss with regard to both encoders' ends."""
    unit = [x.float() / x.float().norm(dim=1, keepdim=True) for x in (image, text)]
    return {"image": image, "text": text, "logits": scale.exp() * unit[0] @ unit[1].T}


def ours(model: CLIP, pictures: Tensor, tokens: Tensor) -> dict[str, Tensor]:
    return results(model.encode_image(pictures), model.encode_text(tokens), model.logit_scale)


def backward(found: dict[str, Tensor]) -> None:
    torch.nn.functional.cross_entropy(found["logits"], torch.arange(3)).backward()


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name, tensor in expected.items():
        assert tensor.abs().max() > 0.1, name  # or the tolerance would say nothing
        torch.testing.assert_close(found[name], tensor, **EXACT)


def assert_close_in_bf16(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """bf16 keeps 8 bits: rounding in another order moves an embedding by up to about 2 %."""
    for name in ("image", "text"):
        cosine = torch.cosine_similarity(found[name].float(), expected[name].float())
        assert cosine.min() > 0.9995, (name, cosine)
    torch.testing.assert_close(found["logits"], expected["logits"], atol=0.2, rtol=0.02)


def compare(model: CLIP, run: Any, grad: dict[str, Tensor], inputs: tuple[Tensor, Tensor]) -> None:
    """Embeddings, logits and gradients in fp32; embeddings and logits in bf16."""
    found, expected = ours(model, *inputs), run(*inputs)
    assert_same(found, expected)
    backward(found)
    backward(expected)
    for name, parameter in model.named_parameters():
        theirs = grad[name.removeprefix("text.")].grad
        torch.testing.assert_close(parameter.grad, theirs, atol=1e-5, rtol=1e-3, msg=name)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert_close_in_bf16(ours(model, *inputs), run(*inputs))


def test_openai_plain_state_dict(small, small_inputs, openai_model, tmp_path: Path) -> None:
    """Theirs to ours through a file that torch.save wrote, then ours back to theirs."""
    theirs = openai_model(small.config)
    torch.save(small.state_dict(), tmp_path / "plain.pt")
    theirs.load_state_dict(torch.load(tmp_path / "plain.pt"))
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    model = load_clip(tmp_path / "theirs.pt", activation="quick_gelu")
    assert model.config == small.config

    def run(pictures: Tensor, tokens: Tensor) -> dict[str, Tensor]:
        image, text = theirs.encode_image(pictures), theirs.encode_text(tokens)
        return results(image, text, theirs.logit_scale)

    compare(model, run, dict(theirs.named_parameters()), small_inputs)


@pytest.mark.filterwarnings("ignore")  # TorchScript is deprecated, and OpenAI's files are in it
def test_openai_torchscript_archive(small, small_inputs, openai_model, tmp_path: Path) -> None:
    theirs, vision = openai_model(small.config), small.config.vision
    theirs.load_state_dict(small.state_dict())
    for name, size in {"input_resolution": 64, "context_length": 20, "vocab_size": 200}.items():
        theirs.__dict__.pop(name, None)
        theirs.register_buffer(name, torch.tensor(size))
    example = (small_inputs[0][:1], small_inputs[1][:1])
    torch.jit.trace(theirs, example, check_trace=False).save(str(tmp_path / "jit.pt"))
    weights = read_weights(tmp_path / "jit.pt")
    assert weights.source == "TorchScript" and weights.config == small.config
    assert weights.config.activation == "quick_gelu"  # seen in the program
    found = ours(load_clip(weights), *small_inputs)
    assert_same(found, ours(small, *small_inputs))
    with pytest.raises(ValueError, match="trained with quick_gelu, not with gelu"):
        read_weights(tmp_path / "jit.pt", activation="gelu")
    assert vision == weights.config.vision


def test_openai_build_model_reads_what_we_write(
    small, small_inputs, openai, tmp_path: Path
) -> None:
    save_weights(small, tmp_path / "ours.pt")
    state = torch.load(tmp_path / "ours.pt")  # weights_only: no pickle of ours is refused
    theirs = openai("model").build_model(dict(state)).float()
    found = {
        "image": theirs.encode_image(small_inputs[0]),
        "text": theirs.encode_text(small_inputs[1]),
    }
    expected = ours(small, *small_inputs)
    for name, tensor in found.items():  # build_model rounds to fp16 on the way
        assert torch.cosine_similarity(tensor, expected[name]).min() > 0.9999


@pytest.mark.parametrize("quick_gelu", [True, False])
@pytest.mark.parametrize("custom", [False, True], ids=["CLIP", "CustomTextCLIP"])
def test_open_clip(
    small, small_inputs, open_clip, tmp_path: Path, quick_gelu: bool, custom: bool
) -> None:
    import json

    module, text = open_clip("model"), small.config.text
    vision = {"image_size": 64, "layers": small.config.vision.layers}
    vision["width"] = small.config.vision.width
    if isinstance(small.config.vision, ViTConfig):
        vision["patch_size"] = 16
    sizes = {
        k: getattr(text, k) for k in ("context_length", "vocab_size", "width", "heads", "layers")
    }
    kind = module.CustomTextCLIP if custom else module.CLIP
    theirs = kind(48, dict(vision), dict(sizes), quick_gelu=quick_gelu).eval()
    prefix = "text." if custom else ""
    state = {
        key if key.startswith(("visual.", "logit_scale")) else prefix + key: value
        for key, value in small.state_dict().items()
    }
    theirs.load_state_dict(state, strict=not custom)
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in theirs.state_dict().items()}},
        tmp_path / "open_clip_pytorch_model.bin",
    )
    about = {"embed_dim": 48, "vision_cfg": vision, "text_cfg": sizes, "quick_gelu": quick_gelu}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": about}))
    model = load_clip(tmp_path)
    assert model.config.activation == ("quick_gelu" if quick_gelu else "gelu")
    assert dataclasses.replace(model.config, activation="quick_gelu") == small.config

    def run(pictures: Tensor, tokens: Tensor) -> dict[str, Tensor]:
        image, text = theirs.encode_image(pictures), theirs.encode_text(tokens)
        return results(image, text, theirs.logit_scale)

    grad = {n.removeprefix("text."): p for n, p in theirs.named_parameters()}
    compare(model, run, grad, small_inputs)


def test_open_clip_resizes_positions_as_we_do(open_clip, tmp_path: Path) -> None:
    from clipedu.models import PRESETS, build

    config = PRESETS["ViT-B/32"].replace(
        resolution=224, vision_width=64, vision_heads=1, vision_layers=1, text_layers=1,
        text_width=64, text_heads=1, vocab_size=100,
    )  # fmt: skip
    model = build(config, seed=0)
    save_weights(model, tmp_path / "a.safetensors")
    weights = resize_positions(read_weights(tmp_path / "a.safetensors"), 288)
    state = {"visual.positional_embedding": model.visual.positional_embedding.detach().clone()}
    target = torch.nn.Module()
    target.visual = torch.nn.Module()
    target.visual.grid_size = (9, 9)
    open_clip("model").resize_pos_embed(state, target)
    expected = state["visual.positional_embedding"]
    torch.testing.assert_close(weights.tensors["visual.positional_embedding"], expected)


HEAVY = "pip install transformers, 170 MB with what it needs: too much for every run"


def transformers() -> Any:
    try:
        import transformers
    except ImportError:
        pytest.skip(f"transformers is not installed ({HEAVY})")
    return transformers


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@pytest.mark.parametrize("small", ["vit"], indirect=True)
def test_transformers(small, small_inputs, tmp_path: Path, activation: str) -> None:
    """Ours to theirs in a folder, theirs to ours in another, and equal numbers all along."""
    library = transformers()
    config = small.config.replace(activation=activation)
    model = CLIP(config).eval()
    model.load_state_dict(small.state_dict())
    save_weights(model, tmp_path / "ours")
    theirs, report = library.CLIPModel.from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    theirs.eval().save_pretrained(tmp_path / "theirs")
    back = read_weights(tmp_path / "theirs")
    assert back.source == "Hugging Face" and back.config == config
    for name, tensor in model.state_dict().items():
        assert torch.equal(back.tensors[name], tensor), name

    def run(pictures: Tensor, tokens: Tensor) -> dict[str, Tensor]:
        image = theirs.get_image_features(pixel_values=pictures)
        text = theirs.get_text_features(input_ids=tokens)
        image, text = (getattr(x, "pooler_output", x) for x in (image, text))
        return results(image, text, theirs.logit_scale)

    found, expected = ours(load_clip(back), *small_inputs), run(*small_inputs)
    assert_same(found, expected)
    backward(found)
    backward(expected)
    grad = theirs.text_projection.weight.grad.T
    again = load_clip(back)
    backward(ours(again, *small_inputs))
    torch.testing.assert_close(again.text.text_projection.grad, grad, **EXACT)
    torch.testing.assert_close(
        again.visual.conv1.weight.grad,
        theirs.vision_model.embeddings.patch_embedding.weight.grad,
        atol=1e-5,
        rtol=1e-3,
    )
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert_close_in_bf16(ours(again, *small_inputs), run(*small_inputs))
