"""A small CLIP with five bugs, for exercise 04.16, and what can be measured of it."""

from __future__ import annotations

import inspect
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ToyCLIP:
    """A picture is 20 numbers, a caption is 12 numbers, and both encoders are one layer."""

    def __init__(self, pictures: Tensor, captions: Tensor):
        self.pictures, self.captions = pictures, captions  # (P, 20) and (P, 12)
        torch.manual_seed(0)
        self.image_encoder = nn.Linear(20, 16)
        self.text_encoder = nn.Linear(12, 16)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        weights = [*self.image_encoder.parameters(), self.logit_scale]
        self.optimizer = torch.optim.AdamW(weights, lr=0.01, weight_decay=0.0)

    def batch(self, step: int, n: int = 64) -> tuple[Tensor, Tensor]:
        """n pairs, others for each step."""
        generator = torch.Generator().manual_seed(step)
        rows = torch.randperm(len(self.pictures), generator=generator)[:n]
        columns = torch.randperm(len(self.captions), generator=generator)[:n]
        return self.pictures[rows], self.captions[columns]

    def embed(self, pictures: Tensor, captions: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 16) twice, normalized."""
        image = F.normalize(self.image_encoder(pictures), dim=1)
        text = F.normalize(self.text_encoder(captions), dim=0)
        return image, text

    def loss(self, image: Tensor, text: Tensor) -> Tensor:
        """Figure 3 of the paper."""
        logits = self.logit_scale.exp() * image @ text.T
        answers = torch.arange(len(logits))
        rows = F.cross_entropy(logits, answers)
        columns = F.cross_entropy(logits, answers)
        return (rows + columns) / 2

    def train_on(self, step: int) -> float:
        """One step; returns the loss."""
        image, text = self.embed(*self.batch(step))
        loss = self.loss(image, text)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.logit_scale.clamp_(max=math.log(100))
        return loss.item()


def source() -> str:
    """The class as text, to be copied."""
    return inspect.getsource(ToyCLIP)


def toy_pairs(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures (count, 20) and captions (count, 12), two views of the same eight hidden numbers."""
    views = torch.Generator().manual_seed(0)
    to_picture, to_caption = (torch.randn(8, n, generator=views) for n in (20, 12))
    hidden = torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))
    return hidden @ to_picture, hidden @ to_caption


def symptoms(kind: Any, steps: int = 150) -> dict[str, float]:
    """Train a class like `ToyCLIP`, and measure: what a doctor would look at first."""
    run = kind(*toy_pairs(400, seed=1))
    before = [encoder.weight.detach().clone() for encoder in (run.image_encoder, run.text_encoder)]
    losses = [run.train_on(step) for step in range(steps)]
    after = [run.image_encoder.weight, run.text_encoder.weight]
    pictures, captions = toy_pairs(64, seed=2)
    with torch.no_grad():
        image, text = run.embed(pictures, captions)
        alone = run.embed(pictures[:4], captions[:4])[1]
        found = (image @ text.T).argmax(dim=1) == torch.arange(64)
        swapped = run.loss(text, image) - run.loss(image, text)
    moved = [(new - old).norm().item() for old, new in zip(before, after, strict=True)]
    gradients = [p.grad.norm() for p in run.image_encoder.parameters() if p.grad is not None]
    return {
        "ln 64, the loss of guessing": math.log(64),
        "loss of the first step": losses[0],
        "mean loss of the last 20 steps": sum(losses[-20:]) / 20,
        "new pictures that find their caption": found.float().mean().item(),
        "how far the image encoder moved": moved[0],
        "how far the text encoder moved": moved[1],
        "mean length of a text embedding": text.norm(dim=1).mean().item(),
        "change of an embedding with its batch": (alone - text[:4]).norm().item(),
        "loss with the roles swapped, minus loss": swapped.item(),
        "gradient of the image encoder at the end": torch.stack(gradients).norm().item(),
    }
