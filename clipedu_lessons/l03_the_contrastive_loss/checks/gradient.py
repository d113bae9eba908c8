"""Exercise 03.7: the gradient of the symmetric loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property
from clipedu_lessons.common.checking import unchanged
from clipedu_lessons.l03_the_contrastive_loss.checks.loss import both_ways


def _logits(generator: torch.Generator) -> dict[str, Any]:
    n = int(torch.randint(3, 9, (), generator=generator))
    return {"logits": 2 * torch.randn(n, n, generator=generator)}


def contrastive_gradient(logits: Tensor) -> Tensor:
    """(N, N) -> (N, N): the derivative of the symmetric loss."""
    n = len(logits)
    right = torch.eye(n, dtype=logits.dtype, device=logits.device)
    return (logits.softmax(dim=1) + logits.softmax(dim=0) - 2 * right) / (2 * n)


def _parts(x: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    return x.softmax(dim=1), x.softmax(dim=0), torch.eye(len(x), dtype=x.dtype), len(x)


def _gradient_variant(formula: Any) -> Any:
    return lambda logits: formula(*_parts(logits))


GRADIENT = FunctionExercise(
    id="03.7",
    name="contrastive_gradient",
    reference=contrastive_gradient,
    inputs=_logits,
    autograd=False,
    properties=(
        Property(
            "the entries do not sum to zero",
            lambda f, logits: (torch.as_tensor(f(logits)).sum(), torch.tensor(0.0)),
        ),
        unchanged("one number is added to every logit", lambda logits: logits + 3, 0),
        Property(
            "the result does not follow when pictures and captions swap roles",
            lambda f, logits: (torch.as_tensor(f(logits)).T, f(logits.T)),
        ),
    ),
    extremes={
        "logits of 1,000": lambda g: {"logits": 1000 * torch.eye(4)},
        "a batch of one": lambda g: {"logits": torch.randn(1, 1, generator=g)},
        "1,000 on top of every logit": lambda g: {"logits": 1000 + _logits(g)["logits"]},
        "equal logits": lambda g: {"logits": torch.zeros(5, 5)},
    },
    misconceptions=(
        Misconception(
            "only the columns' half is there, at full weight",
            _gradient_variant(lambda r, c, e, n: (c - e) / n),
            "The loss is the mean of two cross-entropies.",
        ),
        Misconception(
            "the columns' half is missing",
            _gradient_variant(lambda r, c, e, n: (r - e) / (2 * n)),
            "The captions ask, too.",
        ),
        Misconception(
            "the rows' half is missing", _gradient_variant(lambda r, c, e, n: (c - e) / (2 * n))
        ),
        Misconception(
            "only the rows' half is there, and no mean is taken",
            _gradient_variant(lambda r, c, e, n: r - e),
            "Two things: the captions ask, too, and each cross-entropy is a mean over N.",
        ),
        Misconception(
            "the derivative of the softmax is used, p(1 - p), in both halves",
            _gradient_variant(lambda r, c, e, n: (r * (1 - r) + c * (1 - c)) / (2 * n)),
            "Combined with the logarithm, the derivative is simpler than that.",
        ),
        Misconception(
            "1 is taken off every entry, not only off the right answers",
            _gradient_variant(lambda r, c, e, n: (r + c - 2) / (2 * n)),
        ),
        Misconception(
            "it is divided by N - 1 instead of N",
            _gradient_variant(lambda r, c, e, n: (r + c - 2 * e) / (2 * max(n - 1, 1))),
        ),
        Misconception(
            "a sigmoid is used instead of the softmax",
            lambda x: (x.sigmoid() - torch.eye(len(x), dtype=x.dtype)) / len(x),
        ),
        Misconception(
            "the right answers are added, not taken off",
            _gradient_variant(lambda r, c, e, n: (r + c + 2 * e) / (2 * n)),
        ),
        Misconception(
            "the two halves are added, not averaged",
            _gradient_variant(lambda r, c, e, n: (r + c - 2 * e) / n),
        ),
        Misconception(
            "neither the mean over the pairs nor that over the directions is taken",
            _gradient_variant(lambda r, c, e, n: r + c - 2 * e),
        ),
        Misconception(
            "it is divided by the number of entries, N x N",
            _gradient_variant(lambda r, c, e, n: (r + c - 2 * e) / (2 * n * n)),
        ),
        Misconception(
            "the right answers are not taken off",
            _gradient_variant(lambda r, c, e, n: (r + c) / (2 * n)),
            "Probability minus what?",
        ),
        Misconception(
            "one softmax is taken over the whole matrix",
            lambda x: (
                x.flatten().softmax(dim=0).view_as(x) - torch.eye(len(x), dtype=x.dtype) / len(x)
            ),
        ),
        Misconception(
            "log-probabilities are used instead of probabilities",
            lambda x: (
                (x.log_softmax(dim=1) + x.log_softmax(dim=0) - 2 * torch.eye(len(x), dtype=x.dtype))
                / (2 * len(x))
            ),
        ),
        Misconception(
            "the probabilities are multiplied with the right answers, so only the diagonal is left",
            _gradient_variant(lambda r, c, e, n: e * (r + c - 2) / (2 * n)),
            "The wrong captions are pushed; where do they get their gradient from?",
        ),
        Misconception(
            "only the wrong captions are pushed, the right one is not pulled",
            _gradient_variant(lambda r, c, e, n: (1 - e) * (r + c) / (2 * n)),
        ),
        Misconception(
            "the loss is returned, not its gradient",
            both_ways,
            "The result has the shape of logits.",
        ),
        Misconception(
            "the right answers are taken off after the division",
            _gradient_variant(lambda r, c, e, n: (r + c) / (2 * n) - e),
            "The mean over the pairs belongs to the right answers, too.",
        ),
        Misconception(
            "the two probabilities are multiplied",
            _gradient_variant(lambda r, c, e, n: (r * c - e) / n),
            "The loss is a sum of two terms; so is its derivative.",
        ),
        Misconception(
            "the right answers are taken off once, and the two halves are not averaged",
            _gradient_variant(lambda r, c, e, n: (r + c - e) / n),
            "Each half takes off its own right answers, and the loss is a mean of two.",
        ),
    ),
)
