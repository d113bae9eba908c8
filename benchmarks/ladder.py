"""From ConVIRT to CLIP, one change at a time: the two rungs between them, three seeds of each.

    python benchmarks/ladder.py            # 7 minutes on one core; goes on where it was broken off

The recipe and the batches are those of benchmarks/objectives.py, whose table has both ends of the
ladder. ConVIRT has non-linear projections, unequal weights and a fixed temperature; these runs give
it linear projections, then equal weights as well; with a learned temperature it is CLIP. Zero-shot
accuracy on all pictures of the held-out sets, one row a run, in lesson 07's results/ladder.csv.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import sys
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from objectives import RESULTS, SERIES, data, recipe_of, words
from testbed import describe, write

from clipedu.evaluation import load_task, zero_shot
from clipedu.pairs import HELD_OUT_FAMILIES
from clipedu.training import train

RUNGS: dict[str, dict[str, Any]] = {
    "linear projections": {"heads": False},
    "equal weights": {"heads": False, "lam": 0.5},
}


def measure(rung: str, seed: int, steps: int) -> dict[str, str]:
    """One run, as a row of the table. Accuracies are shares of 1."""
    recipe = dataclasses.replace(recipe_of("convirt", steps), options=RUNGS[rung])
    run = train(recipe, seed=seed, pairs=data(), tokenizer=words(), progress=False)
    row = {"rung": rung, "seed": str(seed), "steps": str(steps)}
    row["loss"] = f"{run.history[-1]['loss']:.3f}"
    for name in HELD_OUT_FAMILIES:
        found = zero_shot(run.model, words(), load_task(name), templates="{}")
        row[f"whole_{name}"] = f"{found.top1:.4f}"
    print(row, flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=SERIES.steps)
    parser.add_argument("--table", type=Path, default=RESULTS / "ladder.csv")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, str]] = []
    if args.table.exists():
        with args.table.open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["steps"] == str(args.steps)]
    done = {(row["rung"], row["seed"]) for row in rows}
    for seed in args.seeds:
        for rung in RUNGS:
            if (rung, str(seed)) not in done:
                rows.append(measure(rung, seed, args.steps))
                write(args.table, rows)
    describe(
        args.table,
        command="python benchmarks/ladder.py",
        recipe=recipe_of("convirt", args.steps).to_dict(),
        rungs=RUNGS,
    )


if __name__ == "__main__":
    main()
