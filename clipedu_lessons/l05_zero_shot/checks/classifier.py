"""Exercises 05.1 and 05.7: a classifier made of words, on paper and with your own model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise, whole

ON_PAPER = ValueExercise(
    id="05.1",
    name=("best", "second", "at_scale_1000", "sentences", "weights"),
    expected=("lamp", "bell", "lamp", 80_000, 512_000),
    misconceptions=(
        Misconception(
            "every picture is taken to need the sentences anew",
            lambda v: v[3] in (80_000 * 50_000, 50_000 * 1000, 50_000, 50_000 * 80),
            "Do the rows depend on the picture?",
        ),
        Misconception(
            "classes and templates are added, not multiplied", lambda v: v[3] in (1080, 51_080)
        ),
        Misconception(
            "the templates are counted without the classes",
            lambda v: v[3] == 80,
            "Every class is asked in every template.",
        ),
        Misconception(
            "the rows are counted, not the numbers in them",
            lambda v: v[4] in (1000, 80_000),
            "A row holds as many numbers as an embedding.",
        ),
        Misconception(
            "a large scale is taken to change the winner",
            lambda v: v[0] == "lamp" and v[2] != "lamp",
            "Multiply 0.8 and 0.6 by the same number.",
        ),
        Misconception(
            "the two classes are told apart by the first number only",
            lambda v: v[0] == "bell",
            "A dot product adds up both products.",
        ),
        Misconception(
            "the drum is taken to be nearer than the bell",
            lambda v: v[0] == "lamp" and v[1] == "drum",
            "-0.8 x 0.6 + 0.6 x 0.8 is 0: a right angle.",
        ),
    ),
)


def name_pictures(
    model: Any, weights: Tensor, pictures: Tensor, batch_size: int
) -> tuple[Tensor, Tensor]:
    """(N, 3, R, R) in 0..1 -> the best classes (N,) and their probabilities (N,)."""
    return best_of(probabilities(model, weights, pictures, batch_size))


def best_of(probability: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C) -> classes (N,), probabilities (N,)."""
    best = probability.max(dim=1)
    return best.indices, best.values


@torch.no_grad()
def probabilities(
    model: Any,
    weights: Tensor,
    pictures: Tensor,
    batch_size: int,
    *,
    prepare: Any = lambda x: 2 * x - 1,
    train: bool = False,
    restore: bool = True,
    scale: Any = torch.exp,
    normalize: bool = True,
) -> Tensor:
    """(N, C): what wrong answers change one thing of."""
    before = model.training
    model.train(train)
    parts = [
        model.encode_image(prepare(part), normalize=normalize)
        for part in pictures.split(batch_size)
    ]
    if restore:
        model.train(before)
    return (scale(model.logit_scale.detach()) * torch.cat(parts) @ weights.T).softmax(dim=1)


def drive_naming(answer, pictures, weights, batch_size, start, training):  # type: ignore[no-untyped-def]
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Model(nn.Module):
        def __init__(self):  # type: ignore[no-untyped-def]
            super().__init__()
            rows = torch.arange(pictures[0].numel() * weights.shape[1])
            table = torch.sin(0.3 + rows.to(weights.dtype) ** 2)
            self.table = nn.Parameter(table.view(-1, weights.shape[1]))
            self.logit_scale = nn.Parameter(torch.tensor(start, dtype=weights.dtype))

        def encode_image(self, x, *, normalize=False):  # type: ignore[no-untyped-def]
            if len(x) > batch_size:
                raise ValueError(f"{len(x)} pictures at once; this model takes {batch_size}")
            rows = x.flatten(1) @ self.table + 2 * self.table[0]
            rows = rows + (0.7 * rows.roll(1, dims=1) if self.training else 0.0)
            graphs.append(rows.requires_grad)
            return F.normalize(rows, dim=-1) if normalize else rows

    graphs: list[bool] = []
    model = Model().train(training)
    best, probability = answer(model, weights, pictures, batch_size)
    return {
        "the best classes": best,
        "their probabilities": probability,
        "the model is in training mode afterwards": model.training,
        "gradients are computed": any(graphs),
    }


def _album(generator: torch.Generator, n: int = 0, training: bool = True) -> dict[str, Any]:
    n = n or whole(generator, 5, 9)
    weights = torch.randn(whole(generator, 3, 6), 5, generator=generator)
    return {
        "pictures": torch.rand(n, 3, 4, 4, generator=generator),
        "weights": weights / weights.norm(dim=1, keepdim=True),
        "batch_size": whole(generator, 2, 4),
        "start": 1.5 + float(torch.rand((), generator=generator)),
        "training": training,
    }


NAME_PICTURES = FunctionExercise(
    id="05.7",
    name="name_pictures",
    reference=name_pictures,
    drive=drive_naming,
    inputs=_album,
    extremes={
        "one picture": lambda g: _album(g, n=1),
        "a model that was in evaluation mode": lambda g: _album(g, training=False),
    },
    misconceptions=(
        Misconception(
            "the lowest probability is taken",
            lambda m, w, p, b: (lambda q: (q.argmin(1), q.amin(1)))(probabilities(m, w, p, b)),
        ),
        Misconception(
            "the pictures are shifted but not stretched to -1 to 1",
            lambda m, w, p, b: best_of(probabilities(m, w, p, b, prepare=lambda x: x - 0.5)),
            "0 becomes -1 and 1 stays 1.",
        ),
    ),
)
