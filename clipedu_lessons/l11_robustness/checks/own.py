"""Exercise 11.4: a classifier with a family's own classes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole


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
