"""How many pictures should go through the image tower at a time? Times the shipped model.

    python benchmarks/encoding.py                 # -> benchmarks/encoding.json
    python benchmarks/encoding.py --pictures 256 --json runs/encoding.json

The answers must be the same; the largest difference from the first size is kept beside the times.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import time
from pathlib import Path

import torch

from clipedu.evaluation import load_task
from clipedu.evaluation.embedding import embed_pictures
from clipedu.files import write_whole
from clipedu.training import load_pretrained

SIZES = (512, 256, 128, 64, 32, 16)
REPEATS = 5


def measure(count: int) -> list[dict[str, float]]:
    """A row for each size: seconds (the least of five, taken in turns), and what it changes."""
    model, _, _ = load_pretrained()
    pictures = load_task("digits").pictures[:count]
    reference = embed_pictures(model, pictures, batch_size=SIZES[0])
    seconds: dict[int, list[float]] = {size: [] for size in SIZES}
    changed = dict.fromkeys(SIZES, 0.0)
    for _ in range(REPEATS):
        for size in SIZES:
            start = time.perf_counter()
            found = embed_pictures(model, pictures, batch_size=size)
            seconds[size].append(time.perf_counter() - start)
            changed[size] = max(changed[size], float((found - reference).abs().max()))
    return [
        {
            "at_a_time": size,
            "seconds": round(min(seconds[size]), 3),
            "pictures_per_second": round(len(pictures) / min(seconds[size])),
            "largest_change": changed[size],
        }
        for size in SIZES
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=1024, help="how many to encode")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    args = parser.parse_args()
    rows = measure(args.pictures)
    for row in rows:
        print("  ".join(f"{name} {value:,}" for name, value in row.items()))
    facts = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "command": f"python benchmarks/encoding.py --pictures {args.pictures}",
        "rows": rows,
    }
    write_whole(args.json, json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
