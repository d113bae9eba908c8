"""The verb `clipedu build`: its options, and what it prints."""

from __future__ import annotations

import argparse
from typing import Any

EXAMPLES = """examples:
  clipedu build 03                 refresh lesson 03's notebooks; outputs of unchanged cells stay
  clipedu build 03 --execute       also run them and store the outputs
  clipedu build --check            change nothing; say what is stale or unrun (exit code 1)
  clipedu build 04 --out runs/04   executed copies in runs/04; the course's own stay as they are
"""


def add_build_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `build` with the command line's subparsers; `run_build` is its `run` default."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "build",
        help="make notebooks/, exercises/ and solutions/ from clipedu_lessons/",
        description="Make notebooks/, exercises/ and solutions/ from the text in clipedu_lessons/.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("numbers", nargs="*", metavar="NN", help="lessons, as 03; default all")
    parser.add_argument("--check", action="store_true", help="report only, exit 1 if not fresh")
    parser.add_argument("--execute", action="store_true", help="run the notebooks, store outputs")
    parser.add_argument("--out", metavar="DIR", help="write executed copies there instead")
    parser.add_argument("--only", choices=("lessons", "exercises"), help="one kind of notebook")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="per cell, default 600")
    parser.set_defaults(run=run_build)
    return parser


def run_build(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Do what `args` says and print the report; (0 when all is well, else 1, the report as data).

    Raises what `build` raises.
    """
    from clipedu_classroom.build import (
        build,  # slow to import: jupyter's libraries
        summaries,
    )
    from clipedu_classroom.execute import TIMEOUT

    report = build(
        args.numbers or None,
        check=args.check,
        execute=args.execute,
        out=args.out,
        only=args.only,
        timeout=TIMEOUT if args.timeout is None else args.timeout,
    )
    print(report)
    for text in summaries(report) if args.out else []:
        print(f"\n{text}")
    if not report.notebooks and report.ok:
        print("there are no lessons to build")
    elif args.check:
        print(
            "all notebooks are what clipedu_lessons/ says" if report.ok else "not fresh; see above"
        )
    return (0 if report.ok else 1), report.to_dict()
