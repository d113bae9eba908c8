"""Training as `my_clip.py` does it: one step like the paper's Figure 3, and a loop around it.

What `my_clip.py` imports until its own is written (lesson 04), and what runs any CLIP: the
student's or the library's. `clipedu.training.train` is the one with checkpoints, ranks and checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from clipedu.objectives import clamp_logit_scale_, info_nce
from clipedu.training import learning_rate, parameter_groups
from clipedu.training.muon import MuonAdamW

Batch = tuple[Tensor, Tensor, Tensor | None]  # (B, 3, R, R), (B, L), (B,) ids of equal captions


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    rate: float,
    *,
    half: bool = True,
) -> float:
    """One step at the learning rate `rate`; returns the loss. half: encoders in bfloat16."""
    pictures, tokens, false_negative_ids = batch
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    with torch.autocast(pictures.device.type, torch.bfloat16, enabled=half):
        image, text, scale = model(pictures, tokens)
    # Outside autocast: logits go up to 100, where bfloat16 has steps of 0.5.
    loss = info_nce(image, text, scale, false_negative_ids)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    clamp_logit_scale_(model.logit_scale)  # type: ignore[arg-type]
    return loss.item()


def train_clip(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    steps: int,
    peak: float = 2e-3,
    warmup: float = 0.1,
    weight_decay: float = 0.2,
    half: bool = True,
) -> Iterator[float]:
    """Train on `steps` batches, and yield the loss of each step. warmup: its share of the steps."""
    groups = parameter_groups(model.named_parameters(), weight_decay, muon=True)
    optimizer = MuonAdamW(groups, lr=peak, betas=(0.9, 0.98), eps=1e-6)
    model.train()
    for step, batch in zip(range(steps), batches, strict=False):
        rate = learning_rate(step, steps=steps, peak=peak, warmup_steps=round(warmup * steps))
        yield train_step(model, optimizer, batch, rate, half=half)
