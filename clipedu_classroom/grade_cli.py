"""The verb `clipedu grade`: paths and limits in, files out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from clipedu_classroom import gradebook, sandbox, writers
from clipedu_classroom.grade import Request, grade
from clipedu_classroom.sandbox import WORDS, Limits


def add_grade_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The verb `grade`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "grade",
        epilog="example: clipedu grade exercises/03_the_contrastive_loss.ipynb submissions/ "
        "--csv grades.csv --html feedback/",
        help="grade a class",
        description="Grade a folder of submissions against an exercise notebook.",
    )
    limits = Limits()
    parser.add_argument(
        "assignment", type=Path, help="the pristine notebook, exercises/NN_name.ipynb"
    )
    parser.add_argument("submissions", type=Path, help="a folder with NAME.ipynb or NAME/*.ipynb")
    parser.add_argument(
        "--csv",
        type=Path,
        help="write grades here (default: grades.csv)",
        default=Path("grades.csv"),
    )
    parser.add_argument(
        "--json",
        type=Path,
        help="keep one result per student here (default: beside the CSV, NAME-results)",
    )
    parser.add_argument("--html", type=Path, help="write feedback pages into this folder")
    parser.add_argument(
        "--gradescope",
        type=Path,
        help="write Gradescope's results.json per student into this folder",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="processes side by side (default: all cores)",
    )
    parser.add_argument(
        "--seed", type=int, help="draw the inputs of an earlier grading again (default: fresh)"
    )
    parser.add_argument("--fresh", action="store_true", help="grade again what has not changed")
    parser.add_argument(
        "--protection",
        default="auto",
        choices=["auto", *sandbox.KINDS],
        help="what to keep submissions in (default: the strongest)",
    )
    parser.add_argument(
        "--call-seconds",
        type=float,
        default=limits.call_seconds,
        help="for one call of an answer (default: %(default)g)",
    )
    parser.add_argument(
        "--wall-seconds",
        type=float,
        default=limits.wall_seconds,
        help="for one submission (default: %(default)g)",
    )
    parser.add_argument(
        "--memory-mb",
        type=int,
        default=limits.memory_mb,
        help="for one submission (default: %(default)d)",
    )
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
    print(f"Protection: {WORDS[sandbox.choose(arguments.protection)]}.")
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
