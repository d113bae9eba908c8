"""Exercises 00.4 and 00.5: zero-shot by hand, and the share of false negatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from clipedu_classroom.spec import FunctionExercise, Misconception, Property
from clipedu_lessons.common.checking import reverse, unchanged

Answer = tuple[Tensor, Tensor]


def zero_shot(pictures: Tensor, names: Tensor) -> Answer:
    cosines = normalize(pictures, dim=-1) @ normalize(names, dim=-1).T
    return cosines, cosines.argmax(dim=1)


def _scored(scores: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Answer]:
    """Another score, with the largest of each row."""

    def answer(pictures: Tensor, names: Tensor) -> Answer:
        found = scores(pictures, names)
        return found, found.argmax(dim=1)

    return answer


def _other_choice(choose: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Answer]:
    """The right cosines, another choice."""

    def answer(pictures: Tensor, names: Tensor) -> Answer:
        cosines, _ = zero_shot(pictures, names)
        return cosines, choose(cosines)

    return answer


def _size(norm: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda pictures, names: (pictures / norm(pictures)) @ (names / norm(names)).T


def draw_vectors(generator: Generator) -> dict[str, Any]:
    n = int(torch.randint(3, 7, (), generator=generator))
    classes = n + 1 + int(torch.randint(0, 3, (), generator=generator))
    width = 2 + int(torch.randint(0, 4, (), generator=generator))
    lengths = torch.linspace(0.2, 6, classes)[torch.randperm(classes, generator=generator)]
    return {
        "pictures": 3 * torch.randn(n, width, generator=generator),
        "names": lengths[:, None] * normalize(torch.randn(classes, width, generator=generator)),
    }


def _vectors(pictures: list[list[float]], names: list[list[float]]) -> Any:
    return lambda generator: {"pictures": torch.tensor(pictures), "names": torch.tensor(names)}


def _longer(f: Any, pictures: Tensor, names: Tensor) -> tuple[Any, Any]:
    scale = 1 + torch.arange(len(names), dtype=names.dtype)[:, None]
    return f(pictures, names), f(7 * pictures, scale * names)


THREE = [[3.0, 4.0], [5.0, 0.0], [0.0, -2.0]]


ZERO_SHOT = FunctionExercise(
    id="00.4",
    name="zero_shot_by_hand",
    reference=zero_shot,
    inputs=draw_vectors,
    properties=(Property("the result changes when vectors get longer", _longer),),
    extremes={
        "a name with a very long vector": _vectors([[3.0, 4.0]], [[6.0, 8.0], [-400.0, 600.0]]),
        "very short vectors": _vectors([[3e-4, 4e-4]], [[6e-4, 8e-4], [1e-4, -1e-4]]),
        "one picture and one name": _vectors([[1.0, 2.0]], [[2.0, -1.0]]),
        "as many pictures as names": _vectors(THREE, [[0.0, 9.0], [4.0, 3.0], [0.5, -0.5]]),
        "only negative cosines": _vectors([[1.0, 0.5]], [[-1.0, 0.3], [-2.0, -5.0]]),
    },
    misconceptions=(
        Misconception(
            "only the names are normalized",
            _scored(lambda pictures, names: pictures @ normalize(names, dim=-1).T),
            "A cosine lies between -1 and 1.",
        ),
        Misconception(
            "vectors are divided by the sum of their squares, without the root",
            _scored(_size(lambda x: x.square().sum(-1, keepdim=True))),
            "(3, 4) has length 5, not 25.",
        ),
        Misconception(
            "vectors are divided by the sum of their entries' sizes",
            _scored(_size(lambda x: x.abs().sum(-1, keepdim=True))),
            "(3, 4) has length 5, not 7.",
        ),
        Misconception(
            "vectors are divided by their largest entry",
            _scored(_size(lambda x: x.abs().amax(-1, keepdim=True))),
            "(3, 4) has length 5, not 4.",
        ),
        Misconception(
            "vectors are divided by the sum of their entries",
            _scored(_size(lambda x: x.sum(-1, keepdim=True))),
            "(3, 4) has length 5, not 7.",
        ),
        Misconception(
            "a small number is added to the lengths",
            _scored(_size(lambda x: x.norm(dim=-1, keepdim=True) + 1e-8)),
            "No vector is zero, so nothing needs protection; short vectors get too small a cosine.",
        ),
        Misconception(
            "a softmax is put over the cosines",
            _scored(lambda pictures, names: zero_shot(pictures, names)[0].softmax(-1)),
            "Return the cosines themselves.",
        ),
        Misconception(
            "the smallest cosine is chosen",
            _other_choice(lambda cosines: cosines.argmin(dim=1)),
            "A cosine of 1 is the same direction.",
        ),
        Misconception(
            "one choice is made for all pictures together",
            _other_choice(lambda cosines: cosines.argmax()),
            "Each picture has an answer of its own.",
        ),
        Misconception(
            "the largest cosine is returned, not its index",
            _other_choice(lambda cosines: cosines.amax(dim=1)),
            "Which name is it?",
        ),
        Misconception(
            "the sign of the cosine is ignored",
            _other_choice(lambda cosines: cosines.abs().argmax(dim=1)),
            "The opposite direction is not the same.",
        ),
        Misconception(
            "the cosines are right and nothing is chosen",
            lambda pictures, names: zero_shot(pictures, names)[0],
            "Return two things.",
        ),
        Misconception(
            "the choice is returned without the cosines",
            lambda pictures, names: zero_shot(pictures, names)[1],
            "Return two things.",
        ),
    ),
)


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
    properties=(unchanged("the batch is shuffled", reverse, 0),),
    extremes={
        "the example of the exercise": _ids(7, 3, 5, 7),
        "all different": _ids(1, 2, 3),
        "all the same": _ids(4, 4, 4, 4),
        "one picture": _ids(9),
        "three alike": _ids(2, 8, 2, 2, 5),
        "two pairs": _ids(1, 1, 6, 6),
        "two pictures": _ids(0, 0),
    },
    misconceptions=(
        Misconception(
            "the right answers are counted in, above and below",
            _divided(lambda ids: float(_same(ids).sum()), lambda n: n * n),
            "A picture's own caption is no wrong answer.",
        ),
        Misconception(
            "both directions are counted, but divided by pairs counted once",
            _divided(_off, lambda n: n * (n - 1) / 2),
            "Count both above and below, or neither.",
        ),
        Misconception(
            "the pictures that repeat an earlier one are divided by the number of wrong answers",
            _divided(lambda ids: float(len(ids) - len(ids.unique())), _pairs),
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
            "only neighbours are compared, out of all wrong answers",
            _divided(_neighbours, _pairs),
            "The equal picture may be anywhere in the batch.",
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
            "The equal picture may be anywhere in the batch.",
        ),
        Misconception(
            "one right answer is taken off, not one for each picture",
            _divided(lambda ids: float(int(_same(ids).sum()) - 1), _pairs),
            "How many marks are on the diagonal?",
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
