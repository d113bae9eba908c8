"""Zero-shot accuracy in the course of a run, and pictures set aside to choose a recipe by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from clipedu.evaluation import Task, embed_pictures, load_task, zero_shot
from clipedu.evaluation.prompts import TEMPLATE_SETS
from clipedu.models import CLIP
from clipedu.objectives import ImageModel
from clipedu.pairs import (
    TRAINING_FAMILIES,
    PairSet,
    left_out,
    set_aside,
    to_pictures,
    training_pairs,
)
from clipedu.tokenizer import Tokenizer
from clipedu.training.adapt import train_mode_
from clipedu.training.batches import PIXELS
from clipedu.training.parallel import World, broadcast_buffers, unshard
from clipedu.training.run import Run

#: (model, tokenizer) -> {name: accuracy}.
Evaluate = Callable[[CLIP, Tokenizer], dict[str, float]]


def load_tasks(
    evaluate: Evaluate | str | Task | Sequence[str | Task], size: int
) -> Evaluate | list[Task]:
    """A function as it is, names as tasks. Raises ValueError for an unknown task."""
    if callable(evaluate):
        return evaluate
    asked = [evaluate] if isinstance(evaluate, (str, Task)) else evaluate
    return [load_task(task, size=size) if isinstance(task, str) else task for task in asked]


@torch.no_grad()
def evaluated(run: Run, evaluate: Evaluate | list[Task]) -> dict[str, float]:
    """Accuracies of the run's best weights; call it on every rank."""
    model, world = unshard(run.best_model).eval(), run.world
    broadcast_buffers(model)
    accuracy = {}
    if not callable(evaluate):
        for task in evaluate:
            pixels = run.recipe.pixels
            accuracy[task.name] = shared_accuracy(model, run.tokenizer, task, world, pixels)
    elif world.is_main_process:  # it knows nothing of ranks: the others wait
        accuracy = evaluate(model, run.tokenizer)
    train_mode_(run.model, run.recipe.method)
    return {name: float(value) for name, value in accuracy.items()}


def accuracy_of(model: CLIP, tokenizer: Tokenizer, task: Task, pixels: str = "course") -> float:
    """Zero-shot top-1 accuracy of a model that sees pictures as the recipe's `pixels` says."""
    if isinstance(model, ImageModel):  # it has no embeddings, and no other pixels
        return zero_shot(model, tokenizer, task).top1
    embeddings = embed_pictures(model, task.pictures, preprocess=PIXELS[pixels])
    return zero_shot(model, tokenizer, task, embeddings=embeddings).top1


def shared_accuracy(
    model: CLIP, tokenizer: Tokenizer, task: Task, world: World, pixels: str = "course"
) -> float:
    """`accuracy_of`, each rank asking its share of the pictures; the same number on all ranks."""
    if world.size == 1:
        return accuracy_of(model, tokenizer, task, pixels)
    mine = slice(world.rank, None, world.size)
    hits = 0.0
    if world.rank < len(task):  # of many ranks some may have none, and such a Task is refused
        part = task.take(mine)
        hits = accuracy_of(model, tokenizer, part, pixels) * len(part)
    share = torch.tensor(float(round(hits)), device=next(model.parameters()).device)
    return world.sum(share).item() / len(task)


#: Sets of filled and of outlined icons, by artists of their own; the rest is enough to learn from.
LEFT_OUT = ("remix", "bootstrap")


def left_out_split(sets: Sequence[str] = LEFT_OUT, size: int = 32) -> tuple[PairSet, list[Task]]:
    """Training pairs without whole icon sets, and a task of each of these, at `size` pixels.

    For choosing a recipe: one that was picked because it did well on the held-out sets would have
    learned from them. Classes are names that two of the remaining sets have. Raises ValueError for
    a set that is not for training.
    """
    pairs, left = left_out(sets, size)
    source, forms = "a training set that this run leaves out", TEMPLATE_SETS["icon"]
    return pairs, [
        Task(key, to_pictures(rgba), torch.from_numpy(labels), classes, forms, source)
        for key, (rgba, labels, classes) in left.items()
    ]


def validation_split(
    size: int = 32,
    *,
    families: Sequence[str] = TRAINING_FAMILIES,
    names: int = 300,
    seed: int = 0,
    progress: bool = True,
) -> tuple[PairSet, Task]:
    """Training pairs without some pictures, and those pictures as a task, at `size` pixels.

    A weaker test than :func:`left_out_split`: of `names` names that two icon sets share, one set's
    pictures are set aside. The split depends on its own `seed`, not on the run's.

    Raises ValueError when fewer than `names` names are shared.
    """
    everything = training_pairs(size, families=families, progress=progress)
    pairs, (rgba, labels, classes) = set_aside(everything, names=names, seed=seed)
    pictures, numbers = to_pictures(rgba), torch.from_numpy(labels)
    source = "set aside from the training families"
    return pairs, Task("validation", pictures, numbers, classes, ["{}"], source)
