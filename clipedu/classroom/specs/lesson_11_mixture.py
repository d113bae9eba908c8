"""Exercises 11.4 and 11.5: a classifier with a family's own classes, a mixture of networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu.classroom.spec import FunctionExercise, Misconception, Property, whole

State = dict[str, Tensor]


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


def _only_own_answers(scores: Tensor, labels: Tensor, own: Tensor) -> Tensor:
    answers = scores.argmax(1)
    kept = torch.isin(answers, own)
    return _right(answers[kept], labels[kept], scores)


def _masked(fill: float) -> Any:
    def wrong(scores: Tensor, labels: Tensor, own: Tensor) -> Tensor:
        masked = torch.full_like(scores, fill)
        masked[:, own] = scores[:, own]
        return _right(masked.argmax(1), labels, scores)

    return wrong


def _sorted_own(scores: Tensor, labels: Tensor, own: Tensor) -> Tensor:
    return _right(own.sort().values[scores[:, own].argmax(1)], labels, scores)


def _per_class(scores: Tensor, labels: Tensor, own: Tensor) -> Tensor:
    answers = own[scores[:, own].argmax(1)]
    return torch.stack([_right(answers[labels == k], labels[labels == k], scores)
                        for k in labels.unique()]).mean()  # fmt: skip


OWN = FunctionExercise(
    id="11.4",
    name="accuracy_with_own_classes",
    reference=accuracy_with_own_classes,
    inputs=_scored,
    trials=5,
    properties=(
        Property(
            "the result changes when the family's classes are listed in another order",
            lambda f, scores, labels, own: (f(scores, labels, own), f(scores, labels, own.flip(0))),
        ),
        Property(
            "the scores of another class matter",
            lambda f, scores, labels, own: (
                f(scores, labels, own),
                f(scores + 50 * ~torch.isin(torch.arange(scores.shape[1]), own), labels, own),
            ),
        ),
        Property(
            "the result changes when all scores are lowered by 9",
            lambda f, scores, labels, own: (f(scores, labels, own), f(scores - 9, labels, own)),
        ),
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
            "the numbers of the columns are compared with the labels, untranslated",
            lambda s, y, own: _right(s[:, own].argmax(1), y, s),
            "Column 0 of scores[:, own] is class own[0].",
        ),
        Misconception(
            "all classes may still be answered",
            lambda s, y, own: _right(s.argmax(1), y, s),
            "A class that the family lacks can only be wrong.",
        ),
        Misconception(
            "pictures whose answer is another family's class are left out",
            _only_own_answers,
            "Every picture counts, and its best class among the own ones is its answer.",
        ),
        Misconception(
            "the other classes get the score 0, which may still win",
            _masked(0.0),
            "Scores can be negative. What must a masked score be so that it never wins?",
        ),
        Misconception("the other classes get the score -1, which may still win", _masked(-1.0)),
        Misconception(
            "the translation uses the classes in sorted order, the scores do not",
            _sorted_own,
            "Both must use one order.",
        ),
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
            "percent are returned, not a share",
            lambda s, y, own: 100 * accuracy_with_own_classes(s, y, own),
        ),
        Misconception(
            "the number of right answers is divided by the number of classes",
            lambda s, y, own: accuracy_with_own_classes(s, y, own) * len(y) / len(own),
        ),
        Misconception(
            "the mean over the classes is returned, not over the pictures",
            _per_class,
            "Each picture counts once.",
        ),
    ),
)


def _states(generator: torch.Generator, alpha: float | None = None) -> dict[str, Any]:
    rows, width = whole(generator, 2, 5), whole(generator, 2, 6)

    def state() -> State:
        return {
            "conv.weight": torch.randn(rows, width, 3, 3, generator=generator),
            "bn.weight": 1 + 0.5 * torch.randn(rows, generator=generator),
            "bn.running_var": 0.5 + torch.rand(rows, generator=generator),
            "bn.num_batches_tracked": torch.randint(5, 900, (), generator=generator),
            "scale": torch.randn((), generator=generator),
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
    },
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
