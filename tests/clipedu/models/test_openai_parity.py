"""The paper's presets against openai/CLIP: sizes, names, and the outputs of its own module code.

No released weights are needed: random weights travel both ways.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch

from clipedu.models import (
    CLIP,
    PRESETS,
    CLIPConfig,
    ResNetConfig,
    TextConfig,
    ViTConfig,
    build,
    count_parameters,
)

# Counted from openai/CLIP's clip/model.py.
SIZES = {
    "RN50": (102_007_137, 489),
    "RN101": (119_688_033, None),
    "RN50x4": (178_300_601, None),
    "RN50x16": (290_979_217, None),
    "RN50x64": (623_258_305, None),
    "ViT-B/32": (151_277_313, 302),
    "ViT-B/16": (149_620_737, 302),
    "ViT-L/14": (427_616_513, 446),
    "ViT-L/14@336px": (427_944_193, 446),
}


def _on_meta(name: str) -> CLIP:
    with torch.device("meta"):
        return build(name)


@pytest.mark.parametrize("name", SIZES)
def test_parameters_and_keys_of_the_papers_presets(name):
    parameters, keys = SIZES[name]
    model = _on_meta(name)
    assert count_parameters(model) == parameters
    assert keys is None or len(model.state_dict()) == keys


def test_parts_of_two_presets():
    vit, resnet = _on_meta("ViT-B/32"), _on_meta("RN50")
    assert count_parameters(vit.visual) == 87_849_216
    assert count_parameters(vit.text) == 63_428_096
    assert count_parameters(resnet.visual) == 38_316_896


SHAPES = {
    "ViT-B/32": {
        "positional_embedding": (77, 512),
        "text_projection": (512, 512),
        "logit_scale": (),
        "token_embedding.weight": (49408, 512),
        "ln_final.bias": (512,),
        "transformer.resblocks.11.attn.in_proj_weight": (1536, 512),
        "transformer.resblocks.0.attn.in_proj_bias": (1536,),
        "transformer.resblocks.0.attn.out_proj.bias": (512,),
        "transformer.resblocks.0.mlp.c_fc.weight": (2048, 512),
        "transformer.resblocks.0.mlp.c_proj.weight": (512, 2048),
        "visual.class_embedding": (768,),
        "visual.positional_embedding": (50, 768),
        "visual.proj": (768, 512),
        "visual.conv1.weight": (768, 3, 32, 32),
        "visual.ln_pre.weight": (768,),
        "visual.ln_post.weight": (768,),
        "visual.transformer.resblocks.11.mlp.c_fc.weight": (3072, 768),
    },
    "RN50": {
        "visual.conv1.weight": (32, 3, 3, 3),
        "visual.conv2.weight": (32, 32, 3, 3),
        "visual.conv3.weight": (64, 32, 3, 3),
        "visual.bn3.running_var": (64,),
        "visual.layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "visual.layer4.2.bn3.num_batches_tracked": (),
        "visual.attnpool.positional_embedding": (50, 2048),
        "visual.attnpool.k_proj.weight": (2048, 2048),
        "visual.attnpool.c_proj.weight": (1024, 2048),
        "text_projection": (512, 1024),
    },
}


@pytest.mark.parametrize("name", SHAPES)
def test_names_and_shapes_of_the_state_dict(name):
    state = _on_meta(name).state_dict()
    for key, shape in SHAPES[name].items():
        assert tuple(state[key].shape) == shape, key


# against the code


@pytest.fixture(scope="module")
def openai() -> ModuleType:
    """clip/model.py alone: importing the package would ask for torchvision."""
    spec = importlib.util.find_spec("clip")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("openai/CLIP's code is not here; pip install --no-deps clip-anytorch")
    path = Path(spec.submodule_search_locations[0]) / "model.py"
    spec = importlib.util.spec_from_file_location("openai_clip_model", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _theirs(openai: ModuleType, config: CLIPConfig) -> torch.nn.Module:
    vision, text = config.vision, config.text
    return openai.CLIP(
        embed_dim=config.embed_dim,
        image_resolution=vision.resolution,
        vision_layers=vision.layers,
        vision_width=vision.width,
        vision_patch_size=getattr(vision, "patch", None),
        context_length=text.context_length,
        vocab_size=text.vocab_size,
        transformer_width=text.width,
        transformer_heads=text.heads,
        transformer_layers=text.layers,
    ).eval()


def _shake(model: torch.nn.Module) -> None:
    """Random values everywhere, also where a network starts with zeros or ones."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("logit_scale") or not tensor.is_floating_point():
                continue
            noise = torch.empty_like(tensor).uniform_(-0.05, 0.05, generator=generator)
            tensor.add_(noise)


def _inputs(config: CLIPConfig, count: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    side, text = config.vision.resolution, config.text
    pictures = torch.randn(count, 3, side, side, generator=generator)
    tokens = torch.randint(
        1, text.vocab_size - 2, (count, text.context_length), generator=generator
    )
    for i, row in enumerate(tokens):
        row[0], row[4 + i], row[5 + i :] = text.vocab_size - 2, text.vocab_size - 1, 0
    return pictures, tokens


def _logits(model: CLIP, pictures: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What the forward of openai/CLIP returns."""
    image, text, scale = model(pictures, tokens)
    per_image = scale * image @ text.T
    return per_image, per_image.T


def _compare(ours: CLIP, theirs: torch.nn.Module, config: CLIPConfig, count: int = 3) -> None:
    pictures, tokens = _inputs(config, count)
    with torch.no_grad():
        pairs = [
            (ours.encode_image(pictures), theirs.encode_image(pictures)),
            (ours.encode_text(tokens), theirs.encode_text(tokens)),
            *zip(_logits(ours, pictures, tokens), theirs(pictures, tokens), strict=True),
        ]
    for got, expected in pairs:
        assert expected.abs().max() > 0.1  # or the tolerance would say nothing
        torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


_TEXT = TextConfig(vocab_size=200, context_length=20, width=64, heads=1, layers=2)
SMALL = {
    "vit": CLIPConfig(48, ViTConfig(64, 16, width=128, layers=3, heads=2), _TEXT),
    "resnet": CLIPConfig(48, ResNetConfig(64, (1, 2, 1, 1), width=16, heads=8), _TEXT),
}


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("direction", ["theirs to ours", "ours to theirs"])
def test_small_models_agree(openai, kind, direction):
    config = SMALL[kind]
    torch.manual_seed(0)
    theirs, ours = _theirs(openai, config), build(config).eval()
    source, target = (theirs, ours) if direction == "theirs to ours" else (ours, theirs)
    _shake(source)
    target.load_state_dict(source.state_dict())  # strict, both ways
    _compare(ours, theirs, config)


@pytest.mark.parametrize("kind", SMALL)
def test_gradients_agree(openai, kind):
    config = SMALL[kind]
    torch.manual_seed(0)
    theirs, ours = _theirs(openai, config), build(config).eval()
    _shake(theirs)
    ours.load_state_dict(theirs.state_dict())
    pictures, tokens = _inputs(config)
    labels = torch.arange(len(tokens))
    losses = []
    for logits in (_logits(ours, pictures, tokens), theirs(pictures, tokens)):
        losses.append(torch.nn.functional.cross_entropy(logits[0], labels))
        losses[-1].backward()
    torch.testing.assert_close(losses[0], losses[1])
    names = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        expected = names[name.removeprefix("text.")].grad
        torch.testing.assert_close(parameter.grad, expected, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", ["ViT-B/32", "RN50"])
def test_full_size_models_agree(openai, name):
    config = PRESETS[name]
    with torch.device("meta"):
        theirs, ours = _theirs(openai, config), build(config).eval()
    expected = {key: value.shape for key, value in theirs.state_dict().items()}
    assert {key: value.shape for key, value in ours.state_dict().items()} == expected
    ours = ours.to_empty(device="cpu")
    _fill(ours)
    theirs.load_state_dict(ours.state_dict(), assign=True)  # shared, which saves half a gigabyte
    _restore_mask(theirs)
    _compare(ours, theirs, config, count=1)


def _fill(model: torch.nn.Module) -> None:
    """Values of a sensible size, quickly: up to 1/sqrt(inputs) in matrices, near 1 in gains."""
    random = 2 * torch.rand(1_000_003, generator=torch.Generator().manual_seed(3)) - 1
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("logit_scale"):
                tensor.fill_(2.6593)
                continue
            if not tensor.is_floating_point():
                tensor.zero_()
                continue
            repeats = -(-tensor.numel() // len(random))
            values = random.repeat(repeats)[: tensor.numel()].view_as(tensor)
            if tensor.ndim >= 2:
                tensor.copy_(values).mul_(tensor[0].numel() ** -0.5)
            else:
                gain = name.endswith(("weight", "running_var"))
                tensor.copy_(values).mul_(0.1).add_(1.0 if gain else 0.0)


def _restore_mask(theirs: torch.nn.Module) -> None:
    mask = torch.full((77, 77), float("-inf")).triu_(1)
    for block in theirs.transformer.resblocks:
        block.attn_mask = mask
