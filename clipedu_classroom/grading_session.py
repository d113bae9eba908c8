"""Grade a share of the class under pytest: each exercise of each submission is one test, run in
this process.

pytest collects the tests from the assignment, not from what is handed in, and runs
`grading_items.test_answer` for each: the test asks the worker, compares with the reference and
holds the report. A test that never reports (a bug of ours) leaves an exercise with status "error"
and no points, and the session goes on. Points are counted by `gradebook` from the same list.

Several of these processes share a class: each takes the next submission that nobody has claimed. A
process that dies loses one submission, which the parent then writes down; `python -m
clipedu_classroom.grading_session PLAN SLOT` is how the parent starts one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clipedu_classroom import gradebook
from clipedu_classroom.assignment import Assignment, Question, read_assignment
from clipedu_classroom.grading import Grading, Settings
from clipedu_classroom.report import Report
from clipedu_classroom.sandbox import Limits
from clipedu_classroom.submissions import Submission


@dataclass(frozen=True)
class Plan:
    """What is to be graded, as it travels to the processes that do it."""

    assignment: str
    submissions: tuple[tuple[str, str, str], ...]  # student, path, problem
    results: str
    claims: str
    protection: str
    limits: Limits
    seed: int
    hidden: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        entry = json.loads(text)
        entry["submissions"] = tuple(tuple(item) for item in entry["submissions"])
        return cls(
            **{**entry, "limits": Limits(**entry["limits"]), "hidden": tuple(entry["hidden"])}
        )


class Share:
    """The submissions that this process grades, one after the other."""

    def __init__(self, plan: Plan, slot: int) -> None:
        self.plan = plan
        self.assignment: Assignment = read_assignment(plan.assignment)
        self.questions = [
            question for question in self.assignment.questions if not question.by_hand
        ]
        hidden = tuple(Path(path) for path in plan.hidden)
        self.settings = Settings(plan.protection, plan.limits, plan.seed, hidden, slot)
        self.current: tuple[int, Grading] | None = None
        self.refused: set[int] = set()
        self.interrupted = False
        self.parent = os.getppid()

    def claim(self, number: int) -> bool:
        """Is submission `number` ours? The first to ask gets it; what was begun before is written
        down.
        """
        if self.current is not None and self.current[0] == number:
            return True
        if number in self.refused or os.getppid() != self.parent:
            return False  # nobody waits for us any more: begin nothing new
        self.finish()
        try:
            os.close(os.open(Path(self.plan.claims) / str(number), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            self.refused.add(number)
            return False
        student, path, problem = self.plan.submissions[number]
        grading = Grading(self.assignment, Submission(student, Path(path), problem), self.settings)
        self.current = number, grading
        return True

    def grading(self) -> Grading:
        assert self.current is not None
        return self.current[1]

    def finish(self) -> None:
        """Write the current submission's result (none when a person interrupted it: half a result
        would look like a whole one).
        """
        if self.current is not None:
            grading = self.current[1]
            self.current = None
            try:
                if not self.interrupted:
                    gradebook.save_result(Path(self.plan.results), grading.finish())
            finally:
                grading.close()


@dataclass(frozen=True)
class Case:
    """One test: one exercise of one submission."""

    share: Share
    number: int
    question: Question

    def is_ours(self) -> bool:
        return self.share.claim(self.number)

    def report(self) -> Report:
        return self.share.grading().report(self.question)


class Plugin:
    """Tells pytest what to test, and writes the last result when it is done."""

    def __init__(self, share: Share) -> None:
        self.share = share

    def pytest_generate_tests(self, metafunc: Any) -> None:
        cases, ids = [], []
        for number, (student, _, _) in enumerate(self.share.plan.submissions):
            for question in self.share.questions:
                cases.append(Case(self.share, number, question))
                ids.append(f"{gradebook.file_name(student)}-{question.id}")
        metafunc.parametrize("case", cases, ids=ids)

    def pytest_keyboard_interrupt(self) -> None:
        self.share.interrupted = True

    def pytest_sessionfinish(self) -> None:
        self.share.finish()


def need_pytest() -> None:
    """Raises RuntimeError, with the command that helps, where pytest is not installed: a student's
    set-up has none.
    """
    if importlib.util.find_spec("pytest") is None:
        command = f'{sys.executable} -m pip install "pytest>=8.3,<10"'
        raise RuntimeError(f"Grading runs under pytest, which is not installed. Type: {command}")


def run_share(plan: Plan, slot: int = 0) -> None:
    """Grade what can be claimed of the plan. Raises RuntimeError when pytest is missing or does not
    run its tests.
    """
    need_pytest()
    import pytest

    share = Share(plan, slot)
    if (
        not share.questions
    ):  # open questions only: nothing to run, but every submission gets its result
        for number in range(len(plan.submissions)):
            share.claim(number)
        share.finish()
        return
    items = Path(__file__).with_name("grading_items.py")
    options = [
        "-p",
        "no:terminal",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:faulthandler",
        "-p",
        "no:doctest",
    ]
    options += [
        "--noconftest",
        "-c",
        os.devnull,
        "--rootdir",
        str(items.parent),
        "--import-mode=importlib",
        "-s",
    ]
    with _plain_pytest():
        code = pytest.main([*options, "--assert=plain", str(items)], plugins=[Plugin(share)])
    if code not in (
        0,
        1,
    ):  # 0: all passed, 1: some failed; anything else means that tests did not run
        raise RuntimeError(
            f"pytest ended with code {int(code)}; grading is incomplete. Run the command again to "
            "go on."
        )


@contextmanager
def _plain_pytest() -> Iterator[None]:
    """No plugins and no options of whatever project we are called from."""
    names = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "", "PYTEST_PLUGINS": ""}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def main() -> None:
    import torch

    torch.set_num_threads(1)
    run_share(Plan.from_json(Path(sys.argv[1]).read_text(encoding="utf-8")), int(sys.argv[2]))


if __name__ == "__main__":
    main()
