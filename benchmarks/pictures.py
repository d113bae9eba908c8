"""How long it takes to draw every picture, and to open the cache afterwards.

    python benchmarks/pictures.py                 # -> benchmarks/pictures.json
    python benchmarks/pictures.py --size 64 --json runs/pictures.json

Draws into a temporary folder, so that the real cache is neither used nor touched.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from statistics import median

import torch

from clipedu.files import write_whole
from clipedu.pairs.raster import open_pictures

OPENINGS = 5  # the median of so many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=32, help="pixels along a side")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for _ in range(1 + OPENINGS):
            start = time.perf_counter()
            pictures = open_pictures(args.size, folder=Path(folder))
            seconds.append(time.perf_counter() - start)
        megabytes = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
    counts = {
        "pictures": len(pictures),
        "size": args.size,
        "draw_seconds": round(seconds[0], 2),
        "open_seconds": round(median(seconds[1:]), 3),
        "megabytes": round(megabytes, 1),
    }
    for name, value in counts.items():
        print(f"{name:13} {value:,}")
    size = f" --size {args.size}" if args.size != parser.get_default("size") else ""
    facts = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "command": "python benchmarks/pictures.py" + size,
        **counts,
    }
    write_whole(args.json, json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
