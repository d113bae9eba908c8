"""Exercise 00.5: the share of false negatives in a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property


def _same(ids: Tensor) -> Tensor:
    return ids[:, None] == ids[None, :]  # (N, N)


def false_negative_share(ids: Tensor) -> float:
    n = len(ids)
    return 0.0 if n < 2 else (int(_same(ids).sum()) - n) / (n * (n - 1))


def _divided(wrong: Callable[[Tensor], float], count: Callable[[int], float]) -> Any:
    """A share with another numerator or denominator; 0 where the denominator is."""

    def share(ids: Tensor) -> float:
        below = count(len(ids))
        return wrong(ids) / below if below else 0.0

    return share


def _off(ids: Tensor) -> float:
    return float(int(_same(ids).sum()) - len(ids))


def _surplus(ids: Tensor) -> float:
    return float(len(ids) - len(ids.unique()))


def _doubled(ids: Tensor) -> float:
    return float((_same(ids).sum(1) > 1).sum())


def _neighbours(ids: Tensor) -> float:
    return float((ids[1:] == ids[:-1]).sum())


def _pairs(n: int) -> float:
    return n * (n - 1)


def draw_ids(generator: Generator) -> dict[str, Any]:
    n = 6 + int(torch.randint(0, 5, (), generator=generator))
    ids = torch.randint(0, 50, (n,), generator=generator)
    ids[4], ids[2], ids[-1] = ids[0], ids[0], ids[1]  # three alike, and two
    return {"ids": ids}


def _ids(*values: int) -> Any:
    return lambda generator: {"ids": torch.tensor(values)}


SHARE = FunctionExercise(
    id="00.5",
    name="false_negative_share",
    reference=false_negative_share,
    inputs=draw_ids,
    properties=(
        Property(
            "the result changes when the batch is shuffled",
            lambda f, ids: (f(ids), f(ids.flip(0))),
        ),
    ),
    extremes={
        "the four of the lesson": _ids(7, 3, 5, 7),
        "all different": _ids(1, 2, 3),
        "all the same": _ids(4, 4, 4, 4),
        "one picture": _ids(9),
        "three alike": _ids(2, 8, 2, 2, 5),
        "two pairs": _ids(1, 1, 6, 6),
        "two pictures": _ids(0, 0),
    },
    misconceptions=(
        Misconception(
            "each picture is compared with itself too",
            _divided(lambda ids: float(_same(ids).sum()), _pairs),
            "A picture's own caption is no wrong answer.",
        ),
        Misconception(
            "the right answers are counted in, above and below",
            _divided(lambda ids: float(_same(ids).sum()), lambda n: n * n),
            "A picture's own caption is no wrong answer.",
        ),
        Misconception(
            "the right answers are counted among the wrong ones",
            _divided(_off, lambda n: n * n),
            "How many captions are foreign to a picture?",
        ),
        Misconception(
            "each pair is counted once, but divided by both directions",
            _divided(lambda ids: _off(ids) / 2, _pairs),
            "First with last, and last with first.",
        ),
        Misconception(
            "both directions are counted, but divided by pairs counted once",
            _divided(_off, lambda n: n * (n - 1) / 2),
            "Count both above and below, or neither.",
        ),
        Misconception(
            "the share of superfluous pictures is given",
            _divided(_surplus, float),
            "Count answers, not pictures.",
        ),
        Misconception(
            "the superfluous pictures are divided by the number of wrong answers",
            _divided(_surplus, _pairs),
            "Three alike make how many pairs?",
        ),
        Misconception(
            "the share of pictures that have a double is given",
            _divided(_doubled, float),
            "Count answers, not pictures.",
        ),
        Misconception(
            "the pictures with a double are divided by the number of wrong answers",
            _divided(_doubled, _pairs),
            "Three alike make how many pairs?",
        ),
        Misconception(
            "only neighbours are compared",
            _divided(_neighbours, lambda n: n - 1),
            "The equal picture may stand anywhere in the batch.",
        ),
        Misconception(
            "only neighbours are compared, out of all wrong answers",
            _divided(_neighbours, _pairs),
            "The equal picture may stand anywhere in the batch.",
        ),
        Misconception(
            "the mean number of false negatives of a picture is given, not a share",
            _divided(_off, float),
            "Divide by the number of all wrong answers.",
        ),
        Misconception(
            "the number of false negatives is given, not their share",
            _off,
            "Divide by the number of all wrong answers.",
        ),
        Misconception(
            "a percentage is given for a share",
            lambda ids: 100 * false_negative_share(ids),
            "A share lies between 0 and 1.",
        ),
        Misconception(
            "the share of true negatives is given",
            lambda ids: 1 - false_negative_share(ids),
            "Which answers count as wrong although they are right?",
        ),
        Misconception(
            "a batch of one picture is divided by zero",
            lambda ids: (int(_same(ids).sum()) - len(ids)) / (len(ids) * (len(ids) - 1)),
            "How many wrong answers has a batch of one?",
        ),
        Misconception(
            "a batch of one picture gives nan",
            lambda ids: (_same(ids).sum() - len(ids)) / (len(ids) * (len(ids) - 1)),
            "How many wrong answers has a batch of one?",
        ),
        Misconception(
            "only neighbours are compared, and each such pair counts in both directions",
            _divided(lambda ids: 2 * _neighbours(ids), _pairs),
            "The equal picture may stand anywhere in the batch.",
        ),
        Misconception(
            "one right answer is taken off, not one for each picture",
            _divided(lambda ids: float(int(_same(ids).sum()) - 1), _pairs),
            "How many marks stand on the diagonal?",
        ),
        Misconception(
            "the mean of the whole table is taken, the diagonal included",
            _divided(lambda ids: float(_same(ids).sum()), lambda n: n * n if n > 1 else 0),
            "A picture's own caption is no wrong answer.",
        ),
        Misconception(
            "the share of true negatives is given, and 0 for one picture",
            lambda ids: 1 - false_negative_share(ids) if len(ids) > 1 else 0.0,
            "Which answers count as wrong although they are right?",
        ),
        Misconception(
            "the quotient is cut off to a whole number",
            lambda ids: _off(ids) // _pairs(len(ids)) if len(ids) > 1 else 0.0,
            "// cuts off; / divides.",
        ),
    ),
)
