"""AdamW as CLIP uses it: what is decayed, the learning rate, and an average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from clipedu.device import fused_optimizer
from clipedu.training.muon import MuonAdamW, takes_muon
from clipedu.training.parallel import is_split, split_like, to_local

#: Tables of vectors that are added to activations, like biases; neither is a map from one space to
#: another.
UNDECAYED = ("class_embedding", "positional_embedding")

#: Learning rate schedules: the share of the steps since warm-up, from 0 to just below 1 -> the
#: learning rate, from 1 (the peak) to 0 (the final one). Another schedule is another entry.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda done: 0.5 * (1 + math.cos(math.pi * done)),
    "constant": lambda done: 1.0,
}


def learning_rate(
    step: int,
    *,
    steps: int,
    peak: float,
    warmup_steps: int = 0,
    final: float = 0.0,
    schedule: str = "cosine",
) -> float:
    """The learning rate of a step, a pure function of it: a linear warm-up, then the schedule.

    step: 0 to steps - 1. peak: reached by step `warmup_steps - 1`. final: where the schedule ends,
    as a share of the peak.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return peak * (final + (1 - final) * SCHEDULES[schedule](done))


def is_decayed(name: str, parameter: Tensor) -> bool:
    """Whether weight decay applies (paper section 2.5: "all weights that are not gains or biases").

    Everything of fewer than two dimensions is a gain, a bias or the logit scale. Positional and
    class embeddings are excluded, too; token embeddings are decayed, as in OpenAI's code.
    """
    return parameter.ndim >= 2 and name.rpartition(".")[2] not in UNDECAYED


def parameter_groups(
    named: Iterable[tuple[str, nn.Parameter]], weight_decay: float, *, muon: bool = False
) -> list[dict[str, Any]]:
    """Two groups for AdamW, decayed and not, each with its parameters' names under "names".

    With `muon`, matrices are a third. Where ranks split the weights there are three, too: what is
    too small to split is apart.
    """
    groups: dict[tuple[bool, bool, bool], dict[str, Any]] = {}
    for name, parameter in named:
        if parameter.requires_grad:
            matrix = muon and takes_muon(name, parameter)
            kind = (is_decayed(name, parameter), is_split(parameter), matrix)
            decay = weight_decay if kind[0] else 0.0
            new = {"params": [], "names": [], "weight_decay": decay, "muon": matrix}
            group = groups.setdefault(kind, new)
            group["params"].append(parameter)
            group["names"].append(name)
    return [groups[kind] for kind in sorted(groups, reverse=True)]  # the decayed first


def make_optimizer(
    named: Iterable[tuple[str, nn.Parameter]],
    weight_decay: float,
    *,
    muon: bool = False,
    **numbers: Any,
) -> torch.optim.AdamW:
    """AdamW over the groups, fused into one kernel where torch has it (3.6 ms a step, not 17).

    muon: matrices take Muon's step. numbers: lr, betas and eps.
    """
    groups = parameter_groups(named, weight_decay, muon=muon)
    fused = fused_optimizer(groups[0]["params"][0].device)
    kind = MuonAdamW if muon else torch.optim.AdamW
    return kind(groups, fused=fused, **numbers)


def skip_update_where_(optimizer: torch.optim.Optimizer, broken: Tensor) -> None:
    """Lets the next `optimizer.step()` change nothing if `broken`, a () bool, is true.

    The fused kernel reads it on the device, as it does for a gradient scaler: nothing waits for it.
    """
    if optimizer.defaults["fused"]:
        optimizer.found_inf = broken.float()  # type: ignore[attr-defined]
    elif broken:  # this waits
        optimizer.zero_grad(set_to_none=True)  # parameters without a gradient are left alone


@torch.no_grad()
def update_average_(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Moves `average` towards `model`: average <- d * average + (1 - d) * model.

    Early on d is smaller, (1 + step) / (10 + step), or the random initial weights would stay in it
    for long. Running statistics of batch norms are averaged like weights; counters are copied.
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    states = (average.state_dict().values(), model.state_dict().values())
    pairs = [(to_local(kept), to_local(new)) for kept, new in zip(*states, strict=True)]
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    torch._foreach_lerp_([kept for kept, _ in floats], [new for _, new in floats], weight)
    for kept, new in pairs:
        if not kept.is_floating_point():
            kept.copy_(new)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state by name: "exp_avg.NAME", "exp_avg_sq.NAME", "step.NAME"; Muon's "momentum.NAME"."""
    return {
        f"{key}.{name}": value
        for name, parameter in _named(optimizer)
        for key, value in optimizer.state.get(parameter, {}).items()
    }


@torch.no_grad()
def restore_optimizer_(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Gives an optimizer the state that :func:`optimizer_tensors` named.

    Raises ValueError when a part of a parameter's state is missing or has another shape.
    """
    matrices = {p for group in optimizer.param_groups if group.get("muon") for p in group["params"]}
    for name, parameter in _named(optimizer):
        state: dict[str, Tensor] = {}
        keys = ("momentum",) if parameter in matrices else ("step", "exp_avg", "exp_avg_sq")
        if tensors and not any(f"{key}.{name}" in tensors for key in keys):
            continue  # it had no gradient yet: an objective may leave a part of the encoder out
        for key in keys:
            saved = tensors.get(f"{key}.{name}")
            if saved is None or (key != "step" and saved.shape != parameter.shape):
                found = "is missing" if saved is None else f"has shape {tuple(saved.shape)}"
                raise ValueError(f"The optimizer's {key} of {name} {found}; it is another model's.")
            # The fused kernel walks through memory in order, so the memory format must be the
            # parameter's own (channels_last for convolutions). A contiguous copy would update the
            # wrong entries, and say nothing. Its counter must be on the parameter's device.
            like = torch.empty((), device=parameter.device) if key == "step" else parameter
            state[key] = torch.empty_like(like, dtype=saved.dtype).copy_(split_like(saved, like))
        optimizer.state[parameter] = state


def _named(optimizer: torch.optim.Optimizer) -> list[tuple[str, Tensor]]:
    groups = optimizer.param_groups
    return [pair for group in groups for pair in zip(group["names"], group["params"], strict=True)]
