from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from clipedu.models import CLIPConfig, TextConfig, ViTConfig, build
from clipedu.training import (
    SCHEDULES,
    Recipe,
    learning_rate,
    make_optimizer,
    parameter_groups,
    update_average_,
)
from clipedu.training.optimizer import (
    optimizer_tensors,
    restore_optimizer_,
    skip_update_where_,
)

VIT = CLIPConfig(16, ViTConfig(16, 8, 16, 1, 2), TextConfig(300, 8, 16, 2, 1))


@pytest.mark.parametrize("config", ["tiny", VIT], ids=["resnet", "vit"])
def test_every_parameter_is_in_one_group_and_the_right_one(config) -> None:
    model = build(config, seed=0)
    decayed, excluded = parameter_groups(model.named_parameters(), 0.2)
    assert (decayed["weight_decay"], excluded["weight_decay"]) == (0.2, 0.0)
    names = dict(model.named_parameters())
    assert sorted(decayed["names"] + excluded["names"]) == sorted(names)
    for name in decayed["names"]:
        assert names[name].ndim >= 2
        assert "bias" not in name and "embedding" not in name.replace("token_embedding", "")
    for name in excluded["names"]:
        assert names[name].ndim < 2 or name.endswith(("class_embedding", "positional_embedding"))
    assert "logit_scale" in excluded["names"]
    assert "text.token_embedding.weight" in decayed["names"]


def test_frozen_parameters_are_left_out() -> None:
    model = build("tiny", seed=0)
    model.visual.requires_grad_(False)
    names = [n for g in parameter_groups(model.named_parameters(), 0.2) for n in g["names"]]
    assert names and not any(name.startswith("visual.") for name in names)


def test_decay_pulls_matrices_and_no_gains() -> None:
    layer = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3))
    before = copy.deepcopy(layer.state_dict())
    optimizer = make_optimizer(layer.named_parameters(), lr=0.1, weight_decay=0.5)
    for p in layer.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    after = layer.state_dict()
    torch.testing.assert_close(after["0.weight"], before["0.weight"] * (1 - 0.1 * 0.5))
    for name in ("0.bias", "1.weight", "1.bias"):
        assert torch.equal(after[name], before[name])


def test_warmup_rises_in_equal_steps_and_the_cosine_is_torchs() -> None:
    settings = {"steps": 50, "peak": 2e-3, "warmup_steps": 10, "final": 0.1}
    ours = [learning_rate(step, **settings) for step in range(50)]
    assert ours[:10] == pytest.approx([2e-4 * (k + 1) for k in range(10)])
    dummy = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2e-3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(dummy, T_max=40, eta_min=2e-4)
    for rate in ours[10:]:
        assert rate == pytest.approx(dummy.param_groups[0]["lr"])
        dummy.step()
        theirs.step()


@given(
    steps=st.integers(1, 500),
    share=st.floats(0, 1),
    final=st.floats(0, 1),
    peak=st.floats(1e-5, 1),
)
def test_the_rate_rises_to_the_peak_then_only_falls(
    steps: int, share: float, final: float, peak: float
) -> None:
    warmup = round(share * steps)
    rates = [
        learning_rate(s, steps=steps, peak=peak, warmup_steps=warmup, final=final)
        for s in range(steps)
    ]
    assert max(rates) == pytest.approx(peak)
    assert all(0 < rate <= peak * (1 + 1e-9) for rate in rates)
    assert rates[:warmup] == sorted(rates[:warmup])
    assert rates[warmup:] == sorted(rates[warmup:], reverse=True)
    assert all(rate >= final * peak * (1 - 1e-9) for rate in rates[warmup:])


def test_a_schedule_is_a_function_and_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCHEDULES, "linear", lambda done: 1 - done)
    settings = {"steps": 10, "peak": 1.0, "final": 0.2}
    rates = [learning_rate(k, schedule="linear", **settings) for k in range(10)]
    assert rates == pytest.approx([0.2 + 0.8 * (1 - k / 10) for k in range(10)])
    assert {learning_rate(k, schedule="constant", steps=9, peak=0.3) for k in range(9)} == {0.3}
    recipe = Recipe(steps=10, warmup=0.2, learning_rate=0.4, schedule="constant")
    assert [recipe.learning_rate_at(k) for k in (0, 1, 2, 9)] == [0.2, 0.4, 0.4, 0.4]
    with pytest.raises(ValueError, match="schedule must be one of cosine, constant"):
        Recipe(schedule="straight")


@pytest.mark.parametrize("fused", [True, None])
def test_a_step_can_be_skipped_without_a_look(fused: bool | None) -> None:
    layer = nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=fused)
    before = copy.deepcopy(layer.state_dict())
    for broken in (True, False):
        for p in layer.parameters():
            p.grad = torch.full_like(p, torch.nan if broken else 1.0)
        skip_update_where_(optimizer, torch.tensor(broken))
        optimizer.step()
        same = [torch.equal(p, before[name]) for name, p in layer.named_parameters()]
        assert same == [broken] * 2
    assert all(p.isfinite().all() for p in layer.parameters())


def test_average_is_what_a_slow_loop_computes() -> None:
    model, decay = build("tiny", seed=0), 0.9
    average = copy.deepcopy(model)
    slow = {name: value.double() for name, value in model.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    for step in range(30):
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn(p.shape, generator=generator))
            model.visual.bn1.running_mean.add_(1)
            model.visual.bn1.num_batches_tracked.add_(1)
        update_average_(average, model, decay, step)
        d = min(decay, (1 + step) / (10 + step))
        for name, value in model.state_dict().items():
            slow[name] = d * slow[name] + (1 - d) * value
    for name, value in average.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert torch.equal(value, model.state_dict()[name])
        else:
            torch.testing.assert_close(value.double(), slow[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_restored_memory_gives_the_same_next_step(memory: torch.memory_format) -> None:
    """With channels last this fails if the fused kernel is handed contiguous memory."""

    def fresh() -> tuple[nn.Conv2d, torch.optim.AdamW]:
        torch.manual_seed(0)
        layer = nn.Conv2d(3, 5, 3)
        layer.weight.data = layer.weight.data.contiguous(memory_format=memory)
        return layer, make_optimizer(layer.named_parameters(), lr=2e-3, weight_decay=0.2)

    def step(layer: nn.Conv2d, optimizer: torch.optim.AdamW, k: int) -> None:
        generator = torch.Generator().manual_seed(k)
        for p in layer.parameters():
            noise = torch.randn(p.shape, generator=generator)
            p.grad = torch.empty_like(p).copy_(noise)
        optimizer.step()

    one, first = fresh()
    for k in range(3):
        step(one, first, k)
    saved = {k: v.clone().contiguous() for k, v in optimizer_tensors(first).items()}
    weights = copy.deepcopy(one.state_dict())
    step(one, first, 3)

    two, second = fresh()
    two.load_state_dict(weights)
    restore_optimizer_(second, saved)
    step(two, second, 3)
    for name, value in one.state_dict().items():
        assert torch.equal(value, two.state_dict()[name]), name


def test_memory_of_another_model_is_refused() -> None:
    small, large = nn.Linear(2, 2), nn.Linear(2, 3)
    optimizers = [
        make_optimizer(layer.named_parameters(), lr=2e-3, weight_decay=0.2)
        for layer in (small, large)
    ]
    for layer, optimizer in zip((small, large), optimizers, strict=True):
        for p in layer.parameters():
            p.grad = torch.ones_like(p)
        optimizer.step()
    tensors = optimizer_tensors(optimizers[0])
    with pytest.raises(ValueError, match="weight has shape"):
        restore_optimizer_(optimizers[1], tensors)
    with pytest.raises(ValueError, match="is missing"):
        restore_optimizer_(optimizers[0], {})
