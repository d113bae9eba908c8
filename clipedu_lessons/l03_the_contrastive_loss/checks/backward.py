"""Exercise 03.11: the backward pass of the whole loss, from the logits to the features."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property
from clipedu_lessons.common.checking import reverse
from clipedu_lessons.l03_the_contrastive_loss.checks.gradient import contrastive_gradient
from clipedu_lessons.l03_the_contrastive_loss.checks.loss import both_ways

Four = tuple[Tensor, Tensor, Tensor, Tensor]  # the loss, and the gradients of image, text and t


def _features(generator: torch.Generator, n: int | None = None, scale: float = 0) -> dict[str, Any]:
    n = n or int(torch.randint(3, 8, (), generator=generator))
    width = n + int(torch.randint(1, 4, (), generator=generator))
    text = torch.randn(n, width, generator=generator)
    image = 2 * text + torch.randn(n, width, generator=generator)
    scale = scale or 2 + 6 * float(torch.rand((), generator=generator))
    lengths = 0.5 + 2 * torch.rand(n, 1, generator=generator)
    return {"image": image, "text": lengths * text, "t": torch.tensor(math.log(scale))}


def _long_features(generator: torch.Generator) -> dict[str, Any]:
    drawn = _features(generator)
    return {**drawn, "image": 1e4 * drawn["image"], "text": 1e4 * drawn["text"]}


class _Steps(NamedTuple):
    """The steps of the forward pass, and the gradient of the loss with respect to the logits."""

    u: Tensor  # (N, E), rows of length 1
    v: Tensor
    a: Tensor  # (N, 1): the lengths of the pictures' rows before
    b: Tensor
    s: Tensor  # ()
    z: Tensor  # (N, N)
    dz: Tensor


def _forward(image: Tensor, text: Tensor, t: Tensor) -> _Steps:
    a, b = image.norm(dim=1, keepdim=True), text.norm(dim=1, keepdim=True)
    u, v, s = image / a, text / b, t.exp()
    z = s * u @ v.T
    return _Steps(u, v, a, b, s, z, contrastive_gradient(z))


def _through(x: Tensor, length: Tensor, dx: Tensor) -> Tensor:
    """The gradient before x = features / length, from dx behind it."""
    return (dx - x * (x * dx).sum(dim=1, keepdim=True)) / length


def loss_backward(image: Tensor, text: Tensor, t: Tensor) -> Four:
    """(N, E), (N, E), () -> (), (N, E), (N, E), ()."""
    u, v, a, b, s, z, dz = _forward(image, text, t)
    du, dv = s * dz @ v, s * dz.T @ u
    return both_ways(z), _through(u, a, du), _through(v, b, dv), (dz * z).sum()


def _wrong(change: Callable[[_Steps], _Steps] | None = None, **replaced: Any) -> Any:
    """A wrong answer: `change` the steps, or replace one of the functions `through`, `dt`, `du`,
    `dv` of the steps."""

    def answer(image: Tensor, text: Tensor, t: Tensor) -> Four:
        k = _forward(image, text, t)
        loss, k = both_ways(k.z), change(k) if change else k
        du = replaced.get("du", lambda k: k.s * k.dz @ k.v)(k)
        dv = replaced.get("dv", lambda k: k.s * k.dz.T @ k.u)(k)
        through = replaced.get("through", _through)
        dt = replaced.get("dt", lambda k: (k.dz * k.z).sum())(k)
        return loss, through(k.u, k.a, du), through(k.v, k.b, dv), dt

    return answer


def _with_dz(formula: Callable[[Tensor, Tensor], Tensor]) -> Any:
    """A wrong gradient of the logits; the rest is right."""
    return _wrong(lambda k: k._replace(dz=formula(k.z, k.dz)))


def _eye(z: Tensor) -> Tensor:
    return torch.eye(len(z), dtype=z.dtype)


BACKWARD = FunctionExercise(
    id="03.11",
    name="loss_backward",
    reference=loss_backward,
    inputs=_features,
    autograd=False,
    properties=(
        Property(
            "the results do not follow when pictures and captions swap roles",
            lambda f, image, text, t: (
                list(f(image, text, t)),
                [f(text, image, t)[k] for k in (0, 2, 1, 3)],
            ),
        ),
        Property(
            "the gradients do not follow when the pairs come in another order",
            lambda f, image, text, t: (
                reverse(f(image, text, t)[1]),
                f(reverse(image), reverse(text), t)[1],
            ),
        ),
        Property(
            "the gradient of a row is not halved when the row is twice as long",
            lambda f, image, text, t: (f(image, text, t)[1] / 2, f(2 * image, text, t)[1]),
        ),
    ),
    extremes={
        "a logit scale of 1,000": lambda g: _features(g, scale=1000.0),
        "a logit scale of 0.01": lambda g: _features(g, scale=0.01),
        "a batch of one": lambda g: _features(g, 1),
        "features of length 10,000": _long_features,
    },
    misconceptions=(
        Misconception(
            "the gradients are those of the vectors of length 1, not of the features",
            _wrong(through=lambda x, length, dx: dx),
            "One step is missing: the way back through the division by the length.",
        ),
        Misconception(
            "the length is taken for a constant",
            _wrong(through=lambda x, length, dx: dx / length),
            "A change along the row changes its length, too, and the direction stays.",
        ),
        Misconception(
            "the gradients are not divided by the lengths",
            _wrong(through=lambda x, length, dx: dx - x * (x * dx).sum(dim=1, keepdim=True)),
            "How far does a long row turn when its end moves by 0.01?",
        ),
        Misconception(
            "the gradients are divided by the squared lengths",
            _wrong(through=lambda x, length, dx: _through(x, length**2, dx)),
        ),
        Misconception(
            "the gradients are multiplied by the lengths",
            _wrong(through=lambda x, length, dx: _through(x, 1 / length, dx)),
        ),
        Misconception(
            "the part along the row is added, not taken off",
            _wrong(through=lambda x, length, dx: 2 * dx / length - _through(x, length, dx)),
        ),
        Misconception(
            "the gradient of s is returned, not that of t",
            _wrong(dt=lambda k: (k.dz * k.z).sum() / k.s),
            "`s = exp(t)`: one more link of the chain.",
        ),
        Misconception(
            "the gradient of t is multiplied by the scale twice",
            _wrong(dt=lambda k: (k.dz * k.z).sum() * k.s),
        ),
        Misconception(
            "the gradient of t is averaged over the entries, not summed",
            _wrong(dt=lambda k: (k.dz * k.z).mean()),
            "`t` has a part in every logit, and the parts add up.",
        ),
        Misconception(
            "the gradient of t takes the diagonal only",
            _wrong(dt=lambda k: (k.dz * k.z).diagonal().sum()),
            "`t` has a part in every logit.",
        ),
        Misconception(
            "the scale is left out of the gradients of the vectors",
            _wrong(du=lambda k: k.dz @ k.v, dv=lambda k: k.dz.T @ k.u),
            "`z = s u v^T`: what is its derivative with respect to u?",
        ),
        Misconception(
            "the captions get the gradient without the transpose",
            _wrong(dv=lambda k: k.s * k.dz @ k.u),
            "Caption j is in column j of the logits.",
        ),
        Misconception(
            "the pictures get the gradient with a transpose",
            _wrong(du=lambda k: k.s * k.dz.T @ k.v),
            "Picture i is in row i of the logits.",
        ),
        Misconception(
            "only the rows' half of the loss is taken back",
            _with_dz(lambda z, dz: (z.softmax(dim=1) - _eye(z)) / len(z)),
            "The captions ask, too.",
        ),
        Misconception(
            "the mean over the pairs is forgotten",
            _with_dz(lambda z, dz: dz * len(z)),
            "Each cross-entropy is a mean over N.",
        ),
        Misconception("the two halves are added, not averaged", _with_dz(lambda z, dz: 2 * dz)),
        Misconception(
            "the right answers are not taken off",
            _with_dz(lambda z, dz: dz + _eye(z) / len(z)),
            "Probability minus what?",
        ),
        Misconception(
            "the columns' half is not turned back",
            _with_dz(
                lambda z, dz: (z.softmax(dim=1) + z.T.softmax(dim=1) - 2 * _eye(z)) / (2 * len(z))
            ),
            "The softmax of logits.T has its rows where logits has its columns.",
        ),
        Misconception(
            "the signs of all gradients are flipped",
            lambda image, text, t: tuple(
                -part if number else part
                for number, part in enumerate(loss_backward(image, text, t))
            ),
            "The gradient points to where the loss grows.",
        ),
    ),
)
