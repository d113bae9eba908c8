"""A testbed of supervised models, and a CLIP that has not seen their reference family.

    python benchmarks/testbed.py           # 36 supervised models and the CLIP; 15 minutes, 2 cores
    python benchmarks/testbed.py --clip    # CLIP's points again, for a new shipped checkpoint; it
                                           # trains only a probe and what is fine-tuned: 2 minutes

Every supervised model learns from a part of the reference family (clipedu_lessons/common/things.py)
and is measured on the part set aside, on other families, and on rendered shifts. One row a model in
lesson 11's results/testbed.csv; a row that is there is not measured again. The CLIP is trained
for 400
steps on the training families without the reference family, and kept in runs/testbed. Its points
and the shipped checkpoint's (which has seen the reference pictures) are in testbed_clip.csv.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import datetime
import io
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from clipedu.evaluation.probe import fit_probe, picture_features, search_lambda
from clipedu.evaluation.tasks.task import Task
from clipedu.files import write_whole
from clipedu.models import count_parameters
from clipedu.pairs import FIRST_EDITION, Augmentation, training_pairs
from clipedu.training import Recipe, load_pretrained, train
from clipedu_lessons.common.records import stored
from clipedu_lessons.common.things import REFERENCE, things_task
from clipedu_lessons.l11_robustness.adaptation import as_classifier, fine_tune, interpolate
from clipedu_lessons.l11_robustness.shifts import SHIFTS, shifted
from clipedu_lessons.l11_robustness.supervised import SupervisedRecipe, accuracy, train_supervised

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "clipedu" / "assets"
TABLE = stored("testbed.csv")
CLIP_TABLE = stored("testbed_clip.csv")
#: OpenMoji is left out: the first word of an emoji's name is seldom the thing that it shows.
NATURAL = ("lucide", "font_awesome", "heroicons", "phosphor", "material")
CLIP_RUN = ROOT / "runs" / "testbed" / f"without_{REFERENCE}"
CLIP_STEPS = 400

#: The recipe `lesson` of the first edition.
FIRST_LESSON = Recipe(augmentation=Augmentation(thicken=0.3, thin=0.2, lines=0.5))


def recipes() -> dict[str, tuple[str, SupervisedRecipe]]:
    """name -> kind and recipe. "standard": all data, pictures moved and turned or left alone."""
    grid: list[tuple[str, dict[str, Any]]] = []
    for width in (8, 16, 32):
        grid += [("standard", {"width": width, "epochs": e}) for e in (2, 4, 8, 16, 32)]
    grid += [("standard", {"width": w, "layers": (2, 2, 2), "epochs": 16}) for w in (8, 16)]
    grid += [("standard", {"width": w, "augmentation": "none", "epochs": e})
             for w in (16, 32) for e in (4, 12)]  # fmt: skip
    grid += [("standard", {"width": 48, "epochs": 12})]
    grid += [("augmented", {"width": w, "augmentation": a, "epochs": e})
             for w in (16, 32) for a in ("pens", "strong") for e in (10, 25)]  # fmt: skip
    grid += [("subset", {"width": w, "share": s, "epochs": 12})
             for w in (16, 32) for s in (0.1, 0.25, 0.5)]  # fmt: skip
    named = {}
    for number, (kind, fields) in enumerate(grid):
        recipe = SupervisedRecipe(seed=number, **fields)
        layers = "".join(map(str, recipe.layers))
        name = f"w{recipe.width}-{layers}-e{recipe.epochs}-{recipe.augmentation}"
        named[name + (f"-{recipe.share:g}" if recipe.share < 1 else "")] = (kind, recipe)
    return named


def test_sets() -> dict[str, Task]:
    """Everything that a model is measured on, the reference first."""
    reference = things_task(REFERENCE, "test")
    sets = {"reference": reference} | {family: things_task(family) for family in NATURAL}
    for shift in SHIFTS:
        pictures = shifted(reference.pictures, shift)
        sets[shift] = dataclasses.replace(reference, name=shift, pictures=pictures)
    return sets


def append(path: Path, row: dict[str, Any]) -> None:
    """The table with one row more."""
    write(path, [*read(path), {key: _text(value) for key, value in row.items()}])


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """The table, whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def read(path: Path) -> list[dict[str, str]]:
    """The rows that are there."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def describe(path: Path, **more: Any) -> None:
    """Beside the table: when, where and how it was made."""
    about = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        **more,
    }
    write_whole(path.with_suffix(".json"), json.dumps(about, indent=1) + "\n")


def supervised(table: Path, only: int | None, epochs: int | None) -> None:
    """Trains and measures every model that has no row yet."""
    learn, sets, done = things_task(REFERENCE, "learn"), test_sets(), read(table)
    known = {row["model"] for row in done}
    todo = [item for item in recipes().items() if item[0] not in known][:only]
    for name, (kind, recipe) in tqdm(todo, "models"):
        if epochs is not None:
            recipe = dataclasses.replace(recipe, epochs=epochs)
        start = time.perf_counter()
        result = train_supervised(learn, recipe, progress=False)
        row = {"model": name, "kind": kind, **recipe.to_dict()}
        row |= {"pictures": result.pictures, "parameters": count_parameters(result.model)}
        row["seconds"] = round(time.perf_counter() - start, 1)
        for key, task in sets.items():
            row |= {key: accuracy(result.model, task), f"{key}_n": len(task)}
        append(table, row)


def clip_without_reference(steps: int) -> None:
    """Trains the CLIP that is compared, unless it is there; goes on where a broken run stopped."""
    if (CLIP_RUN / "model.safetensors").exists():
        return
    if (CLIP_RUN / "checkpoint.safetensors").exists():
        train(resume=CLIP_RUN)
        return
    families = [key for key in FIRST_EDITION if key != REFERENCE]
    recipe = dataclasses.replace(FIRST_LESSON, steps=steps, evaluate_every=0, checkpoint_every=100)
    train(recipe, seed=0, out=CLIP_RUN, pairs=training_pairs(families=families))


def clip_points(table: Path, name: str, weights: str | Path, *, tune: bool = True) -> None:
    """Measures one CLIP in all its forms: zero-shot, probe, few shots, fine-tuned, WiSE-FT.

    tune: without it the last two, which take training, are left out
    """
    start = time.perf_counter()
    model, tokenizer, _ = load_pretrained(weights)
    learn, sets = things_task(REFERENCE, "learn"), test_sets()
    rows: list[dict[str, Any]] = []

    def add(
        how: str, score: Callable[[str, Task], float], natural: bool = False, **more: Any
    ) -> None:
        row: dict[str, Any] = {"clip": name, "how": how, "shots": "", "repeat": "", "alpha": ""}
        row |= more
        for key, task in sets.items():
            measured = not natural or key in ("reference", *NATURAL)
            row |= {key: score(key, task) if measured else "", f"{key}_n": len(task)}
        rows.append(row)
        tqdm.write(f"{name} {how} {more} {time.perf_counter() - start:.0f} s")

    zero = as_classifier(model, tokenizer, learn)
    add("zero-shot", lambda key, task: accuracy(zero, task))
    own = {key: things_task(key, own_classes=True) for key in NATURAL}
    own_zero = {key: as_classifier(model, tokenizer, task) for key, task in own.items()}
    add(
        "zero-shot, own classes",
        lambda key, task: accuracy(own_zero[key], own[key]) if key in own else accuracy(zero, task),
    )
    inside = picture_features(model, learn.pictures)
    features = {key: picture_features(model, task.pictures) for key, task in sets.items()}
    classes = len(learn.class_names)
    lam = best_lambda(inside, learn.labels, classes)
    for shots in (1, 2, 4, 8, 16, 0):
        for repeat in range(3 if shots else 1):
            chosen = few(learn.labels, shots, repeat) if shots else torch.arange(len(learn))
            probe = fit_probe(inside[chosen], learn.labels[chosen], lam, classes=classes)
            add(
                "few-shot probe" if shots else "probe",
                lambda key, task, probe=probe: probe.accuracy(features[key], task.labels),
                **({"shots": shots, "repeat": repeat} if shots else {}),
            )
    tuned = fine_tune(zero, learn, progress=False) if tune else zero
    for alpha in [i / 10 for i in range(11)] if tune else []:
        mixed = interpolate(zero, tuned, alpha)
        add(
            "fine-tuned" if alpha == 1 else "wise-ft",
            lambda key, task, mixed=mixed: accuracy(mixed, task),
            natural=alpha < 1,
            alpha=alpha,
        )
    others = [row for row in read(table) if row["clip"] != name]
    write(table, [*others, *({key: _text(value) for key, value in row.items()} for row in rows)])


def best_lambda(features: torch.Tensor, labels: torch.Tensor, classes: int) -> float:
    """The paper's search, with a fifth of the learning part for validation."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    held, rest = order[: len(order) // 5], order[len(order) // 5 :]
    parts = [(features[rows], labels[rows]) for rows in (rest, held)]
    return search_lambda(*parts, classes=classes).best


def few(labels: torch.Tensor, shots: int, seed: int) -> torch.Tensor:
    """Rows of so many pictures a class (fewer where a class has fewer)."""
    generator, rows = torch.Generator().manual_seed(seed), []
    for label in labels.unique():
        of_class = torch.nonzero(labels == label).flatten()
        rows.append(of_class[torch.randperm(len(of_class), generator=generator)][:shots])
    return torch.cat(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--only", type=int, help="so many models, for a try")
    parser.add_argument("--epochs", type=int, help="instead of each recipe's, for a try")
    parser.add_argument("--clip-steps", type=int, default=CLIP_STEPS)
    parser.add_argument("--clip", action="store_true", help="only the points of CLIP")
    args = parser.parse_args()
    if not args.clip:
        supervised(args.table, args.only, args.epochs)
        describe(
            args.table,
            command="python benchmarks/testbed.py",
            reference=REFERENCE,
            recipe="SupervisedRecipe of lesson 11's supervised.py; a row gives its fields",
        )
        clip_without_reference(args.clip_steps)
    if args.only is not None:
        return
    for name, weights in {"shipped": "laptop_1", "without the reference": CLIP_RUN}.items():
        known = {row["clip"] for row in read(CLIP_TABLE) if row["how"] == "probe"}
        if name == "shipped" or name not in known or not args.clip:
            clip_points(CLIP_TABLE, name, weights, tune=name == "shipped")
    describe(
        CLIP_TABLE,
        command="python benchmarks/testbed.py --clip",
        shipped="laptop.safetensors; its training families include the reference family",
        without_the_reference=f"{CLIP_STEPS} steps of the recipe lesson, seed 0, on the training "
        f"families without {REFERENCE}; not fine-tuned",
    )


if __name__ == "__main__":
    main()
