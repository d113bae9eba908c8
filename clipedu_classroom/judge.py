"""The verb `clipedu judge`: what the check says of one answer, or of a list of them."""

from __future__ import annotations

import argparse
import contextlib
import json
import linecache
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from clipedu_classroom import sandbox, specs
from clipedu_classroom.calling import Failure, failure
from clipedu_classroom.checks import report_on
from clipedu_classroom.exercise_reader import course_record
from clipedu_classroom.remote import Client, RemoteSubject, failure_from
from clipedu_classroom.report import Report
from clipedu_classroom.spec import Exercise
from clipedu_classroom.subject import MISSING, LocalSubject, SubjectLost

#: What students import in cells of their own.
USUAL_IMPORTS = """
import collections, functools, itertools, math, re
from collections import Counter, defaultdict
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
"""


def add_judge_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The verb `judge`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "judge",
        epilog="example: clipedu judge 03.3 answer.py --seeds 10 --json",
        help="judge one answer, or a list of them",
        description="Judge the source text of an answer cell as check() would, after the usual "
        "imports (np, F, math, ...) and the cells above it in its notebook. It runs here, without "
        "sandbox or time limit: use --sandbox for code that you did not write.",
    )
    add = parser.add_argument
    add("id", nargs="?", help="the exercise, for example 03.3")
    add("file", nargs="?", help="the answer cell's source text; - reads standard input")
    add("--set", type=Path, help='judge a JSON list of {"exercise", "source"}, also "kind", "what"')
    add("--student", default="", help="with the numbers of this student, where they are personal")
    add("--seed", type=int, default=0, help="the first seed (default: %(default)s)")
    add("--seeds", type=int, default=1, help="how many seeds to draw inputs with (default: 1)")
    add("--json", action="store_true", help="print JSON")
    add("--sandbox", action="store_true", help="run the code as `clipedu grade` does")
    parser.set_defaults(run=run_judge)
    return parser


def run_judge(arguments: argparse.Namespace) -> int:
    """Run the verb; 0 when everything is judged, 2 for a wrong path, id or combination."""
    file = arguments.set or arguments.file
    try:
        if not file or arguments.seeds < 1:
            raise ValueError("give an exercise and a file, or --set and a list; 1 seed or more.")
        text = sys.stdin.read() if str(file) == "-" else Path(file).read_text(encoding="utf-8-sig")
        rows = [{"exercise": arguments.id, "source": text}]
        rows = json.loads(text) if arguments.set else rows
        exercises = [specs.find(row["exercise"], arguments.student) for row in rows]
        todo = [(row, found, row["source"]) for row, found in zip(rows, exercises, strict=True)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"clipedu judge: {error}", file=sys.stderr)
        return 2
    judged = []
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    for row, exercise, source in todo:
        about = {key: row[key] for key in ("kind", "what") if key in row}
        judged.append(about | judge(exercise, source, seeds, in_sandbox=arguments.sandbox))
        if not arguments.json:
            print(_in_words(judged[-1]))
    if arguments.json:
        print(json.dumps(judged if arguments.set else judged[0], indent=2, ensure_ascii=False))
    elif arguments.set:
        print(_totals(judged))
    return 0


def judge(
    exercise: Exercise, code: str, seeds: range, *, in_sandbox: bool = False
) -> dict[str, Any]:
    """What the first seed says with which the answer does not pass, or the first of all; "seeds"
    holds every seed's status and diagnosis. The cells run anew for each seed, as in a new kernel.
    """
    one = report_from_sandbox if in_sandbox else report_here
    reports = [one(exercise, code, seed) for seed in seeds]
    shown = next((report for report in reports if not report.passed), reports[0])
    pairs = list(zip(seeds, reports, strict=True))
    every = [{"seed": seed, "status": r.status, "diagnosis": r.diagnosis} for seed, r in pairs]
    said = {"status": shown.status, "diagnosis": shown.diagnosis, "message": shown.message}
    return {"id": exercise.id, **said, "seeds": every}


def report_here(exercise: Exercise, code: str, seed: int = 0) -> Report:
    """Run the cells in this process, and check what they define."""
    space: dict[str, Any] = {"__name__": "__main__"}
    name = f"<{exercise.id}>"
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    with contextlib.redirect_stdout(sys.stderr):
        exec(USUAL_IMPORTS + course_record(exercise.id).setup, space)
        try:
            exec(compile(code, name, "exec"), space)
        except NotImplementedError:  # an untouched stub
            pass
        except Exception as error:
            return _cell_raises(exercise, failure(error))
        found = [space.get(name, MISSING) for name in exercise.names]
        return report_on(exercise, LocalSubject.of(exercise.name, found), seed=seed)


def report_from_sandbox(exercise: Exercise, code: str, seed: int = 0) -> Report:
    """As `report_here`, in a worker as `clipedu grade` starts it."""
    limits, setup = sandbox.Limits(), USUAL_IMPORTS + course_record(exercise.id).setup
    client = Client(sandbox.choose(), limits, time.monotonic() + limits.wall_seconds)
    try:
        client.ask("load", id="setup", source=setup, kind="setup")
        loaded = client.ask("load", id=exercise.id, source=code, kind="answer")
        raised = failure_from(loaded.get("error"))
        if raised and raised.kind != "NotImplementedError":
            return _cell_raises(exercise, raised)
        return report_on(exercise, RemoteSubject(client, exercise.name), seed=seed)
    except SubjectLost as lost:
        return Report(exercise.id, lost.reason, message=str(lost))
    finally:
        client.stop()


def _cell_raises(exercise: Exercise, raised: Failure) -> Report:
    diagnosis, message = f"the cell raises {raised.kind}", f"The cell raised {raised}."
    return Report(exercise.id, "failed", diagnosis=diagnosis, message=message)


def _in_words(row: dict[str, Any]) -> str:
    about = f"{row['id']} {row.get('kind', '')}: {row.get('what', '')}".rstrip(": ")
    agreeing = sum(seed["status"] == row["status"] for seed in row["seeds"])
    return f"{about}\n    {row['status']} ({agreeing} of {len(row['seeds'])}). {row['message']}"


def _totals(rows: list[dict[str, Any]]) -> str:
    """Of each kind, how many answers pass with every seed, and how many with none."""
    found = Counter[tuple[str, str]]()
    for row in rows:
        passed = [seed["status"] == "passed" for seed in row["seeds"]]
        verdict = "every seed" if all(passed) else "some seeds" if any(passed) else "no seed"
        found[row.get("kind", "answer"), verdict] += 1
    return "\n".join(f"{kind}: {n} pass with {seeds}." for (kind, seeds), n in found.items())
