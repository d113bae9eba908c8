"""Model size and pairs seen, separated: trains the grid of lesson 09 and keeps one row a run.

    python benchmarks/scaling.py                 # all runs that are not in the CSV yet
    python benchmarks/scaling.py --list          # what there is to do, and its compute
    python benchmarks/scaling.py --only 16 32 --pairs 5120 --out runs/scaling.csv

Rows go to lesson 09's `results/scaling.csv` as each run ends; a run that has a row is not made
again. Each has one thread; seconds are the processor's. Runs of one seed see the same pairs in the
same order, so that a longer run begins with those of a shorter one. Errors are zero-shot on Remix
and Bootstrap, which are left out of training (their mean is `error`), and on Lucide.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from objectives import Remembered
from testbed import describe, read, write

from clipedu.models import CLIP, count_parameters
from clipedu.training import train
from clipedu.training.batches import dataset_fingerprint
from clipedu_lessons.l09_scaling_laws.grid import (
    AMONG,
    BATCH_SIZE,
    PAIRS,
    WIDTHS,
    data,
    error_among,
    flops,
    recipe_of,
    words,
)

RESULTS = Path(__file__).resolve().parents[1] / "clipedu_lessons" / "l09_scaling_laws" / "results"


def errors_of(model: CLIP) -> dict[str, str]:
    """Errors on every task, among all names and among ten, and the mean of the left-out sets."""
    found: dict[str, float] = {}
    for task in data()[1]:
        whole, among = error_among(model, words(), task)
        found |= {f"{task.name}_whole": whole, task.name: among}
    for kind in ("", "_whole"):
        found[f"error{kind}"] = (found[f"remix{kind}"] + found[f"bootstrap{kind}"]) / 2
    return {name: f"{value:.4f}" for name, value in found.items()}


def run(width: int, pairs: int, seed: int, stream: Remembered) -> dict[str, str]:
    """Trains and measures one model; the row of the CSV."""
    recipe = recipe_of(width, pairs)
    start = time.process_time()
    result = train(recipe, seed=seed, pairs=stream, tokenizer=words(), progress=False)
    seconds = time.process_time() - start
    tail = [row["loss"] for row in result.history[-recipe.steps // 10 :]]
    row: dict[str, Any] = {"width": width, "pairs": pairs, "seed": seed}
    row |= {"parameters": count_parameters(result.model), "flops": f"{flops(width, pairs):.4e}"}
    row |= {"steps": recipe.steps, "seconds": f"{seconds:.1f}"}
    row |= {"loss": f"{sum(tail) / len(tail):.4f}", **errors_of(result.model)}
    return {name: str(value) for name, value in row.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", type=int, default=list(WIDTHS), metavar="WIDTH")
    parser.add_argument("--pairs", nargs="+", type=int, default=list(PAIRS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=RESULTS / "scaling.csv")
    parser.add_argument("--list", action="store_true", help="say what there is to do, and stop")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = read(args.out)
    done = {(row["width"], row["pairs"], row["seed"]) for row in rows}
    todo = [(w, p, s) for s in args.seeds for p in args.pairs for w in args.only]
    todo = [one for one in todo if tuple(map(str, one)) not in done]
    print(f"{len(todo)} runs to do, {len(done)} done.", flush=True)
    for one in todo if args.list else []:
        print("width {}, {:,} pairs, seed {}".format(*one), f"{flops(*one[:2]):.1e} FLOPs")
    if args.list or not todo:
        return
    stream = Remembered(data()[0])
    for one in todo:
        row = run(*one, stream)
        rows.append(row)
        rows.sort(key=lambda row: [int(row[name]) for name in ("seed", "width", "pairs")])
        write(args.out, rows)
        print(one, {k: row[k] for k in ("seconds", "error")}, flush=True)
    describe(
        args.out,
        machine="one core of a server CPU with AMX (x86_64)",
        command="python benchmarks/scaling.py",
        data=dataset_fingerprint(data()[0]),
        error=f"zero-shot error among {AMONG} names, mean of remix and bootstrap, left out of "
        "training; *_whole: among all names",
        flops="six times the multiply-adds of one forward pass of both encoders, times pairs",
        recipe=recipe_of(WIDTHS[0], BATCH_SIZE).to_dict(),
    )


if __name__ == "__main__":
    main()
