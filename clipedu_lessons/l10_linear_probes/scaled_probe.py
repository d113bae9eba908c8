"""The probe of `my_clip.py`: exercise 10.6 writes it, and here is what its check compares with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def minimize(parameters: list[Any], objective: Callable[[], Tensor], steps: int = 1000) -> None:
    """L-BFGS, at most so many steps: the paper allows 1,000 (appendix A.3)."""
    solver = torch.optim.LBFGS(
        parameters, max_iter=steps, tolerance_grad=1e-9, tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        solver.zero_grad()
        loss = objective()
        loss.backward()
        return loss

    solver.step(closure)


def probe_with(
    *,
    fold: str = "all",
    scale: bool = True,
    reduction: str = "sum",
    bias: bool = False,
    half: float = 0.5,
    steps: int = 1000,
    spread: int = 1,
) -> Any:
    """The answer to 10.6, or with another argument a wrong one."""

    def linear_probe(features: Tensor, labels: Tensor, lam: float = 1.0) -> nn.Linear:
        x = features.detach().double()
        mean, std = x.mean(0), x.std(0, correction=spread).clamp(min=1e-6)
        if not scale:
            mean, std = torch.zeros_like(mean), torch.ones_like(std)
        layer = nn.Linear(x.shape[1], int(labels.max()) + 1, dtype=torch.float64)
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)

        def objective() -> Tensor:
            loss = F.cross_entropy(layer((x - mean) / std), labels, reduction=reduction)
            penalty = layer.weight.square().sum()
            return loss + half * lam * (penalty + layer.bias.square().sum() * bias)

        minimize(list(layer.parameters()), objective, steps)
        with torch.no_grad():
            before = layer.weight.clone()
            if fold != "none":
                layer.weight /= std
            if fold in ("all", "old weights"):
                layer.bias.sub_((before if fold == "old weights" else layer.weight) @ mean)
        return layer.to(features.dtype)

    return linear_probe


#: Features (N, W), labels (N,) from 0, lambda -> an nn.Linear that scores the classes.
linear_probe = probe_with()
