"""A folder's pictures that are drawn, and short runs that are healthy or sick, for lesson 08."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable
from typing import Any

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from clipedu.evaluation import Task
from clipedu.objectives import info_nce
from clipedu.pairs import Augmentation, to_model
from clipedu.tokenizer import Tokenizer
from clipedu.training import RECIPES, Pairs, train

COLORS = {"red": "#d02020", "green": "#20a040", "blue": "#2050d0"}
COLORS |= {"yellow": "#e0c020", "black": "#202020"}
SHAPES = ("circle", "square", "triangle", "ring")
BATCH, STEPS = 32, 120


def draw(color: str, shape: str, chance: random.Random) -> Image.Image:
    """A picture of 320 x 240 pixels with one of SHAPES in one of COLORS, somewhere."""
    picture = Image.new("RGB", (320, 240), "white")
    r, x, y = (chance.randint(*ends) for ends in ((40, 80), (90, 230), (90, 150)))
    box, pen, ink = (x - r, y - r, x + r, y + r), ImageDraw.Draw(picture), COLORS[color]
    if shape == "triangle":
        pen.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], ink)
    elif shape == "square":
        pen.rectangle(box, ink)
    elif shape == "ring":
        pen.ellipse(box, outline=ink, width=r // 3)
    else:
        pen.ellipse(box, ink)
    return picture


def processor_ms(action: Callable[[], Any], times: int = 20) -> float:
    """Milliseconds of the processor for one call, after a first that is slower."""
    action()
    start = time.process_time()
    for _ in range(times):
        action()
    return 1000 * (time.process_time() - start) / times


class Sick(Pairs):
    """Pairs with a problem. words: what becomes of captions; few: so many batches return."""

    def __init__(self, pairs: Pairs, words: Callable[[list[str]], list[str]], few: int) -> None:
        self.pairs, self.words, self.few = pairs, words, few

    def __len__(self) -> int:
        return len(self.pairs)

    def batch_at(
        self, step: int, n: int, seed: int, how: Augmentation, /
    ) -> tuple[Tensor, list[str]]:
        pictures, captions = self.pairs.batch_at(step % self.few, n, seed, how)
        return pictures, self.words(captions)


def curve(
    pairs: Pairs,
    task: Task,
    tokenizer: Tokenizer,
    *,
    rate: float = 2e-3,
    words: Callable[[list[str]], list[str]] = list,
    few: int = 10**9,
) -> tuple[list[float], list[float]]:
    """The loss of each step, and every ten steps that of 32 new pictures with their names."""
    rows = torch.arange(0, 3 * BATCH, 3)  # of all classes
    pictures = to_model(task.pictures[rows])
    tokens = tokenizer([f"a {task.class_names[k]}" for k in task.labels[rows]], 16)
    apart = []

    @torch.no_grad()
    def look(row: dict[str, Any], model: Any) -> None:
        if row["step"] % 10 == 0:
            apart.append(info_nce(*model.eval()(pictures, tokens)).item())
            model.train()

    changes: dict[str, Any] = {"steps": STEPS, "learning_rate": rate}
    changes |= {"mask_same_captions": False}
    recipe = dataclasses.replace(RECIPES["tiny"], evaluate_every=0, **changes)
    how: dict[str, Any] = {"tokenizer": tokenizer, "progress": False, "callbacks": [look]}
    made = train(recipe, pairs=Sick(pairs, words, few), seed=0, **how)
    return [row["loss"] for row in made.history], apart
