"""Two captions, one picture: which fits better? Questions that a bag of words can't answer.

**Binding**: "a red circle and a blue square" against "a blue circle and a red square".
**Negation**: a picture of a bell, "no bell" against "no camera". A model far *below* one half has
understood the question in another way, which is worth more than knowing that it fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from clipedu.evaluation.embedding import embed_pictures, embed_texts
from clipedu.evaluation.inputs import check_embeddings
from clipedu.evaluation.statistics import clopper_pearson
from clipedu.evaluation.tasks.task import Task
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer

PAINTS = {"red": (0.85, 0.1, 0.1), "blue": (0.1, 0.25, 0.85), "green": (0.1, 0.6, 0.2),
          "yellow": (0.95, 0.8, 0.1)}  # fmt: skip
SHAPES = ("circle", "square", "triangle")


@dataclass(frozen=True, eq=False)
class Choice:
    """How often the right one of two captions had the higher similarity; ties count half.

    right: (N,) float, 1, 0 or 0.5; interval: 95 % Clopper-Pearson of the share, ties rounded down
    """

    share: float
    n: int
    interval: tuple[float, float]
    right: torch.Tensor

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.share:.1%} of {self.n} ({low:.1%} to {high:.1%}); guessing 50 %"


def choose(
    model: CLIP,
    tokenizer: Tokenizer,
    pictures: torch.Tensor,
    right: Sequence[str],
    wrong: Sequence[str],
    *,
    embeddings: torch.Tensor | None = None,
) -> Choice:
    """Pictures (N, 3, R, R) in 0..1 and, for each, a right and a wrong caption.

    embeddings: (N, E) from `embed_pictures`, when many captions are tried on the same pictures
    Raises ValueError when they are not equally many, and what the embedding functions raise.
    """
    if not len(pictures) == len(right) == len(wrong):
        raise ValueError(
            f"One right and one wrong caption a picture: got {len(pictures)} pictures, "
            f"{len(right)} and {len(wrong)} captions."
        )
    seen = embed_pictures(model, pictures) if embeddings is None else embeddings  # (N, E)
    words = list(dict.fromkeys([*right, *wrong]))
    embedded = embed_texts(model, tokenizer, words)
    check_embeddings(seen, len(pictures), embedded.shape[1])
    place = {text: i for i, text in enumerate(words)}
    scores = [(seen * embedded[[place[text] for text in texts]]).sum(1) for texts in (right, wrong)]
    marks = (scores[0] > scores[1]).float() + 0.5 * (scores[0] == scores[1]).float()  # (N,)
    hits = int(marks.sum())
    return Choice(float(marks.mean()), len(marks), clopper_pearson(hits, len(marks)), marks.cpu())


def shape_mask(shape: str, size: int) -> np.ndarray:
    """(size, size) bool: a circle, a square or a triangle. Raises ValueError for another shape."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    if shape == "circle":
        return (x - 0.5) ** 2 + (y - 0.5) ** 2 <= 0.25
    if shape == "square":
        return np.ones((size, size), dtype=bool)
    if shape == "triangle":
        return np.abs(x - 0.5) <= y / 2
    raise ValueError(f"A shape is one of {', '.join(SHAPES)}; got {shape!r}.")


def binding_pictures(
    n: int = 200, *, size: int = 32, seed: int = 0
) -> tuple[torch.Tensor, list[str], list[str]]:
    """Two shapes of two colours side by side, drawn by the course.

    Returns: pictures (n, 3, size, size) in 0..1; the right captions; the same captions with the
    colours exchanged. Which shape stands on the left is random, and so is which is named first.
    """
    rng = np.random.default_rng(seed)
    side = size * 7 // 16
    pictures, right, wrong = np.ones((n, size, size, 3), dtype=np.float32), [], []
    for i in range(n):
        shapes = [str(s) for s in rng.permutation(SHAPES)[:2]]
        colours = [str(c) for c in rng.permutation(list(PAINTS))[:2]]
        top = int(rng.integers(1, size - side))
        for k in range(2):
            left = 1 if k == 0 else size - side - 1
            part = pictures[i, top : top + side, left : left + side]
            part[shape_mask(shapes[k], side)] = PAINTS[colours[k]]
        a, b = (0, 1) if rng.random() < 0.5 else (1, 0)
        phrase = "{} {} and {} {}"
        right.append(phrase.format(colours[a], shapes[a], colours[b], shapes[b]))
        wrong.append(phrase.format(colours[b], shapes[a], colours[a], shapes[b]))
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), right, wrong


def other_names(task: Task, seed: int = 0) -> list[str]:
    """For each picture of a task, the name of another class, at random."""
    rng, count = np.random.default_rng(seed), len(task.class_names)
    steps = rng.integers(1, count, len(task))
    return [
        task.class_names[(int(label) + int(step)) % count]
        for label, step in zip(task.labels, steps, strict=True)
    ]
