"""A ladder of features, task by task: what is CLIP's encoder worth beside plainer ones?

    python benchmarks/baseline.py    # about 20 minutes on one core; goes on where it was broken off

Four small image encoders are trained on the same pictures in the same order, with the augmentation
of recipe `laptop` and equal steps: by CLIP's loss, with labels (the first word of a name), by
SimCLR without any words, and by CLIP's loss on pictures that are only moved and turned. For each
task of lesson 10 (its probe_tasks.py) the paper's probe protocol reads standardized features of
these four, of the shipped model, of an untrained encoder, 8 x 8 pixels and six statistics of color.
One row a task in lesson 10's results/baseline.csv, JSON beside it. Its columns are accuracies
(`_probe`) with 95 % intervals and lambda; `_narrow` is the accuracy where only the decades of
NARROW were tried, and `A_vs_B` says how far A is ahead of B, counted picture by picture. Encoders
are kept in runs/baseline and are not trained again; rows measured with them, this checkpoint and
this grid stay.
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
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clipedu.evaluation import TaskUnavailable, grouped_interval, zero_shot
from clipedu.evaluation.probe import Split, fit_probe, picture_features, search_lambda
from clipedu.files import write_whole
from clipedu.models import CLIP, build
from clipedu.pairs import PairSet, to_model
from clipedu.pairs import training_pairs as load_training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.training import RECIPES, Recipe, load_pretrained, train
from clipedu.training.optimizer import make_optimizer
from clipedu_lessons.common.records import stored
from clipedu_lessons.common.things import thing
from clipedu_lessons.l10_linear_probes.probe_tasks import (
    PROBE_TASKS,
    coarse_pixels,
    color_statistics,
    paired_margin,
    probe_task,
    standardize,
)

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "clipedu" / "assets" / "laptop.safetensors"
TABLE = stored("baseline.csv")
RUN = ROOT / "runs" / "baseline"
KINDS = ("clip", "supervised", "simclr", "clip_plain")
TRIVIAL = ("colors", "pixels", "untrained")
COMPARED = (
    ("simclr", "clip"),
    ("supervised", "clip"),
    ("clip_plain", "clip"),
    ("simclr", "pixels"),
)
LAMBDAS = tuple(10.0**k for k in range(-4, 7))  # of standardized features
NARROW = LAMBDAS[4:9]  # 1 to 1e4: what the choice of a grid does
TOLERANCE = 1e-6
SMALL = {"vision_width": 128, "vision_layers": 3, "text_layers": 1}
VOCAB_SIZE, LEAST = 2048, 10  # LEAST: pictures of a label, at least
PLAIN = {"invert": 0.0, "thicken": 0.0, "thin": 0.0, "outline": 0.0, "lines": 0.0}


def recipe_of(kind: str, steps: int) -> Recipe:
    """The recipe of an encoder: `laptop` with a smaller model and half the batch."""
    changes: dict[str, Any] = {"model": SMALL, "vocab_size": VOCAB_SIZE, "context_length": 16}
    changes |= {"batch_size": 256, "steps": steps, "evaluate_every": 0, "checkpoint_every": steps}
    changes["learning_rate"] = 2e-3  # as in the stored series
    recipe = dataclasses.replace(RECIPES["laptop"], **changes)
    if kind == "simclr":
        return dataclasses.replace(recipe, objective="simclr")
    if kind == "clip_plain":
        augmentation = dataclasses.replace(recipe.augmentation, **PLAIN)
        return dataclasses.replace(recipe, augmentation=augmentation)
    return recipe


@cache
def data() -> PairSet:
    return load_training_pairs(progress=False).drawn("sentences")


@cache
def words() -> Tokenizer:
    """The first merges of the shipped tokenizer."""
    return Tokenizer(load_pretrained()[1].merges[: VOCAB_SIZE - 258])


def labels_of(pairs: PairSet) -> tuple[torch.Tensor, int]:
    """(n,) int64, the first word of a picture's name as a class; -1: too rare to be a label."""
    first = [thing(icon) for icon in pairs.icons]
    kept = sorted(word for word, count in Counter(first).items() if count >= LEAST)
    number = {word: k for k, word in enumerate(kept)}
    return torch.tensor([number.get(word, -1) for word in first]), len(kept)


def train_with_labels(recipe: Recipe, seed: int) -> CLIP:
    """CLIP's image encoder with a linear layer of one output a class, trained by cross-entropy.

    The batches are those of `train`; pictures whose word is no label are skipped.
    """
    model = build(recipe.config(words().vocab_size), seed=seed).train()
    labels, classes = labels_of(data())
    head = nn.Linear(model.config.vision.feature_width, classes)
    named = [(f"visual.{name}", p) for name, p in model.visual.named_parameters()]
    named = [(name, p) for name, p in named if name != "visual.proj"]  # after the features
    named += [(f"head.{name}", p) for name, p in head.named_parameters()]
    optimizer = make_optimizer(
        named, recipe.weight_decay, muon=recipe.optimizer == "muon",
        lr=recipe.learning_rate, betas=recipe.betas, eps=recipe.eps,
    )  # fmt: skip
    for step in range(recipe.steps):
        rows = data().rows_at(step, recipe.batch_size, seed)
        pictures, _ = data().batch_at(step, recipe.batch_size, seed, recipe.augmentation)
        wanted = labels[rows]
        known = wanted >= 0
        with torch.autocast("cpu", torch.bfloat16):
            scores = head(model.visual.features(to_model(pictures[known])))
        loss = F.cross_entropy(scores.float(), wanted[known])
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(step)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([p for _, p in named], recipe.grad_clip or torch.inf)
        optimizer.step()
        if step % 50 == 0 or step == recipe.steps - 1:
            print(f"labels: step {step}, loss {loss.item():.3f}", flush=True)
    return model.eval()


def encoder(kind: str, steps: int, folder: Path, seed: int = 0) -> CLIP:
    """One of the four, from the folder if it is there by this recipe, or trained and put there."""
    recipe = recipe_of(kind, steps)
    weights, plain = folder / f"{kind}.safetensors", folder / f"{kind}.json"
    model = build(recipe.config(words().vocab_size), seed=seed)
    if not (plain.is_file() and Recipe.load(plain) == recipe):
        start = time.process_time()
        if kind == "supervised":
            trained = train_with_labels(recipe, seed)
        else:
            made = train(recipe, seed=seed, pairs=data(), tokenizer=words(), progress=False)
            trained = made.model
            print(f"{kind}: loss {made.history[-1]['loss']:.3f}", flush=True)
        print(f"{kind}: {time.process_time() - start:.0f} s", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        plain.unlink(missing_ok=True)
        state = {k: v.contiguous() for k, v in trained.visual.state_dict().items()}
        save_file(state, weights)
        recipe.save(plain)  # last: only now the weights are whole
    model.visual.load_state_dict(load_file(weights))
    return model.eval()


def ladder(encoders: dict[str, CLIP], shipped: CLIP) -> dict[str, Callable[[Tensor], Tensor]]:
    """Name -> pictures (N, 3, R, R) to features (N, W), from the plainest on."""
    blank = build(shipped.config, seed=0).eval()
    models = {"untrained": blank, **encoders, "shipped": shipped}
    found: dict[str, Callable[[Tensor], Tensor]] = {
        "colors": color_statistics,
        "pixels": coarse_pixels,
    }
    return found | {name: partial(picture_features, model) for name, model in models.items()}


def answers(
    x: Tensor, labels: Tensor, split: Split, classes: int, across: bool
) -> tuple[Tensor, Tensor, float]:
    """Standardize, choose lambda on validation, fit again on both: right (n_test,), also with a
    lambda of NARROW, and the lambda of the first.

    Across artists there is no second fit, so that training and test artists stay one to one.
    """
    x = standardize(x, split.train)
    train, validation, test = ((x[rows], labels[rows])
                               for rows in (split.train, split.validation, split.test))  # fmt: skip
    fit = partial(fit_probe, classes=classes, tolerance=TOLERANCE)
    found = search_lambda(train, validation, grid=LAMBDAS, search="grid", fit=partial(fit, *train))

    @cache
    def right(k: int) -> Tensor:
        probe = found.probes[k]
        if not across:
            probe = fit(x[split.fitted], labels[split.fitted], probe.lam, start=probe)
        return probe.logits(test[0]).argmax(1) == test[1]

    def best(lams: Sequence[float]) -> int:
        tried = [k for k, lam in enumerate(found.lams) if lam in lams]
        return max(tried, key=lambda k: (found.accuracies[k], k))

    return right(best(LAMBDAS)), right(best(NARROW)), found.best


def measure(
    names: list[str], rungs: dict[str, Callable[[Tensor], Tensor]], shipped: CLIP, tokenizer: Any
) -> list[dict[str, Any]]:
    """A row for each task: zero-shot, a probe on each kind of features, what CLIP is ahead.

    names: one task, or several that share training and validation, whose test parts follow in turn
    """
    loaded = [probe_task(name) for name in names]
    task, _, split = loaded[0]
    rest = [(t.take(s.test), g[s.test]) for t, g, s in loaded[1:]]
    pictures = torch.cat([task.pictures, *(t.pictures for t, _ in rest)])
    labels = torch.cat([task.labels, *(t.labels for t, _ in rest)])
    more = torch.arange(len(task), len(labels))
    whole = dataclasses.replace(split, test=torch.cat([split.test, more]))
    classes = len(task.class_names)
    across = names[0].startswith("to ")
    found = {
        key: answers(of(pictures), labels, whole, classes, across) for key, of in rungs.items()
    }
    rows, start = [], 0
    for name, (each, groups, part) in zip(names, loaded, strict=True):
        test, groups = each.take(part.test), groups[part.test]
        row: dict[str, Any] = {"task": name, "seen": each.seen, "classes": classes}
        row |= {"n": len(each), "n_test": len(test), "chance": each.chance}
        asked = zero_shot(shipped, tokenizer, test).predictions[:, 0] == test.labels
        row["zero_shot"] = float(asked.double().mean())
        part_of = slice(start, start + len(test))
        hits = {key: right[part_of] for key, (right, _, _) in found.items()}
        start += len(test)
        for key, right in hits.items():
            low, high = grouped_interval(right, groups)
            row |= {f"{key}_probe": float(right.double().mean()), f"{key}_low": low}
            row |= {f"{key}_high": high, f"{key}_lambda": found[key][2]}
            row[f"{key}_narrow"] = float(found[key][1][part_of].double().mean())
        best = max(TRIVIAL, key=lambda key: row[f"{key}_probe"])
        margin = paired_margin(hits["shipped"], hits[best], groups)
        row |= {"trivial": best, "margin": margin[0]}
        row |= {"margin_low": margin[1], "margin_high": margin[2]}
        for one, other in COMPARED:
            ahead = paired_margin(hits[one], hits[other], groups)
            ends = zip(("", "_low", "_high"), ahead, strict=True)
            row |= {f"{one}_vs_{other}{end}": value for end, value in ends}
        print(" ".join(f"{k} {_text(v)}" for k, v in row.items()), flush=True)
        rows.append(row)
    return rows


def _text(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def write(path: Path, rows: list[dict[str, str]]) -> None:
    """The table, whole or not at all."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_whole(path, text.getvalue())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=RUN, help="where the encoders are kept")
    parser.add_argument("--steps", type=int, default=200, help="fewer, for a try")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--train-only", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    encoders = {kind: encoder(kind, args.steps, args.run) for kind in KINDS}
    if args.train_only:
        return
    digest = hashlib.sha256()
    for kind in KINDS:
        digest.update((args.run / f"{kind}.safetensors").read_bytes())
    same = {
        "model": "laptop",
        "checkpoint": hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:16],
        "encoders_sha256": digest.hexdigest()[:16],
        "recipe": recipe_of("clip", args.steps).to_dict(),
        "lambdas": LAMBDAS,
        "tolerance": TOLERANCE,
    }
    about, rows = args.table.with_suffix(".json"), []
    known = json.loads(about.read_text()) if about.is_file() else {}
    if all(known.get(key) == json.loads(json.dumps(value)) for key, value in same.items()):
        with args.table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    shipped, tokenizer, _ = load_pretrained()
    rungs = ladder(encoders, shipped.float().eval())
    missing = []
    together = [name for name in PROBE_TASKS if name.startswith("to ")]
    for names in [together, *([name] for name in PROBE_TASKS if name not in together)]:
        if any(row["task"] == names[0] for row in rows):
            continue
        try:
            new = measure(names, rungs, shipped, tokenizer)
        except TaskUnavailable:
            missing += names
            continue
        rows += [{key: _text(value) for key, value in row.items()} for row in new]
        write(args.table, rows)
        more = {
            "date": datetime.date.today().isoformat(),
            "machine": f"one core of a server CPU with AMX ({platform.machine()})",
            "torch": torch.__version__,
            "command": "python benchmarks/baseline.py",
            **same,
            "labels": f"first word of a name, if {LEAST} training pictures have it",
            "classes": labels_of(data())[1],
            "clip_plain": PLAIN,
            "narrow": NARROW,
            "missing": missing,
        }
        write_whole(about, json.dumps(more, indent=1) + "\n")


if __name__ == "__main__":
    main()
