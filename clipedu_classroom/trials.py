"""Draw what an answer is tried on: fresh inputs, and for a module fresh parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from clipedu_classroom.calling import Trial
from clipedu_classroom.spec import FunctionExercise, Inputs, ModuleExercise


def draw_trial(
    exercise: FunctionExercise | ModuleExercise,
    seed: int,
    number: int,
    dtype: torch.dtype,
    inputs: Inputs | None = None,
    as_drawn: bool = False,
) -> Trial:
    """Trial `number` of an examination: the same seed and number draw the same, in `dtype`, or
    in the dtypes in which they are drawn.
    """
    generator = torch.Generator().manual_seed((seed * 1000 + number) % 2**63)
    drawn = (inputs or exercise.inputs)(generator)
    drawn = drawn if as_drawn else _cast(drawn, dtype)
    if isinstance(exercise, ModuleExercise):
        state = draw_state(exercise, generator, dtype)
        return Trial(drawn, exercise.gradient, exercise.init, state, exercise.method)
    return Trial(drawn, exercise.gradient, autograd=exercise.autograd)


def draw_state(
    exercise: ModuleExercise, generator: torch.Generator, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Random parameters of the reference's names and shapes (norm weights about 1, all else about
    0).
    """
    state = {}
    for name, parameter in exercise.reference(*exercise.init.values()).named_parameters():
        noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32).to(dtype)
        state[name] = (
            1 + 0.1 * noise if parameter.ndim == 1 and name.endswith("weight") else 0.3 * noise
        )
    return state


def _cast(value: Any, dtype: torch.dtype) -> Any:
    """Floating tensors of a tree in `dtype`; all else as it is."""
    if isinstance(value, nn.Parameter):
        return nn.Parameter(value.detach().to(dtype), requires_grad=value.requires_grad)
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _cast(item, dtype) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_cast(item, dtype) for item in value)
    return value
