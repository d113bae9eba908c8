"""AdamW as CLIP uses it: who is decayed, how the rate moves, and an average of the weights.

Notable:

* weight decay pulls weights towards 0, which makes sense for a matrix and none for a gain whose
  neutral value is 1;
* the learning rate is a pure function of the step: nothing to keep, nothing to restore when a run
  goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from clipedu.training.recipe import Recipe
from clipedu.training.sharding import here, is_split, split_like

#: Tables of vectors that are added to activations, like biases; neither is a map from one space to
#: another.
UNDECAYED = ("class_embedding", "positional_embedding")


def is_decayed(name: str, parameter: Tensor) -> bool:
    """Whether weight decay applies (paper section 2.5: "all weights that are not gains or biases").

    Everything of fewer than two dimensions is a gain, a bias or the logit scale. Positional and
    class embeddings are spared too; token embeddings are decayed, as in OpenAI's and open_clip's
    code.
    """
    return parameter.ndim >= 2 and name.rpartition(".")[2] not in UNDECAYED


def parameter_groups(
    named: Iterable[tuple[str, nn.Parameter]], weight_decay: float
) -> list[dict[str, Any]]:
    """Two groups for AdamW, decayed and not, each with its parameters' names under "names".

    Where ranks split the weights there are three: what is too small to split is apart.
    """
    groups: list[dict[str, Any]] = []
    pairs = [(name, p) for name, p in named if p.requires_grad]
    kinds = [(is_decayed(name, p), is_split(p)) for name, p in pairs]
    for kind in sorted(set(kinds), reverse=True):  # the decayed first
        decayed = kind[0]
        chosen = [pair for pair, own in zip(pairs, kinds, strict=True) if own == kind]
        groups.append(
            {
                "params": [p for _, p in chosen],
                "names": [name for name, _ in chosen],
                "weight_decay": weight_decay if decayed else 0.0,
            }
        )
    return groups


def make_optimizer(named: Iterable[tuple[str, nn.Parameter]], recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over the groups, fused into one kernel where torch has it (3.6 ms a step, not 17)."""
    groups = parameter_groups(named, recipe.weight_decay)
    devices = {p.device.type for group in groups for p in group["params"]}
    return torch.optim.AdamW(
        groups,
        lr=recipe.learning_rate,
        betas=recipe.betas,
        eps=recipe.eps,
        fused=True if devices <= {"cpu", "cuda"} else None,
    )


def learning_rate(
    step: int, *, steps: int, peak: float, warmup_steps: int = 0, final: float = 0.0
) -> float:
    """The learning rate of a step, counted from 0: a straight rise, then half a cosine.

    Args:
        step: 0 to steps - 1.
        peak: reached by step `warmup_steps - 1`.
        final: share of the peak towards which the cosine falls.
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    done = (step - warmup_steps) / max(1, steps - warmup_steps)  # 0 to just below 1
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done)))


def learning_rate_of(recipe: Recipe, step: int) -> float:
    """:func:`learning_rate` with a recipe's numbers."""
    return learning_rate(
        step,
        steps=recipe.steps,
        peak=recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        final=recipe.final_learning_rate,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The same rate for every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


@torch.no_grad()
def update_average_(average: nn.Module, model: nn.Module, decay: float, step: int) -> None:
    """Moves `average` towards `model`: average <- d * average + (1 - d) * model.

    Early on d is smaller, (1 + step) / (10 + step), or the random initial weights would stay in it
    for long. Running statistics of batch norms are averaged like weights; counters are copied.
    """
    weight = 1 - min(decay, (1 + step) / (10 + step))
    kept, new = list(average.state_dict().values()), list(model.state_dict().values())
    kept, new = [here(a) for a in kept], [here(b) for b in new]
    floats = [(a, b) for a, b in zip(kept, new, strict=True) if a.is_floating_point()]
    torch._foreach_lerp_([a for a, _ in floats], [b for _, b in floats], weight)
    for a, b in zip(kept, new, strict=True):
        if not a.is_floating_point():
            a.copy_(b)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """AdamW's memory by name: "exp_avg.NAME", "exp_avg_sq.NAME", "step.NAME"."""
    tensors = {}
    for name, parameter in _named(optimizer):
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"{key}.{name}"] = value
    return tensors


@torch.no_grad()
def restore_optimizer_(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Gives an optimizer the memory that :func:`optimizer_tensors` named.

    Raises ValueError when a parameter's memory is missing or has another shape.
    """
    for name, parameter in _named(optimizer):
        state: dict[str, Tensor] = {}
        for key in ("step", "exp_avg", "exp_avg_sq"):
            saved = tensors.get(f"{key}.{name}")
            if saved is None or (key != "step" and saved.shape != parameter.shape):
                found = "is missing" if saved is None else f"has shape {tuple(saved.shape)}"
                raise ValueError(f"The optimizer's {key} of {name} {found}; it is another model's.")
            # The fused kernel walks through memory in order, so the memory format must be the
            # parameter's own (channels_last for convolutions). A contiguous copy would update the
            # wrong entries, and say nothing.
            like = torch.empty((), device=_step_device(parameter)) if key == "step" else parameter
            state[key] = torch.empty_like(like, dtype=saved.dtype).copy_(split_like(saved, like))
        optimizer.state[parameter] = state


def _step_device(parameter: Tensor) -> torch.device:
    return parameter.device  # the fused kernel wants its counter where the parameter is


def _named(optimizer: torch.optim.Optimizer) -> list[tuple[str, Tensor]]:
    groups = optimizer.param_groups
    return [pair for group in groups for pair in zip(group["names"], group["params"], strict=True)]
