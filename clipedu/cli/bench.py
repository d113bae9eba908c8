"""`clipedu bench`: measure this machine. What measures is in benchmarks/, beside its results."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

from clipedu.cli.main import add_verb

EXAMPLES = """\
  clipedu bench step
  clipedu bench step --model resnet --precision fp32 --against open_clip --json step.json
as on a laptop without AVX-512 (each library looks at a variable of its own):
  export ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2
  clipedu bench step --precision fp32
"""
AGAINST = "needs: pip install --no-deps open_clip_torch timm ftfy torchvision huggingface_hub"
FOLDER = Path(__file__).parents[2] / "benchmarks"


def add_bench(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu bench`."""
    what = "Measure a training step on this CPU: milliseconds, FLOPs, bytes, and what bounds it."
    parser = add_verb(subparsers, "bench", run_bench, what, EXAMPLES)
    parser.add_argument("what", choices=("step",))
    parser.add_argument("--model", default="laptop_vit", help='a preset, or "resnet"')
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--threads", type=int, help="default: one for each core")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--against", choices=("open_clip",), help=AGAINST)
    return parser


def run_bench(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Prints what benchmarks/step.py measures; returns exit code 0 and the numbers."""
    spec = importlib.util.spec_from_file_location("step", FOLDER / f"{args.what}.py")
    if spec is None or spec.loader is None or not FOLDER.is_dir():
        raise FileNotFoundError(f"{FOLDER} is missing: benchmarks come with a clone of the course")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return 0, module.measure(args)
