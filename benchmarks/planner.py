"""Does a step take the memory that was planned? The process's own peak, read from the system.

    python benchmarks/planner.py                  # writes benchmarks/planner.json

Each row is a process of its own. The plan counts weights, gradients and Adam's memory too; those
are there before the step, so what is compared is the rise: activations, half-precision copies,
embeddings and the loss matrix.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from clipedu.files import write_whole

ROWS = (
    ("laptop", 256, "fp32"),
    ("laptop", 1024, "fp32"),
    ("laptop", 1024, "bf16"),
    ("laptop_vit", 1024, "fp32"),
    ("laptop_vit", 1024, "bf16"),
    ("RN50", 4, "fp32"),
    ("ViT-B/32", 16, "fp32"),
)
STEP = """
import json, sys, torch
from clipedu_lessons.l08_scaling_up.planner_check import measured_step
torch.set_num_threads(1)
print(json.dumps(measured_step(*json.loads(sys.argv[1]))))
"""


def measure(row: tuple[str, int, str]) -> dict[str, Any]:
    call = [sys.executable, "-c", STEP, json.dumps(row)]
    return json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    args = parser.parse_args()
    rows = []
    print(f"{'preset':12} {'batch':>6} {'':5} {'planned':>10} {'measured':>10} {'ratio':>6}")
    for row in ROWS:
        found = measure(row)
        rows.append(found)
        planned, measured = (found[key] / 2**20 for key in ("planned", "measured"))
        print(
            f"{found['preset']:12} {found['batch_size']:6,} {found['precision']:5} "
            f"{planned:6,.0f} MiB {measured:6,.0f} MiB {found['ratio']:6.2f}",
            flush=True,
        )
    facts = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}",
        "command": "python benchmarks/planner.py",
        "rows": rows,
    }
    write_whole(args.json, json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
