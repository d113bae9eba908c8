from __future__ import annotations

import pytest

from clipedu.training import RECIPES, train, training_flops
from clipedu.training.recipe import refuse_unaffordable


def test_the_papers_values() -> None:  # Tables 18, 19, 20
    recipe = RECIPES["paper"]
    assert (recipe.preset, recipe.batch_size, recipe.context_length) == ("ViT-B/32", 32_768, 77)
    assert recipe.steps * recipe.batch_size == 32 * 400_000_000
    assert recipe.warmup_steps == 2000
    assert (recipe.vocab_size, recipe.weight_decay, recipe.max_logit_scale) == (49408, 0.2, 100)
    assert recipe.learning_rate == 5e-4
    assert recipe.grad_clip is None
    assert (recipe.betas, recipe.eps) == ((0.9, 0.98), 1e-6)


def test_compute_of_vit_b32() -> None:
    # Multiply-adds a pair: 4.41e9 for the picture (open_clip counts the same), and by hand for
    # 77 tokens through 12 layers of width 512: 12 d d weights a layer, attention's two products of
    # 77 x 77 x 512, and one projection.
    text = 12 * (77 * 12 * 512**2 + 2 * 77 * 77 * 512) + 512**2
    flops = 3 * 2 * (4.41e9 + text) * 32 * 400_000_000
    assert training_flops("paper") == pytest.approx(flops, rel=0.01)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_paper_is_for_reading(device: str) -> None:
    with pytest.raises(ValueError, match=r"5\.7e\+20 floating-point operations.*years|days"):
        refuse_unaffordable(RECIPES["paper"], device)
    for name in ("tiny", "lesson", "laptop", "shipped"):
        refuse_unaffordable(RECIPES[name], device)


def test_train_refuses_politely() -> None:
    with pytest.raises(ValueError, match=r'for reading.*RECIPES\["laptop"\]'):
        train("paper")
