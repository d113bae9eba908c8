"""Exercises 12.3 and 12.4: what one more class name takes, and accuracy on clean pictures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole
from clipedu_lessons.common.checking import reverse, twice, unchanged

Two = tuple[Tensor, Tensor]


def _scores(generator: torch.Generator, n: int | None = None, boost: float = 0.6) -> dict[str, Any]:
    """Scores that are right for about half of the pictures; some exact ties with the new name."""
    n = n or whole(generator, 24, 48)
    classes = whole(generator, 3, 6)
    labels = torch.randint(classes, (n,), generator=generator)
    scores = torch.randn(n, classes, generator=generator)
    scores[torch.arange(n), labels] += 0.8
    extra = torch.randn(n, generator=generator) + boost
    extra[: n // 6] = scores[: n // 6].amax(1)
    order = torch.randperm(n, generator=generator)
    return {"scores": scores[order], "labels": labels[order], "extra": extra[order]}


def what_it_takes(scores: Tensor, labels: Tensor, extra: Tensor) -> Two:
    """(N, C), (N,), (N,) -> (), ()."""
    goes, was_right = _goes(scores, extra), scores.argmax(1) == labels
    return _mean(goes, scores), _mean(goes & was_right, scores)


def _goes(scores: Tensor, extra: Tensor) -> Tensor:
    return extra > scores.amax(1)


def _mean(marks: Tensor, like: Tensor) -> Tensor:
    return marks.to(like.dtype).mean()


def _of(formula: Any) -> Any:
    """A wrong answer from (goes (N,), was right (N,), scores)."""
    return lambda s, y, x: formula(_goes(s, x), s.argmax(1) == y, s)


def _against(which: Any) -> Any:
    """A wrong answer that holds the new score against another one than the best."""

    def wrong(scores: Tensor, labels: Tensor, extra: Tensor) -> Two:
        goes = extra > which(scores, labels)
        return _mean(goes, scores), _mean(goes & (scores.argmax(1) == labels), scores)

    return wrong


TAKES = FunctionExercise(
    id="12.3",
    name="what_it_takes",
    reference=what_it_takes,
    inputs=_scores,
    trials=4,
    properties=(
        unchanged("the pictures come in another order", reverse, 0, 1, 2),
        Property(
            "the result changes when all scores are raised by 5",
            lambda f, s, y, x: (f(s, y, x - 0.001), f(s + 5, y, x + 5 - 0.001)),
        ),
    ),
    extremes={
        "a name that takes nothing": lambda g: _scores(g, boost=-50.0) | {},
        "one picture": lambda g: _scores(g, 1),
        "a name that takes nearly everything": lambda g: _scores(g, boost=50.0),
    },
    misconceptions=(
        Misconception(
            "the new name is compared with the mean of the old ones",
            _against(lambda s, y: s.mean(1)),
        ),
        Misconception(
            "the new name is compared with the worst of the old ones",
            _against(lambda s, y: s.amin(1)),
        ),
        Misconception(
            "the new name is compared with the first class", _against(lambda s, y: s[:, 0])
        ),
        Misconception(
            "the new name takes a picture when its score is above 0",
            _against(lambda s, y: torch.zeros_like(s[:, 0])),
            "A score means something only beside the others.",
        ),
        Misconception(
            "the accuracy left is given for the share lost",
            _of(lambda goes, right, s: (_mean(goes, s), _mean(right & ~goes, s))),
        ),
        Misconception(
            "the accuracy before is given for the share lost",
            _of(lambda goes, right, s: (_mean(goes, s), _mean(right, s))),
        ),
        Misconception(
            "the pictures that were wrong before are counted as lost",
            _of(lambda goes, right, s: (_mean(goes, s), _mean(goes & ~right, s))),
            "Lost is what was right before.",
        ),
        Misconception(
            "the pictures kept are counted, not those taken",
            _of(lambda goes, right, s: (_mean(~goes, s), _mean(goes & right, s))),
        ),
        Misconception(
            "numbers of pictures are returned, not shares",
            _of(lambda goes, right, s: (goes.sum().to(s.dtype), (goes & right).sum().to(s.dtype))),
        ),
        Misconception(
            "percent are returned, not shares",
            _of(lambda goes, right, s: (100 * _mean(goes, s), 100 * _mean(goes & right, s))),
        ),
        Misconception(
            "what is lost has a minus sign",
            _of(lambda goes, right, s: (_mean(goes, s), -_mean(goes & right, s))),
        ),
    ),
)


def _answers(
    generator: torch.Generator, n: int | None = None, low: float = 0.5, high: float = 1.0
) -> dict[str, Any]:
    """Twins are right more or less often; one similarity equals the threshold exactly."""
    n = n or whole(generator, 16, 40)
    similarity = low + (high - low) * torch.rand(n, generator=generator)
    threshold = 0.75
    twin = (similarity >= threshold).float()
    chance = 0.85 - 0.6 * twin if whole(generator, 0, 2) else 0.35 + 0.5 * twin
    right = (torch.rand(n, generator=generator) < chance).float()
    if n > 8 and low < threshold < high:
        similarity[3], right[3] = threshold, 1.0
        similarity[4:6], right[4:6] = 0.6, torch.tensor([1.0, 0.0])
        similarity[6:8], right[6:8] = 0.9, torch.tensor([1.0, 0.0])
    return {"right": right, "similarity": similarity, "threshold": threshold}


def _twins(right: float) -> dict[str, Any]:
    """Three of four twins are right (or wrong), two of four others; one is at the threshold."""
    twins = torch.tensor([right, right, right, 1 - right])
    return {
        "right": torch.cat([torch.tensor([1.0, 0.0, 1.0, 0.0]), twins]),
        "similarity": torch.tensor([0.6, 0.6, 0.7, 0.74, 0.75, 0.8, 0.9, 1.0]),
        "threshold": 0.75,
    }


def clean_accuracy(right: Tensor, similarity: Tensor, threshold: float) -> Two:
    """(N,), (N,) -> (), ()."""
    clean = similarity < threshold
    accuracy = right[clean].mean() if clean.any() else right.mean()
    return accuracy, right.mean() - accuracy


def _with(chosen: Any, formula: Any = None) -> Any:
    """A wrong answer: the accuracy of the chosen pictures, and something in place of the
    difference, formula(all, clean)."""

    def wrong(right: Tensor, similarity: Tensor, threshold: float) -> Two:
        rows = chosen(similarity, threshold)
        clean = right[rows].mean() if rows.any() else right.mean()
        return clean, (formula or (lambda a, c: a - c))(right.mean(), clean)

    return wrong


def _below(similarity: Tensor, threshold: float) -> Tensor:
    return similarity < threshold


def _empty_is(value: float) -> Any:
    def wrong(right: Tensor, similarity: Tensor, threshold: float) -> Two:
        rows = similarity < threshold
        clean = right[rows].mean() if rows.any() else torch.full_like(right[0], value)
        return clean, right.mean() - clean

    return wrong


CLEAN = FunctionExercise(
    id="12.4",
    name="clean_accuracy",
    reference=clean_accuracy,
    inputs=_answers,
    trials=4,
    properties=(
        unchanged("the pictures come in another order", reverse, 0, 1),
        unchanged("every picture is there twice", twice, 0, 1),
    ),
    extremes={
        "no picture is clean": lambda g: _answers(g, low=0.8),
        "every picture is clean": lambda g: _answers(g, high=0.7),
        "one picture": lambda g: _answers(g, 1),
        "twins that are right more often": lambda g: _twins(1.0),
        "twins that are right less often": lambda g: _twins(0.0),
    },
    misconceptions=(
        Misconception(
            "a similarity equal to the threshold counts as clean", _with(lambda s, t: s <= t)
        ),
        Misconception(
            "the size of the difference is given, without its sign",
            _with(_below, lambda a, c: (a - c).abs()),
        ),
        Misconception("without clean pictures the clean accuracy is set to 0", _empty_is(0.0)),
        Misconception("without clean pictures the clean accuracy is set to 1", _empty_is(1.0)),
        Misconception(
            "the difference is divided by the clean accuracy",
            _with(_below, lambda a, c: a / c.clamp(min=1e-3) - 1),
        ),
        Misconception(
            "the accuracy on all is given for the difference", _with(_below, lambda a, c: a)
        ),
        Misconception(
            "percent are returned, not shares",
            lambda r, s, t: tuple(100 * x for x in clean_accuracy(r, s, t)),
        ),
        Misconception(
            "the share of mistakes is given for the clean accuracy",
            lambda r, s, t: (1 - clean_accuracy(r, s, t)[0], clean_accuracy(r, s, t)[1]),
        ),
        Misconception(
            "the median similarity is the threshold",
            lambda r, s, t: clean_accuracy(r, s, float(s.median())),
            "The threshold is given.",
        ),
    ),
)
