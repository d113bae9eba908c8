"""What does fine-tuning teach the shipped model, and what does it forget? By method and rate.

    python benchmarks/finetune.py                  # 20 minutes on one core
    python benchmarks/finetune.py --seeds 0 --rates 1e-3 --table runs/try.csv

Two hundred of scikit-learn's handwritten digits, 40 steps of 50, everything else of the recipe
`finetune_recipe`. The target is measured on 500 other digits, the loss elsewhere on held-out icon
sets, which decide nothing here: every method is shown at every rate. A row for each run, task and
share of the fine-tuned weights (0: before, 1: after, between: WiSE-FT, arXiv 2109.01903) in
lesson 13's results/finetune.csv. Rows that are there are kept: a run that was broken off goes on.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from testbed import describe

from clipedu.evaluation import Task, load_task
from clipedu.files import write_whole
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu.training import (
    accuracy_of,
    finetune_recipe,
    interpolate,
    load_pretrained,
    split_task,
    train,
)
from clipedu.training.adapt import METHODS, adapt_, merge_
from clipedu.training.checkpoint import ASSETS
from clipedu_lessons.common.records import LESSONS

TABLE = LESSONS / "l13_the_real_clip" / "results" / "finetune.csv"
MODEL = "laptop"
RATES = (1e-5, 1e-4, 1e-3, 1e-2)
SHARES = (0.25, 0.5, 0.75, 1.0)
LEARN, TEST, STEPS, BATCH = 200, 500, 40, 50
ELSEWHERE = ("lucide", "heroicons")
FIELDS = "method,masked,learning_rate,seed,share,task,right,pictures,learned,loss,seconds".split(
    ","
)


def learned_numbers(model: CLIP, method: str, rank: int) -> int:
    """How many numbers of the model a method changes."""
    adapt_(model, method, rank, 0)
    count = sum(p.numel() for p in model.parameters() if p.requires_grad)
    merge_(model)
    return count


def measure(model: CLIP, tokenizer: Tokenizer, tasks: list[Task]) -> list[dict[str, Any]]:
    """A row for each task: right answers and pictures."""
    return [
        {
            "task": task.name,
            "right": round(accuracy_of(model, tokenizer, task) * len(task)),
            "pictures": len(task),
        }
        for task in tasks
    ]


def store(table: Path, rows: list[dict[str, Any]], steps: int, rates: Sequence[float]) -> None:
    """The table, and beside it how it was made."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    table.parent.mkdir(parents=True, exist_ok=True)
    write_whole(table, text.getvalue())
    recipe = finetune_recipe(load_pretrained(MODEL)[0], steps=steps, batch_size=BATCH).to_dict()
    for name in ("method", "mask_same_captions", "learning_rate"):
        recipe[name] = "see the columns"
    weights = (ASSETS / f"{MODEL}.safetensors").read_bytes()
    describe(
        table,
        command="python benchmarks/finetune.py",
        machine=f"one core of a server CPU with AMX, {platform.machine()}",
        model=MODEL,
        checkpoint=hashlib.sha256(weights).hexdigest()[:16],
        table=hashlib.sha256(text.getvalue().encode()).hexdigest()[:16],
        recipe=recipe,
        rates=list(rates),
        learn=LEARN,
        test=TEST,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--table", type=Path, default=TABLE)
    args = parser.parse_args()
    model, tokenizer, _ = load_pretrained(MODEL)
    digits, others = load_task("digits"), [load_task(name) for name in ELSEWHERE]
    rows: list[dict[str, Any]] = []
    if args.table.exists():
        with args.table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    known = {(r["method"], r["masked"], float(r["learning_rate"]), int(r["seed"])) for r in rows}
    variants = [(method, "yes") for method in METHODS] + [("full", "no")]
    for seed in args.seeds:
        pairs, rest = split_task(digits, LEARN, seed)
        tasks = [rest.take(slice(TEST)), *others]
        if ("before", "", 0.0, seed) not in known:
            about = {"method": "before", "masked": "", "learning_rate": 0.0, "seed": seed}
            rows += [about | {"share": 0} | row for row in measure(model, tokenizer, tasks)]
        for rate in args.rates:
            for method, masked in variants:
                if (method, masked, rate, seed) in known:
                    continue
                recipe = finetune_recipe(
                    model,
                    method=method,
                    learning_rate=rate,
                    steps=args.steps,
                    batch_size=BATCH,
                    mask_same_captions=masked == "yes",
                )
                start = time.perf_counter()
                result = train(
                    recipe, start=model, tokenizer=tokenizer, pairs=pairs, seed=seed, progress=False
                )
                about = {"method": method, "masked": masked, "learning_rate": rate, "seed": seed}
                about["loss"] = round(result.history[-1]["loss"], 4)
                about["seconds"] = round(time.perf_counter() - start, 1)
                about["learned"] = learned_numbers(load_pretrained(MODEL)[0], method, recipe.rank)
                for share in SHARES:
                    mixed = interpolate(model, result.model, share)
                    rows += [
                        about | {"share": share} | row for row in measure(mixed, tokenizer, tasks)
                    ]
                store(args.table, rows, args.steps, args.rates)
                whole = time.perf_counter() - start
                print(f"{method} {masked} {rate:g} {seed}: {whole:.0f} s", flush=True)
    store(args.table, rows, args.steps, args.rates)


if __name__ == "__main__":
    main()
