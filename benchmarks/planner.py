"""Does a step take the memory that was planned? The process's own peak, read from the system.

    python benchmarks/planner.py                  # writes benchmarks/planner.json

Each row is a process of its own. The plan counts weights, gradients and Adam's memory too; those
are there before the step, so what is compared is the rise: activations, half-precision copies,
embeddings and the loss matrix.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from clipedu.files import write_whole
from clipedu.models import PRESETS, build
from clipedu.objectives import info_nce
from clipedu_lessons.l08_scaling_up.planner import DTYPES, plan

ROWS = (
    ("laptop", 256, "fp32"),
    ("laptop", 1024, "fp32"),
    ("laptop", 1024, "bf16"),
    ("laptop_vit", 1024, "fp32"),
    ("laptop_vit", 1024, "bf16"),
    ("RN50", 4, "fp32"),
    ("ViT-B/32", 16, "fp32"),
)
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(reset: bool = False) -> tuple[int, int]:
    """This process's resident bytes: now, and at their highest since the last reset.

    Raises OSError where the system doesn't tell (only Linux does, under /proc).
    """
    if reset:
        CLEAR.write_text("5")
    lines = dict(line.split(":", 1) for line in STATUS.read_text("utf-8").splitlines())
    return tuple(1024 * int(lines[key].split()[0]) for key in ("VmRSS", "VmHWM"))  # type: ignore[return-value]


def measured_step(preset: str, batch_size: int, precision: str) -> dict[str, Any]:
    """One training step on this CPU: the rise of the process's memory, and the plan for it.

    Call it in a process of its own: memory that was freed before the step would be used again, and
    the rise look smaller. A step of two pairs goes first, so that libraries are loaded.
    """
    config, dtype = PRESETS[preset], DTYPES[precision]
    side, length = config.vision.resolution, config.text.context_length

    def step(pairs: int) -> None:
        pictures = torch.rand(pairs, 3, side, side)
        tokens = torch.randint(1, config.text.vocab_size - 1, (pairs, length))
        tokens[:, -1] = config.text.vocab_size - 1  # EOT at the end: nothing is padding
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            image, text, scale = model(pictures, tokens)
        info_nce(image, text, scale).backward()
        optimizer.step()

    model = build(preset, seed=0)
    optimizer = torch.optim.AdamW(model.parameters())
    step(2)  # makes gradients and Adam's memory, too
    gc.collect()
    before, _ = peak_memory(reset=True)
    step(batch_size)
    _, highest = peak_memory()
    expected = plan(preset, batch_size=batch_size, precision=precision, gpu="H100", fused=False)
    there = ("weights", "gradients", "optimizer")
    planned = sum(size for part, size in expected.memory.items() if part not in there)
    return {
        "preset": preset,
        "batch_size": batch_size,
        "precision": precision,
        "measured": highest - before,
        "planned": planned,
        "ratio": planned / (highest - before),
        "at_rest": sum(expected.memory[part] for part in there),
    }


def measure(row: tuple[str, int, str]) -> dict[str, Any]:
    call = [sys.executable, __file__, "--row", *map(str, row)]
    return json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        preset, batch_size, precision = args.row
        torch.set_num_threads(1)
        print(json.dumps(measured_step(preset, int(batch_size), precision)))
        return
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
