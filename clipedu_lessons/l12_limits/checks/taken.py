"""Exercise 12.3: what one more class name takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole
from clipedu_lessons.common.checking import reverse, unchanged

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
            "numbers of pictures are returned, not shares",
            _of(lambda goes, right, s: (goes.sum().to(s.dtype), (goes & right).sum().to(s.dtype))),
        ),
    ),
)
