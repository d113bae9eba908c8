"""What a prompt can say about a word with two meanings: the `senses` task asked in other ways."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch

from clipedu.evaluation import Task, zero_shot
from clipedu.evaluation.tasks.senses import SENSES
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer


def bare_name_value(
    model: CLIP,
    tokenizer: Tokenizer,
    task: Task,
    *,
    templates: Sequence[str] | str = ("{}",),
    embeddings: torch.Tensor | None = None,
) -> tuple[float, float]:
    """`senses` asked with bare words: (its metric, the share of pictures whose *word* is found).

    Two classes of one word get one embedding, so they tie, and a tie is worth one half to each: the
    first number is never above one half.
    """
    words = sorted(SENSES)
    spoken = [words.index(name.split(", ")[0]) for name in task.class_names]  # (C,) word of a class
    labels = torch.tensor(spoken)[task.labels]
    plain = dataclasses.replace(task, class_names=words, labels=labels)
    result = zero_shot(model, tokenizer, plain, templates=templates, embeddings=embeddings)
    right = (result.predictions[:, 0] == labels).double()
    shown = torch.bincount(task.labels, minlength=len(task.class_names))
    per_class = torch.bincount(task.labels, weights=right, minlength=len(shown)) / shown
    return float(per_class.nanmean()) / 2, float(right.mean())


def two_way_value(
    model: CLIP, tokenizer: Tokenizer, task: Task, embeddings: torch.Tensor | None = None
) -> float:
    """`senses` as a choice between the two senses of the right word: mean per class, chance 1/2."""
    result = zero_shot(model, tokenizer, task, embeddings=embeddings, keep_scores=True)
    assert result.scores is not None
    words = [name.split(", ")[0] for name in task.class_names]
    numbers = torch.tensor([words.index(word) for word in words])  # equal for the same word
    other = numbers[task.labels][:, None] != numbers[None]  # (N, C): another word's classes
    right = result.scores.masked_fill(other, -2).argmax(1) == task.labels
    shown = torch.bincount(task.labels, minlength=len(words))
    per_class = torch.bincount(task.labels, weights=right.double(), minlength=len(words)) / shown
    return float(per_class.nanmean())
