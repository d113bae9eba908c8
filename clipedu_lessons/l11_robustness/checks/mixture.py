"""Exercise 11.5: a mixture of networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, whole

State = dict[str, Tensor]


def _states(generator: torch.Generator, alpha: float | None = None) -> dict[str, Any]:
    rows, width = whole(generator, 2, 5), whole(generator, 2, 6)

    def state() -> State:
        return {
            "conv.weight": torch.randn(rows, width, 3, 3, generator=generator),
            "bn.weight": 1 + 0.5 * torch.randn(rows, generator=generator),
            "bn.running_var": 0.5 + torch.rand(rows, generator=generator),
            "bn.num_batches_tracked": torch.randint(5, 900, (), generator=generator),
            "scale": torch.randn((), generator=generator),
            "position_ids": torch.randint(5, 900, (1, width), generator=generator),
        }

    share = 0.1 + 0.3 * float(torch.rand((), generator=generator))
    return {"before": state(), "after": state(), "alpha": share if alpha is None else alpha}


def mix(before: State, after: State, alpha: float) -> State:
    """Decimals: (1 - alpha) * before + alpha * after. Whole numbers: before."""
    return _each(before, after, lambda a, b: a + alpha * (b - a))


def _each(before: State, after: State, formula: Any) -> State:
    return {
        name: formula(value, after[name]) if value.is_floating_point() else value.clone()
        for name, value in before.items()
    }


def _formula(formula: Any) -> Any:
    return lambda before, after, alpha: _each(before, after, lambda a, b: formula(a, b, alpha))


def _where(chosen: Any) -> Any:
    """A wrong answer that mixes some tensors only and keeps the others as they were before."""
    return lambda before, after, alpha: {
        name: value + alpha * (after[name] - value)
        if value.is_floating_point() and chosen(name, value)
        else value.clone()
        for name, value in before.items()
    }


def _counters_mixed(before: State, after: State, alpha: float) -> State:
    return {name: (1 - alpha) * v + alpha * after[name] for name, v in before.items()}


def _counters_rounded(before: State, after: State, alpha: float) -> State:
    mixed = _counters_mixed(before, after, alpha)
    return {name: mixed[name].to(v.dtype) for name, v in before.items()}


def _counters_after(before: State, after: State, alpha: float) -> State:
    mixed = mix(before, after, alpha)
    return {n: v if v.is_floating_point() else after[n] for n, v in mixed.items()}


def _told_by_name(before: State, after: State, alpha: float) -> State:
    mixed = _counters_mixed(before, after, alpha)
    return {n: v if "num_batches" in n else mixed[n] for n, v in before.items()}


def _counters_gone(before: State, after: State, alpha: float) -> State:
    mixed = mix(before, after, alpha)
    return {n: v for n, v in mixed.items() if v.is_floating_point()}


MIX = FunctionExercise(
    id="11.5",
    name="mix",
    reference=mix,
    inputs=_states,
    extremes={
        "alpha 0": lambda g: _states(g, 0.0),
        "alpha 1": lambda g: _states(g, 1.0),
        "alpha 0.5": lambda g: _states(g, 0.5),
        "tensors of float32": lambda g: _states(g, 0.5),
    },
    as_drawn=("tensors of float32",),
    misconceptions=(
        Misconception(
            "alpha weighs the network before fine-tuning",
            _formula(lambda a, b, t: t * a + (1 - t) * b),
            "What must alpha = 0 give?",
        ),
        Misconception(
            "the weights before are added whole",
            _formula(lambda a, b, t: a + t * b),
            "The two shares must sum to 1.",
        ),
        Misconception(
            "the change is returned without the weights it starts from",
            _formula(lambda a, b, t: t * (b - a)),
        ),
        Misconception(
            "the change is subtracted", _formula(lambda a, b, t: a - t * (b - a))
        ),
        Misconception(
            "both networks always count half", _formula(lambda a, b, t: (a + b) / 2)
        ),
        Misconception(
            "the weights after are added whole", _formula(lambda a, b, t: (1 - t) * a + b)
        ),
        Misconception(
            "the two are summed, not averaged", _formula(lambda a, b, t: a + b)
        ),
        Misconception(
            "the mixture is divided by 2 once more",
            _formula(lambda a, b, t: ((1 - t) * a + t * b) / 2),
        ),
        Misconception(
            "the change is added to the weights after",
            _formula(lambda a, b, t: b + t * (b - a)),
            "What must alpha = 0 give?",
        ),
        Misconception(
            "the network before is returned unchanged", _formula(lambda a, b, t: a.clone())
        ),
        Misconception(
            "the network after is returned unchanged", _formula(lambda a, b, t: b.clone())
        ),
        Misconception(
            "one of the two networks is chosen whole",
            _formula(lambda a, b, t: a.clone() if t < 0.5 else b.clone()),
        ),
        Misconception(
            "the counters are mixed, too",
            _counters_mixed,
            "Half of a count of batches is no count.",
        ),
        Misconception(
            "whole numbers are told by their name, not by their dtype",
            _told_by_name,
            "position_ids holds whole numbers, too. What do tensors know of themselves?",
        ),
        Misconception(
            "only float32 counts as decimals",
            _where(lambda name, value: value.dtype == torch.float32),
            "float64 and float16 are decimals, too.",
        ),
        Misconception(
            "the counters are mixed and rounded down", _counters_rounded,
            "They are to stay as they are in `before`.",
        ),
        Misconception("the counters come from the network after", _counters_after),
        Misconception(
            "the counters are left out",
            _counters_gone,
            "A state dict with a name missing can't be loaded.",
        ),
        Misconception(
            "only matrices and filters are mixed, gains and biases are not",
            _where(lambda name, value: value.ndim >= 2),
        ),
        Misconception(
            "tensors without a dimension are not mixed",
            _where(lambda name, value: value.ndim >= 1),
        ),
        Misconception(
            "the statistics of the batch norms are not mixed",
            _where(lambda name, value: "running" not in name),
        ),
        Misconception(
            "only names that end in weight are mixed",
            _where(lambda name, value: name.endswith("weight")),
        ),
    ),
)  # fmt: skip
