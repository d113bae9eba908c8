"""Exercises 11.4 and 11.5: a classifier with its own classes, and a mixture of networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole
from clipedu_lessons.common.checking import reverse, unchanged


def _scored(
    generator: torch.Generator, *, pictures: int | None = None, own: int | None = None
) -> dict[str, Any]:
    """Scores that are often right, some negative; `own` neither sorted nor the first classes."""
    classes = whole(generator, 8, 14)
    count = pictures or whole(generator, 30, 60)
    # Class 0 is never among them: a mask that leaves zeros would show at an argmax of ties.
    chosen = 1 + torch.randperm(classes - 1, generator=generator)[: own or whole(generator, 3, 5)]
    if torch.equal(chosen, chosen.sort().values):
        chosen = chosen.flip(0)
    labels = chosen[torch.randint(len(chosen), (count,), generator=generator)]
    scores = torch.randn(count, classes, generator=generator) - 1.0
    scores[torch.arange(count), labels] += 0.9
    return {"scores": scores, "labels": labels, "own": chosen}


def accuracy_with_own_classes(scores: Tensor, labels: Tensor, own: Tensor) -> Tensor:
    """(N, C), (N,), (K,) -> ()."""
    return (own[scores[:, own].argmax(1)] == labels).to(scores.dtype).mean()


def _right(answers: Tensor, labels: Tensor, like: Tensor) -> Tensor:
    return (answers == labels).to(like.dtype).mean()


OWN = FunctionExercise(
    id="11.4",
    name="accuracy_with_own_classes",
    reference=accuracy_with_own_classes,
    inputs=_scored,
    trials=5,
    properties=(
        unchanged("the family's classes are listed in another order", reverse, 2),
        Property(
            "the scores of another class matter",
            lambda f, scores, labels, own: (
                f(scores, labels, own),
                f(scores + 50 * ~torch.isin(torch.arange(scores.shape[1]), own), labels, own),
            ),
        ),
        unchanged("all scores are lowered by 9", lambda scores: scores - 9, 0),
    ),
    extremes={
        "one class only": lambda g: _scored(g, own=1),
        "one picture": lambda g: _scored(g, pictures=1),
        "all classes, in order": lambda g: {
            "scores": torch.randn(20, 5, generator=g),
            "labels": torch.arange(20) % 5,
            "own": torch.arange(5),
        },
    },
    misconceptions=(
        Misconception(
            "the first K classes are taken for the family's own",
            lambda s, y, own: _right(s[:, : len(own)].argmax(1), y, s),
            "`own` says which classes.",
        ),
        Misconception(
            "the rows are chosen, not the columns",
            lambda s, y, own: _right(s[own].argmax(1), y[own], s),
            "scores[:, own] chooses classes, scores[own] pictures.",
        ),
        Misconception(
            "the lowest score is the answer",
            lambda s, y, own: _right(own[s[:, own].argmin(1)], y, s),
        ),
        Misconception(
            "the number of right answers is returned, not their share",
            lambda s, y, own: accuracy_with_own_classes(s, y, own) * len(y),
        ),
        Misconception(
            "the share of mistakes is returned",
            lambda s, y, own: 1 - accuracy_with_own_classes(s, y, own),
        ),
        Misconception(
            "the number of right answers is divided by the number of classes",
            lambda s, y, own: accuracy_with_own_classes(s, y, own) * len(y) / len(own),
        ),
    ),
)


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


def _counters_after(before: State, after: State, alpha: float) -> State:
    mixed = mix(before, after, alpha)
    return {n: v if v.is_floating_point() else after[n] for n, v in mixed.items()}


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
        "names that mislead": lambda g: {
            "before": {"num_batches_mean": torch.zeros(2), "weight_ids": torch.tensor([10])},
            "after": {"num_batches_mean": torch.ones(2), "weight_ids": torch.tensor([1000])},
            "alpha": 0.25,
        },
    },
    as_drawn=("tensors of float32",),
    misconceptions=(
        Misconception(
            "the change is returned without the weights it starts from",
            _formula(lambda a, b, t: t * (b - a)),
        ),
        Misconception("the change is subtracted", _formula(lambda a, b, t: a - t * (b - a))),
        Misconception("both networks always count half", _formula(lambda a, b, t: (a + b) / 2)),
        Misconception(
            "the weights after are added whole", _formula(lambda a, b, t: (1 - t) * a + b)
        ),
        Misconception("the two are summed, not averaged", _formula(lambda a, b, t: a + b)),
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
            "only float32 counts as decimals",
            _where(lambda name, value: value.dtype == torch.float32),
            "float64 and float16 are decimals, too.",
        ),
        Misconception("the counters come from the network after", _counters_after),
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
)
