"""Exercises 11.4 and 11.9: a classifier with its own classes, and labels for a few-shot probe."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole
from clipedu_lessons.common.checking import reverse, unchanged, whole_numbers


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


def _shuffled(generator: torch.Generator, shots: int | None = None) -> dict[str, Any]:
    """Classes of different sizes, sorted as in an icon set, and a random order."""
    sizes = [whole(generator, 1, 9) for _ in range(whole(generator, 3, 6))] + [9]
    labels = torch.cat([torch.full((size,), 2 * k + 1) for k, size in enumerate(sizes)])
    order = torch.randperm(len(labels), generator=generator)
    return {"labels": labels, "shots": shots or whole(generator, 2, 5), "order": order}


def nested_draw(labels: Tensor, shots: int, order: Tensor) -> Tensor:
    """(N,), shots, (N,) -> (n,) int64."""
    rows = [order[labels[order] == label][:shots] for label in labels.unique()]
    return torch.cat(rows).sort().values


NESTED = FunctionExercise(
    id="11.9",
    name="nested_draw",
    reference=nested_draw,
    inputs=_shuffled,
    trials=5,
    properties=(
        whole_numbers(),
        Property(
            "a picture of the draw for fewer shots is missing from the draw for more",
            lambda f, labels, shots, order: (
                torch.isin(
                    *(torch.as_tensor(f(labels, k, order)) for k in (shots, shots + 1))
                ).all(),
                torch.tensor(True),
            ),
        ),
        Property(
            "the classes get other numbers",
            lambda f, labels, shots, order: (f(labels, shots, order), f(40 - labels, shots, order)),
        ),
    ),
    extremes={
        "one shot": lambda g: _shuffled(g, 1),
        "more shots than any class has pictures": lambda g: _shuffled(g, 20),
    },
    misconceptions=(
        Misconception(
            "the labels of the pictures are returned, not their positions",
            lambda y, k, o: y[nested_draw(y, k, o)],
        ),
        Misconception(
            "a mask is returned, not the positions",
            lambda y, k, o: torch.isin(torch.arange(len(y)), nested_draw(y, k, o)),
        ),
        Misconception(
            "one picture too many is drawn of each class", lambda y, k, o: nested_draw(y, k + 1, o)
        ),
        Misconception(
            "the order is read backward, as the rank of each picture",
            lambda y, k, o: nested_draw(y, k, o.argsort()),
            "order[0] is the picture that comes first.",
        ),
    ),
)
