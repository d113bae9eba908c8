"""The verb `clipedu grade`: paths and limits in, files out."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from clipedu_classroom import class_statistics, gradebook, pages, sandbox, writers
from clipedu_classroom.grading import Request, grade, load_settings, settings_path
from clipedu_classroom.lateness import Policy, local_time
from clipedu_classroom.roster import Roster
from clipedu_classroom.sandbox import Limits

PATHS = {
    "csv": "write grades here (default: grades.csv)",
    "json": "keep one result per student here (default: beside the CSV, NAME-results)",
    "html": "write feedback pages into this folder",
    "gradescope": "write Gradescope's results.json per student into this folder",
    "roster": "Canvas's or Moodle's export of the grade book: write NAME-upload.csv",
    "personal": "the roster for which `clipedu bundle --personal` drew each student's numbers",
    "regrade": "grade the class of this results folder again, as it was graded",
}
# What a regrade takes from the class's first grading
KEPT_PATHS = ("csv", "html", "gradescope", "roster", "personal")
KEPT = ("call_seconds", "wall_seconds", "memory_mb", "late_days", "penalty")


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
    pristine = "the pristine notebook, exercises/NN_name.ipynb"
    add("assignment", type=Path, nargs="?", help=pristine)
    handed_in = "a folder with NAME.ipynb or NAME/*.ipynb, or its zip"
    add("submissions", type=Path, nargs="?", help=handed_in)
    for name, words in PATHS.items():
        add(f"--{name}", type=Path, metavar="PATH", help=words)
    student = "with --regrade: run this student's submission again (may be given several times)"
    add("--student", action="append", default=[], help=student)
    when = "local time, such as 2026-12-01T23:59"
    add("--deadline", type=local_time, metavar="TIME", help=when)
    add("--late-days", type=int, default=0, help="days late that cost nothing (default: 0)")
    percent = "percent of the points that each further day costs (default: 0)"
    add("--penalty", type=float, default=0.0, help=percent)
    cores = os.cpu_count() or 1
    add("--jobs", type=int, default=cores, help="submissions side by side (default: all cores)")
    add("--seed", type=int, help="draw the inputs from this seed (default: the class's, or fresh)")
    add("--fresh", action="store_true", help="grade everybody again, on new inputs")
    strongest = "what to keep submissions in (default: the strongest)"
    add("--protection", default="auto", choices=["auto", *sandbox.KINDS], help=strongest)
    for name in ("call_seconds", "wall_seconds", "memory_mb"):
        most, what = getattr(limits, name), "call of an answer" if "call" in name else "submission"
        words = f"for one {what} (default: {most:g})"
        add(f"--{name.replace('_', '-')}", type=type(most), default=most, help=words)
    parser.set_defaults(run=run_grade, csv=Path("grades.csv"))
    return parser


def run_grade(arguments: argparse.Namespace) -> int:
    """Run the verb; 0 when every submission has its row, 2 for a wrong path or setting."""
    # Ended from outside, as with Ctrl-C: the processes that run submissions end, too.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _run(arguments)
    except (OSError, ValueError, RuntimeError) as error:
        print(f"clipedu grade: {error}", file=sys.stderr)
        return 2
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.regrade:
        arguments = _recalled(arguments)
    elif arguments.submissions is None:
        raise ValueError("name the exercise notebook and the folder of submissions, or --regrade.")
    elif arguments.student:
        raise ValueError("--student needs --regrade and the results folder of the class.")
    folder = arguments.json or arguments.csv.with_name(f"{arguments.csv.stem}-results")
    limits = {name: getattr(arguments, name) for name in KEPT if hasattr(Limits, name)}
    roster, personal = (path and Roster(path) for path in (arguments.roster, arguments.personal))
    policy = Policy(arguments.deadline, arguments.late_days, arguments.penalty)
    request = Request(
        assignment=arguments.assignment,
        submissions=arguments.submissions,
        folder=folder,
        limits=replace(Limits(), **limits),
        protection=arguments.protection,
        jobs=arguments.jobs,
        seed=arguments.seed,
        fresh=arguments.fresh or tuple(arguments.student),
        policy=policy,
        personal=personal,
    )
    assignment, results = grade(request)
    _remember(arguments, folder)
    students = arguments.html and arguments.html / "students"
    gone = gradebook.remove_others(folder, results, students, arguments.gradescope)
    summary = class_statistics.summarize(assignment, results)
    gradebook.write_json(folder / "summary" / "class.json", summary)
    writers.write_items(folder / "summary" / "items.csv", summary)
    writers.write_csv(arguments.csv, assignment, results)
    if arguments.html:
        pages.write_html(arguments.html, assignment, results, summary)
    if arguments.gradescope:
        for result in results:
            path = gradebook.result_path(arguments.gradescope, result.student)
            gradebook.write_json(path, writers.gradescope(result))
    print(class_statistics.summary_in_words(summary))
    if gone:
        print(f"Removed, since nothing is handed in any more: {', '.join(gone)}.")
    if roster:
        upload = arguments.csv.with_name(f"{arguments.csv.stem}-upload.csv")
        strangers = writers.write_upload(upload, roster, assignment, results)
        words = f" Not in {arguments.roster}: {', '.join(strangers)}." if strangers else ""
        print(f"To upload: {upload}.{words}")
    for result in results:
        if result.problem:
            print(f"Not as expected: {result.student}, {result.problem}.")
    if waiting := sum(1 for result in results if result.points_by_hand):
        file, whose = folder / gradebook.BY_HAND, "student has" if waiting == 1 else "students have"
        print(f"{waiting} {whose} answers to read: fill in {file}, run again.")
    feedback = f" Feedback: {arguments.html}." if arguments.html else ""
    print(f"Grades: {arguments.csv}. Results: {folder}.{feedback}")
    return 0


def _remember(arguments: argparse.Namespace, folder: Path) -> None:
    """Keep the command with the results, as words that can be parsed again."""
    named = {name: path.resolve() for name in KEPT_PATHS if (path := getattr(arguments, name))}
    named |= {name: getattr(arguments, name) for name in KEPT}
    named |= {"deadline": arguments.deadline.isoformat()} if arguments.deadline else {}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in named.items()]
    words += [str(arguments.assignment.resolve()), str(arguments.submissions.resolve())]
    gradebook.write_json(settings_path(folder), load_settings(folder) | {"command": words})


def _recalled(arguments: argparse.Namespace) -> argparse.Namespace:
    """What the class was graded with. Raises ValueError for a folder of no class."""
    words = load_settings(arguments.regrade).get("command")
    if not isinstance(words, list):
        words = "expected a results folder of `clipedu grade`, such as grades-results."
        raise ValueError(f"{arguments.regrade} holds no graded class; {words}")
    kept = add_grade_parser(argparse.ArgumentParser().add_subparsers()).parse_args(words)
    now = {name: getattr(arguments, name) for name in ("student", "jobs", "protection", "fresh")}
    return argparse.Namespace(**vars(kept) | now | {"json": arguments.regrade})


if __name__ == "__main__":
    outer = argparse.ArgumentParser()
    add_grade_parser(outer.add_subparsers(required=True))
    parsed = outer.parse_args(["grade", *sys.argv[1:]])
    sys.exit(parsed.run(parsed))
