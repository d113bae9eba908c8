"""The supervised baseline, task by task: zero-shot CLIP and probes on both models' features.

    python benchmarks/baseline.py    # at most 3 minutes on 2 cores; again for a new checkpoint

The same tower as the shipped CLIP's is trained with labels on the reference family's things
(clipedu/evaluation/things.py), as the paper's ResNet-50 is on ImageNet. For each task the paper's
probe protocol then reads both towers' features, and the zero-shot CLIP answers the same test
pictures: Figures 5, 10 and 11 of the paper in small, in clipedu/assets/baseline.csv. `seen` says
whether the task's pictures hang in CLIP's training families.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent))
from testbed import ASSETS, append, describe

from clipedu.evaluation import Task, load_task, zero_shot
from clipedu.evaluation.embedding import evaluating
from clipedu.evaluation.probe import linear_probe, picture_features, split_pictures
from clipedu.evaluation.supervised import Supervised, SupervisedRecipe, train_supervised
from clipedu.evaluation.things import REFERENCE, things_task
from clipedu.pairs import HELD_OUT_FAMILIES, to_model
from clipedu.training import load_pretrained

TABLE = ASSETS / "baseline.csv"
RECIPE = SupervisedRecipe(width=64, epochs=14, augmentation="pens")  # as wide as CLIP's tower
SEEN = ("emoji_groups", "style", "pens", "animals", "senses")  # made of training families
DRAWN = ("digits", "arrows", "counting", "colour", "rendered_words", "hardware")
LEAST, MOST = 6, 900  # pictures a class at least (a probe needs parts), a task at most


def tasks() -> dict[str, tuple[Task, bool]]:
    """name -> task, and whether CLIP's training families hold its pictures."""
    found = {f"things of {key}": (things_task(key), False) for key in HELD_OUT_FAMILIES}
    for name in (*DRAWN, *SEEN):
        found[name] = (load_task(name), name in SEEN)
    return {name: (cut(task), seen) for name, (task, seen) in found.items()}


def cut(task: Task) -> Task:
    """The classes with enough pictures, and a random part of these if there are very many."""
    counts = torch.bincount(task.labels, minlength=len(task.class_names))
    kept = torch.nonzero(counts >= LEAST).flatten()
    rows = torch.nonzero(torch.isin(task.labels, kept)).flatten()
    generator = torch.Generator().manual_seed(0)
    rows = rows[torch.randperm(len(rows), generator=generator)]
    if len(rows) > MOST:  # the same share of each class, or some would have too few
        labels = task.labels[rows]
        most = max(LEAST, MOST // len(kept))
        rows = torch.cat([rows[labels == label][:most] for label in kept])
    number = torch.full((len(task.class_names),), -1)
    number[kept] = torch.arange(len(kept))
    return dataclasses.replace(
        task,
        pictures=task.pictures[rows],
        labels=number[task.labels[rows]],
        class_names=[task.class_names[i] for i in kept.tolist()],
    )


@torch.no_grad()
def supervised_features(model: Supervised, pictures: torch.Tensor) -> torch.Tensor:
    """(N, 3, R, R) in 0..1 -> (N, W) float32."""
    with evaluating(model):
        return torch.cat([model.features(to_model(part)) for part in pictures.split(256)]).float()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--epochs", type=int, default=RECIPE.epochs, help="fewer, for a try")
    args = parser.parse_args()
    start = time.perf_counter()
    recipe = dataclasses.replace(RECIPE, epochs=args.epochs)
    baseline = train_supervised(things_task(REFERENCE, "learn"), recipe).model
    model, tokenizer, _ = load_pretrained()
    rows = []
    for name, (task, seen) in tqdm(tasks().items(), "tasks"):
        split = split_pictures(task.labels)
        test = dataclasses.replace(
            task, pictures=task.pictures[split.test], labels=task.labels[split.test]
        )
        row = {"task": name, "seen": seen, "classes": len(task.class_names)}
        row |= {"n_test": len(test), "chance": task.chance}
        row["zero_shot"] = zero_shot(model, tokenizer, test).top1
        for which, features in (
            ("clip_probe", picture_features(model, task.pictures)),
            ("supervised_probe", supervised_features(baseline, task.pictures)),
        ):
            found = linear_probe(features, task.labels, split=split, classes=len(task.class_names))
            row |= {which: found.accuracy, f"{which}_lambda": found.lam}
        rows.append(row)
    args.table.unlink(missing_ok=True)
    for row in rows:
        append(args.table, row)
    describe(
        args.table,
        command="python benchmarks/baseline.py",
        baseline={**recipe.to_dict(), "trained_on": f"things of {REFERENCE}"},
        seconds=round(time.perf_counter() - start),
    )


if __name__ == "__main__":
    main()
