"""How many photographs a second `clipedu data import` takes in: JPEG files of 640 x 480 pixels.

    python benchmarks/importing.py                    # -> benchmarks/importing.json
    python benchmarks/importing.py --pictures 300 --json runs/importing.json

The photographs are made up: smooth colors with some grain, so that a file has about as many bytes
as a camera's of that size. The start of the processes, the report and the disk are in the time.
`processor_seconds` counts what all processes computed: beside other work only that means something.
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
from typing import Any

import numpy as np
import PIL
from joblib.externals.loky import get_reusable_executor
from PIL import Image

from clipedu.files import write_whole
from clipedu.pairs.importing import import_pairs

SIZES = (64, 224)  # of the shorter side, in the shards


def make_pictures(folder: Path, n: int) -> int:
    """Writes k.jpg and k.txt for k below n; returns the bytes of all JPEGs."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC)).astype(np.int16)
    grain = random.normal(0, 6, (480, 640, 3)).astype(np.int16)
    total = 0
    for k in range(n):
        moved = np.roll(smooth, (7 * k, 11 * k), (0, 1)) + np.roll(grain, 3 * k, 1) + k % 9
        path = folder / f"{k:05d}.jpg"
        Image.fromarray(np.clip(moved, 0, 255).astype(np.uint8)).save(path, quality=90)
        path.with_suffix(".txt").write_text(f"photograph number {k}\n")
        total += path.stat().st_size
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        total = make_pictures(folder / "in", args.pictures)
        for size in SIZES:
            start, before = time.perf_counter(), os.times()
            facts = import_pairs(folder / "in", folder / str(size), size=size, progress=False)
            seconds = time.perf_counter() - start
            get_reusable_executor().shutdown()  # or the processor time of its processes is unknown
            busy = sum(os.times()[:4]) - sum(before[:4])
            assert facts["pairs"] == args.pictures
            shards = sum(path.stat().st_size for path in (folder / str(size)).glob("*.tar"))
            row = {"size": size, "seconds": round(seconds, 2)}
            row |= {"processor_seconds": round(busy, 2)}  # of all processes
            row |= {"pictures_per_second": round(args.pictures / seconds, 1)}
            row |= {"pictures_per_processor_second": round(args.pictures / busy, 1)}
            rows.append(row | {"megabytes_of_shards": round(shards / 1e6, 1)})
            rates = f"{args.pictures / seconds:,.0f} pictures a second, "
            rates += f"{args.pictures / busy:,.0f} a second of one processor"
            print(f"--size {size}: {rates}", flush=True)
    facts = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Pillow {PIL.__version__}",
        "command": "python benchmarks/importing.py",
        "load_before": round(load, 1),  # processes that wanted a core; 0: the machine was idle
        "pictures": args.pictures,
        "pixels": [640, 480],
        "bytes_per_picture": round(total / args.pictures),
        "rows": rows,
    }
    write_whole(args.json, json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
