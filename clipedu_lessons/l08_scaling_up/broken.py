"""Four ranks in one process, with five bugs, for exercise 08.9, and how to measure them."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALE, N = 10.0, 8  # the logit scale, and the pairs of a rank


class ToyRanks:
    """Data parallel training of one small CLIP. Lists hold one entry for each rank."""

    def __init__(self, pictures: Tensor, captions: Tensor, ranks: int):
        self.pictures, self.captions, self.ranks = pictures, captions, ranks
        self.models = []
        for rank in range(ranks):
            torch.manual_seed(rank)
            self.models.append(nn.ModuleList([nn.Linear(20, 16), nn.Linear(12, 16)]))
        self.optimizers = [torch.optim.SGD(m.parameters(), lr=0.5) for m in self.models]

    def rows(self, step: int, rank: int) -> Tensor:
        """Which N pairs a rank takes in a step."""
        generator = torch.Generator().manual_seed(step)
        order = torch.randperm(len(self.pictures), generator=generator)
        return order[:N]

    def gather(self, parts: list[Tensor], rank: int) -> Tensor:
        """The embeddings (N, 16) of every rank, as one of them gets them: (ranks * N, 16)."""
        return torch.cat([p if k == rank else p.detach() for k, p in enumerate(parts)])

    def rank_loss(self, images: Tensor, texts: Tensor, rank: int) -> Tensor:
        """The local loss of a rank, of the gathered embeddings."""
        mine, answers = slice(rank * N, (rank + 1) * N), torch.arange(N)
        rows = F.cross_entropy(SCALE * images[mine] @ texts.T, answers)
        columns = F.cross_entropy(SCALE * texts[mine] @ images.T, answers)
        return (rows + columns) / 2

    def average(self) -> None:
        """What DDP does after the backward pass: all ranks get the same gradient."""
        for same in zip(*(model.parameters() for model in self.models), strict=True):
            gradient = torch.stack([p.grad for p in same]).sum(0)
            for p in same:
                p.grad = gradient.clone()

    def train_on(self, step: int) -> float:
        """One step of all ranks; returns the mean of their losses."""
        images, texts = [], []
        for rank, (image_encoder, text_encoder) in enumerate(self.models):
            rows = self.rows(step, rank)
            images.append(F.normalize(image_encoder(self.pictures[rows]), dim=1))
            texts.append(F.normalize(text_encoder(self.captions[rows]), dim=1))
        losses = [
            self.rank_loss(self.gather(images, rank), self.gather(texts, rank), rank)
            for rank in range(self.ranks)
        ]
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        self.average()
        for model, optimizer in zip(self.models, self.optimizers, strict=True):
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return torch.stack(losses).mean().item()


def source() -> str:
    """The class as text, to be copied."""
    return inspect.getsource(ToyRanks)


def toy_pairs(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures (count, 20) and captions (count, 12), two views of the same six hidden numbers."""
    views = torch.Generator().manual_seed(0)
    to_picture, to_caption = (torch.randn(6, n, generator=views) for n in (20, 12))
    hidden = torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))
    return hidden @ to_picture, hidden @ to_caption


def symptoms(kind: Any, steps: int = 60) -> dict[str, float]:
    """Train a class like `ToyRanks` on 4 ranks, and measure."""
    run = kind(*toy_pairs(400, seed=1), 4)
    drawn = torch.cat([run.rows(0, rank) for rank in range(4)])
    apart = [_apart(run)]
    losses = [run.train_on(step) for step in range(steps)]
    apart.append(_apart(run))
    pictures, captions = toy_pairs(64, seed=2)
    right = []
    for image_encoder, text_encoder in (run.models[0], run.models[3]):
        with torch.no_grad():
            image = F.normalize(image_encoder(pictures), dim=1)
            found = (image @ F.normalize(text_encoder(captions), dim=1).T).argmax(1)
        right.append((found == torch.arange(64)).float().mean().item())
    return {
        "ln 32, the loss of guessing": 3.4657,
        "loss of the first step": losses[0],
        "mean loss of the last 10 steps": sum(losses[-10:]) / 10,
        "new pictures that rank 0 names": right[0],
        "new pictures that rank 3 names": right[1],
        "different pairs in a step of 4 x 8": float(len(drawn.unique())),
        "ranks 0 and 1 apart before training": apart[0],
        "ranks 0 and 1 apart after training": apart[1],
    }


def _apart(run: Any) -> float:
    both = zip(*(model.parameters() for model in run.models[:2]), strict=True)
    return max((p - q).abs().max().item() for p, q in both)
