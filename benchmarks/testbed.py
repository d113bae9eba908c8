"""A testbed of supervised models, and the shipped CLIP in all its forms, on the same pictures.

    python benchmarks/testbed.py               # about an hour on one core; goes on where it stopped
    python benchmarks/testbed.py --seeds 0     # a third of it
    python benchmarks/testbed.py --backward    # from the end: beside the first, on another core
    python benchmarks/testbed.py --clip        # only CLIP's points, for a new checkpoint

Every supervised model learns the things (clipedu_lessons/common/things.py) from pictures with
labels. Kinds: "matched" learns from the reference set, with exactly the augmentation of the shipped
CLIP; "plain" with less or none; "sets" from several of CLIP's training sets, without the pictures
set aside. Rows are stored as they come, with one bit for each test picture, in lesson 11's
results/testbed.csv; CLIP's are in testbed_clip.csv.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import datetime
import hashlib
import io
import json
import platform
import time
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from clipedu.evaluation import Task
from clipedu.evaluation.probe import fit_probe, picture_features, search_lambda
from clipedu.files import write_whole
from clipedu.models import CLIP, build, count_parameters
from clipedu.pairs import TRAINING_FAMILIES
from clipedu.training import load_pretrained
from clipedu_lessons.common.records import LESSONS
from clipedu_lessons.common.things import REFERENCE, things_task
from clipedu_lessons.l11_robustness.adaptation import as_classifier, fine_tune, interpolate
from clipedu_lessons.l11_robustness.supervised import SupervisedRecipe, predict, train_supervised
from clipedu_lessons.l11_robustness.testbed import (
    NATURAL_SHIFTS,
    SETS,
    data_hash,
    pack,
    test_set,
)

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "clipedu" / "assets"
TABLE = LESSONS / "l11_robustness" / "results" / "testbed.csv"
MODEL = "laptop"
#: The reference first, then the set with most pictures of the things, and so on.
ORDER = (REFERENCE, "phosphor", "tabler", "fluent")
SHOTS, REPEATS = (1, 2, 4, 8, 16), 3


def recipes(seed: int) -> dict[str, tuple[str, int, int, SupervisedRecipe]]:
    """name -> kind, number of icon sets, most pictures (0: all), recipe; short runs first."""
    grid: list[tuple[str, int, int, dict[str, Any]]] = []

    def add(kind: str, sets: int = 1, most: int = 0, **fields: Any) -> None:
        grid.append((kind, sets, most, {"augmentation": "clip", "width": 16, **fields}))

    for epochs, widths in ((6, (16, 32)), (12, (8, 16, 32)), (24, (8, 16, 32))):
        for width in widths:
            add("matched", width=width, epochs=epochs)
    for share in (0.1, 0.25, 0.5):
        add("matched", epochs=12, share=share)
    for augmentation, epochs in (("none", 4), ("none", 12), ("affine", 8), ("affine", 24)):
        add("plain", augmentation=augmentation, epochs=epochs)
    for sets, most in ((12, 0), (12, 2167), (2, 0), (4, 0)):  # equally many steps
        add("sets", sets, most, epochs=24)
    for width in (8, 16, 32):
        add("matched", width=width, epochs=48)
    add("sets", 12, epochs=12)
    add("sets", 12, epochs=24, width=32)
    for share in (0.1, 0.25, 0.5):
        add("matched", width=32, epochs=12, share=share)
    add("matched", width=96, layers=(4,), stem="conv", epochs=24)
    add("matched", width=8, layers=(2, 2, 2), epochs=24)
    add("sets", 12, epochs=12, width=32)
    add("sets", 12, epochs=48, width=32)
    named = {}
    for number, (kind, sets, most, fields) in enumerate(grid):
        recipe = SupervisedRecipe(seed=100 * seed + number, **fields)
        name = f"w{recipe.width}-{''.join(map(str, recipe.layers))}-e{recipe.epochs}"
        name += f"-{recipe.augmentation}" + ("-vit" if recipe.stem == "conv" else "")
        name += f"-{recipe.share:g}" if recipe.share < 1 else ""
        name += f"-{sets}sets" if sets > 1 else ""
        named[name + (f"-{most}" if most else "")] = (kind, sets, most, recipe)
    return named


def pictures_of(sets: int, most: int = 0) -> Task:
    """The labeled pictures of so many icon sets, without those set aside; `most`: a random part."""
    rest = [key for key in TRAINING_FAMILIES if key not in ORDER]
    learn = things_task(REFERENCE, "learn")
    parts = [learn, *(things_task(key) for key in [*ORDER[1:], *rest][: sets - 1])]
    pictures = torch.cat([part.pictures for part in parts])
    labels = torch.cat([part.labels for part in parts])
    if most:
        generator = torch.Generator().manual_seed(0)
        rows = torch.randperm(len(labels), generator=generator)[:most]
        pictures, labels = pictures[rows], labels[rows]
    return dataclasses.replace(learn, pictures=pictures, labels=labels)


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


def supervised(table: Path, seeds: list[int], only: int | None, backward: bool = False) -> None:
    """Trains and measures every model that has no row yet."""
    todo = [(name, *rest) for seed in seeds for name, rest in recipes(seed).items()]
    todo = (todo[::-1] if backward else todo)[:only]
    learn: dict[tuple[int, int], Task] = {}
    for name, kind, sets, most, recipe in tqdm(todo, "models"):
        if (name, str(recipe.seed)) in {(row["model"], row["seed"]) for row in read(table)}:
            continue
        if (sets, most) not in learn:
            learn = {(sets, most): pictures_of(sets, most)}
        start, task = time.process_time(), learn[sets, most]
        # `epochs` counts passes over the reference set: with more sets the steps stay the same.
        passes = max(1, round(recipe.epochs * 2167 / len(task)))
        result = train_supervised(task, dataclasses.replace(recipe, epochs=passes), progress=False)
        row = {"model": name, "kind": kind, "sets": sets, **recipe.to_dict()}
        row |= {"pictures": result.pictures, "steps": len(result.losses)}
        row |= {"parameters": count_parameters(result.model)}
        row["seconds"] = round(time.process_time() - start, 1)
        append(table, row | right(lambda task, model=result.model: predict(model, task.pictures)))
        describe(
            table,
            command="python benchmarks/testbed.py",
            reference=REFERENCE,
            data=data_hash(),
            recipe="SupervisedRecipe of lesson 11's supervised.py; a row gives its fields",
            seconds="processor time of one thread",
        )


def right(answer: Any) -> dict[str, str]:
    """Which pictures of each set are named right, as bits."""
    return {key: pack(answer(test_set(key)) == test_set(key).labels) for key in SETS}


def clip_points(table: Path) -> None:
    """Measures the shipped CLIP: zero-shot, probes on all labels and few, fine-tuned, WiSE-FT."""
    start, learn = time.process_time(), things_task(REFERENCE, "learn")
    model, tokenizer, _ = load_pretrained(MODEL)
    rows: list[dict[str, str]] = []

    def add(how: str, answer: Any, **more: Any) -> None:
        row = {"clip": "shipped", "how": how, "shots": "", "repeat": "", "alpha": "", "lam": ""}
        rows.append({key: _text(value) for key, value in (row | more | right(answer)).items()})
        write(table, rows)
        tqdm.write(f"{how} {more} {time.process_time() - start:.0f} s")

    zero = as_classifier(model, tokenizer, learn)
    add("zero-shot", lambda task: predict(zero, task.pictures))

    def own(task: Task) -> torch.Tensor:
        """Answers among the classes that the icon set has."""
        if task.name.split()[-1] not in NATURAL_SHIFTS:
            return predict(zero, task.pictures)
        own = things_task(task.name.split()[-1], own_classes=True)
        number = torch.tensor([learn.class_names.index(key) for key in own.class_names])
        return number[predict(as_classifier(model, tokenizer, own), task.pictures)]

    add("zero-shot, own classes", own)
    probes(add, model, learn, SHOTS)
    with torch.random.fork_rng(devices=[]):
        untrained = build("laptop_vit_stem", seed=0, vocab_size=tokenizer.vocab_size)
    probes(lambda how, *rest, **more: add("untrained " + how, *rest, **more), untrained, learn, ())
    tuned = fine_tune(zero, learn, augmentation="clip", progress=False)
    for alpha in [i / 10 for i in range(1, 11)]:
        mixed = interpolate(zero, tuned, alpha)
        how = "fine-tuned" if alpha == 1 else "wise-ft"
        add(how, lambda task, mixed=mixed: predict(mixed, task.pictures), alpha=alpha)


def probes(add: Any, model: CLIP, learn: Task, shots: tuple[int, ...]) -> None:
    """Probes on all labels and on few, each number of shots with a lambda of its own.

    Lambda is chosen once a number of shots: on the pictures of the learning part that are not among
    the first draw, or on a fifth of it when all labels are used.
    """
    features = {key: picture_features(model, test_set(key).pictures) for key in SETS}
    inside, classes = picture_features(model, learn.pictures), len(learn.class_names)
    for k in (*shots, 0):
        lam = best_lambda(inside, learn.labels, classes, k)
        for repeat in range(REPEATS if k else 1):
            rows = few(learn.labels, k, repeat) if k else torch.arange(len(learn))
            probe = fit_probe(inside[rows], learn.labels[rows], lam, classes=classes)
            more = {"shots": k, "repeat": repeat} if k else {}
            add(
                "few-shot probe" if k else "probe",
                lambda task, probe=probe: probe.logits(features[_key(task)]).argmax(1),
                lam=lam,
                **more,
            )


def _key(task: Task) -> str:
    return next(key for key in SETS if test_set(key) is task)


def best_lambda(features: torch.Tensor, labels: torch.Tensor, classes: int, shots: int) -> float:
    """The paper's search; what is not in the first draw of so many shots is for validation."""
    if shots:
        first = few(labels, shots, 0)
        left = torch.ones(len(labels), dtype=torch.bool)
        left[first] = False
        parts = [first, torch.nonzero(left).flatten()]
    else:
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
        parts = [order[len(order) // 5 :], order[: len(order) // 5]]
    train_part, held = [(features[rows], labels[rows]) for rows in parts]
    return search_lambda(train_part, held, classes=classes).best


def few(labels: torch.Tensor, shots: int, seed: int) -> torch.Tensor:
    """Rows of so many pictures a class (fewer where a class has fewer)."""
    generator, rows = torch.Generator().manual_seed(seed), []
    for label in labels.unique():
        of_class = torch.nonzero(labels == label).flatten()
        rows.append(of_class[torch.randperm(len(of_class), generator=generator)][:shots])
    return torch.cat(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--only", type=int, help="so many models, for a try")
    parser.add_argument("--backward", action="store_true", help="the last model first")
    parser.add_argument("--clip", action="store_true", help="only the points of CLIP")
    args = parser.parse_args()
    seeds = [] if args.clip else args.seeds
    if args.backward:
        supervised(args.table, seeds, args.only, backward=True)
        return
    supervised(args.table, seeds[:1], args.only)
    if args.only is not None:
        return
    clip_table = args.table.with_name("testbed_clip.csv")
    weights = (ASSETS / f"{MODEL}.safetensors").read_bytes()
    about: dict[str, Any] = {
        "model": MODEL,
        "checkpoint": hashlib.sha256(weights).hexdigest()[:16],
        "data": data_hash(),
    }
    written = clip_table.with_suffix(".json")
    before = json.loads(written.read_text("utf-8")) if written.exists() else {}
    if any(before.get(key) != value for key, value in about.items()):
        clip_table.unlink(missing_ok=True)
    if "fine-tuned" not in {row["how"] for row in read(clip_table)}:
        describe(clip_table, command="python benchmarks/testbed.py", **about)
        clip_points(clip_table)
    supervised(args.table, seeds[1:], args.only)


if __name__ == "__main__":
    main()
