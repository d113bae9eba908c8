"""Exercises 12.1 and 12.2: a bag of words and a "no", and the score of a two-choice test."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole
from clipedu_lessons.common.checking import unchanged

BAG = ValueExercise(
    id="12.1",
    name=("bell_no_bell", "bell_no_camera", "share_right", "share_with_strong_no"),
    expected=(2, -1, 0.0, 0.0),
    misconceptions=(
        Misconception(
            "the higher score is taken for the true answer",
            lambda v: v[2] == 1,
            "Of the bell's picture, 'no bell' is false. Which text has the higher score?",
        ),
        Misconception(
            "one of the two pictures is taken to be answered right",
            lambda v: v[2] == 0.5,
            "Work out the camera's picture in the same way.",
        ),
        Misconception(
            'a stronger "no" is expected to help',
            lambda v: v[3] in (0.5, 1),
            "The same vector is added to both texts. What happens to the difference of the scores?",
        ),
        Misconception(
            "'no' adds 1 to the score: its vector is subtracted, or its second number is taken",
            lambda v: (v[0], v[1]) == (4, 1),
            "The picture of the bell is (1, 0), and texts are sums.",
        ),
        Misconception(
            "the vector of the thing is subtracted after 'no'",
            lambda v: (v[0], v[1]) in ((-4, -1), (-3, 0)),
            "That is what 'no' means. A sum of vectors does not know it.",
        ),
        Misconception(
            "the two scores are exchanged",
            lambda v: (v[0], v[1]) == (-1, 2),
        ),
        Misconception(
            "the scores of the camera's picture are given",
            lambda v: (v[0], v[1]) == (1, 4),
            "The picture of the bell is (1, 0).",
        ),
        Misconception(
            "a share is given in percent", lambda v: v[2] in (50, 100) or v[3] in (50, 100)
        ),
    ),
)


def _rows(
    generator: torch.Generator, n: int | None = None, ties: int | None = None
) -> dict[str, Tensor]:
    """Rows of very unequal lengths; a few exact ties (the same caption twice)."""
    n = n or whole(generator, 9, 24)
    width = whole(generator, 3, 8)
    ties = whole(generator, 1, 3) if ties is None else ties
    pictures = torch.randn(n, width, generator=generator)
    right = torch.randn(n, width, generator=generator) + 0.5 * pictures
    wrong = torch.randn(n, width, generator=generator)
    for x in (pictures, right, wrong):
        x *= 0.1 + 6 * torch.rand(n, 1, generator=generator)
    if ties:
        wrong[:ties] = right[:ties]
    order = torch.randperm(n, generator=generator)
    return {"pictures": pictures[order], "right": right[order], "wrong": wrong[order]}


def two_choice(pictures: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    """(N, E) each -> ()."""
    return _marks(_cosines(pictures, right), _cosines(pictures, wrong))


def _cosines(a: Tensor, b: Tensor) -> Tensor:
    return (normalize(a, dim=-1) * normalize(b, dim=-1)).sum(-1)


def _marks(a: Tensor, b: Tensor, tie: float = 0.5) -> Tensor:
    return ((a > b).to(a.dtype) + tie * (a == b).to(a.dtype)).mean()


def _ties_left_out(pictures: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    a, b = _cosines(pictures, right), _cosines(pictures, wrong)
    return (a > b)[a != b].to(a.dtype).mean()


def _over_e(pictures: Tensor, right: Tensor, wrong: Tensor) -> Tensor:
    p, r, w = (normalize(x, dim=-1) for x in (pictures, right, wrong))
    return _marks((p * r).sum(0), (p * w).sum(0))


CHOICE = FunctionExercise(
    id="12.2",
    name="two_choice",
    reference=two_choice,
    inputs=_rows,
    trials=5,
    properties=(
        unchanged("the vectors are made longer", lambda x: 4 * x, 1),
        Property(
            "the two orders of the captions do not add up to 1",
            lambda f, p, r, w: (f(p, r, w) + f(p, w, r), torch.ones_like(p[0, 0])),
        ),
        Property(
            "the same caption twice does not give one half",
            lambda f, p, r, w: (f(p, r, r), torch.full_like(p[0, 0], 0.5)),
        ),
    ),
    extremes={
        "one picture": lambda g: _rows(g, 1, 0),
        "ties only": lambda g: _rows(g, 4, 4),
        "no tie": lambda g: _rows(g, 12, 0),
        "long vectors, opposite ones and negative cosines": lambda g: {
            "pictures": torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 1.0]]),
            "right": torch.tensor([[1.0, 1.0], [0.0, 0.1], [-1.0, 0.2], [5.0, 1.0]]),
            "wrong": torch.tensor([[9.0, 10.0], [5.0, 6.0], [-5.0, 0.5], [0.1, 0.1]]),
        },
    },
    misconceptions=(
        Misconception("ties are left out of the mean", _ties_left_out),
        Misconception("the sum runs over the pictures, not over the numbers of a vector", _over_e),
        Misconception(
            "the number of right answers is returned, not their share",
            lambda p, r, w: two_choice(p, r, w) * len(p),
        ),
        Misconception(
            "the mean difference of the cosines is returned",
            lambda p, r, w: (_cosines(p, r) - _cosines(p, w)).mean(),
            "Count who wins, not by how much.",
        ),
        Misconception(
            "a softmax over the two captions is averaged",
            lambda p, r, w: torch.sigmoid(_cosines(p, r) - _cosines(p, w)).mean(),
            "Count who wins, not how surely.",
        ),
        Misconception(
            "the right caption counts when its cosine is above 0",
            lambda p, r, w: (cosine_similarity(p, r) > 0).to(p.dtype).mean(),
            "Compare the two captions with each other.",
        ),
        Misconception(
            "distances are compared, and the larger one wins",
            lambda p, r, w: _marks((p - r).norm(dim=-1), (p - w).norm(dim=-1)),
        ),
        Misconception(
            "distances of vectors that are not normalised are compared",
            lambda p, r, w: _marks(-(p - r).norm(dim=-1), -(p - w).norm(dim=-1)),
        ),
    ),
)
