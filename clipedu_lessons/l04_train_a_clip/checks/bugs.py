# mypy: allow-untyped-defs
"""Exercise 04.16: a small CLIP with five bugs. Its methods are run, and the bugs left named."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from clipedu_classroom.spec import FunctionExercise, Misconception
from clipedu_lessons.l04_train_a_clip.broken import ToyCLIP, toy_pairs

#: Of each bug: what is wrong, and a hint that does not say where it is.
BUGS = {
    "pairs": ("pictures and captions are shuffled apart", "Look at which caption comes with what."),
    "frozen": ("the optimizer does not know all weights", "Which weights have moved after a step?"),
    "leak": (
        "a text embedding depends on the other captions of its batch",
        "Embed four captions alone, and among others.",
    ),
    "rows": ("only one of the two questions is asked", "Swap pictures and captions in the loss."),
    "stale": ("old gradients are added to new ones", "Look at the gradient before each step."),
}


class Repaired(ToyCLIP):
    bugs: tuple[str, ...] = ()

    def __init__(self, pictures: Tensor, captions: Tensor):
        super().__init__(pictures, captions)
        if "frozen" not in self.bugs:
            self.optimizer.add_param_group({"params": [*self.text_encoder.parameters()]})

    def batch(self, step: int, n: int = 64) -> tuple[Tensor, Tensor]:
        if "pairs" in self.bugs:
            return super().batch(step, n)
        rows = torch.randperm(len(self.pictures), generator=torch.Generator().manual_seed(step))
        return self.pictures[rows[:n]], self.captions[rows[:n]]

    def embed(self, pictures: Tensor, captions: Tensor) -> tuple[Tensor, Tensor]:
        image, text = super().embed(pictures, captions)
        if "leak" not in self.bugs:
            text = F.normalize(self.text_encoder(captions), dim=1)
        return image, text

    def loss(self, image: Tensor, text: Tensor) -> Tensor:
        one = super().loss(image, text)
        return one if "rows" in self.bugs else (one + super().loss(text, image)) / 2

    def train_on(self, step: int) -> float:
        if "stale" not in self.bugs:
            self.optimizer.zero_grad()
        return super().train_on(step)


def drive_bugs(answer, pictures, captions):
    import torch

    pictures, captions = pictures.float(), captions.float()
    run = answer(pictures, captions)
    size = min(64, len(pictures))
    some, words = run.batch(3)
    own = torch.cdist(some, pictures).argmin(1) == torch.cdist(words, captions).argmin(1)

    image, text = (x.detach() for x in run.embed(some, words))
    alone = run.embed(some[:4], words[:4])
    leak = max((a - b[:4]).abs().max() for a, b in zip(alone, (image, text), strict=True))

    kind, scale = type(run.train_on(4)), run.logit_scale.detach().clone()
    with torch.no_grad():
        run.logit_scale.fill_(5.0)
    run.train_on(4)
    clamped = run.logit_scale.item() < 4.61
    with torch.no_grad():
        run.logit_scale.copy_(scale)
    loss = run.loss(image, text)
    swapped = run.loss(text, image)
    logits = run.logit_scale.exp() * image @ text.T
    rows = -logits.log_softmax(1).diagonal().mean()
    columns = -logits.log_softmax(0).diagonal().mean()

    weights = {
        "image": [*run.image_encoder.parameters()],
        "text": [*run.text_encoder.parameters()],
        "scale": [run.logit_scale],
    }
    norms, step = [], run.optimizer.step

    def watched(*given: Any, **named: Any) -> Any:
        norms.append(torch.stack([p.grad.norm() for p in weights["image"]]).norm())
        return step(*given, **named)

    run.optimizer.step = watched
    rates = [group["lr"] for group in run.optimizer.param_groups]
    for group in run.optimizer.param_groups:
        group["lr"] = 0.0
    run.train_on(5), run.train_on(5)  # nothing moves: the same gradient twice
    for group, rate in zip(run.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    before = {name: [p.detach().clone() for p in ps] for name, ps in weights.items()}
    run.train_on(6)
    moved = {
        name: all(not torch.equal(p, old) for p, old in zip(ps, before[name], strict=True))
        for name, ps in weights.items()
    }
    return {
        "the pairs of a batch": bool(own.all()) and len(some) == size,
        "the weights that move": moved,
        "the kind of the loss and the clamp": (kind is float, clamped),
        "the change of the pairs with the step": (
            not torch.equal(some, run.batch(4)[0]) and len(some.unique(dim=0)) == size
        ),
        "the length of a picture": bool((image.norm(dim=1) - 1).abs().max() < 1e-4),
        "an embedding by itself": bool(leak < 1e-4),
        "both questions": bool(abs(loss - swapped) < 1e-4),
        "the loss": bool(abs(loss - (rows + columns) / 2) < 1e-3),
        "the gradient of one step": bool((norms[1] - norms[0]).abs() < 1e-3 * norms[0]),
    }


def some_pairs(generator: Generator) -> dict[str, Any]:
    seed = int(torch.randint(0, 10_000, (), generator=generator))
    pictures, captions = toy_pairs(100, seed)
    return {"pictures": pictures, "captions": captions}


def _left(*bugs: str) -> Misconception:
    words = [BUGS[bug][0] for bug in bugs]
    when = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return Misconception(when, type("ToyCLIP", (Repaired,), {"bugs": bugs}), BUGS[bugs[0]][1])


FIVE_BUGS = FunctionExercise(
    id="04.16",
    name="ToyCLIP",
    reference=Repaired,
    drive=drive_bugs,
    inputs=some_pairs,
    trials=1,
    misconceptions=tuple(
        _left(*bugs)
        for count in range(1, 1 + len(BUGS))
        for bugs in itertools.combinations(BUGS, count)
    ),
)
