"""Exercise 12.3: what one more class name takes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, whole

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


def _share_of(part: Tensor, chosen: Tensor, like: Tensor) -> Tensor:
    return part[chosen].to(like.dtype).mean() if chosen.any() else torch.zeros_like(like[0, 0])


def _against(which: Any) -> Any:
    """A wrong answer that holds the new score against another one than the best."""

    def wrong(scores: Tensor, labels: Tensor, extra: Tensor) -> Two:
        goes = extra > which(scores, labels)
        return _mean(goes, scores), _mean(goes & (scores.argmax(1) == labels), scores)

    return wrong


def _own(scores: Tensor, labels: Tensor) -> Tensor:
    return scores[torch.arange(len(labels)), labels]


def _ties(scores: Tensor, labels: Tensor, extra: Tensor) -> Two:
    goes = extra >= scores.amax(1)
    return _mean(goes, scores), _mean(goes & (scores.argmax(1) == labels), scores)


TAKES = FunctionExercise(
    id="12.3",
    name="what_it_takes",
    reference=what_it_takes,
    inputs=_scores,
    trials=4,
    properties=(
        Property(
            "the result changes when the pictures come in another order",
            lambda f, s, y, x: (f(s, y, x), f(s.flip(0), y.flip(0), x.flip(0))),
        ),
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
            "every picture that the new name takes is counted as lost",
            _of(lambda goes, right, s: (_mean(goes, s), _mean(goes, s))),
            "A picture that was wrong before has no right answer to lose.",
        ),
        Misconception(
            "the share lost is of the pictures taken, not of all",
            _of(lambda goes, right, s: (_mean(goes, s), _share_of(right, goes, s))),
            "Both are shares of all N pictures.",
        ),
        Misconception(
            "the share lost is of the pictures that were right, not of all",
            _of(lambda goes, right, s: (_mean(goes, s), _share_of(goes, right, s))),
            "Both are shares of all N pictures.",
        ),
        Misconception(
            "the new name is compared with the right class only",
            _against(_own),
            "The answer is the best of all names.",
        ),
        Misconception(
            "the new name is compared with the mean of the old ones",
            _against(lambda s, y: s.mean(1)),
        ),
        Misconception(
            "the new name is compared with the worst of the old ones",
            _against(lambda s, y: s.amin(1)),
        ),
        Misconception("the new name is compared with the first class",
                      _against(lambda s, y: s[:, 0])),
        Misconception(
            "the new name takes a picture when its score is above 0",
            _against(lambda s, y: torch.zeros_like(s[:, 0])),
            "A score means something only beside the others.",
        ),
        Misconception("a tie goes to the new name", _ties, "argmax gives the first of equals."),
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
            "lost and taken are given in the other order",
            _of(lambda goes, right, s: (_mean(goes & right, s), _mean(goes, s))),
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
)  # fmt: skip
