"""Exercises 04.5 and 04.6: what is wrong with a run, and a classifier made of words."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise
from clipedu_lessons.common.checking import unchanged, unit

RIGHT = ("shuffled captions", "batch of one", "shortcut", "rate too high")  # runs A to D


def _said(run: int, cause: str) -> Any:
    """A predicate: this cause was written for this run."""
    return lambda value: str(value[run]).strip().casefold() == cause


CAUSES = ValueExercise(
    id="04.5",
    name=("run_a", "run_b", "run_c", "run_d"),
    expected=RIGHT,
    misconceptions=(
        Misconception(
            "a cause is written that is none of the four",
            lambda value: any(str(cause).strip().casefold() not in RIGHT for cause in value),
            "Copy the words as they are.",
        ),
        Misconception(
            "a loss of zero is taken for a shortcut",
            _said(1, "shortcut"),
            "How many wrong answers are there to tell the right one from?",
        ),
        Misconception(
            "a falling loss is taken for shuffled captions",
            _said(2, "shuffled captions"),
            "Could a loss fall if no caption belonged to its picture?",
        ),
        Misconception(
            "a loss that stays at ln N is taken for a high learning rate",
            _said(0, "rate too high"),
            "That happens too. But which run here is thrown out of the numbers?",
        ),
        Misconception(
            "a loss that stays at ln N is taken for a batch of one",
            _said(0, "batch of one"),
            "What is ln 1?",
        ),
        Misconception(
            "a loss of zero is taken for a high learning rate",
            _said(1, "rate too high"),
            "What is ln 1?",
        ),
        Misconception(
            "a run that is thrown out of the numbers is taken for something else",
            lambda value: not _said(3, "rate too high")(value),
            "Which cause makes a loss rise again until it is no number?",
        ),
        Misconception(
            "one cause is used for two runs",
            lambda value: len({str(cause).strip().casefold() for cause in value}) < 4,
            "Each cause belongs to one run.",
        ),
    ),
)


def weights(embeddings: Tensor) -> Tensor:
    return unit(unit(embeddings).mean(dim=1))


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
    properties=(
        unchanged("the embeddings are made ten times longer", lambda x: 10 * x, 0),
        unchanged("the prompts are put in another order", lambda x: x.flip(1), 0),
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
            "nothing is normalised",
            lambda x: x.mean(dim=1),
            "How long should each row be?",
        ),
        Misconception(
            "the sum of absolute values is taken for the length",
            lambda x: unit((x / x.abs().sum(-1, keepdim=True)).mean(dim=1)),
            "Cosine similarity needs the Euclidean length.",
        ),
        Misconception(
            "the prompts' mean is taken over the classes",
            lambda x: unit(unit(x).mean(dim=0)),
            "The result has one row for each class.",
        ),
        Misconception(
            "a softmax is used instead of the normalisation",
            lambda x: unit(x).mean(dim=1).softmax(dim=-1),
            "Unit length, not a sum of 1.",
        ),
        Misconception(
            "the prompts are normalised over the prompts, not each by itself",
            lambda x: unit((x / x.norm(dim=1, keepdim=True)).mean(dim=1)),
            "An embedding lies along the last axis.",
        ),
        Misconception(
            "all means together are divided by one length",
            lambda x: unit(x).mean(dim=1) / unit(x).mean(dim=1).norm(),
            "Each row must have length 1: which axis is summed over?",
        ),
        Misconception(
            "the mean is divided by the sum of its entries",
            lambda x: unit(x).mean(dim=1) / unit(x).mean(dim=1).sum(dim=-1, keepdim=True),
            "Unit length, not a sum of 1.",
        ),
        Misconception(
            "only the last prompt of each class is used",
            lambda x: unit(x[:, -1]),
            "Where are the other prompts?",
        ),
        Misconception(
            "the median of the prompts is taken, not their mean",
            lambda x: unit(unit(x).median(dim=1).values),
            "All prompts have the same say.",
        ),
        Misconception(
            "the maximum of the prompts is taken, not their mean",
            lambda x: unit(unit(x).amax(dim=1)),
            "All prompts have the same say.",
        ),
        Misconception(
            "the mean is taken over the channels, not over the prompts",
            lambda x: unit(unit(x).mean(dim=2)),
            "Which axis holds the prompts?",
        ),
        Misconception(
            "every prompt keeps a row of its own",
            lambda x: unit(unit(x).flatten(0, 1)),
            "One row for each class: where is the mean?",
        ),
        Misconception(
            "the axis of the prompts stays in the result",
            lambda x: unit(unit(x).mean(dim=1, keepdim=True)),
            "The result is (C, E).",
        ),
        Misconception(
            "the lengths of the means have lost their axis",
            lambda x: unit(x).mean(dim=1) / unit(x).mean(dim=1).norm(dim=-1),
            "keepdim=True keeps the lengths as a column.",
        ),
        Misconception(
            "the prompts are added up and the sum is not normalised",
            lambda x: unit(x).sum(dim=1),
            "How long should each row be?",
        ),
        Misconception(
            "the largest entry is taken for the length",
            lambda x: unit((x / x.abs().amax(dim=-1, keepdim=True)).mean(dim=1)),
            "Cosine similarity needs the Euclidean length.",
        ),
        Misconception(
            "the prompts are multiplied, not averaged",
            lambda x: unit(unit(x).prod(dim=1)),
            "Take the mean over the prompts.",
        ),
        Misconception(
            "the mean of all embeddings is taken off first",
            lambda x: unit(unit(x - x.mean(dim=(0, 1))).mean(dim=1)),
            "The embeddings stay where they are.",
        ),
    ),
)
