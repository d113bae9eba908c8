"""Make the course's notebooks from `clipedu_lessons/`, run them, or say whether they are fresh.

`build` refreshes text and keeps the outputs of unchanged cells; with `execute` it also runs them;
with `check` it changes nothing and reports. A notebook is written whole or not at all, and two
builds of the same text write the same bytes. `clipedu_lessons/README.md` says how a lesson is
written.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from clipedu.files import write_whole
from clipedu_classroom.execute import TIMEOUT, NotebookError, execute_notebook
from clipedu_classroom.exercise_reader import (
    ExerciseSource,
    WrongVariant,
    parse_exercise_file,
    parse_exercises,
)
from clipedu_classroom.freshness import (
    Finding,
    carry_outputs,
    differences,
    output_findings,
    read_notebook,
)
from clipedu_classroom.lint import lint
from clipedu_classroom.notebooks import exercise_notebook, lesson_notebook, text_of
from clipedu_classroom.source import (
    FOLDER_NAME,
    LESSONS,
    LessonError,
    Problem,
    course_root,
    parse_lesson,
    shown_path,
)


@dataclass(frozen=True)
class NotebookReport:
    """What was done with one notebook: "unchanged", "written", "executed", "fresh", "stale" or
    "failed"; `bytes` is 0 for a file that does not exist."""

    path: Path
    status: str
    seconds: float = 0.0
    bytes: int = 0


@dataclass
class BuildReport:
    """All notebooks of one call and everything that is wrong; `ok` when nothing is."""

    notebooks: list[NotebookReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)  # about notebooks
    problems: list[Problem] = field(default_factory=list)  # about the text
    failures: list[str] = field(default_factory=list)  # notebooks that did not run

    @property
    def ok(self) -> bool:
        errors = [problem for problem in self.problems if problem.level == "error"]
        return not (self.findings or self.failures or errors)

    def __str__(self) -> str:
        rows = [
            f"{report.status:>9}  {shown_path(report.path)}  "
            f"({report.bytes / 1000:.0f} kB, {report.seconds:.1f} s)"
            for report in self.notebooks
        ]
        return "\n".join([*rows, *map(str, [*self.problems, *self.findings]), *self.failures])

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: ok, notebooks, findings, problems, failures."""
        return {
            "ok": self.ok,
            "notebooks": [
                {
                    "path": shown_path(report.path),
                    "status": report.status,
                    "seconds": round(report.seconds, 3),
                    "bytes": report.bytes,
                }
                for report in self.notebooks
            ],
            "findings": [
                {
                    "path": shown_path(finding.path),
                    "cell": finding.cell,
                    "message": finding.message,
                    "mend": finding.mend,
                }
                for finding in self.findings
            ],
            "problems": [
                {
                    "path": shown_path(problem.path),
                    "line": problem.line,
                    "rule": problem.rule,
                    "level": problem.level,
                    "message": problem.message,
                }
                for problem in self.problems
            ],
            "failures": list(self.failures),
        }


def summaries(report: BuildReport) -> list[str]:
    """What the cells that a lesson tags `summary` printed in the notebooks that were executed."""
    texts = []
    for path in [made.path for made in report.notebooks if made.status == "executed"]:
        for cell in nbformat.read(path, as_version=4).cells:
            if "summary" in cell.metadata.get("tags", []):
                for output in cell.outputs:
                    texts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return [text.rstrip() for text in texts]


__all__ = [
    "BuildReport",
    "ExerciseSource",
    "NotebookReport",
    "WrongVariant",
    "build",
    "execute_notebook",
    "parse_exercises",
    "parse_lesson",
]

TREES = ("notebooks", "exercises", "solutions")


@dataclass(frozen=True)
class Target:
    """A notebook to make: which tree it belongs to and where it goes."""

    tree: str
    number: str
    path: Path
    notebook: NotebookNode


def build(
    numbers: Sequence[str | int] | None = None,
    *,
    check: bool = False,
    execute: bool = False,
    out: str | Path | None = None,
    only: str | None = None,
    root: str | Path | None = None,
    timeout: float = TIMEOUT,
    progress: bool = True,
) -> BuildReport:
    """Make, run or check the notebooks of the lessons `numbers` ("03", 3 or "03_name"; None for
    all).

    check: change nothing; report what is stale, unrun or badly written. execute: run each notebook
    and store its outputs; one that fails keeps its old file and is reported, the others go on.
    out: write executed copies to that folder and leave the course's own notebooks alone. only:
    "lessons" or "exercises". timeout: seconds a cell may take. root: the course's folder, found by
    `course_root` when None.

    Raises ValueError for a lesson that is not there, an unknown `only`, or `check` together with
    `execute` or `out`; FileNotFoundError when no course is found.
    """
    if check and (execute or out is not None):
        raise ValueError("--check changes nothing: use it without --execute and --out.")
    if only not in (None, "lessons", "exercises"):
        raise ValueError(f"only is {only!r}; it is 'lessons' or 'exercises'.")
    folder = course_root() if root is None else Path(root).resolve()
    report = BuildReport()
    targets = _targets(folder, find_lessons(folder, numbers), only, report)
    for target in targets:
        if check:
            _check(target, report)
        else:
            _make(target, folder, report, execute, out, timeout, progress)
    if check and numbers is None and only is None:
        report.findings += _orphans(folder, {target.path for target in targets}, report)
    return report


def find_lessons(root: Path, numbers: Sequence[str | int] | None = None) -> list[Path]:
    """The folders of the lessons asked for, in the order of the course. ValueError for one that is
    not there."""
    known = {
        folder.name.removeprefix("l"): folder
        for folder in sorted((root / LESSONS).iterdir())
        if FOLDER_NAME.fullmatch(folder.name) and _texts(folder)
    }
    if numbers is None:
        return list(known.values())
    chosen = []
    for number in numbers:
        wanted = f"{number:02d}" if isinstance(number, int) else str(number)
        wanted = wanted.zfill(2) if wanted.isdecimal() else wanted
        matches = [name for name in known if wanted in (name, name[:2])]
        if not matches:
            there = ", ".join(known) or "none yet"
            raise ValueError(
                f"there is no lesson {str(number)!r} in {LESSONS}/; there are: {there}."
            )
        chosen += [known[name] for name in matches if known[name] not in chosen]
    return sorted(chosen)


def _texts(folder: Path) -> list[Path]:
    return [folder / name for name in ("lesson.py", "exercises.py") if (folder / name).is_file()]


def _targets(
    root: Path, folders: list[Path], only: str | None, report: BuildReport
) -> list[Target]:
    """The notebooks that the text makes; text that cannot be read goes to `report.problems`."""
    targets = []
    for folder in folders:
        name = folder.name.removeprefix("l")
        texts = [text for text in _texts(folder) if only is None or text.stem in (only, only[:-1])]
        report.problems += lint(texts)
        for text in texts:
            try:
                made = _notebooks(text)
            except LessonError:
                continue  # lint has reported it, with more words
            for tree, notebook in made.items():
                path = root / tree / f"{name}.ipynb"
                targets.append(Target(tree, name[:2], path, notebook))
    return targets


def _notebooks(text: Path) -> dict[str, NotebookNode]:
    if text.name == "lesson.py":
        return {"notebooks": lesson_notebook(parse_lesson(text))}
    parsed = parse_exercise_file(text)
    return {
        "exercises": exercise_notebook(parsed, solved=False),
        "solutions": exercise_notebook(parsed, solved=True),
    }


def _check(target: Target, report: BuildReport) -> None:
    start = time.perf_counter()
    found = differences(copy.deepcopy(target.notebook), target.path, target.number)
    # of a notebook that is stale anyway the outputs say little; one remedy at a time
    found = found or output_findings(target.path, target.tree, target.number)
    report.findings += found
    report.notebooks.append(
        _entry(target.path, "stale" if found else "fresh", time.perf_counter() - start)
    )


def _make(
    target: Target,
    root: Path,
    report: BuildReport,
    execute: bool,
    out: str | Path | None,
    timeout: float,
    progress: bool,
) -> None:
    start = time.perf_counter()
    path = target.path if out is None else Path(out) / target.tree / target.path.name
    path.parent.mkdir(parents=True, exist_ok=True)
    if execute or out is not None:
        # copies run where the originals do, so that they see the same files
        folder = target.path.parent if target.path.parent.is_dir() else path.parent
        try:
            notebook = execute_notebook(
                target.notebook,
                timeout=timeout,
                cwd=folder,
                progress=progress,
                name=f"{target.tree}/{path.name}",
            )
        except NotebookError as error:
            report.failures.append(str(error))
            report.notebooks.append(_entry(path, "failed", time.perf_counter() - start))
            return
        write_whole(path, text_of(notebook))
        status = "executed"
    else:
        text = text_of(carry_outputs(target.notebook, read_notebook(path)))
        status = "unchanged" if _same(path, text) else "written"
        if status == "written":
            write_whole(path, text)
    report.notebooks.append(_entry(path, status, time.perf_counter() - start))


def _entry(path: Path, status: str, seconds: float) -> NotebookReport:
    return NotebookReport(path, status, seconds, path.stat().st_size if path.exists() else 0)


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_bytes() == text.encode()


def _orphans(root: Path, made: set[Path], report: BuildReport) -> list[Finding]:
    """Notebooks that no lesson makes. Where text could not be read, its notebooks are not
    counted."""
    errors = [problem for problem in report.problems if problem.level == "error"]
    unread = {problem.path.resolve().parent.name.removeprefix("l") for problem in errors}
    return [
        Finding(path, "no lesson makes this notebook", f"git rm {shown_path(path)}")
        for tree in TREES
        for path in sorted((root / tree).glob("*.ipynb"))
        if path not in made and path.stem not in unread
    ]
