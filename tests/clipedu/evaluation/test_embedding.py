from __future__ import annotations

import pytest
import torch

from clipedu.evaluation import embed_pictures, embed_texts, evaluating
from clipedu.models import CLIP, build
from clipedu.pairs import to_model
from clipedu.tokenizer import Tokenizer


def test_pictures_one_by_one(model: CLIP) -> None:
    pictures = torch.rand(7, 3, 32, 32)
    model.eval()
    with torch.no_grad():
        slow = [model.encode_image(to_model(picture[None]))[0] for picture in pictures]
    slow_unit = torch.stack([row / row.norm() for row in slow])
    for batch_size in (1, 3, 100):
        fast = embed_pictures(model, pictures, batch_size=batch_size)
        assert torch.allclose(fast, slow_unit, atol=1e-5)
        assert not fast.requires_grad


def test_texts_one_by_one(model: CLIP, tokenizer: Tokenizer) -> None:
    texts = ["red ball", "an icon of a green tree", "é", "boat"]
    model.eval()
    with torch.no_grad():
        slow = torch.cat([model.encode_text(tokenizer(text, 32)) for text in texts])
    slow = slow / slow.norm(dim=1, keepdim=True)
    for batch_size in (1, 3, 100):
        assert torch.allclose(
            embed_texts(model, tokenizer, texts, batch_size=batch_size), slow, atol=1e-5
        )


def test_preprocess_is_the_callers(model: CLIP) -> None:
    pictures = torch.rand(2, 3, 32, 32)
    same = embed_pictures(model, 1 - pictures, preprocess=lambda p: to_model(1 - p))
    assert torch.allclose(same, embed_pictures(model, pictures), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bit_models_answer_in_float32(
    model: CLIP, tokenizer: Tokenizer, dtype: torch.dtype
) -> None:
    pictures, texts = torch.rand(3, 3, 32, 32), ["red ball", "tree"]
    wanted = embed_pictures(model, pictures), embed_texts(model, tokenizer, texts)
    model.to(dtype)
    got = embed_pictures(model, pictures), embed_texts(model, tokenizer, texts)
    for a, b in zip(got, wanted, strict=True):
        assert a.dtype == torch.float32
        assert torch.allclose(a.norm(dim=-1), torch.ones(len(a)), atol=1e-5)
        assert (a * b).sum(-1).min() > 0.99


def test_every_module_keeps_its_mode(model: CLIP) -> None:
    model.train()
    frozen = next(m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d))
    frozen.eval()
    before = {name: module.training for name, module in model.named_modules()}
    statistics = frozen.running_mean.clone()
    embed_pictures(model, torch.rand(2, 3, 32, 32))
    assert {name: module.training for name, module in model.named_modules()} == before
    others = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert len(others) > 1 and all(m.num_batches_tracked == 0 for m in others)
    assert torch.equal(frozen.running_mean, statistics)
    with pytest.raises(RuntimeError, match="boom"), evaluating(model):
        assert not any(module.training for module in model.modules())
        raise RuntimeError("boom")
    assert {name: module.training for name, module in model.named_modules()} == before


def test_another_resolution(model: CLIP) -> None:
    with pytest.raises(ValueError, match="16 px wide.*sees 32 px.*size=32"):
        embed_pictures(model, torch.rand(1, 3, 16, 16))


def test_nan_names_the_input(model: CLIP, tokenizer: Tokenizer) -> None:
    with pytest.raises(ValueError, match="NaN.*number 1"):
        embed_pictures(
            model, torch.full((2, 3, 32, 32), 0.5).index_fill(0, torch.tensor(1), torch.nan)
        )
    with torch.no_grad():
        model.text.token_embedding.weight[ord("z")] = torch.nan
    with pytest.raises(ValueError, match="1 of 1 encoded prompts hold NaN.*first is number 2"):
        embed_texts(model, tokenizer, ["a", "b", "z"], batch_size=2)
    broken = build("tiny", seed=0)
    broken.visual.conv1.weight.data.fill_(torch.inf)
    with pytest.raises(ValueError, match="1 of 1 encoded pictures hold NaN"):
        embed_pictures(broken, torch.rand(1, 3, 32, 32))


def test_nothing_to_embed(model: CLIP, tokenizer: Tokenizer) -> None:
    for texts in ([], "one string"):
        with pytest.raises(ValueError, match="list of at least one"):
            embed_texts(model, tokenizer, texts)
    with pytest.raises(ValueError, match="no pictures"):
        embed_pictures(model, torch.rand(0, 3, 32, 32))
    with pytest.raises(ValueError, match="batch_size"):
        embed_pictures(model, torch.rand(1, 3, 32, 32), batch_size=0)
    with pytest.raises(ValueError, match="the limit is 32"):
        embed_texts(model, tokenizer, ["a very long caption " * 20])
