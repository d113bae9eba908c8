"""`clipedu plan`: memory, compute, communication and days of a run, before there is a GPU."""

from __future__ import annotations

import argparse
from typing import Any

EXAMPLES = """examples:
  clipedu plan ViT-B/32 --gpus 8 --gpu A100
  clipedu plan ViT-L/14 --gpus 256 --gpu V100 --precision fp16 --checkpointing
  clipedu plan laptop --batch-size 4096 --pairs 614400 --gpu laptop --chunk 512
  clipedu plan --own-pairs 500000 --hours 24 --gpu T4       what to do with what you have
  clipedu plan --paper              what the paper's printed days say about its GPUs
"""


def add_plan_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Adds `clipedu plan` to the verbs."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "plan",
        help="plan a run: memory, compute, communication, days",
        description="Will it fit, and how long will it take? Nothing is trained.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("preset", nargs="?", default="ViT-B/32", help="default ViT-B/32")
    parser.add_argument("--batch-size", type=int, default=32_768, help="over all GPUs")
    parser.add_argument("--pairs", type=int, help="seen in all (default: the paper's 12.8 billion)")
    parser.add_argument("--gpus", type=int, default=1)
    parser.add_argument("--gpu", default="A100", help="laptop, T4, V100, A100 or H100")
    parser.add_argument("--precision", default="bf16", help="fp32, bf16 or fp16")
    parser.add_argument("--checkpointing", action="store_true", help="compute blocks twice")
    parser.add_argument("--chunk", type=int, help="pairs at a time in the encoders (GradCache)")
    parser.add_argument("--loss", default="local", help="dense, local or tiled")
    parser.add_argument("--sharded", action="store_true", help="weights and Adam split (FSDP)")
    parser.add_argument("--learned", type=float, default=1.0, help="share of weights that learn")
    parser.add_argument("--utilisation", type=float, default=0.3, help="default 0.3")
    parser.add_argument("--own-pairs", type=int, help="how many you have: then say what to do")
    parser.add_argument("--hours", type=float, default=24.0, help="with --own-pairs (default 24)")
    parser.add_argument("--paper", action="store_true", help="work out the paper's utilisation")
    parser.set_defaults(run=run_plan)
    return parser


def run_plan(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Prints the plan; the exit code is 1 when it does not fit the GPU's memory."""
    from clipedu_lessons.l08_scaling_up.plan_words import paper_words, plan_words
    from clipedu_lessons.l08_scaling_up.planner import (
        PAPER_PAIRS_SEEN,
        PAPER_RUNS,
        paper_utilisation,
        plan,
    )

    if args.paper:
        print(paper_words())
        return 0, {
            name: {"utilisation": paper_utilisation(name), "gpus": gpus, "days": days}
            for name, (gpus, days) in PAPER_RUNS.items()
        }
    if args.own_pairs is not None:
        from clipedu_lessons.l08_scaling_up.advice import advise

        made, lines = advise(args.own_pairs, args.hours, gpu=args.gpu, gpus=args.gpus)
        print("\n".join(lines))
        return 0, {"batch_size": made.batch_size, "pairs": made.pairs, "chunk": made.chunk}
    wanted = "batch_size gpus gpu precision checkpointing chunk loss sharded utilisation".split()
    pairs = PAPER_PAIRS_SEEN if args.pairs is None else args.pairs
    same = {name: getattr(args, name) for name in wanted}
    ours = plan(args.preset, pairs=pairs, learned=args.learned, **same)
    print(plan_words(ours))
    told = "parameters memory total_memory fits flops communication days gpu_days".split()
    facts = {name: getattr(ours, name) for name in (*told, "communication_days")}
    return (0 if ours.fits else 1), facts
