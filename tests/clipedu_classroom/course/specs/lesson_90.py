"""Specs for the small course that the tests of the classroom use: one exercise of each kind."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from clipedu_classroom.spec import (
    FunctionExercise,
    Misconception,
    ModuleExercise,
    Property,
    ValueExercise,
)


def right(logits: Tensor) -> Tensor:
    labels = torch.arange(len(logits))
    return (cross_entropy(logits, labels) + cross_entropy(logits.T, labels)) / 2


def rows_only(logits: Tensor) -> Tensor:
    return cross_entropy(logits, torch.arange(len(logits)))


def draw_logits(generator: torch.Generator) -> dict:
    n = int(torch.randint(3, 8, (), generator=generator))
    return {"logits": 3 * torch.randn(n, n, generator=generator)}


class Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(width))
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(x * self.log_scale.exp())


class ScaleWithoutExp(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return self.project(x * self.log_scale)


class ScaleAfter(Scale):
    def forward(self, x: Tensor) -> Tensor:
        return self.project(x) * self.log_scale.exp()


def classifier(encode, names, templates) -> Tensor:
    rows = [encode([t.format(name) for t in templates]).mean(dim=0) for name in names]
    return torch.stack([row / row.norm() for row in rows])


def draw_words(generator: torch.Generator) -> dict:
    table = torch.randn(256, 6, generator=generator, dtype=torch.float64)

    def encode(texts: list[str]) -> Tensor:
        return torch.stack([table[list(text.encode())].sum(dim=0) for text in texts])

    return {
        "encode": encode,
        "names": ["cat", "dog", "horse", "ox"],
        "templates": ["a {}", "an icon of a {}", "{}!"],
    }


EXERCISES = [
    ValueExercise(
        id="90.1",
        name="loss_at_start",
        expected=4.1589,
        misconceptions=(
            Misconception("the logarithm has base 2", 6.0, "The loss is in nats."),
            Misconception("the logarithm is forgotten", 64.0),
        ),
    ),
    FunctionExercise(
        id="90.2",
        name="contrastive_loss",
        reference=right,
        inputs=draw_logits,
        gradient=("logits",),
        properties=(
            Property(
                "the result changes when pictures and captions swap roles",
                lambda f, logits: (f(logits), f(logits.T)),
            ),
        ),
        extremes={"logits of a thousand": lambda g: {"logits": 1000 * torch.eye(4)}},
        misconceptions=(
            Misconception("only the rows are scored, not the columns", rows_only, "Which axis?"),
            Misconception(
                "the two losses are added, not averaged", lambda logits: 2 * right(logits)
            ),
        ),
    ),
    ModuleExercise(
        id="90.3",
        name="Scale",
        reference=Scale,
        init={"width": 5},
        inputs=lambda g: {"x": torch.randn(2, 5, generator=g)},
        gradient=("x", "parameters"),
        misconceptions=(
            Misconception("the scale is not exponentiated", ScaleWithoutExp),
            Misconception("the scale comes after the projection", ScaleAfter),
        ),
    ),
    FunctionExercise(
        id="90.4",
        name="classifier",
        reference=classifier,
        inputs=draw_words,
        misconceptions=(
            Misconception(
                "the rows are not normalised",
                lambda encode, names, templates: torch.stack(
                    [encode([t.format(n) for t in templates]).mean(dim=0) for n in names]
                ),
            ),
            Misconception(
                "only the first template is used",
                lambda encode, names, templates: classifier(encode, names, templates[:1]),
            ),
        ),
    ),
]
