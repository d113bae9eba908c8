"""Exercise 03.6: the sigmoid loss."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Misconception
from clipedu_lessons.common.checking import reverse, roles_swapped, unchanged
from clipedu_lessons.l03_the_contrastive_loss.checks.loss import (
    batch,
    both_ways,
    rows_loss,
    sigmoid_loss,
)


def _siglip_batch(generator: torch.Generator, n: int | None = None) -> dict[str, Any]:
    return {**batch(generator, n), "bias": -1 - 4 * torch.rand((), generator=generator)}


def siglip_loss(image: Tensor, text: Tensor, logit_scale: Tensor, bias: Tensor) -> Tensor:
    """(N, E), (N, E), (), () -> ()."""
    return sigmoid_loss(logit_scale * image @ text.T + bias)


def _sign(logits: Tensor) -> Tensor:
    return 2 * torch.eye(len(logits), dtype=logits.dtype) - 1


def _on_logits(formula: Any) -> Any:
    """A wrong answer that starts from the right logits."""
    return lambda i, t, s, b: formula(s * i @ t.T + b)


def _diagonal_only(x: Tensor) -> Tensor:
    return -F.logsigmoid(x.diagonal()).mean()


def _wrong_only(x: Tensor) -> Tensor:
    off = ~torch.eye(len(x), dtype=torch.bool)
    return -F.logsigmoid(-x[off]).sum() / len(x)


SIGLIP = FunctionExercise(
    id="03.6",
    name="siglip_loss",
    reference=siglip_loss,
    inputs=_siglip_batch,
    gradient=("image", "text", "logit_scale", "bias"),
    properties=(
        roles_swapped(),
        unchanged("the pairs come in another order", reverse, 0, 1),
    ),
    extremes={
        "a logit scale of 10,000": lambda g: {
            **_siglip_batch(g),
            "logit_scale": torch.tensor(10_000.0),
        },
        "a bias of -1,000": lambda g: {**_siglip_batch(g), "bias": torch.tensor(-1000.0)},
        "a batch of one": lambda g: _siglip_batch(g, 1),
    },
    misconceptions=(
        Misconception("the bias is subtracted", lambda i, t, s, b: sigmoid_loss(s * i @ t.T - b)),
        Misconception(
            "the bias is multiplied by the scale, too",
            lambda i, t, s, b: sigmoid_loss(s * (i @ t.T + b)),
        ),
        Misconception(
            "the cosines are divided by the logit scale",
            lambda i, t, s, b: sigmoid_loss(i @ t.T / s + b),
        ),
        Misconception(
            "the exponential of the logit scale is taken, which is done already",
            lambda i, t, s, b: sigmoid_loss(s.exp() * i @ t.T + b),
        ),
        Misconception(
            "every entry is asked to be a pair",
            _on_logits(lambda x: -F.logsigmoid(x).sum() / len(x)),
            "What is the right answer beside the diagonal?",
        ),
        Misconception(
            "every entry is asked to be a wrong pair",
            _on_logits(lambda x: -F.logsigmoid(-x).sum() / len(x)),
            "What is the right answer on the diagonal?",
        ),
        Misconception(
            "the signs are given to a cross-entropy that wants targets of 0 and 1",
            _on_logits(
                lambda x: F.binary_cross_entropy_with_logits(x, _sign(x), reduction="sum") / len(x)
            ),
            "Signs of +1 and -1 belong in logsigmoid; binary cross-entropy wants 1 and 0.",
        ),
        Misconception(
            "pairs and wrong pairs are swapped",
            _on_logits(lambda x: -F.logsigmoid(-_sign(x) * x).sum() / len(x)),
        ),
        Misconception(
            "only the right pairs are scored, not the wrong ones",
            _on_logits(_diagonal_only),
            "All N x N entries ask a question.",
        ),
        Misconception(
            "right pairs get the sign 0 and wrong ones -1",
            _on_logits(
                lambda x: -F.logsigmoid((torch.eye(len(x), dtype=x.dtype) - 1) * x).sum() / len(x)
            ),
        ),
        Misconception(
            "the mean is taken over all N x N, and the bias is left out",
            lambda i, t, s, b: sigmoid_loss(s * i @ t.T) / len(i),
            "Two things: divide by N, and every logit gets the bias.",
        ),
        Misconception(
            "the cosine is subtracted and the bias added",
            lambda i, t, s, b: sigmoid_loss(b - s * i @ t.T),
            "A right pair must have a large logit.",
        ),
        Misconception(
            "the sum is divided by N - 1",
            _on_logits(lambda x: sigmoid_loss(x) * len(x) / max(len(x) - 1, 1)),
        ),
        Misconception(
            "the exponential of the bias is taken",
            lambda i, t, s, b: sigmoid_loss(s * i @ t.T + b.exp()),
        ),
        Misconception(
            "a fixed bias of -10 is used, not the one given",
            lambda i, t, s, b: sigmoid_loss(s * i @ t.T - 10),
        ),
        Misconception("only the wrong pairs are scored", _on_logits(_wrong_only)),
        Misconception(
            "the logarithm is left out",
            _on_logits(lambda x: -torch.sigmoid(_sign(x) * x).sum() / len(x)),
        ),
        Misconception(
            "a softmax is used instead of the sigmoid",
            _on_logits(both_ways),
            "Each entry is a question by itself.",
        ),
        Misconception(
            "channels are compared with channels, not pictures with captions",
            lambda i, t, s, b: sigmoid_loss(s * i.T @ t + b),
            "Which shape must the matrix have?",
        ),
        Misconception(
            "the captions are not transposed", lambda i, t, s, b: sigmoid_loss(s * (i @ t) + b)
        ),
        Misconception(
            "the softmax of the rows is used instead of the sigmoid",
            _on_logits(rows_loss),
            "Each entry is a question by itself.",
        ),
        Misconception(
            "a small number is added before the logarithm",
            _on_logits(lambda x: -(torch.sigmoid(_sign(x) * x) + 1e-7).log().sum() / len(x)),
            "It hides how wrong a confident answer is. F.logsigmoid needs no such help.",
        ),
        Misconception(
            "large logits are cut off",
            _on_logits(lambda x: -F.logsigmoid((_sign(x) * x).clamp(-50, 50)).sum() / len(x)),
            "Where the logit is cut off, nothing is learned. F.logsigmoid survives large numbers.",
        ),
        Misconception(
            "the bias is added on the diagonal only",
            lambda i, t, s, b: sigmoid_loss(s * i @ t.T + b * torch.eye(len(i), dtype=i.dtype)),
            "Every logit gets the bias.",
        ),
        Misconception(
            "the probability of a wrong answer is averaged, without a logarithm",
            _on_logits(lambda x: (1 - torch.sigmoid(_sign(x) * x)).sum() / len(x)),
            "A confident wrong answer must cost more than 1.",
        ),
        Misconception(
            "the squared distance of the sigmoids to the signs is taken",
            _on_logits(lambda x: ((x.sigmoid() - _sign(x)) ** 2).sum() / len(x)),
            "The cost of an answer is minus the logarithm of its probability.",
        ),
        Misconception(
            "the matrix is scored twice, once transposed",
            _on_logits(lambda x: 2 * sigmoid_loss(x)),
            "The transpose holds the same entries: each asks its question once.",
        ),
        Misconception(
            "a hinge is used instead of the logarithm of the sigmoid",
            _on_logits(lambda x: F.relu(1 - _sign(x) * x).sum() / len(x)),
            "The cost of an answer is minus the logarithm of its probability.",
        ),
        Misconception(
            "the loss is halved, as if there were two directions",
            _on_logits(lambda x: sigmoid_loss(x) / 2),
            "Each entry asks once.",
        ),
        Misconception(
            "the bias is added beside the diagonal only",
            lambda i, t, s, b: sigmoid_loss(
                s * i @ t.T + b * (1 - torch.eye(len(i), dtype=i.dtype))
            ),
            "Every logit gets the bias.",
        ),
    ),
)
