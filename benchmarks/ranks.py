"""Two processes with one thread each against one process with two: pairs a second.

    python benchmarks/ranks.py                        # -> benchmarks/ranks.json
    python benchmarks/ranks.py --steps 4 --preset tiny --json runs/ranks.json

The same recipe, the same batches, the same global batch. The two ways take turns, so that what
else the machine does hits both.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from clipedu.files import write_whole

HERE = Path(__file__).resolve()


def child(preset: str, steps: int) -> None:
    """Trains for some steps; rank 0 prints the median pairs a second without the first four."""
    import warnings

    from clipedu.training import Recipe, World, load_pretrained, train

    warnings.simplefilter("ignore")  # batch norms see half a batch: known, and no matter of speed
    _, tokenizer, _ = load_pretrained()
    recipe = dataclasses.replace(
        Recipe(), preset=preset, steps=steps, evaluate_every=0, checkpoint_every=0
    )
    result = train(recipe, tokenizer=tokenizer, progress=False)
    if World.from_environment().is_main_process:
        rows = result.history[min(4, steps // 2) :]  # the first meet new captions and cold caches
        print(statistics.median(row["pairs_per_second"] for row in rows))


def run(ranks: int, threads: int, preset: str, steps: int) -> float:
    """Pairs a second of one start."""
    order = [str(HERE), "--child", "--preset", preset, "--steps", str(steps)]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    command = [sys.executable, *(launcher if ranks > 1 else []), *order]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment, cwd=folder
        )
    return float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, default=HERE.with_suffix(".json"))
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.preset, args.steps)
        return
    one, two = [], []
    for k in range(args.repeats):
        one.append(run(1, 2, args.preset, args.steps))
        two.append(run(2, 1, args.preset, args.steps))
        print(f"round {k + 1}: one process {one[-1]:,.0f}, two {two[-1]:,.0f} pairs/s", flush=True)
    ratios = [b / a for a, b in zip(one, two, strict=True)]  # of a round: minutes apart is too far
    ratio = statistics.median(ratios)
    print(f"two / one: {ratio:.2f}; at least 0.9: {ratio >= 0.9}")
    import torch

    facts = {
        "command": "python benchmarks/ranks.py",
        "date": str(datetime.date.today()),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores",
        "torch": torch.__version__,
        "preset": args.preset,
        "batch": 512,
        "steps": args.steps,
        "one_process_two_threads": [round(x, 1) for x in one],
        "two_processes_one_thread": [round(x, 1) for x in two],
        "ratios": [round(x, 3) for x in ratios],
        "ratio": round(ratio, 3),  # the median of the rounds
    }
    write_whole(args.json, json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
