"""Fine-tuning: a model to start from, its recipe, pairs of a task, and WiSE-FT.

The training is `train(finetune_recipe(model), start=model, tokenizer=tokenizer, pairs=pairs)`.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clipedu.evaluation import Task
from clipedu.evaluation.prompts import prompts_for
from clipedu.models import CLIP, PRESETS
from clipedu.models.sources import locate
from clipedu.models.weights import load_clip, read_weights
from clipedu.pairs import NONE, Augmentation
from clipedu.pairs.batches import batch_generator
from clipedu.tokenizer import Tokenizer
from clipedu.training.batches import Pairs
from clipedu.training.checkpoint import CheckpointError, NotOurs, load_pretrained
from clipedu.training.recipe import Recipe

OPENAI_VOCABULARY = PRESETS["ViT-B/32"].text.vocab_size


def load_any(source: str | Path, *, activation: str | None = None) -> tuple[CLIP, Tokenizer]:
    """A model and its tokenizer: one of ours, or what `clipedu load` reads, with OpenAI's.

    Raises what `locate` and `read_weights` raise; CheckpointError for a damaged file of ours;
    ValueError for weights of an unknown vocabulary.
    """
    try:
        return load_pretrained(source)[:2]
    except (FileNotFoundError, CheckpointError) as error:
        try:
            weights = read_weights(locate(source), activation=activation)
        except FileNotFoundError as other:
            raise FileNotFoundError(f"{error} Or give real weights. {other}") from None
        if weights.source == "clipedu" and not isinstance(error, NotOurs):
            raise
    if (found := weights.config.text.vocab_size) != OPENAI_VOCABULARY:
        words = f"{source} brings no tokenizer, and its {found:,} tokens are not OpenAI's"
        raise ValueError(f"{words} {OPENAI_VOCABULARY:,}.")
    return load_clip(weights), Tokenizer.openai()


def finetune_recipe(model: CLIP, **changes: Any) -> Recipe:
    """100 steps of 64 pairs at a twentieth of the usual learning rate; changes: Recipe's fields."""
    config, known = model.config, {preset: name for name, preset in PRESETS.items()}
    usual: dict[str, Any] = {
        "preset": known.get(config, "laptop"),
        "model": {} if config in known else config.to_dict(),
        "vocab_size": config.text.vocab_size,
        "context_length": config.text.context_length,
        "pixels": "openai" if config.text.vocab_size == OPENAI_VOCABULARY else "course",
        "method": "full",
        "batch_size": 64,
        "steps": 100,
        "learning_rate": 1e-4,
        "warmup": 0.1,
        "weight_decay": 0.0,  # it would pull towards 0, and not towards what was learned before
        "augmentation": NONE,
        "evaluate_every": 0,
        "checkpoint_every": 0,
    }
    return Recipe(**{**usual, **changes})


class TaskPairs(Pairs):
    """Pictures of a task with captions out of its class names, as pairs to learn from.

    Each batch takes one of the templates, so that pictures of one class have one caption, which
    `mask_same_captions` then finds.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        held_out = task.near_duplicate is not None or "held out" in task.source
        self.role = "held_out" if held_out else "train"
        self.prompts = prompts_for(task.class_names, task.templates)  # C lists of T

    def __len__(self) -> int:
        return len(self.task)

    def texts(self) -> list[str]:
        return [prompt for prompts in self.prompts for prompt in prompts]

    def batch_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation = NONE, /
    ) -> tuple[Tensor, list[str]]:
        if augmentation != NONE:
            raise ValueError("A task's pictures are taken as they are: leave augmentation out.")
        generator = batch_generator(seed, step)
        rows = torch.randperm(len(self), generator=generator)[:n]
        form = int(torch.randint(len(self.task.templates), (), generator=generator))
        captions = [self.prompts[label][form] for label in self.task.labels[rows].tolist()]
        return self.task.pictures[rows], captions


def split_task(task: Task, count: int, seed: int) -> tuple[TaskPairs, Task]:
    """Pairs of `count` pictures, drawn by the seed, and a task of all the others."""
    if not 0 < count < len(task):
        raise ValueError(f"{task.name} has {len(task)} pictures: take some of them, not {count}.")
    rows = torch.randperm(len(task), generator=torch.Generator().manual_seed(seed))
    return TaskPairs(task.take(rows[:count])), task.take(rows[count:])


def interpolate(before: CLIP, after: CLIP, share: float) -> CLIP:
    """WiSE-FT (arXiv 2109.01903): a model with weights (1 - share) * before + share * after.

    Raises ValueError for a share outside of 0..1, and for two architectures.
    """
    if not 0 <= share <= 1 or before.config != after.config:
        words = f"The share of the fine-tuned weights is from 0 to 1, not {share!r}"
        raise ValueError(f"{words}, and both models have the same architecture.")
    model, new = copy.deepcopy(before), after.state_dict()
    for name, weight in model.state_dict().items():
        if weight.is_floating_point():
            weight.lerp_(new[name].to(weight), share)
    return model
