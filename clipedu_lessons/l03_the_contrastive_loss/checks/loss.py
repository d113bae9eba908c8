"""Exercise 03.9: the loss of CLIP without false negatives, and what other losses share with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Misconception
from clipedu_lessons.common.checking import reverse, roles_swapped, unchanged


def unit_pairs(generator: torch.Generator, n: int | None = None) -> tuple[Tensor, Tensor]:
    """Two (N, E) matrices, N and E different, of rows of length 1 to all digits of float64."""
    n = n or int(torch.randint(3, 9, (), generator=generator))
    width = n + int(torch.randint(1, 5, (), generator=generator))
    text = F.normalize(torch.randn(n, width, generator=generator).double(), dim=1)
    noisy = text + 0.2 * torch.randn(n, width, generator=generator)
    return F.normalize(noisy, dim=1), text


def batch(generator: torch.Generator, n: int | None = None) -> dict[str, Any]:
    image, text = unit_pairs(generator, n)
    scale = 2 + 8 * torch.rand((), generator=generator)
    return {"image": image, "text": text, "logit_scale": scale}


def rows_loss(logits: Tensor) -> Tensor:
    return -logits.log_softmax(dim=1).diagonal().mean()


def both_ways(logits: Tensor) -> Tensor:
    return (rows_loss(logits) + rows_loss(logits.T)) / 2


def sigmoid_loss(logits: Tensor) -> Tensor:
    signs = 2 * torch.eye(len(logits), dtype=logits.dtype) - 1
    return -F.logsigmoid(signs * logits).sum() / len(logits)


def masked(logits: Tensor, ids: Tensor | None) -> Tensor:
    """Minus infinity where i and j are different pairs with equal captions."""
    if ids is None:
        return logits
    others = torch.ones_like(logits, dtype=torch.bool).fill_diagonal_(False)
    return torch.where((ids.unsqueeze(1) == ids) & others, -math.inf, logits)


def info_nce(
    image: Tensor, text: Tensor, logit_scale: Tensor, false_negative_ids: Tensor | None = None
) -> Tensor:
    """(N, E), (N, E), (), (N,) -> ()."""
    return both_ways(masked(logit_scale * image @ text.mT, false_negative_ids))


def _on_logits(loss: Callable[[Tensor], Tensor]) -> Any:
    """A wrong answer that starts from the right logits, equal captions masked."""
    return lambda i, t, s, ids: loss(masked(s * i @ t.T, ids))


def _other_logits(
    logits: Callable[..., Tensor], loss: Callable[[Tensor], Tensor] = both_ways
) -> Any:
    """A wrong answer with other logits, in which equal captions are masked as they should be."""
    return lambda i, t, s, ids: loss(masked(logits(i, t, s), ids))


def _answers(answers: Callable[[int], Tensor]) -> Any:
    """A wrong answer that takes others for the right answers."""

    def loss(x: Tensor) -> Tensor:
        right = answers(len(x))
        return (F.cross_entropy(x, right) + F.cross_entropy(x.T, right)) / 2

    return _on_logits(loss)


def _without_the_right_one(x: Tensor) -> Tensor:
    rest = x.masked_fill(torch.eye(len(x), dtype=torch.bool), -math.inf)
    return ((rest.logsumexp(dim=1) + rest.logsumexp(dim=0)) / 2 - x.diagonal()).mean()


def _log_of_probabilities(x: Tensor, added: float = 0.0) -> Tensor:
    rows, columns = (y.softmax(dim=1).diagonal() + added for y in (x, x.T))
    return -(rows.log() + columns.log()).mean() / 2


def right_probability(logits: Tensor) -> Tensor:
    both = logits.softmax(dim=1) + logits.softmax(dim=0)
    return both.diagonal().mean() / 2


def _with_repeats(generator: torch.Generator) -> dict[str, Any]:
    """A caption three times, another one twice, and some that occur once."""
    n = int(torch.randint(6, 10, (), generator=generator))
    which = torch.tensor([0, 0, 0, 1, 1, *range(2, n - 3)])
    which = which[torch.randperm(n, generator=generator)]
    names = 10 + torch.randperm(90, generator=generator)  # an id is no index
    return {**batch(generator, n), "false_negative_ids": names[which]}


def _same_for_all(generator: torch.Generator) -> dict[str, Any]:
    return {**batch(generator, 4), "false_negative_ids": torch.tensor([5] * 4)}


def _with_scale(generator: torch.Generator, scale: float) -> dict[str, Any]:
    return {**_with_repeats(generator), "logit_scale": torch.tensor(scale)}


def _misfits(generator: torch.Generator) -> dict[str, Any]:
    """Every right answer has a probability that is too small for a plain logarithm."""
    drawn = _with_repeats(generator)
    return {**drawn, "text": -drawn["image"], "logit_scale": torch.tensor(1000.0)}


def _opposite(generator: torch.Generator) -> dict[str, Any]:
    """All cosines are near -1, so every logit is far below any finite number of a mask."""
    drawn = _with_scale(generator, 1000.0)
    image, text = (F.normalize(4 + drawn[name], dim=1) for name in ("image", "text"))
    return {**drawn, "image": image, "text": -text}


LOSS = FunctionExercise(
    id="03.9",
    name="info_nce",
    reference=info_nce,
    inputs=_with_repeats,
    gradient=("image", "text", "logit_scale"),
    properties=(
        roles_swapped(),
        unchanged("the pairs come in another order", reverse, 0, 1, 3),
        unchanged("the captions get other ids", lambda ids: 7 * ids + 3, 3),
    ),
    extremes={
        "no ids at all": lambda g: {**batch(g), "false_negative_ids": None},
        "captions that all differ": lambda g: {
            **batch(g, 5),
            "false_negative_ids": torch.arange(5),
        },
        "captions that are all equal": _same_for_all,
        "a batch of one": lambda g: {**batch(g, 1), "false_negative_ids": torch.tensor([5])},
        "a logit scale of 1,000": lambda g: _with_scale(g, 1000.0),
        "a scale of 0.001": lambda g: _with_scale(g, 0.001),
        "a scale of 1,000 and captions that do not fit": _misfits,
        "a scale of 1,000 and cosines near -1": _opposite,
    },
    misconceptions=(
        Misconception(
            "only the rows are scored, not the columns",
            _on_logits(rows_loss),
            "Which question does a column ask?",
        ),
        Misconception(
            "only the columns are scored, not the rows",
            _on_logits(lambda x: rows_loss(x.T)),
            "Which question does a row ask?",
        ),
        Misconception(
            "the two losses are added, not averaged",
            _on_logits(lambda x: 2 * both_ways(x)),
            "What must the loss of guessing among N be?",
        ),
        Misconception(
            "only the rows are scored, and their loss is halved",
            _on_logits(lambda x: rows_loss(x) / 2),
            "The other half of the mean is missing.",
        ),
        Misconception(
            "neither the mean over the pairs nor that over the directions is taken",
            _on_logits(lambda x: 2 * len(x) * both_ways(x)),
            "The loss of guessing among N must be ln N.",
        ),
        Misconception(
            "the cross-entropy is given probabilities where it wants logits",
            _on_logits(lambda x: (rows_loss(x.softmax(dim=1)) + rows_loss(x.T.softmax(dim=1))) / 2),
            "torch's cross_entropy takes the softmax itself.",
        ),
        Misconception(
            "the first caption is the right answer for every picture",
            _answers(lambda n: torch.zeros(n, dtype=torch.long)),
            "In which column does row i have its right answer?",
        ),
        Misconception(
            "the right answers are off by one",
            _answers(lambda n: (torch.arange(n) + 1) % n),
            "In which column does row i have its right answer? Count from 0.",
        ),
        Misconception(
            "the right answers are in the reverse order",
            _answers(lambda n: torch.arange(n).flip(0)),
            "In which column does row i have its right answer?",
        ),
        Misconception(
            "one softmax is taken over the whole matrix",
            _on_logits(lambda x: -x.flatten().log_softmax(dim=0).view_as(x).diagonal().mean()),
            "How many questions are there, and how many answers does each have?",
        ),
        Misconception(
            "the right caption is left out of the denominator",
            _on_logits(_without_the_right_one),
            "A softmax sums over all captions, the right one too.",
        ),
        Misconception(
            "the logarithm is taken of the mean probability",
            _on_logits(
                lambda x: (
                    -(
                        x.softmax(dim=1).diagonal().mean().log()
                        + x.T.softmax(dim=1).diagonal().mean().log()
                    )
                    / 2
                )
            ),
            "First the logarithm of each pair, then the mean.",
        ),
        Misconception(
            "a small number is added before the logarithm",
            _on_logits(lambda x: _log_of_probabilities(x, 1e-8)),
            "It hides how wrong a confident answer is. log_softmax needs no such help.",
        ),
        Misconception(
            "all entries are averaged in both directions, not only the right ones",
            _on_logits(lambda x: -(x.log_softmax(dim=1).mean() + x.log_softmax(dim=0).mean()) / 2),
            "In which column does row i have its right answer?",
        ),
        Misconception(
            "the cosines are divided by the logit scale",
            _other_logits(lambda i, t, s: i @ t.T / s),
            "The scale is 1 / temperature: which of the two multiplies?",
        ),
        Misconception(
            "the cosines are not multiplied by the logit scale, which is added or left out",
            _other_logits(lambda i, t, s: i @ t.T + s),
            "What does a softmax do with a number that is added to all its logits?",
        ),
        Misconception(
            "the exponential of the logit scale is taken, which is done already",
            _other_logits(lambda i, t, s: s.exp() * i @ t.T),
            "The function is given the multiplier itself.",
        ),
        Misconception(
            "the cosines are multiplied by the logarithm of the scale",
            _other_logits(lambda i, t, s: s.log() * i @ t.T),
        ),
        Misconception(
            "the scale is multiplied in twice", _other_logits(lambda i, t, s: s * s * i @ t.T)
        ),
        Misconception(
            "the logit scale is held at a maximum inside the loss",
            _other_logits(lambda i, t, s: s.clamp(max=100) * i @ t.T),
            "The clamp belongs after the optimizer's step; the loss takes the scale as it is.",
        ),
        Misconception(
            "a fixed scale of 1 / 0.07 is used, not the one given",
            _other_logits(lambda i, t, s: i @ t.T / 0.07),
        ),
        Misconception(
            "a fixed scale of 100 is used, not the one given",
            _other_logits(lambda i, t, s: 100 * i @ t.T),
        ),
        Misconception(
            "only the rows are scored, and the cosines are divided by the scale",
            _other_logits(lambda i, t, s: i @ t.T / s, rows_loss),
            "Two things: the columns ask, too, and the scale multiplies.",
        ),
        Misconception(
            "only the rows are scored, and the logit scale is left out",
            _other_logits(lambda i, t, s: i @ t.T, rows_loss),
            "Two things: the columns ask, too, and the cosines need their scale.",
        ),
        Misconception(
            "only the rows are scored, and the equal captions are still in it",
            lambda i, t, s, ids: rows_loss(s * i @ t.T),
            "Two things: the columns ask, too, and equal captions are no wrong answers.",
        ),
        Misconception(
            "the two losses are added, and the equal captions are still in them",
            lambda i, t, s, ids: 2 * both_ways(s * i @ t.T),
            "Two things: take the mean, and equal captions are no wrong answers.",
        ),
        Misconception(
            "only the right pairs are scored, not the wrong ones",
            lambda i, t, s, ids: -(s * (i * t).sum(dim=1)).mean(),
            "What keeps all vectors from becoming equal?",
        ),
        Misconception(
            "a sigmoid is used instead of the softmax",
            _on_logits(sigmoid_loss),
            "A softmax compares the captions of one row with each other.",
        ),
        Misconception(
            "each entry is judged by itself and the mean is taken over all N x N",
            _on_logits(lambda x: sigmoid_loss(x) / len(x)),
            "A softmax compares the captions of one row with each other.",
        ),
        Misconception(
            "probabilities are averaged without their logarithm",
            _on_logits(lambda x: -right_probability(x)),
            "A cross-entropy is minus the logarithm of the probability.",
        ),
        Misconception(
            "the probability that is missing is averaged, without a logarithm",
            _on_logits(lambda x: 1 - right_probability(x)),
            "A cross-entropy is minus the logarithm of the probability.",
        ),
        Misconception(
            "squared distances are used as logits",
            _other_logits(lambda i, t, s: s * ((i[:, None] - t[None]) ** 2).sum(dim=-1)),
            "A logit must be large for vectors that are close.",
        ),
        Misconception(
            "negative squared distances are used as logits",
            _other_logits(lambda i, t, s: -s * ((i[:, None] - t[None]) ** 2).sum(dim=-1)),
            "The logit is scale x cosine.",
        ),
        Misconception("the logits are negated", _other_logits(lambda i, t, s: -s * i @ t.T)),
        Misconception(
            "channels are compared with channels, not pictures with captions",
            _other_logits(lambda i, t, s: s * i.T @ t),
            "Which shape must the matrix have?",
        ),
        Misconception(
            "the captions are not transposed",
            _other_logits(lambda i, t, s: s * (i @ t)),
            "(N, E) times what gives (N, N)?",
        ),
        Misconception(
            "the vectors are normalized over the batch",
            _other_logits(lambda i, t, s: s * F.normalize(i, dim=0) @ F.normalize(t, dim=0).T),
            "The vectors have length 1 already.",
        ),
        Misconception(
            "the squared distance to the identity matrix is taken",
            lambda i, t, s, ids: ((s * i @ t.T - torch.eye(len(i), dtype=i.dtype)) ** 2).mean(),
            "The loss of Figure 3 is a cross-entropy, in two directions.",
        ),
        Misconception(
            "the matrix is averaged with its transpose before the softmax",
            _on_logits(lambda x: rows_loss((x + x.T) / 2)),
            "Two softmaxes, one for each question; the mean comes last.",
        ),
    ),
)
