"""The supervised baseline, task by task: zero-shot CLIP and probes on the features of three towers.

    python benchmarks/baseline.py    # about 3 minutes on one core; again for a new checkpoint

The shipped CLIP's image tower is trained once more, from nothing and with labels, on the reference
family's things (lessons' common/things.py), as the paper's ResNet-50 is on ImageNet. For each
task the paper's probe protocol then reads the features of CLIP's tower, of this one and of the same
tower untrained, and the zero-shot CLIP answers the same test pictures: Figures 5, 10 and 11 of the
paper in small, in lesson 10's results/baseline.csv. `seen` says whether the task's pictures hang in
CLIP's training families; `classes` are those of the task's `of_classes` with pictures enough for
a probe. One row a task. What was measured with this checkpoint is in the table after a broken run
and is not measured again; the tower, in runs/baseline, is not trained again.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent))
from testbed import ASSETS, ROOT, append, describe, read

from clipedu.evaluation import Task, TaskUnavailable, load_task, zero_shot
from clipedu.evaluation.embedding import evaluating
from clipedu.evaluation.probe import linear_probe, picture_features, split_pictures
from clipedu.models import CLIP, ModifiedResNet, ResNetConfig
from clipedu.pairs import HELD_OUT_FAMILIES, to_model
from clipedu.training import load_pretrained
from clipedu_lessons.common.records import stored
from clipedu_lessons.common.things import REFERENCE, things_task
from clipedu_lessons.l11_robustness.supervised import SupervisedRecipe, classifier, train_supervised

TABLE = stored("baseline.csv")
WEIGHTS = ASSETS / "laptop_1.safetensors"
RUN = ROOT / "runs" / "baseline"
EPOCHS = 14
LEAST, MOST = 3, 900  # pictures a class at least (one for each part), a task at most
#: Tasks with several pictures of every class. `shared_...` are not among them: a family's styles
#: of one name are twins, and one twin in training gives the other away.
NAMES = (
    "digits", "fashion_mnist", "counting", "colour", "rendered_words", "emoji_groups", "style",
    "pens",
)  # fmt: skip


def load(name: str) -> Task:
    """A task of `NAMES`, or the things of a held-out family."""
    if name.startswith("things of "):
        return things_task(name.removeprefix("things of "))
    return load_task(name)


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


def recipe_like(model: CLIP, epochs: int) -> SupervisedRecipe:
    """A tower as CLIP's; where that is no ResNet, the ResNet that the course began with."""
    tower = model.config.vision
    if not isinstance(tower, ResNetConfig) or tower.block != "basic":
        return SupervisedRecipe(width=64, epochs=epochs, augmentation="pens")
    return SupervisedRecipe(
        width=tower.width,
        layers=tower.layers,
        stem=tower.stem,
        epochs=epochs,
        augmentation="pens",
    )


def trained(recipe: SupervisedRecipe, folder: Path) -> ModifiedResNet:
    """The baseline: from the folder if it is there by this recipe, or trained and put there."""
    weights, plain = folder / "model.safetensors", folder / "recipe.json"
    task = things_task(REFERENCE, "learn")
    if plain.is_file() and json.loads(plain.read_text()) == recipe.to_dict():
        model = classifier(recipe, len(task.class_names), task.size)
        model.load_state_dict(load_file(weights))
        return model.eval()
    model = train_supervised(task, recipe).model
    folder.mkdir(parents=True, exist_ok=True)
    plain.unlink(missing_ok=True)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, weights)
    plain.write_text(json.dumps(recipe.to_dict()))  # last: only now the weights are whole
    return model


@torch.no_grad()
def supervised_features(model: ModifiedResNet, pictures: torch.Tensor) -> torch.Tensor:
    """(N, 3, R, R) in 0..1 -> (N, W) float32."""
    with evaluating(model):
        return torch.cat([model.features(to_model(part)) for part in pictures.split(256)]).float()


def measure(
    task: Task, clip: CLIP, tokenizer: Any, baseline: ModifiedResNet, untrained: ModifiedResNet
) -> dict[str, Any]:
    """One row: zero-shot and three probes on the same test pictures."""
    of_classes, task = len(task.class_names), cut(task)
    split = split_pictures(task.labels)
    test = dataclasses.replace(
        task, pictures=task.pictures[split.test], labels=task.labels[split.test]
    )
    row: dict[str, Any] = {"classes": len(task.class_names), "of_classes": of_classes}
    row |= {"n": len(task), "n_test": len(test), "chance": task.chance}
    row["zero_shot"] = zero_shot(clip, tokenizer, test).top1
    for which, features in (
        ("clip_probe", picture_features(clip, task.pictures)),
        ("supervised_probe", supervised_features(baseline, task.pictures)),
        ("untrained_probe", supervised_features(untrained, task.pictures)),
    ):
        found = linear_probe(features, task.labels, split=split, classes=len(task.class_names))
        row |= {which: found.accuracy, f"{which}_lambda": found.lam}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--run", type=Path, default=RUN, help="where the trained tower is kept")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="fewer, for a try")
    args = parser.parse_args()
    start = time.process_time()
    checkpoint = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:16]
    clip, tokenizer, _ = load_pretrained("laptop_1")
    recipe = recipe_like(clip, args.epochs)
    baseline = trained(recipe, args.run)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        untrained = classifier(recipe, 2).eval()
    about = args.table.with_suffix(".json")
    same = {"model": "laptop_1", "checkpoint": checkpoint, "baseline": recipe.to_dict()}
    known = json.loads(about.read_text()) if about.is_file() else {}
    if any(known.get(key) != value for key, value in same.items()):
        args.table.unlink(missing_ok=True)
    before = {row["task"] for row in read(args.table)}
    missing = []
    for name in tqdm([*(f"things of {key}" for key in HELD_OUT_FAMILIES), *NAMES], "tasks"):
        if name in before:
            continue
        try:
            task = load(name)
        except TaskUnavailable:
            missing.append(name)
            continue
        row = measure(task, clip, tokenizer, baseline, untrained)
        append(args.table, {"task": name, "seen": task.seen, **row})
        describe(
            args.table,
            command="python benchmarks/baseline.py",
            **same,
            trained_on=f"things of {REFERENCE} (learn)",
            missing=missing,
            seconds=round(time.process_time() - start, 1),
        )


if __name__ == "__main__":
    main()
