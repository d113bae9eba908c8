"""The verb `clipedu evaluate`: its options, and what it measures and prints."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

EXAMPLES = """examples:
  clipedu evaluate                               the model that comes with the course
  clipedu evaluate --tasks all                   on every task of `clipedu tasks`
  clipedu evaluate runs/mine --json mine.json    your own run, and the figures as JSON
  clipedu evaluate runs/mine --tasks lucide --templates "a drawing of a {}" "{}"
"""


#: What is measured when nothing is asked: the families held out of training, and digits.
USUAL = ("lucide", "font_awesome", "heroicons", "digits")


def add_evaluate_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `evaluate` with the command line's subparsers; `run_evaluate` is its `run`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "evaluate",
        help="measure a model zero-shot on pictures that it never saw",
        description="Measure a model zero-shot: name pictures by asking it in words.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "checkpoint",
        nargs="?",
        default="laptop",
        metavar="CHECKPOINT",
        help="a .safetensors file, a run's folder, or the name of a shipped model (laptop)",
    )
    parser.add_argument(
        "--tasks",
        nargs="+",
        metavar="NAME",
        help=f"default: {' '.join(USUAL)}; all: every one that `clipedu tasks` lists",
    )
    parser.add_argument(
        "--templates",
        nargs="+",
        metavar="TEMPLATE",
        help="instead of each task's own: sentences with {}, or one name of a set, as photo",
    )
    parser.add_argument("--batch-size", type=int, default=256, metavar="N", help="default 256")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, ...; default: the best here")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.set_defaults(run=run_evaluate)
    return parser


def run_evaluate(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Measure and print the table. Returns exit code 0 and the figures, for `--json`.

    Raises what loading and evaluation raise; the command line turns that into a sentence.
    """
    from clipedu.device import pick_device  # torch takes a second, and --help needs none of it
    from clipedu.evaluation import TASKS, as_dict, as_markdown, as_text, evaluate
    from clipedu.evaluation.prompts import check_templates
    from clipedu.training import load_pretrained

    # What can be wrong in the call is found before the work.
    one = args.templates is not None and len(args.templates) == 1
    templates = args.templates and check_templates(args.templates[0] if one else args.templates)
    tasks = None if args.tasks == ["all"] else args.tasks or USUAL
    for name in tasks or ():
        if name not in TASKS:
            raise ValueError(f"There is no task {name!r}. The tasks are: {', '.join(TASKS)}.")
    choice = pick_device(args.device)

    model, tokenizer, _ = load_pretrained(args.checkpoint)
    print(f"{args.checkpoint} on {choice.device}", file=sys.stderr)
    start = time.perf_counter()
    results = evaluate(
        model.to(choice.device),
        tokenizer,
        tasks,
        templates=templates,
        batch_size=args.batch_size,
        progress=sys.stderr.isatty(),
    )
    seconds = time.perf_counter() - start
    print(as_markdown(results) if args.markdown else as_text(results))
    return 0, {
        "checkpoint": str(args.checkpoint),
        "device": str(choice.device),
        "seconds": round(seconds, 2),
        **as_dict(results),
    }
