"""Muon: AdamW's companion for matrices, which learns a small CLIP in fewer steps.

AdamW scales each number of a gradient by itself. Muon takes a matrix as a whole: it keeps the
directions of its momentum and makes them equally long (Jordan et al. 2024; scaled to AdamW's
learning rates as in arXiv 2502.16982). The paper used Adam.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from clipedu.device import is_accelerator, native_bfloat16

MOMENTUM = 0.95
#: Root mean square of an update before the learning rate: about what AdamW's has.
UPDATE_SIZE = 0.2
SMALLEST = 16  # rows or columns; a narrower matrix has too few directions


def takes_muon(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is a map from one space to another, and wide enough.

    Tables of embeddings, gains, biases and the logit scale are not.
    """
    wide = parameter.ndim >= 2 and min(len(parameter), parameter[0].numel()) >= SMALLEST
    return wide and "embedding" not in name


def orthogonalize(matrices: Tensor) -> Tensor:
    """(B, R, C) -> the same with nearly equal singular values: five steps of Newton and Schulz.

    The polynomial brings every singular value to within 0.7..1.2 of 1, enough for a direction. So
    is bf16, which many CPUs only emulate.
    """
    fast = is_accelerator(matrices.device) or native_bfloat16()
    x = matrices.to(torch.bfloat16 if fast else torch.float32)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(5):
        square = x @ x.mT
        polynomial = torch.baddbmm(square, square, square, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, polynomial, x, beta=3.4445)
    return (x.mT if tall else x).to(matrices.dtype)


def as_matrices(name: str, weight: Tensor) -> Tensor:
    """A weight as (B, R, C): three matrices where queries, keys and values share one, else one.

    A convolution's (O, I, K, K) is the matrix (O, I * K * K).
    """
    flat = weight.reshape(len(weight), -1)
    return flat.view(3, -1, flat.shape[1]) if name.endswith("in_proj_weight") else flat[None]


class MuonAdamW(torch.optim.AdamW):
    """AdamW, in which the parameters of groups with `muon=True` take Muon's step.

    Weight decay and learning rate are AdamW's. `found_inf` (), if it is set, makes a step of
    nothing, as the fused AdamW does.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One update of all parameters."""
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group.get("muon")]
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            if group.get("muon"):
                self._muon_step(group)
        return loss

    def _muon_step(self, group: dict[str, Any]) -> None:
        named = [
            (name, parameter)
            for name, parameter in zip(group["names"], group["params"], strict=True)
            if parameter.grad is not None
        ]
        if not named:  # a broken step, where the optimizer is not fused: no gradient is left
            return
        parameters = [parameter for _, parameter in named]
        fine = 1 - getattr(self, "found_inf", torch.zeros((), device=parameters[0].device))
        gradients = [torch.where(fine > 0, parameter.grad, 0) for parameter in parameters]
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        momenta = [self.state[parameter]["momentum"] for parameter in parameters]
        torch._foreach_mul_(momenta, MOMENTUM)
        torch._foreach_add_(momenta, gradients)
        torch._foreach_add_(gradients, momenta, alpha=MOMENTUM)  # Nesterov's look ahead

        alike: dict[torch.Size, list[int]] = defaultdict(list)  # one product for equal shapes
        parts = [
            as_matrices(name, ahead) for (name, _), ahead in zip(named, gradients, strict=True)
        ]
        for number, part in enumerate(parts):
            alike[part.shape[1:]].append(number)
        rate = group["lr"] * fine
        torch._foreach_mul_(parameters, 1 - rate * group["weight_decay"])
        for shape, numbers in alike.items():
            scale = UPDATE_SIZE * max(shape) ** 0.5 * rate
            straight = scale * orthogonalize(torch.cat([parts[number] for number in numbers]))
            counts = [len(parts[number]) for number in numbers]
            for number, update in zip(numbers, straight.split(counts), strict=True):
                parameters[number].sub_(update.reshape(parameters[number].shape))
