"""Which attention is fastest here: three plain operations, or torch's fused kernel?

    python benchmarks/attention.py --threads 1 --json benchmarks/attention.json

Prints one row for every dtype, length and kind of use, with the path that the library chooses.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from clipedu.models.transformer import plain_attention, plain_is_faster

LENGTHS = (8, 16, 32, 64, 128, 256, 512, 1024)
DTYPES = (torch.float32, torch.bfloat16)
HEADS, CHANNELS = 4, 64  # a width of 256


def once(path: str, qkv: list[Tensor], *, causal: bool, gradients: bool) -> float:
    """Seconds for one attention, forward alone or with its backward."""
    device = qkv[0].device.type
    # The time of one processor does not count what other programs took from it.
    alone = device == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    start = clock()
    with torch.set_grad_enabled(gradients):
        if path == "plain":
            out = plain_attention(*qkv, causal=causal)
        else:
            out = F.scaled_dot_product_attention(*qkv, is_causal=causal)
    if gradients:
        torch.autograd.grad(out, qkv, torch.ones_like(out))
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def measure(
    device: str, dtype: torch.dtype, length: int, *, causal: bool, gradients: bool, tokens: int
) -> dict[str, Any]:
    """The least of several times for both paths, in turns so that both meet the same noise."""
    shape = (max(1, tokens // length), HEADS, length, CHANNELS)
    generator = torch.Generator().manual_seed(0)
    qkv = [
        torch.randn(shape, generator=generator).to(device, dtype).requires_grad_(gradients)
        for _ in range(3)
    ]
    seconds: dict[str, list[float]] = {"plain": [], "fused": []}
    for _ in range(7):
        for path, times in seconds.items():
            times.append(once(path, qkv, causal=causal, gradients=gradients))
    best = {path: min(times[1:]) for path, times in seconds.items()}  # the first one warms up
    plain = plain_is_faster(device, dtype, length, gradients=gradients)
    chosen = "plain" if plain else "fused"
    return {
        "dtype": str(dtype).removeprefix("torch."),
        "length": length,
        "causal": causal,
        "gradients": gradients,
        "plain_ms": round(best["plain"] * 1e3, 3),
        "fused_ms": round(best["fused"] * 1e3, 3),
        "fastest": min(best, key=lambda path: best[path]),
        "chosen": chosen,
        "cost_of_choice": round(best[chosen] / min(best.values()), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="1 on a machine that does other things too")
    parser.add_argument("--tokens", type=int, default=8192, help="queries in a batch")
    parser.add_argument(
        "--machine", default="", help="a few words about the machine, kept in the JSON"
    )
    parser.add_argument("--json", type=Path, help="write the rows here")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)

    cases = [
        (dtype, length, causal, gradients)
        for dtype in DTYPES
        for gradients in (True, False)
        for causal in (False, True)
        for length in LENGTHS
    ]
    rows = [
        measure(args.device, dtype, length, causal=causal, gradients=gradients, tokens=args.tokens)
        for dtype, length, causal, gradients in tqdm(cases, desc="attention", leave=False)
    ]
    names = ("dtype", "length", "causal", "backward", "plain ms", "fused ms")
    print(" ".join(f"{name:>9}" for name in names), " chosen")
    for row in rows:
        note = (
            "" if row["cost_of_choice"] < 1.1 else f"  ({row['cost_of_choice']:.2f} x the fastest)"
        )
        print(
            f"{row['dtype']:>9} {row['length']:>9} {row['causal']!s:>9} {row['gradients']!s:>9} "
            f"{row['plain_ms']:>9.2f} {row['fused_ms']:>9.2f}  {row['chosen']}{note}"
        )
    if args.json:
        result = {
            "machine": args.machine,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "shape": {"tokens": args.tokens, "heads": HEADS, "channels_per_head": CHANNELS},
            "rows": rows,
        }
        args.json.parent.mkdir(parents=True, exist_ok=True)
        part = args.json.with_suffix(".part")
        part.write_text(json.dumps(result, indent=1) + "\n")
        os.replace(part, args.json)


if __name__ == "__main__":
    main()
