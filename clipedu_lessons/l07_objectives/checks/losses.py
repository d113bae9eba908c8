"""Exercises 07.1 to 07.3: initial losses, a bag of yes-or-no questions, CoCa's loss."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise, whole
from clipedu_lessons.common.checking import near, reverse, twice, unchanged, unit

BEFORE = ValueExercise(
    id="07.1",
    name=("virtex", "simclr", "yes_or_no", "best_bag"),
    expected=(math.log(3000), math.log(99), 3000 * math.log(2), math.log(4)),
    misconceptions=(
        Misconception(
            "the logarithm has base 2",
            lambda v: near(v[0], math.log2(3000)) or near(v[1], math.log2(99)) or near(v[3], 2),
            "The loss is in nats: the natural logarithm.",
        ),
        Misconception(
            "the sign is that of the logarithm of a probability", lambda v: min(v) < -0.1
        ),
        Misconception(
            "the best bag is given the loss of an untrained one",
            lambda v: near(v[3], math.log(3000)),
            "At best, only the four right words get any probability.",
        ),
        Misconception(
            "yes and no are one question each",
            lambda v: near(v[2], 6000 * math.log(2)),
            "There is one question for each word of the vocabulary.",
        ),
    ),
)


# ----------------------------------------------------------------------- a bag of questions
def bag_of_questions(logits: Tensor, bag: Tensor) -> Tensor:
    """Word by word: the mean cost of yes where it is right, and of no where that is."""
    total = logits.new_zeros(())
    for z, y in zip(logits.T, bag.T, strict=True):
        for rows, sign in ((y > 0, 1), (y == 0, -1)):
            if rows.any():
                total = total - F.logsigmoid(sign * z[rows]).mean() / 2
    return total / logits.shape[1]


def _bags(generator: torch.Generator) -> dict[str, Any]:
    """One word that no caption has, one that all have, and others."""
    n, v = whole(generator, 4, 7), whole(generator, 8, 12)
    bag = (torch.rand(n, v, generator=generator) < 0.35).float()
    bag[:, 0], bag[:, 1] = 0, 1
    bag[0, 2], bag[1, 2] = 1, 0
    return {"logits": 2 * torch.randn(n, v, generator=generator), "bag": bag}


def _larger(drawn: dict[str, Any]) -> dict[str, Any]:
    return {**drawn, "logits": 1000 * drawn["logits"]}


def _weighted(yes: Any, no: Any, reduce: Any) -> Any:
    """A wrong answer: weights of the answers yes and no, and how their costs become one number."""

    def wrong(logits: Tensor, bag: Tensor) -> Tensor:
        costs = -yes(bag) * F.logsigmoid(logits) - no(bag) * F.logsigmoid(-logits)
        return reduce(costs)

    return wrong


def _there(bag: Tensor) -> Tensor:
    return bag / bag.sum(dim=0).clamp(min=1)


def _missing(bag: Tensor) -> Tensor:
    return (1 - bag) / (1 - bag).sum(dim=0).clamp(min=1)


def _half(costs: Tensor) -> Tensor:
    return costs.sum(dim=0).mean() / 2


QUESTIONS = FunctionExercise(
    id="07.2",
    name="bag_of_questions",
    reference=bag_of_questions,
    inputs=_bags,
    gradient=("logits",),
    properties=(
        unchanged("the captions come in another order", reverse, 0, 1),
        unchanged("the words come in another order", lambda x: x.flip(1), 0, 1),
        unchanged("every caption is there twice", twice, 0, 1),
    ),
    extremes={
        "logits of 1,000": lambda g: _larger(_bags(g)),
        "a batch of one": lambda g: {k: x[:1] for k, x in _bags(g).items()},
    },
    misconceptions=(
        Misconception(
            "the costs are added up over the words, not averaged",
            _weighted(_there, _missing, lambda c: c.sum() / 2),
            "What stands before the sum over w?",
        ),
        Misconception(
            "yes and no are swapped",
            lambda z, y: bag_of_questions(-z, y),
            "A word that is there must have a large logit.",
        ),
        Misconception(
            "only the words that are missing are asked for",
            _weighted(torch.zeros_like, _missing, _half),
            "What keeps all logits from falling?",
        ),
        Misconception(
            "a softmax over the words is used instead of the sigmoid",
            lambda z, y: -(_there(y) * z.log_softmax(dim=1)).sum(dim=0).mean() / 2,
            "Each entry is a question by itself.",
        ),
        Misconception(
            "the logarithm is left out",
            lambda z, y: _half(-_there(y) * z.sigmoid() - _missing(y) * (-z).sigmoid()),
        ),
    ),
)


# ---------------------------------------------------------------------- contrast and caption
def _contrast(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    z = scale * image @ text.mT
    return -(z.log_softmax(1).diagonal().mean() + z.log_softmax(0).diagonal().mean()) / 2


def _caption(logits: Tensor, tokens: Tensor) -> Tensor:
    """Caption by caption, token by token."""
    costs = []
    for row, ids in zip(logits.log_softmax(dim=-1), tokens.tolist(), strict=True):
        end = ids.index(max(ids))
        costs += [-row[t - 1, ids[t]] for t in range(1, end + 1)]
    return torch.stack(costs).mean()


def contrast_and_caption(
    image: Tensor,
    text: Tensor,
    scale: Tensor,
    logits: Tensor,
    tokens: Tensor,
    weights: tuple[float, float],
) -> Tensor:
    """(N, E), (N, E), (), (N, L, V), (N, L), two weights -> ()."""
    return weights[0] * _contrast(image, text, scale) + weights[1] * _caption(logits, tokens)


def _coca(generator: torch.Generator, lengths: tuple[int, ...] = (1, 3, 5, 2)) -> dict[str, Any]:
    """Captions of several lengths, in some of which 0 is a word."""
    n, v, longest = len(lengths), 12, max(lengths) + 3
    tokens = torch.zeros(n, longest, dtype=torch.int64)
    for row, k in zip(tokens, lengths, strict=True):
        row[0], row[k + 1] = v - 2, v - 1  # SOT and EOT
        row[1 : k + 1] = torch.randint(0, v - 2, (k,), generator=generator)
        row[k] = 0 if k > 2 else row[k]
    image, text = (unit(torch.randn(n, 6, generator=generator).double()) for _ in range(2))
    return {
        "image": image,
        "text": text,
        "scale": 2 + 8 * torch.rand((), generator=generator),
        "logits": 2 * torch.randn(n, longest, v, generator=generator),
        "tokens": tokens,
        "weights": (0.5 + whole(generator, 0, 3), 2.5 + whole(generator, 0, 3)),
    }


COCA = FunctionExercise(
    id="07.3",
    name="contrast_and_caption",
    reference=contrast_and_caption,
    inputs=_coca,
    gradient=("image", "text", "scale", "logits"),
    properties=(
        unchanged("the pairs come in another order", reverse, 0, 1, 3, 4),
        unchanged(
            "there is one more column of padding",
            lambda x: torch.cat([x, torch.zeros_like(x[:, :1])], dim=1),
            3,
            4,
        ),
    ),
    extremes={
        "a scale of 1,000": lambda g: {**_coca(g), "scale": torch.tensor(1000.0)},
        "captions of one word": lambda g: _coca(g, (1, 1, 1)),
        "a batch of one": lambda g: _coca(g, (4,)),
    },
    misconceptions=(
        Misconception(
            "the weights are left out",
            lambda i, t, s, z, ids, w: _contrast(i, t, s) + _caption(z, ids),
        ),
        Misconception(
            "the two weighted losses are averaged",
            lambda i, t, s, z, ids, w: contrast_and_caption(i, t, s, z, ids, w) / 2,
            "A weighted sum, not a mean.",
        ),
        Misconception(
            "the costs of the words are added up, not averaged",
            lambda i, t, s, z, ids, w: (
                w[0] * _contrast(i, t, s) + w[1] * _caption(z, ids) * ids.argmax(1).sum()
            ),
            "The caption loss is a mean over the words and EOTs of the batch.",
        ),
        Misconception(
            "rows and columns are added, not averaged",
            lambda i, t, s, z, ids, w: 2 * w[0] * _contrast(i, t, s) + w[1] * _caption(z, ids),
            "CLIP's loss is the mean of the two directions.",
        ),
        Misconception(
            "the caption loss is left out",
            lambda i, t, s, z, ids, w: w[0] * _contrast(i, t, s),
        ),
    ),
)
