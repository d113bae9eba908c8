from __future__ import annotations

import copy
import dataclasses
import math

import pytest
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from clipedu.device import pick_device
from clipedu.models import build
from clipedu.tokenizer import Tokenizer
from clipedu.training import (
    Execution,
    Feeder,
    Run,
    TrainingDiverged,
    learning_rate,
    read_steps,
    train_step,
)
from clipedu.training.optimizer import optimizer_tensors

TOKENIZER = Tokenizer.train(["small red left", "large blue right"] * 3, 270)


def make(recipe, pairs, **changes):
    recipe = dataclasses.replace(recipe, **changes)
    run = Run(recipe, 0, pick_device("cpu"), TOKENIZER)
    run.model.train()
    return run, Feeder(pairs, TOKENIZER, recipe, 0, torch.device("cpu"))


def step_of(run, batch):
    """A step and a look at its numbers."""
    (row,) = read_steps(run, [train_step(run, batch)], lambda step: batch)
    return row


@pytest.mark.parametrize("grad_clip", [None, 0.5])
def test_steps_equal_a_plain_slow_loop(recipe, pairs, grad_clip) -> None:
    """The oracle: AdamW and InfoNCE written out, everything contiguous, nothing fused."""
    run, feeder = make(recipe, pairs, grad_clip=grad_clip)
    model = build(recipe.config(TOKENIZER.vocab_size), seed=0).train()
    memory = {n: (torch.zeros_like(p), torch.zeros_like(p)) for n, p in model.named_parameters()}
    b1, b2 = recipe.betas
    for k in range(3):
        row = step_of(run, feeder(k))
        image, text, scale = model(feeder(k).pictures.contiguous(), feeder(k).tokens)
        logits = scale * image @ text.T
        right = torch.arange(len(image))
        loss = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
        model.zero_grad()
        loss.backward()
        length = math.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters()))
        rate = learning_rate(k, steps=12, peak=recipe.learning_rate, warmup_steps=1)
        with torch.no_grad():
            for name, p in model.named_parameters():
                grad = p.grad * min(1.0, (grad_clip or math.inf) / length)
                m, v = memory[name]
                m.mul_(b1).add_(grad, alpha=1 - b1)
                v.mul_(b2).add_(grad**2, alpha=1 - b2)
                if p.ndim >= 2 and not name.endswith("positional_embedding"):
                    p.mul_(1 - rate * recipe.weight_decay)
                m_hat, v_hat = m / (1 - b1 ** (k + 1)), v / (1 - b2 ** (k + 1))
                p.sub_(rate * m_hat / (v_hat.sqrt() + recipe.eps))
        assert row["step"] == k + 1
        assert row["loss"] == pytest.approx(loss.item(), rel=1e-4)
        assert row["gradient"] == pytest.approx(length, rel=1e-3)
        assert row["learning_rate"] == pytest.approx(rate)
    # Adam divides by the gradient's size: entries whose gradient is rounding noise may differ.
    for name, p in model.named_parameters():
        other = dict(run.model.named_parameters())[name]
        far = ((p - other).abs() > 2e-4).float().mean().item()
        assert far < 0.02, (name, far)


def test_the_scale_is_clamped_after_the_step(recipe, pairs) -> None:
    run, feeder = make(recipe, pairs, max_logit_scale=5.0)
    assert run.model.logit_scale.exp() > 14
    step_of(run, feeder(0))
    assert run.model.logit_scale.exp().item() == pytest.approx(5.0)


def test_equal_captions_are_masked_when_asked(recipe, pairs) -> None:
    run, feeder = make(recipe, pairs)
    batch = feeder(0)
    tokens = batch.tokens.clone()
    tokens[1] = tokens[0]
    ids = torch.arange(16)
    ids[1] = 0
    with_mask = copy.deepcopy(run)
    plain = step_of(run, batch._replace(tokens=tokens))["loss"]
    masked = step_of(with_mask, batch._replace(tokens=tokens, false_negative_ids=ids))["loss"]
    assert masked < plain


def test_siglip_learns_its_bias(recipe, pairs) -> None:
    run, feeder = make(recipe, pairs, objective="siglip")
    assert run.model.logit_scale.exp().item() == pytest.approx(10)
    assert run.bias.item() == pytest.approx(-math.log(15))
    losses = [step_of(run, feeder(k))["loss"] for k in range(6)]
    assert run.bias.item() != pytest.approx(-math.log(15))
    assert losses[-1] < losses[0]
    assert "logit_bias" in [n for g in run.optimizer.param_groups for n in g["names"]]


def test_fp16_uses_a_scaler_and_learns(recipe, pairs) -> None:
    run, feeder = make(recipe, pairs, precision="fp16")
    assert run.scaler.is_enabled()
    losses = [step_of(run, feeder(k))["loss"] for k in range(6)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("precision", ["bf16", "auto"])
def test_lower_precision_starts_at_the_same_loss(recipe, pairs, precision) -> None:
    full, feeder = make(recipe, pairs)
    low, _ = make(recipe, pairs, precision=precision)
    loss = step_of(full, feeder(0))["loss"]
    assert step_of(low, feeder(0))["loss"] == pytest.approx(loss, rel=0.02)
    assert all(p.dtype == torch.float32 for p in low.model.parameters())


def snapshot(run):
    return {k: v.detach().clone() for k, v in run.model.named_parameters()}


def test_nan_pictures_are_named_and_touch_no_weight(recipe, fake_pairs) -> None:
    run, feeder = make(recipe, fake_pairs(poison=0))
    before = snapshot(run)
    with pytest.raises(TrainingDiverged) as caught:
        step_of(run, feeder(0))
    words = str(caught.value)
    assert "step 1 of 12" in words
    assert "1 of 16 in this batch hold NaN or infinity, the first at row 3" in words
    assert "learning rate" in words and "logit scale: 14.3" in words
    for name, value in snapshot(run).items():
        assert torch.equal(value, before[name])
    assert run.step == 0


def test_broken_weights_point_to_an_earlier_step(recipe, pairs) -> None:
    run, feeder = make(recipe, pairs)
    run.model.text.ln_final.weight.data[0] = math.inf
    with pytest.raises(TrainingDiverged, match=r"text\.ln_final\.weight was not finite before"):
        step_of(run, feeder(0))


def test_a_gradient_that_is_not_finite_never_reaches_the_weights(recipe, pairs) -> None:
    run, feeder = make(recipe, pairs)
    run.model.text.text_projection.register_hook(lambda grad: grad * math.inf)
    before = snapshot(run)
    with pytest.raises(TrainingDiverged, match="The gradient is"):
        step_of(run, feeder(0))
    for name, value in snapshot(run).items():
        assert torch.equal(value, before[name])


def test_what_goes_wrong_later_leaves_weights_and_adams_state_as_they_were(
    recipe, fake_pairs
) -> None:
    run, feeder = make(recipe, fake_pairs(poison=2))
    for k in range(2):
        step_of(run, feeder(k))
    adam = optimizer_tensors(run.optimizer)
    before = snapshot(run), {name: value.clone() for name, value in adam.items()}
    assert len(adam) == 3 * len(before[0])
    with pytest.raises(TrainingDiverged, match="step 3 of 12"):
        step_of(run, feeder(2))
    for one, other in zip(before, (snapshot(run), optimizer_tensors(run.optimizer)), strict=True):
        for name, value in other.items():
            assert torch.equal(value, one[name]), name
    assert run.step == 2


def test_several_steps_are_read_at_once_and_the_broken_one_is_named(recipe, fake_pairs) -> None:
    """As on a GPU, which is looked at every few steps."""
    run, feeder = make(recipe, fake_pairs(poison=1))
    numbers = [train_step(run, feeder(k)) for k in range(3)]
    with pytest.raises(TrainingDiverged, match=r"step 2 of 12(.|\n)*first at row 3"):
        read_steps(run, numbers, feeder)
    assert all(p.isfinite().all() for p in run.parameters)
    rows = read_steps(run, numbers[:1], feeder)
    assert [row["step"] for row in rows] == [1] and math.isfinite(rows[0]["gradient"])


class Looks(TorchDispatchMode):
    """Counts how often a value of a tensor is asked for: on a GPU each would wait for it."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"objective": "siglip", "ema_decay": 0.9, "grad_clip": None},
        {"execution": Execution(tile=5)},
        {"precision": "bf16"},
        {"precision": "fp16"},
    ],
)
def test_a_step_looks_at_no_value(recipe, pairs, changes, monkeypatch: pytest.MonkeyPatch) -> None:
    run, feeder = make(recipe, pairs, **changes)
    # The model looks at tokens on a CPU, where that is free.
    monkeypatch.setattr("clipedu.models.clip.may_look", lambda tokens: False)
    first, batch = train_step(run, feeder(0)), feeder(1)  # the first step makes Adam's averages
    with Looks() as looks:
        second = train_step(run, batch)
    assert looks.count == 0
    rows = read_steps(run, [first, second], feeder)  # and this looks once, at both
    assert [row["step"] for row in rows] == [1, 2]
    with Looks() as looks:
        run.model.logit_scale.item()
    assert looks.count == 1
