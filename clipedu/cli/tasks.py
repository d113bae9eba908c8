"""The verb `clipedu tasks`: what a model can be asked, and how to get what is not here yet."""

from __future__ import annotations

import argparse
import sys
from typing import Any

EXAMPLES = """examples:
  clipedu tasks                        every task: pictures, classes, chance, who drew them
  clipedu tasks --json tasks.json      the same for a program, with class names and templates
  clipedu tasks --download cifar10     fetch photographs, checked before they are used
"""


def add_tasks_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Register `tasks` with the command line's subparsers; `run_tasks` is its `run`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "tasks",
        help="list the zero-shot tasks, or fetch the pictures of one",
        description="List the zero-shot tasks with counts, chance level and source.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all")
    parser.add_argument("--size", type=int, default=32, metavar="N", help="pixels; default 32")
    parser.add_argument("--download", metavar="NAME", help="fetch what this task needs")
    parser.set_defaults(run=run_tasks)
    return parser


def run_tasks(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Print the table. Returns exit code 0 and the figures, for `--json`.

    Raises ValueError for an unknown task, DownloadError when fetching fails.
    """
    from tqdm.auto import tqdm

    from clipedu.evaluation import TASKS, TaskUnavailable, fetch_task, load_task

    for name in [*args.names, *filter(None, [args.download])]:
        if name not in TASKS:
            raise ValueError(f"There is no task {name!r}. The tasks are: {', '.join(TASKS)}.")
    if args.download:
        for path in fetch_task(args.download, progress=sys.stderr.isatty()):
            print(f"{args.download}: {path}")
        return 0, {"downloaded": args.download}
    rows, missing = [], []
    found: dict[str, dict[str, Any]] = {}
    names = args.names or list(TASKS)
    for name in tqdm(names, "tasks", delay=2, leave=False, disable=not sys.stderr.isatty()):
        try:
            task = load_task(name, args.size)
        except TaskUnavailable as problem:
            rows.append((name, "-", "-", "-", "-", "not here, see below"))
            missing.append(str(problem))
            found[name] = {"here": False}
            continue
        classes = len(task.class_names)
        seen = "seen" if task.seen else "unseen"
        rows.append((name, f"{len(task):,}", f"{classes}", f"{task.chance:.1%}", seen, task.source))
        found[name] = {
            "here": True,
            "pictures": len(task),
            "classes": classes,
            "chance": task.chance,
            "metric": task.metric,
            "seen": task.seen,
            "offline": task.offline,
            "source": task.source,
            "templates": task.templates,
            "context": task.context,
            "class_names": task.class_names,
        }
    table = [("task", "pictures", "classes", "chance", "", "source"), *rows]
    widths = [max(len(row[i]) for row in table) for i in range(5)]
    for row in table:
        left, last = row[0].ljust(widths[0]), row[4].ljust(widths[4])
        numbers = "  ".join(
            cell.rjust(width) for cell, width in zip(row[1:4], widths[1:4], strict=True)
        )
        print(f"{left}  {numbers}  {last}  {row[5]}")
    print("seen: training has seen these pictures, so the task measures memory, not transfer")
    for words in missing:
        print(words)
    return 0, {"tasks": found}
