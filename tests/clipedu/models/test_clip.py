from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from clipedu.models import CBOW, CLIP, PRESETS, Embedded, TextTransformer, build, count_parameters

EOT = PRESETS["tiny"].text.vocab_size - 1


def _pictures(count: int = 4, seed: int = 0) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def _tokens(count: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(1, EOT - 1, (count, 32), generator=generator)
    for row, words in zip(tokens, range(3, 3 + count), strict=True):
        row[0], row[words + 1], row[words + 2 :] = EOT - 1, EOT, 0
    return tokens


@pytest.fixture(params=["tiny", "tiny_vit", "tiny_cbow"])
def model(request) -> CLIP:
    if request.param == "tiny_vit":
        vision = PRESETS["laptop_vit"].vision
        return build("tiny", seed=0, vision=vision, vision_width=32, vision_heads=2).eval()
    kind = "cbow" if request.param == "tiny_cbow" else "transformer"
    return build("tiny", seed=0, kind=kind).eval()


def test_forward_is_two_normalized_embeddings_and_a_scale(model):
    pictures, tokens = _pictures(), _tokens()
    embedded = model(pictures, tokens)
    assert isinstance(embedded, Embedded)
    image, text, scale = embedded
    for rows, encode, given in (
        (image, model.encode_image, pictures),
        (text, model.encode_text, tokens),
    ):
        assert rows.shape == (4, 32)
        torch.testing.assert_close(rows.norm(dim=1), torch.ones(4))
        raw = encode(given)
        torch.testing.assert_close(rows, raw / raw.norm(dim=1, keepdim=True))
        torch.testing.assert_close(rows, encode(given, normalize=True))
    assert scale.shape == () and scale.item() == pytest.approx(1 / 0.07)


def test_products_of_the_embeddings_are_scaled_cosines(model):
    pictures, tokens = _pictures(3), _tokens(4)
    embedded = model(pictures, tokens)
    per_image = embedded.logit_scale * embedded.image @ embedded.text.T
    assert per_image.shape == (3, 4)
    image, text = model.encode_image(pictures), model.encode_text(tokens)
    for i in range(3):
        for j in range(4):
            cosine = torch.cosine_similarity(image[i], text[j], dim=0)
            torch.testing.assert_close(per_image[i, j], cosine / 0.07, atol=1e-4, rtol=1e-4)


def test_logit_scale_is_a_log_and_has_no_clamp():
    model = build("tiny", seed=0)
    assert model.logit_scale.item() == pytest.approx(math.log(1 / 0.07))
    with torch.no_grad():
        model.logit_scale.fill_(math.log(200))
    scale = model(_pictures(), _tokens()).logit_scale
    scale.backward()
    assert scale.item() == pytest.approx(200) == model.logit_scale.grad.item()


def test_every_parameter_gets_a_gradient(model):
    model.train()
    for module in model.modules():  # the zeros that blocks start with would hide a dead branch
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)
    image, text, scale = model(_pictures(), _tokens())
    (scale * image @ text.T).diagonal().sum().backward()
    dead = [
        name
        for name, p in model.named_parameters()
        if p.grad is None
        # a bias added to every key cancels in the softmax
        or (not p.grad.any() and not name.endswith("k_proj.bias"))
    ]
    assert not dead


def test_image_features(model):
    pictures = _pictures()
    features = model.image_features(pictures)
    assert not features.requires_grad
    if hasattr(model.visual, "proj"):
        projected = features @ model.visual.proj
    else:
        projected = model.visual.attnpool.c_proj(features)
    torch.testing.assert_close(projected, model.encode_image(pictures))


def test_rows_of_a_batch_do_not_see_each_other(model):
    pictures, tokens = _pictures(), _tokens()
    whole = model(pictures, tokens)
    for i in range(4):
        alone = model(pictures[i : i + 1], tokens[i : i + 1])
        torch.testing.assert_close(alone.image[0], whole.image[i], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(alone.text[0], whole.text[i], atol=1e-5, rtol=1e-4)


# 16 bits


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_whole_model_in_16_bits(model, dtype):
    expected = model(_pictures(), _tokens())
    image, text, scale = copy.deepcopy(model).to(dtype)(_pictures(), _tokens())
    assert image.dtype == text.dtype == torch.float32  # rows of length 1 need the digits
    torch.testing.assert_close(image.norm(dim=1), torch.ones(4))
    assert (image * expected.image).sum(dim=1).min() > 0.99
    assert (text * expected.text).sum(dim=1).min() > 0.99
    assert scale.dtype == dtype


def test_autocast_with_gradients(model):
    model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        image, text, scale = model(_pictures(), _tokens())
    assert image.dtype == text.dtype == torch.float32
    (scale * image @ text.T).diagonal().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_float64_stays_float64(model):
    image, text, _ = model.double()(_pictures().double(), _tokens())
    assert image.dtype == text.dtype == torch.float64


# weights


def test_state_dict_has_no_text_prefix_and_loads_back(model):
    state = model.state_dict()
    assert not [key for key in state if key.startswith("text.")]
    assert "token_embedding.weight" in state and "text_projection" in state
    other = build(model.config, seed=1)
    assert not torch.equal(other.text.text_projection, model.text.text_projection)
    kept = dict(state)
    other.load_state_dict(state)  # strict
    assert set(state) == set(kept)  # loading leaves the caller's dict alone
    for key, value in other.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert torch.equal(other.text.text_projection, model.text.text_projection)


def test_state_dict_inside_another_module(model):
    wrapped = torch.nn.ModuleDict({"module": model})
    state = wrapped.state_dict()
    assert "module.token_embedding.weight" in state
    other = torch.nn.ModuleDict({"module": build(model.config, seed=1)})
    other.load_state_dict(state)
    torch.testing.assert_close(
        other["module"].text.text_projection, model.text.text_projection, rtol=0, atol=0
    )


def test_released_files_carry_sizes_among_the_weights(model):
    state = model.state_dict()
    sizes = {"input_resolution": 32, "context_length": 32, "vocab_size": 512}
    state |= {name: torch.tensor(size) for name, size in sizes.items()}
    build(model.config).load_state_dict(state)


def test_missing_and_unknown_weights_are_still_noticed(model):
    state = model.state_dict()
    missing = {k: v for k, v in state.items() if k != "token_embedding.weight"}
    with pytest.raises(RuntimeError, match="token_embedding.weight"):
        build(model.config).load_state_dict(missing)
    with pytest.raises(RuntimeError, match="surprise"):
        build(model.config).load_state_dict(state | {"surprise": torch.zeros(1)})


def test_weights_go_through_a_file(model, tmp_path: Path):
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    other = build(model.config, seed=1).eval()
    other.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(other(_pictures(), _tokens()).image, model(_pictures(), _tokens()).image)


# build


def test_presets_for_laptops():
    assert count_parameters(build("tiny")) < 100_000
    assert 900_000 <= count_parameters(build("laptop_small")) <= 1_100_000
    laptop = build("laptop")
    assert 2_000_000 <= count_parameters(laptop) <= 3_000_000  # 8 MB with room to spare in 16 bits
    assert laptop.text.token_embedding.num_embeddings == 4096
    assert laptop.encode_image(_pictures(2)).shape == (2, laptop.config.embed_dim)
    assert build("laptop_vit").encode_image(_pictures(2)).shape == (2, 192)


def test_seed_repeats_and_leaves_the_global_state_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, two, three = build("tiny", seed=0), build("tiny", seed=0), build("tiny", seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(one.text.text_projection, three.text.text_projection)
    assert not torch.equal(build("tiny").text.text_projection, build("tiny").text.text_projection)


def test_overrides_and_kinds():
    model = build("tiny", vocab_size=99, kind="cbow", embed_dim=16)
    assert isinstance(model.text, CBOW) and model.text.token_embedding.num_embeddings == 99
    assert model.config.embed_dim == 16 == model.encode_image(_pictures()).shape[1]
    assert isinstance(build(PRESETS["tiny"]).text, TextTransformer)


@pytest.mark.parametrize("name", ["ViT-B32", "rn50", ""])
def test_unknown_preset_lists_the_names(name):
    with pytest.raises(ValueError, match=f"unknown preset '{name}'.*laptop.*ViT-B/32"):
        build(name)


def test_a_preset_that_is_neither_name_nor_config():
    with pytest.raises(TypeError, match="name of a preset or a CLIPConfig, got a dict"):
        build({"embed_dim": 3})
