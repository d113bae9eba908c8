"""Exercise 00.4: zero-shot from given vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from clipedu_classroom.spec import FunctionExercise, Misconception, Property

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


def _columns(pictures: Tensor, names: Tensor) -> Tensor:
    return normalize(pictures, dim=0) @ normalize(names, dim=0).T


def _size(norm: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda pictures, names: (pictures / norm(pictures)) @ (names / norm(names)).T


def _sum_of_squares(x: Tensor) -> Tensor:
    return x.square().sum(-1, keepdim=True)


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
            "nothing is normalised",
            _scored(lambda pictures, names: pictures @ names.T),
            "What does a long vector do to its product?",
        ),
        Misconception(
            "only the pictures are normalised",
            _scored(lambda pictures, names: normalize(pictures, dim=-1) @ names.T),
            "The names have lengths too.",
        ),
        Misconception(
            "only the names are normalised",
            _scored(lambda pictures, names: pictures @ normalize(names, dim=-1).T),
            "A cosine lies between -1 and 1.",
        ),
        Misconception(
            "columns are brought to length 1, not rows",
            _scored(_columns),
            "Each row is a vector: which axis do you sum over?",
        ),
        Misconception(
            "all vectors together are divided by one length",
            _scored(_size(lambda x: x.norm())),
            "Each row has its own length.",
        ),
        Misconception(
            "vectors are divided by the sum of their squares, without the root",
            _scored(_size(_sum_of_squares)),
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
            "the distance is taken for the cosine",
            _scored(
                lambda pictures, names: (
                    -torch.cdist(normalize(pictures, dim=-1), normalize(names, dim=-1))
                )
            ),
            "Multiply and add up.",
        ),
        Misconception(
            "each name chooses its picture, where each picture should choose its name",
            _other_choice(lambda cosines: cosines.argmax(dim=0)),
            "How many answers do you need: one for each picture, or for each name?",
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
            "the largest cosine is returned, not its place",
            _other_choice(lambda cosines: cosines.amax(dim=1)),
            "Which name is it?",
        ),
        Misconception(
            "the sign of the cosine is ignored",
            _other_choice(lambda cosines: cosines.abs().argmax(dim=1)),
            "The opposite direction is not the same.",
        ),
        Misconception(
            "the table has names in its rows and pictures in its columns",
            lambda pictures, names: (
                zero_shot(pictures, names)[0].T,
                zero_shot(pictures, names)[1],
            ),
            "Row i belongs to picture i.",
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
        Misconception(
            "the two results are returned in the wrong order",
            lambda pictures, names: zero_shot(pictures, names)[::-1],
            "First the cosines, then the choice.",
        ),
        Misconception(
            "the cosines are right, but the choice is made by the products of the raw vectors",
            lambda pictures, names: (
                zero_shot(pictures, names)[0],
                (pictures @ names.T).argmax(dim=1),
            ),
            "Choose from the table that you return.",
        ),
        Misconception(
            "the cosines are right, but the name at the least distance is chosen",
            lambda pictures, names: (
                zero_shot(pictures, names)[0],
                torch.cdist(pictures, names).argmin(dim=1),
            ),
            "Choose from the table that you return.",
        ),
        Misconception(
            "the lengths have lost their axis and do not fit the rows",
            _scored(
                lambda pictures, names: (
                    (pictures / pictures.norm(dim=1)) @ (names / names.norm(dim=1)).T
                )
            ),
            "keepdim=True keeps the lengths as (N, 1).",
        ),
    ),
)
