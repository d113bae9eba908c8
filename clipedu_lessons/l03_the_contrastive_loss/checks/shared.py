"""What several exercises of lesson 03 share: pairs to try, and the pieces of the losses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def unit_pairs(generator: torch.Generator, n: int | None = None) -> tuple[Tensor, Tensor]:
    """Two (N, E) matrices of rows of length 1, N and E different."""
    n = n or int(torch.randint(3, 9, (), generator=generator))
    width = n + int(torch.randint(1, 5, (), generator=generator))
    text = F.normalize(torch.randn(n, width, generator=generator), dim=1)
    noisy = text + 0.2 * torch.randn(n, width, generator=generator)
    return F.normalize(noisy, dim=1), text


def batch(generator: torch.Generator, n: int | None = None) -> dict[str, Any]:
    image, text = unit_pairs(generator, n)
    scale = 2 + 8 * torch.rand((), generator=generator)
    return {"image": image, "text": text, "logit_scale": scale}


def rows_loss(logits: Tensor) -> Tensor:
    return -logits.log_softmax(dim=1).diagonal().mean()


def both_ways(logits: Tensor) -> Tensor:
    return (rows_loss(logits) + rows_loss(logits.T)) / 2


def sigmoid_loss(logits: Tensor) -> Tensor:
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype) - 1
    return -F.logsigmoid(signs * logits).sum() / len(logits)
