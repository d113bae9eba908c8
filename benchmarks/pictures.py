"""How long it takes to draw every picture, and to open the cache afterwards.

    python benchmarks/pictures.py --json runs/pictures.json

Draws into a temporary folder, so that the real cache is neither used nor touched.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from clipedu.pairs.raster import open_pictures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=32, help="pixels along a side")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            pictures = open_pictures(args.size, folder=Path(folder))
            seconds.append(time.perf_counter() - start)
        megabytes = sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6
    facts = {
        "pictures": len(pictures),
        "size": args.size,
        "cores": os.cpu_count(),
        "draw_seconds": round(seconds[0], 2),
        "open_seconds": round(seconds[1], 3),
        "megabytes": round(megabytes, 1),
    }
    for name, value in facts.items():
        print(f"{name:13} {value:,}")
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
