"""The plain loop takes the library's steps, and is what my_clip.py's own loop is compared with."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from clipedu.device import pick_device
from clipedu.models import build
from clipedu.tokenizer import Tokenizer
from clipedu.training import RECIPES, Feeder, Run, make_optimizer, read_steps
from clipedu.training import train_step as library_step
from clipedu_lessons.l04_train_a_clip.plain_training import train_clip, train_step


class Noise:
    """Pictures of noise with one of forty captions, some of them twice in a batch."""

    role = "train"
    largest_batch = 1000

    def __len__(self) -> int:
        return 1000

    def batch_at(self, step, n, seed, augmentation):  # noqa: ANN001, ANN201
        generator = torch.Generator().manual_seed(100 * seed + step)
        words = torch.randint(0, 40, (n,), generator=generator).tolist()
        return torch.rand(n, 3, 32, 32, generator=generator), [f"thing {w}" for w in words]


def test_losses_and_weights_are_the_library_s() -> None:
    recipe = dataclasses.replace(
        RECIPES["tiny"], optimizer="muon", precision="fp32", batch_size=16, steps=6, warmup=0.34
    )
    tokenizer = Tokenizer.train([f"thing {w}" for w in range(40)], 300)
    run = Run(recipe, 0, pick_device("cpu"), tokenizer)
    model = build(run.model.config, seed=0)
    model.load_state_dict(run.model.state_dict())
    feeder = Feeder(Noise(), tokenizer, recipe, 0, torch.device("cpu"))  # type: ignore[arg-type]
    run.model.train()
    theirs = [read_steps(run, [library_step(run, feeder(k))], feeder)[0] for k in range(6)]
    numbers = {"peak": recipe.learning_rate, "warmup": 0.34, "weight_decay": recipe.weight_decay}
    ours = list(train_clip(model, map(feeder, range(99)), steps=6, half=False, **numbers))
    assert ours == pytest.approx([row["loss"] for row in theirs], abs=1e-4)
    assert model.training
    for name, value in run.model.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value, atol=2e-3, rtol=1e-3)


def test_a_step_clears_sets_the_rate_and_clamps() -> None:
    model = build("tiny", seed=0)
    model.logit_scale.data.fill_(6.0)
    optimizer = make_optimizer(model.named_parameters(), 0.0, lr=1.0)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 1e6)
    tokens = torch.tensor([[510, 5, 511], [510, 6, 511]])
    loss = train_step(model, optimizer, (torch.rand(2, 3, 32, 32), tokens, None), 1e-4)
    assert isinstance(loss, float)
    assert {group["lr"] for group in optimizer.param_groups} == {1e-4}
    assert model.logit_scale.exp().item() == pytest.approx(100)
    norm = torch.stack([p.grad.norm() for p in model.parameters() if p.grad is not None]).norm()
    assert norm < 1.01
