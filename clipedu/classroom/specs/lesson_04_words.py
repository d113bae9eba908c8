"""Lesson 04: what is wrong with a run, and a classifier made of words."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from clipedu.classroom.spec import FunctionExercise, Misconception, Property, ValueExercise

CAUSES = ValueExercise(
    id="04.5",
    name="causes",
    expected={
        "A": "shuffled captions",
        "B": "batch of one",
        "C": "shortcut",
        "D": "rate too high",
    },
    misconceptions=(
        Misconception(
            "a shortcut is taken for a high learning rate, and the other way round",
            {"C": "rate too high", "D": "shortcut"},
            "Which of the two learns something, and from what?",
        ),
        Misconception(
            "a loss of zero is taken for a shortcut",
            {"B": "shortcut"},
            "How many wrong answers are there to tell the right one from?",
        ),
        Misconception(
            "a falling loss is taken for shuffled captions",
            {"C": "shuffled captions"},
            "Could a loss fall if no caption belonged to its picture?",
        ),
        Misconception(
            "a loss that stays at ln N is taken for a high learning rate",
            {"A": "rate too high"},
            "That happens too. But which run here is thrown out of the numbers?",
        ),
        Misconception(
            "a loss that stays at ln N is taken for a batch of one",
            {"A": "batch of one"},
            "What is ln 1?",
        ),
    ),
)


def weights(embeddings: Tensor) -> Tensor:
    return _unit(_unit(embeddings).mean(dim=1))


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def some_prompts(generator: Generator) -> dict[str, Any]:
    classes, prompts, width = (
        int(torch.randint(low, high, (), generator=generator))
        for low, high in ((2, 6), (2, 5), (6, 9))
    )
    # Prompts of very different lengths, or normalising them first would hardly show.
    length = 0.2 + 5 * torch.rand(classes, prompts, 1, generator=generator)
    centre = torch.randn(classes, 1, width, generator=generator)
    noise = torch.randn(classes, prompts, width, generator=generator)
    return {"embeddings": length * (centre + noise)}


WEIGHTS = FunctionExercise(
    id="04.6",
    name="zero_shot_weights",
    reference=weights,
    inputs=some_prompts,
    gradient=("embeddings",),
    properties=(
        Property("a prompt's embedding is made ten times longer", lambda f, x: (f(x), f(10 * x))),
        Property("the prompts are put in another order", lambda f, x: (f(x), f(x.flip(1)))),
    ),
    extremes={
        "one prompt a class": lambda g: {"embeddings": torch.randn(3, 1, 4, generator=g)},
        "one class": lambda g: {"embeddings": torch.randn(1, 3, 4, generator=g)},
        "embeddings of a thousand": lambda g: {
            "embeddings": 1000 * torch.randn(3, 2, 4, generator=g)
        },
    },
    misconceptions=(
        Misconception(
            "the prompts are averaged before they are normalised",
            lambda x: _unit(x.mean(dim=1)),
            "Does a prompt with a long embedding have more say?",
        ),
        Misconception(
            "the mean is not normalised",
            lambda x: _unit(x).mean(dim=1),
            "What is the length of a mean of unit vectors?",
        ),
        Misconception(
            "nothing is normalised",
            lambda x: x.mean(dim=1),
            "How long should each row be?",
        ),
        Misconception(
            "only the first prompt of each class is used",
            lambda x: _unit(x[:, 0]),
            "Where are the other prompts?",
        ),
        Misconception(
            "the squared length is divided by, not the length",
            lambda x: _unit((x / x.square().sum(-1, keepdim=True)).mean(dim=1)),
            "The length is the square root of the sum of squares.",
        ),
        Misconception(
            "the sum of absolute values is taken for the length",
            lambda x: _unit((x / x.abs().sum(-1, keepdim=True)).mean(dim=1)),
            "Cosine similarity needs the Euclidean length.",
        ),
        Misconception(
            "the prompts' mean is taken over the classes",
            lambda x: _unit(_unit(x).mean(dim=0)),
            "The result has one row for each class.",
        ),
        Misconception(
            "a softmax stands in the place of the normalisation",
            lambda x: _unit(x).mean(dim=1).softmax(dim=-1),
            "Unit length, not a sum of 1.",
        ),
    ),
)
