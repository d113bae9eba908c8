"""Zero-shot accuracy in the course of a run, and pictures set aside to choose a recipe by."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import torch

from clipedu.evaluation import Task, load_task, zero_shot
from clipedu.models import CLIP
from clipedu.pairs import PairSet, set_aside, to_pictures, training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.training.parallel import World, broadcast_buffers, unshard
from clipedu.training.recipe import Recipe
from clipedu.training.run import Run

#: (model, tokenizer) -> {name: accuracy}.
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
        return evaluate if world.is_main_process else lambda model, tokenizer: {}
    asked = [evaluate] if isinstance(evaluate, (str, Task)) else list(evaluate)
    size = recipe.config().vision.resolution
    tasks = [load_task(task, size=size) if isinstance(task, str) else task for task in asked]
    return lambda model, tokenizer: {
        task.name: shared_accuracy(model, tokenizer, task, world) for task in tasks
    }


def shared_accuracy(model: CLIP, tokenizer: Tokenizer, task: Task, world: World) -> float:
    """Top-1 accuracy, each rank asking its share of the pictures; the same number on all ranks."""
    if world.size == 1:
        return zero_shot(model, tokenizer, task).top1
    mine = slice(world.rank, None, world.size)
    pictures, hits = task.pictures[mine], 0.0
    if len(pictures):  # of many ranks some may have none, and a Task without pictures is refused
        part = dataclasses.replace(task, pictures=pictures, labels=task.labels[mine])
        hits = zero_shot(model, tokenizer, part).top1 * len(part)
    share = torch.tensor(float(round(hits)), device=next(model.parameters()).device)
    return world.sum(share).item() / len(task)


def evaluated(run: Run, measure: Evaluate) -> dict[str, float]:
    """Accuracies of the run's best weights; call it on every rank."""
    model = unshard(run.best_model).eval()
    broadcast_buffers(model)
    with torch.no_grad():
        accuracy = measure(model, run.tokenizer)
    run.model.train()
    return {name: float(value) for name, value in accuracy.items()}


def validation_split(
    size: int = 32, *, names: int = 300, seed: int = 0, progress: bool = True
) -> tuple[PairSet, Task]:
    """Training pairs without some pictures, and those pictures as a task, at `size` pixels.

    For choosing a recipe: one picked because it did well on the held-out icon sets would have
    learned from them. Of `names` names that two icon sets share, one set's pictures are set aside:
    name and style are known to the model, but not this drawing. The split depends on its own
    `seed`, so that runs with other seeds are measured on the same pictures.

        pairs, task = validation_split()
        train("lesson", pairs=pairs, evaluate=task)

    Raises ValueError when fewer than `names` names are shared.
    """
    pairs, (rgba, labels, classes) = set_aside(
        training_pairs(size, progress=progress), names=names, seed=seed
    )
    source = "set aside from the training families"
    pictures, numbers = to_pictures(rgba), torch.from_numpy(labels)
    return pairs, Task("validation", pictures, numbers, classes, ["{}"], source)
