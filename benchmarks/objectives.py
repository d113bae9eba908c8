"""Why contrast? Nine ways to learn from the same pairs, on one budget (paper section 2.3).

    python benchmarks/objectives.py                                  # what is not in the CSV yet
    python benchmarks/objectives.py --only clip bow caption --seeds 0
    python benchmarks/objectives.py --rates                          # would another rate change it?
    python benchmarks/objectives.py --steps 3 --out runs/objectives.csv    # does it run?

Every objective trains the same image encoder on the same batches, for the same number of steps. On
the way each is asked the held-out icon sets zero-shot, in its own way: `zero_shot` says how. At the
end, and before the first step, a linear probe across artists: it learns names from Material Design
Icons and is tested on the held-out sets. Rows go to lesson 07's `results/objectives.csv` as they
are measured, and a run that is in there to its last step is not made again; JSON beside it says
recipe and machine. Several processes may each do some of the objectives.

All have the learning rate of recipe `lesson`, which was chosen for CLIP; `--rates` tries half and
twice of it for every objective, in short runs on the validation split, and writes down what it
finds.

FLOPs are counted, not measured: the matrix products and convolutions of one training step, forward
and backward, by torch's counter. Seconds are of training alone, on one thread.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import dataclasses
import datetime
import fcntl
import hashlib
import io
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from clipedu.device import pick_device
from clipedu.evaluation import Task, class_scores, load_task, zero_shot
from clipedu.evaluation.embedding import encode_pictures
from clipedu.evaluation.probe import search_lambda
from clipedu.files import write_whole
from clipedu.models import CLIP, build
from clipedu.objectives import OBJECTIVES, ImageModel
from clipedu.pairs import HELD_OUT_FAMILIES, Augmentation, PairSet, held_out_pairs, to_pictures
from clipedu.pairs import training_pairs as load_training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.training import (
    RECIPES,
    Feeder,
    Pairs,
    Recipe,
    Run,
    left_out_split,
    load_pretrained,
    train,
)

RESULTS = Path(__file__).resolve().parents[1] / "clipedu_lessons" / "l07_objectives" / "results"
OUT = RESULTS / "objectives.csv"
VOCAB_SIZE = 2048
#: The recipe of lesson 04 with a quarter of the batch, a smaller encoder and fewer tokens: a run
#: takes one or two minutes on one core.
SERIES = dataclasses.replace(
    RECIPES["lesson"],
    learning_rate=2e-3,  # one for all objectives; lesson 04 takes 8e-3
    model={"vision_width": 128, "vision_layers": 3, "text_layers": 1},
    vocab_size=VOCAB_SIZE,
    context_length=16,
    batch_size=128,
    steps=400,
    evaluate_every=0,
)
MOMENTS = (0, 50, 100, 150, 200, 300, 400)
RATES = (1e-3, 2e-3, 4e-3)
TRIAL_STEPS = 80
SOME = 80  # pictures of each set that are asked on the way; all at the end
TASKS = HELD_OUT_FAMILIES
COLUMNS = [
    *"objective seed step pictures flops seconds loss".split(),
    *TASKS,
    "zero_shot",
    *(f"{task}_{kind}" for kind in ("per_token", "centered") for task in TASKS),
    *(f"whole_{task}" for task in TASKS),
    *(f"{kind}_{task}" for kind in ("probe", "grid") for task in TASKS),
]
PROBE_TRAINS_ON, PROBE_CHOOSES_ON = "mdi", "phosphor"
GRID = tuple(10.0**k for k in range(-1, 4))  # lambda of the probe


@cache
def words() -> Tokenizer:
    """The first merges of the shipped model's tokenizer, which learned from the same captions."""
    return Tokenizer(load_pretrained()[1].merges[: VOCAB_SIZE - 258])


class Remembered(Pairs):
    """Pairs whose batches are made once: all objectives of a seed see the same ones.

    In 8 bits, as the pictures were drawn: 3 kB each.
    """

    def __init__(self, pairs: PairSet) -> None:
        self.pairs, self.all_texts = pairs, pairs.texts()
        self.made: dict[tuple[Any, ...], tuple[torch.Tensor, list[str]]] = {}
        self.role = pairs.role

    def __len__(self) -> int:
        return len(self.pairs)

    def texts(self) -> list[str]:
        return self.all_texts

    @property
    def largest_batch(self) -> int:
        return self.pairs.largest_batch

    def batch_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation, /
    ) -> tuple[torch.Tensor, list[str]]:
        key = (step, n, seed, augmentation)
        if key not in self.made:
            if any(old[2:] != key[2:] for old in self.made):
                self.made.clear()  # of another seed
            pictures, captions = self.pairs.batch_at(step, n, seed, augmentation)
            self.made[key] = ((pictures * 255).round().byte(), captions)
        pixels, captions = self.made[key]
        return pixels.float() / 255, captions


@cache
def data() -> Remembered:
    """The pairs of all twelve training sets, with the recipe's captions."""
    return Remembered(load_training_pairs(progress=False).drawn(SERIES.captions))


def some(task: Task) -> torch.Tensor:
    """Rows of a task, `SOME` of them, the same each time."""
    rows = torch.randperm(len(task), generator=torch.Generator().manual_seed(0))[:SOME]
    return rows.sort().values


def recipe_of(objective: str, steps: int, rate: float = SERIES.learning_rate) -> Recipe:
    """The series' recipe for one objective."""
    return dataclasses.replace(SERIES, objective=objective, steps=steps, learning_rate=rate)


# ------------------------------------------------------------------------------- measurements


def asked(model: CLIP, task: Task, *, all_pictures: bool) -> dict[str, float]:
    """Zero-shot accuracies by bare names: of some pictures, at the end also of all.

    A model of likelihoods is asked for the sum over the words, for their mean, and for the sum
    beyond what the name has on the mean of these pictures, which takes away how common it is.
    """
    rows = some(task)
    part = task if all_pictures else task.take(rows)
    if isinstance(model, ImageModel):
        with torch.autocast("cpu", torch.bfloat16):
            scores = class_scores(model, words(), part.pictures, part.class_names)
        counts = model.word_counts(words()(part.class_names, SERIES.context_length))
        answers = {"": scores.argmax(1), "_per_token": (scores / counts).argmax(1)}
        answers["_centered"] = (scores - scores.mean(0)).argmax(1)
    else:
        answers = {"": zero_shot(model, words(), part, templates="{}").predictions[:, 0]}
    found = {}
    for kind, classes in answers.items():
        right = (classes == part.labels).double()
        found[task.name + kind] = float((right[rows] if all_pictures else right).mean())
        if all_pictures and not kind:
            found[f"whole_{task.name}"] = float(right.mean())
    return found


Named = dict[str, tuple[torch.Tensor, list[str]]]  # icon set -> pictures (n, 3, S, S), n names


@cache
def probe_pictures(tests: tuple[str, ...]) -> Named:
    """Pictures of the sets that the probe learns, chooses and is tested on: names all know."""
    sets: dict[str, PairSet] = {}
    for key in (PROBE_TRAINS_ON, PROBE_CHOOSES_ON):
        sets[key] = load_training_pairs(families=(key,), progress=False)
    for key in tests:
        held = key in HELD_OUT_FAMILIES
        load: Callable[..., PairSet] = held_out_pairs if held else load_training_pairs
        sets[key] = load(families=(key,), progress=False)
    names = {key: {icon.name for icon in pairs.icons} for key, pairs in sets.items()}
    tested = set().union(*(names[key] for key in tests))
    known = names[PROBE_TRAINS_ON] & names[PROBE_CHOOSES_ON] & tested
    found: Named = {}
    for key, pairs in sets.items():
        rows = [k for k, icon in enumerate(pairs.icons) if icon.name in known]
        found[key] = (to_pictures(pairs.rgba[rows]), [pairs.icons[k].name for k in rows])
    return found


def probed(model: CLIP, tests: tuple[str, ...] = TASKS) -> dict[str, float]:
    """A linear probe across artists, on the features of a picture and on the mean of its grid.

    All pictures of a name are in one set only, so no name's styles are split. Lambda is chosen on
    Phosphor, a training set; the sets tested on are looked at once.
    """
    kinds: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "probe": model.image_features,
        "grid": lambda pictures: model.image_grid(pictures).mean(1),
    }
    data = probe_pictures(tests)
    classes = sorted(set(data[PROBE_TRAINS_ON][1]))
    number = {name: k for k, name in enumerate(classes)}
    found = {}
    for kind, encode in kinds.items():
        sets = {}
        for key, (pictures, names) in data.items():
            features = encode_pictures(model, pictures, encode)
            sets[key] = (features, torch.tensor([number[name] for name in names]))
        mean, std = sets[PROBE_TRAINS_ON][0].mean(0), sets[PROBE_TRAINS_ON][0].std(0) + 1e-6
        sets = {key: ((x - mean) / std, y) for key, (x, y) in sets.items()}
        train_on, choose_on = sets[PROBE_TRAINS_ON], sets[PROBE_CHOOSES_ON]
        search = search_lambda(train_on, choose_on, grid=GRID, search="grid", classes=len(classes))
        probe = search.probes[search.lams.index(search.best)]
        for key in tests:
            found[f"{kind}_{key}"] = probe.accuracy(*sets[key])
    return found


@cache
def untrained(seed: int) -> dict[str, float]:
    """The probe before the first step: of a seed, all objectives have the same image encoder."""
    return probed(build(SERIES.config(words().vocab_size), seed=seed))


def flops_of_a_step(recipe: Recipe, texts: list[str]) -> float:
    """Forward and backward of one batch, matrix products and convolutions: two a multiply-add."""
    run = Run(recipe, 0, pick_device("cpu"), words(), texts=texts)
    run.model.train()
    batch = Feeder(data(), words(), recipe, 0, torch.device("cpu"))(0)
    with FlopCounterMode(display=False) as counter:
        image, text, scale = run.network(batch.pictures, batch.tokens)
        run.loss(image, text, scale, batch.false_negative_ids).backward()
    return float(counter.get_total_flops())


# ------------------------------------------------------------------------------------- a run


class Clock:
    """Seconds of the processor, which other work on the machine does not lengthen."""

    def start(self) -> None:
        self.began, self.paused = time.process_time(), 0.0

    @property
    def seconds(self) -> float:
        return time.process_time() - self.began - self.paused

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        before = time.process_time()
        yield
        self.paused += time.process_time() - before


def run(objective: str, seed: int, steps: int, out: Path) -> None:
    """Trains one model and adds its rows to the CSV, one at a time."""
    recipe = recipe_of(objective, steps)
    texts = data().texts() if objective == "ngrams" else []
    flops = flops_of_a_step(recipe, texts)
    tasks = [load_task(name) for name in TASKS] if objective != "simclr" else []
    moments = {min(moment, steps) for moment in MOMENTS} | {steps}
    losses: list[float] = []
    clock = Clock()

    def measure(step: int, seconds: float, model: CLIP) -> None:
        row: dict[str, Any] = {"objective": objective, "seed": seed, "step": step}
        row |= {"pictures": step * recipe.batch_size, "flops": f"{step * flops:.4e}"}
        row |= {"seconds": f"{seconds:.1f}"}
        row |= {"loss": f"{statistics.fmean(losses[-10:]):.4f}" if losses else ""}
        found: dict[str, float] = {}
        for task in tasks:
            found |= asked(model, task, all_pictures=step == SERIES.steps)
        if tasks:
            found["zero_shot"] = statistics.fmean(found[name] for name in TASKS)
        if step in (0, steps):
            found |= probed(model) if step else untrained(seed)
        row |= {name: f"{value:.4f}" for name, value in found.items()}
        add_row(out, row)
        print(" ".join(f"{k} {v}" for k, v in row.items() if v != ""), flush=True)

    def look(row: dict[str, Any], model: CLIP) -> None:
        losses.append(row["loss"])
        if row["step"] in moments - {steps}:
            with clock.stopped():
                measure(row["step"], clock.seconds, model)

    first = Run(recipe, seed, pick_device("cpu"), words(), texts=texts)
    measure(0, 0.0, first.model.eval())
    del first
    clock.start()
    result = train(
        recipe, seed=seed, pairs=data(), tokenizer=words(), progress=False, callbacks=[look]
    )
    measure(steps, clock.seconds, result.model)


def try_rates(objectives: list[str], out: Path) -> None:
    """Short runs at other learning rates, on the validation split.

    The measure is the same for all: the probe across artists on the two sets that are left out.
    """
    pairs, tasks = left_out_split()
    tests = tuple(task.name for task in tasks)
    for objective in objectives:
        for rate in RATES:
            tried = about(out).get("tried", {}).get(objective, {})
            if f"{rate:g}" in tried:
                continue
            recipe = recipe_of(objective, TRIAL_STEPS, rate)
            made = train(recipe, seed=0, pairs=pairs, tokenizer=words(), progress=False)
            found = probed(made.model, tests)
            best = max(
                statistics.fmean(found[f"{kind}_{test}"] for test in tests)
                for kind in ("probe", "grid")
            )
            print(f"{objective} at {rate:g}: {best:.3f}  loss {made.history[-1]['loss']:.3f}")
            keep_trial(out, objective, rate, best)


# ------------------------------------------------------------------------------------- files


def locked(out: Path, change: Callable[[], None]) -> None:
    """Two processes may write the same files: one after the other."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(out.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        change()
    finally:
        os.close(folder)


def read(out: Path) -> list[dict[str, str]]:
    """The rows so far; none where there is no file."""
    if not out.exists():
        return []
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def add_row(out: Path, row: dict[str, Any]) -> None:
    """Adds a row, or replaces the one of the same moment; sorted, whole or not at all."""

    def change() -> None:
        key = {name: str(row[name]) for name in ("objective", "seed", "step")}
        rows = [old for old in read(out) if any(old[name] != key[name] for name in key)]
        rows.append({name: str(row.get(name, "")) for name in COLUMNS})
        order = list(OBJECTIVES)
        rows.sort(key=lambda r: (order.index(r["objective"]), int(r["seed"]), int(r["step"])))
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(out, text.getvalue())

    locked(out, change)


def about(out: Path) -> dict[str, Any]:
    """The JSON beside the CSV."""
    path = out.with_suffix(".json")
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def keep_trial(out: Path, objective: str, rate: float, accuracy: float) -> None:
    """Writes down what a learning rate gave."""

    def change() -> None:
        facts = about(out)
        tried = facts.setdefault("tried", {}).setdefault(objective, {})
        tried[f"{rate:g}"] = round(accuracy, 4)
        write_whole(out.with_suffix(".json"), json.dumps(facts, indent=1) + "\n")

    locked(out, change)


def write_about(out: Path, steps: int) -> None:
    """How the rows were made."""
    captions = "\n".join(data().texts())
    probe = probe_pictures(TASKS)

    def change() -> None:
        facts: dict[str, Any] = {
            "command": "python benchmarks/objectives.py",
            "date": datetime.date.today().isoformat(),
            "machine": f"one core of a server CPU with AMX ({platform.machine()})",
            "torch": torch.__version__,
            "captions_sha256": hashlib.sha256(captions.encode()).hexdigest()[:16],
            "tokenizer_sha256": hashlib.sha256(
                json.dumps(words().to_dict(), sort_keys=True).encode()
            ).hexdigest()[:16],
            "zero_shot": "bare names; likelihoods summed over the words; *_per_token: their"
            " mean; *_centered: the sum minus its mean over the pictures of the task",
            "probe": {
                "learns": PROBE_TRAINS_ON,
                "lambda_on": PROBE_CHOOSES_ON,
                "classes": len(set(probe[PROBE_TRAINS_ON][1])),
                "pictures": {key: len(names) for key, (_, names) in probe.items()},
            },
            "rates": "all have the recipe's; `tried`: probe across artists on remix and bootstrap,"
            f" left out of training, after {TRIAL_STEPS} steps, seed 0",
            "pictures_asked_on_the_way": SOME,
            "recipe": dataclasses.replace(SERIES, steps=steps).to_dict(),
        }
        if "tried" in (before := about(out)):
            facts["tried"] = before["tried"]
        write_whole(out.with_suffix(".json"), json.dumps(facts, indent=1) + "\n")

    locked(out, change)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=OBJECTIVES, default=list(OBJECTIVES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=SERIES.steps, help="for a trial")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--rates", action="store_true", help="try other learning rates")
    args = parser.parse_args()
    if args.steps != SERIES.steps and args.out == OUT:
        parser.error("a trial with --steps needs --out FILE: the CSV holds whole runs")
    torch.set_num_threads(1)
    if args.rates:
        try_rates(args.only, args.out)
        return
    write_about(args.out, args.steps)
    for seed in args.seeds:
        for objective in args.only:
            kept = {(r["objective"], int(r["seed"]), int(r["step"])) for r in read(args.out)}
            if (objective, seed, args.steps) not in kept:
                run(objective, seed, args.steps, args.out)


if __name__ == "__main__":
    main()
