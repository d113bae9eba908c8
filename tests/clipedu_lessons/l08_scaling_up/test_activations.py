"""What a step keeps for its backward pass: counted on fake tensors, held against real ones."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clipedu.models import PRESETS, CLIPConfig, TextConfig, ViTConfig, build
from clipedu_lessons.l08_scaling_up.activations import count_activations

SMALL_VIT = CLIPConfig(
    embed_dim=24,
    vision=ViTConfig(32, patch=8, width=48, layers=3, heads=3),
    text=TextConfig(300, context_length=12, width=40, heads=2, layers=2),
)
CONFIGS = {"tiny ResNet": PRESETS["tiny"], "small ViT": SMALL_VIT}


def really_saved(config: CLIPConfig, pairs: int) -> int:
    """Bytes of the storages that autograd keeps in a real forward pass, weights left out."""
    model = build(config, seed=0).train()
    known = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    kept: dict[int, Tensor] = {}

    def note(saved: Tensor) -> Tensor:
        place = saved.untyped_storage().data_ptr()
        if place not in known:
            kept[place] = saved
        return saved

    side, length = config.vision.resolution, config.text.context_length
    with torch.autograd.graph.saved_tensors_hooks(note, lambda saved: saved):
        out = model.visual(torch.rand(pairs, 3, side, side))
        out = out, model.text(torch.randint(0, 200, (pairs, length)))
    return sum(saved.untyped_storage().nbytes() for saved in kept.values())


@pytest.mark.parametrize("name", CONFIGS)
def test_the_count_is_what_autograd_really_keeps(name: str) -> None:
    config = CONFIGS[name]
    one_more = (really_saved(config, 7) - really_saved(config, 5)) / 2  # bytes a pair
    # fp32 on a CPU takes fused attention above 0 keys without gradients, plain up to 64 with them
    counted = count_activations(config, fused=False).per_pair()
    assert counted == pytest.approx(one_more, rel=0.02)


@pytest.mark.parametrize("name", CONFIGS)
def test_half_precision_keeps_less_and_makes_copies_of_weights(name: str) -> None:
    full, half = (count_activations(CONFIGS[name], t) for t in (torch.float32, torch.bfloat16))
    assert full.weight_copies == 0 < half.weight_copies
    assert 0.45 < half.per_pair() / full.per_pair() < 0.75  # layer norms stay in fp32


@pytest.mark.parametrize("name", CONFIGS)
def test_checkpointing_keeps_block_inputs_and_one_block(name: str) -> None:
    kept = count_activations(CONFIGS[name])
    assert 0 < kept.largest_block < kept.inside
    assert kept.per_pair(checkpointing=True) < kept.per_pair()
    whole = kept.outside + kept.block_inputs + kept.largest_block
    assert kept.per_pair(checkpointing=True) == whole


def test_a_fused_kernel_does_not_keep_the_scores() -> None:
    long = SMALL_VIT.replace(patch=2)  # 257 tokens: scores of 257 x 257 for each head and block
    scores = 4 * 3 * 2 * 257 * 257  # bytes; in the third block one token asks
    plain, fused = (count_activations(long, fused=f).per_pair() for f in (False, True))
    assert plain - fused == pytest.approx(scores, rel=0.15)
