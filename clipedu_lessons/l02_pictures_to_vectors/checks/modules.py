"""How lesson 02 checks modules: their parameters by name, their results with random ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def drive(answer, arguments, parameters, modes, pictures):  # type: ignore[no-untyped-def]
    """For each list of arguments: what the module returns in each mode, training (True) or not, and
    for each parameter whether the last result has a gradient for it (1) or not (0)."""
    import torch

    class StateMismatch(Exception):
        pass

    results = []
    for given, wanted in zip(arguments, parameters, strict=True):
        module = answer(*given)
        own = dict(module.named_parameters())
        found = {f"{name} {tuple(value.shape)}" for name, value in own.items()}
        missing, extra = set(wanted) - found, found - set(wanted)
        words = [f"missing {', '.join(sorted(missing))}"] if missing else []
        words += [f"not expected {', '.join(sorted(extra))}"] if extra else []
        if words:
            raise StateMismatch("the module's parameters differ: " + "; ".join(words))
        generator = torch.Generator().manual_seed(len(own))
        module.to(pictures.dtype)
        with torch.no_grad():
            for name in sorted(own):
                noise = torch.randn(own[name].shape, generator=generator)
                is_gain = own[name].ndim == 1 and name.endswith("weight")
                own[name].copy_(0.3 * noise + float(is_gain))
        made = [module.train(mode)(pictures) for mode in modes]
        if not all(getattr(result, "requires_grad", True) for result in made):
            raise ValueError(
                "no gradient reaches the parameters: the result must be differentiable"
            )
        leaves = [own[name] for name in sorted(own)]
        total = made[-1].sum() if isinstance(made[-1], torch.Tensor) else None
        grads = torch.autograd.grad(total, leaves, allow_unused=True) if total is not None else []
        results += [*made, torch.tensor([float(grad is not None) for grad in grads])]
    return results


def driven(
    make: Any, arguments: list[tuple[Any, ...]], pictures: Tensor, modes: tuple[bool, ...] = (True,)
) -> dict[str, Any]:
    """The inputs of `drive`: parameters are those of what `make` returns."""
    names = []
    for given in arguments:
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            own = make(*given).named_parameters()
        names.append([f"{name} {tuple(value.shape)}" for name, value in own])
    inputs = {"arguments": arguments, "parameters": names, "modes": modes}
    return {**inputs, "pictures": pictures}
