"""The verb `clipedu grade`: paths and limits in, files out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from clipedu_classroom import by_hand, gradebook, sandbox, writers
from clipedu_classroom.grade import Request, grade
from clipedu_classroom.sandbox import Limits


def add_grade_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The verb `grade`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "grade",
        epilog="example: clipedu grade exercises/03_the_contrastive_loss.ipynb submissions/ "
        "--csv grades.csv --html feedback/",
        help="grade a class",
        description="Grade a folder of submissions against an exercise notebook.",
    )
    limits, add = Limits(), parser.add_argument
    add("assignment", type=Path, help="the pristine notebook, exercises/NN_name.ipynb")
    add("submissions", type=Path, help="a folder with NAME.ipynb or NAME/*.ipynb, or its zip")
    grades = Path("grades.csv")
    add("--csv", type=Path, default=grades, help="write grades here (default: %(default)s)")
    kept = "keep one result per student here (default: beside the CSV, NAME-results)"
    add("--json", type=Path, help=kept)
    add("--html", type=Path, help="write feedback pages into this folder")
    scope = "write Gradescope's results.json per student into this folder"
    add("--gradescope", type=Path, help=scope)
    cores = os.cpu_count() or 1
    add("--jobs", type=int, default=cores, help="processes side by side (default: all cores)")
    add("--seed", type=int, help="draw the inputs of an earlier grading again (default: fresh)")
    add("--fresh", action="store_true", help="grade again what has not changed")
    strongest = "what to keep submissions in (default: the strongest)"
    add("--protection", default="auto", choices=["auto", *sandbox.KINDS], help=strongest)
    for name, kind, what in (
        ("call_seconds", float, "one call of an answer"),
        ("wall_seconds", float, "one submission"),
        ("memory_mb", int, "one submission"),
    ):
        option, words = f"--{name.replace('_', '-')}", f"for {what} (default: %(default)g)"
        add(option, type=kind, default=getattr(limits, name), help=words)
    parser.set_defaults(run=run_grade)
    return parser


def run_grade(arguments: argparse.Namespace) -> int:
    """Run the verb; 0 when every submission has its row, 2 for a wrong path or setting."""
    folder = arguments.json or arguments.csv.with_name(f"{arguments.csv.stem}-results")
    limits = replace(
        Limits(),
        call_seconds=arguments.call_seconds,
        wall_seconds=arguments.wall_seconds,
        memory_mb=arguments.memory_mb,
        cpu_seconds=max(2, int(arguments.wall_seconds)),
    )
    request = Request(
        assignment=arguments.assignment,
        submissions=arguments.submissions,
        folder=folder,
        limits=limits,
        protection=arguments.protection,
        jobs=arguments.jobs,
        seed=arguments.seed,
        fresh=arguments.fresh,
    )
    # Ended from outside, as with Ctrl-C: the processes that run submissions end, too.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        assignment, results = grade(request)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"clipedu grade: {error}", file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)
    summary = writers.summarize(assignment, results)
    gradebook.write_json(folder / "summary" / "class.json", summary)
    writers.write_csv(arguments.csv, assignment, results)
    if arguments.html:
        writers.write_html(arguments.html, assignment, results)
    if arguments.gradescope:
        writers.write_gradescope(arguments.gradescope, results)
    print(writers.summary_in_words(summary))
    if waiting := sum(1 for result in results if result.points_by_hand):
        print(
            f"{waiting} students have answers to read: fill in {folder / by_hand.FILE}, run again."
        )
    print(
        f"Grades: {arguments.csv}. Results: {folder}."
        + (f" Feedback: {arguments.html}." if arguments.html else "")
    )
    return 0


if __name__ == "__main__":
    outer = argparse.ArgumentParser()
    add_grade_parser(outer.add_subparsers(required=True))
    parsed = outer.parse_args(["grade", *sys.argv[1:]])
    sys.exit(parsed.run(parsed))
