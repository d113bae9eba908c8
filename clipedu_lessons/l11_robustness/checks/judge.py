"""Exercises 11.8 and 11.10: a paired test by name, and the flaws of an analysis."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole
from clipedu_lessons.common.checking import twice


def _answers(generator: torch.Generator, better: float = 0.75, pairs: int = 0) -> dict[str, Any]:
    """Two models on names with one to three pictures each; styles of a name are often alike."""
    names = pairs or whole(generator, 14, 24)
    sizes = torch.randint(1, 4, (names,), generator=generator)
    number = torch.arange(names).repeat_interleave(sizes) * 3 + 5
    easy = torch.rand(names, 2, generator=generator) < torch.tensor([better, 0.45])
    same = torch.rand(len(number), 2, generator=generator) < 0.85
    right = torch.where(same, easy.repeat_interleave(sizes, 0), ~easy.repeat_interleave(sizes, 0))
    return {"first": right[:, 0], "second": right[:, 1], "names": number}


def _lead(first: Tensor, second: Tensor, names: Tensor) -> Tensor:
    number = names.unique(return_inverse=True)[1]
    return torch.bincount(number, first.double() - second.double())


def _once(right: Tensor, names: Tensor) -> Tensor:
    return torch.bincount(names.unique(return_inverse=True)[1], right.double()) > 0


def _split(few: int, many: int) -> float:
    """Two-sided probability of a split at least so uneven, by tosses of a coin."""
    tosses = few + many
    tail = sum(math.comb(tosses, j) for j in range(min(few, many) + 1)) / 2**tosses
    return min(1.0, 2 * tail)


def paired_p(first: Tensor, second: Tensor, names: Tensor) -> float:
    """(N,) bool, (N,) bool, (N,) int64 -> p."""
    lead = _lead(first, second, names)
    return _split(int((lead > 0).sum()), int((lead < 0).sum()))


PAIRED = FunctionExercise(
    id="11.8",
    name="paired_p",
    reference=paired_p,
    inputs=_answers,
    trials=6,
    properties=(
        Property(
            "every picture is there twice",
            lambda f, a, b, names: (f(a, b, names), f(twice(a), twice(b), twice(names))),
        ),
        Property(
            "the two models are swapped", lambda f, a, b, names: (f(a, b, names), f(b, a, names))
        ),
        Property(
            "there are further names on which both models are right",
            lambda f, a, b, names: (
                f(a, b, names),
                f(
                    torch.cat([a, torch.ones(9, dtype=torch.bool)]),
                    torch.cat([b, torch.ones(9, dtype=torch.bool)]),
                    torch.cat([names, 1000 + torch.arange(9)]),
                ),
            ),
        ),
    ),
    extremes={
        "two models that answer alike": lambda g: _alike(g),
        "an even split": lambda g: {
            "first": torch.tensor([True, False]),
            "second": torch.tensor([False, True]),
            "names": torch.tensor([4, 2]),
        },
        "equally good models": lambda g: _answers(g, 0.45),
    },
    misconceptions=(
        Misconception("1 - p is returned", lambda a, b, n: 1 - paired_p(a, b, n)),
        Misconception(
            "a name counts with the number of its pictures",
            lambda a, b, n: _split(
                int(_lead(a, b, n).clamp(min=0).sum()), int(-_lead(a, b, n).clamp(max=0).sum())
            ),
            "However large its lead, a name is one toss.",
        ),
        Misconception(
            "a name counts for a model that is right on one of its pictures at least",
            lambda a, b, n: paired_p(_once(a, n), _once(b, n), n.unique()),
        ),
    ),
)


def _alike(generator: torch.Generator) -> dict[str, Any]:
    answers = _answers(generator)
    return {**answers, "second": answers["first"].clone()}


def _says(number: int, *letters: str) -> Any:
    return lambda v: str(v[number - 1]).strip().casefold() in letters


FLAWS = ValueExercise(
    id="11.10",
    name=tuple(f"sentence_{k}" for k in range(1, 6)),
    expected=("a", "c", "b", "d", "e"),
    misconceptions=(
        Misconception(
            "a resampled line is taken for a prediction interval",
            _says(1, "e", "d"),
            "How many of the twelve models themselves are above 97 % of the lines?",
        ),
        Misconception(
            "a second difference between F and the twelve models is overlooked",
            _says(2, "e", "a", "d"),
            "What do F and the twelve models not have in common?",
        ),
        Misconception(
            "the pictures on which the weight was chosen are overlooked",
            _says(3, "e", "a", "d"),
            "On which pictures is 0.7 the best weight?",
        ),
        Misconception(
            "two styles of one name are taken for two trials",
            _says(4, "e", "a", "b"),
            "If one style is named right, how often is the other?",
        ),
        Misconception(
            "caution is taken for a flaw",
            _says(5, "a", "b", "c", "d"),
            "What does the last sentence claim?",
        ),
    ),
)
