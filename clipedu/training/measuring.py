"""Zero-shot accuracy in the course of a run, its pictures shared out among the ranks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch
import torch.distributed as dist

from clipedu.evaluation import Task, load_task, zero_shot
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu.training.distributed import World
from clipedu.training.recipe import Recipe
from clipedu.training.run import Run
from clipedu.training.sharding import gathered

Evaluate = Callable[[CLIP, Tokenizer], dict[str, float]]


def evaluator(
    evaluate: Evaluate | str | Task | Sequence[str | Task] | None, recipe: Recipe, world: World
) -> Evaluate | None:
    """What `train` was asked to measure, as one function; None for nothing.

    Each rank asks a task for its share of the pictures. Raises ValueError for an unknown task.
    """
    if evaluate is None:
        return None
    if callable(evaluate):  # it knows nothing of ranks: rank 0 asks it, the others wait
        return evaluate if world.writes else lambda model, tokenizer: {}
    asked = [evaluate] if isinstance(evaluate, (str, Task)) else list(evaluate)
    size = recipe.config().vision.resolution
    tasks = [load_task(task, size=size) if isinstance(task, str) else task for task in asked]

    def measure(model: CLIP, tokenizer: Tokenizer) -> dict[str, float]:
        if world.size == 1:
            return {task.name: zero_shot(model, tokenizer, task).top1 for task in tasks}
        return {task.name: shared_accuracy(model, tokenizer, task, world) for task in tasks}

    return measure


def shared_accuracy(model: CLIP, tokenizer: Tokenizer, task: Task, world: World) -> float:
    """Top-1 accuracy, each rank asking its share of the pictures; the same number on all ranks."""
    mine = slice(world.rank, None, world.size)
    pictures, hits = task.pictures[mine], 0.0
    if len(pictures):  # of many ranks some may have none, and a Task without pictures is refused
        part = dataclasses.replace(task, pictures=pictures, labels=task.labels[mine])
        hits = zero_shot(model, tokenizer, part).top1 * len(part)
    device = next(model.parameters()).device
    return world.sum(float(round(hits)), device) / len(task)


def evaluated(run: Run, measure: Evaluate) -> dict[str, float]:
    """Accuracies of the run's best weights; call it on every rank."""
    model = gathered(run.best_model).eval()
    if run.world.size > 1:  # running statistics of batch norms: rank 0's are those that are kept
        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
    with torch.no_grad():
        accuracy = measure(model, run.tokenizer)
    run.model.train()
    return {name: float(value) for name, value in accuracy.items()}
