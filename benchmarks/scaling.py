"""What does ten times the compute buy? Trains a series of ResNets and ViTs and keeps one row a run.

    python benchmarks/scaling.py                 # all runs that are not in the CSV yet
    python benchmarks/scaling.py --list          # what there is to do, and its compute
    python benchmarks/scaling.py --steps 3 --only RN-8 ViT-32 --out runs/scaling.csv

The series is `SERIES` in lesson 09's series.py. Rows go to its `results/scaling.csv`, which
lesson 09 reads, as each run ends; a run that has a row is not trained again, so the benchmark goes
on where it was broken off. Beside it, scaling.json says machine, date, command and recipe.
Each run has one thread, and as many run at a time as there are cores: small models leave a second
thread idle. Seconds are the processor's, which an otherwise busy machine lengthens little.

Errors are zero-shot. `validation_error` is of pictures set aside inside the training families, and
is what any choice may look at. The held-out families (lucide, font_awesome, heroicons) are
reported only; `error` is their mean, decided before the first run.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import io
import json
import multiprocessing
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path
from typing import Any

import torch

from clipedu.evaluation import load_task, zero_shot
from clipedu.files import write_whole
from clipedu.models import count_parameters
from clipedu.pairs import FIRST_EDITION, all_captions
from clipedu.tokenizer import Tokenizer
from clipedu.training import train, validation_split
from clipedu_lessons.common.records import stored
from clipedu_lessons.l09_scaling_laws.series import (
    SERIES,
    VOCAB_SIZE,
    series_model,
    series_multiply_adds,
)

HELD_OUT = ("lucide", "font_awesome", "heroicons")
OUT = stored("scaling.csv")
COLUMNS = (
    "model family seed parameters image_parameters image_multiply_adds text_multiply_adds "
    "batch_size learning_rate steps pairs flops seconds last_loss validation_error lucide_error "
    "font_awesome_error heroicons_error error"
).split()


def read(path: Path) -> list[dict[str, str]]:
    """The rows so far; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """All rows, smallest model first, whole or not at all."""
    order = {model.name: place for place, model in enumerate(SERIES)}
    rows = sorted(rows, key=lambda row: (order[row["model"]], int(row["seed"])))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


@cache
def _data() -> tuple[Any, Any, Tokenizer, list[Any]]:
    pairs, validation = validation_split(families=FIRST_EDITION, progress=False)
    tokenizer = Tokenizer.train(all_captions(pairs.icons), VOCAB_SIZE)
    return pairs, validation, tokenizer, [load_task(name) for name in HELD_OUT]


def run(name: str, seed: int, steps: int | None) -> dict[str, Any]:
    """Trains and measures one model; the row of the CSV."""
    torch.set_num_threads(1)
    pairs, validation, tokenizer, tasks = _data()
    model, counts = series_model(name), series_multiply_adds(name)
    recipe = model.recipe(steps=steps)
    start = time.process_time()
    result = train(recipe, seed=seed, pairs=pairs, tokenizer=tokenizer, progress=False)
    seconds = time.process_time() - start
    tail = [row["loss"] for row in result.history[-20:]]
    errors = {
        task.name: 1 - zero_shot(result.model, tokenizer, task).top1
        for task in (validation, *tasks)
    }
    seen = recipe.steps * recipe.batch_size
    return {
        "model": name,
        "family": model.family,
        "seed": seed,
        "parameters": count_parameters(result.model),
        "image_parameters": count_parameters(result.model.visual),
        "image_multiply_adds": counts["visual"],
        "text_multiply_adds": counts["text"],
        "batch_size": recipe.batch_size,
        "learning_rate": f"{recipe.learning_rate:.2e}",
        "steps": recipe.steps,
        "pairs": seen,
        "flops": f"{6.0 * (counts['visual'] + counts['text']) * seen:.4e}",
        "seconds": f"{seconds:.1f}",
        "last_loss": f"{sum(tail) / len(tail):.4f}",
        **{f"{name}_error": f"{error:.4f}" for name, error in errors.items()},
        "error": f"{sum(errors[name] for name in HELD_OUT) / len(HELD_OUT):.4f}",
    }


def about(workers: int) -> dict[str, Any]:
    """What was measured where."""
    recipe = SERIES[0].recipe().to_dict()
    for name in ("model", "steps", "learning_rate"):
        del recipe[name]
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "command": "python benchmarks/scaling.py",
        "workers": workers,
        "threads_a_run": 1,
        "data": "training families without the pictures of 300 names (validation_split)",
        "error": "mean zero-shot top-1 error of " + ", ".join(HELD_OUT),
        "flops": "six times the multiply-adds of one forward pass of both towers, times pairs",
        "recipe": recipe,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="MODEL", help="some models of the series")
    parser.add_argument("--steps", type=int, help="another number of steps, for a trial")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--list", action="store_true", help="say what there is to do, and stop")
    args = parser.parse_args()
    chosen = [series_model(name) for name in args.only] if args.only else list(SERIES)
    if args.steps is not None and args.out == OUT:
        parser.error(
            "a trial with --steps needs --out FILE: the CSV of the course holds whole runs"
        )
    rows: list[dict[str, Any]] = list(read(args.out))
    done = {(row["model"], int(row["seed"])) for row in rows}
    todo = [
        (model, seed)
        for model in chosen
        for seed in range(model.seeds)
        if (model.name, seed) not in done
    ]
    # one run of each model first, from small to large: broken off, it still has a line; the widest
    # ViT, which takes as long as most others together, comes at the end
    todo.sort(key=lambda run: (run[0].name == "ViT-256", run[1] > 0, run[0].flops()))
    for model, seed in todo if args.list else []:
        print(f"{model.name:8} seed {seed}  {model.steps} steps  {model.flops():.2e} FLOPs")
    print(f"{len(todo)} runs to do, {len(done)} done.", flush=True)
    if args.list or not todo:
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.workers, mp_context=spawn) as pool:
        jobs = [pool.submit(run, model.name, seed, args.steps) for model, seed in todo]
        for count, job in enumerate(as_completed(jobs), 1):
            row = job.result()
            rows.append(row)
            write(args.out, rows)
            print(
                f"{count}/{len(todo)}  {row['model']:8} seed {row['seed']}  {row['flops']} FLOPs  "
                f"{row['seconds']} s  error {row['error']}  validation {row['validation_error']}",
                flush=True,
            )
    facts = json.dumps(about(args.workers), indent=1) + "\n"
    write_whole(args.out.with_suffix(".json"), facts)


if __name__ == "__main__":
    main()
