"""The verb `clipedu build`: make the course's notebooks from `clipedu_lessons/`, run them, or say
whether they are fresh. Two builds of the same text write the same bytes."""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from clipedu.files import write_whole
from clipedu_classroom import my_clip
from clipedu_classroom.execute import TIMEOUT, NotebookError, execute_notebook
from clipedu_classroom.exercise_reader import parse_text
from clipedu_classroom.freshness import (
    carry_outputs,
    output_text,
    read_notebook,
    stale,
    unsound_run,
)
from clipedu_classroom.lint import lint
from clipedu_classroom.notebooks import make_notebook, text_of
from clipedu_classroom.prose_numbers import fill
from clipedu_classroom.source import (
    FOLDER_NAME,
    LESSONS,
    LessonError,
    Problem,
    course_root,
    shown_path,
)

TREES = ("notebooks", "exercises", "solutions")
EXAMPLES = """examples:
  clipedu build 03                 refresh lesson 03's notebooks; outputs of unchanged cells stay
  clipedu build 03 --execute       also run them and store the outputs
  clipedu build --check            change nothing; say what is stale or unrun (exit code 1)
  clipedu build 03 --html runs/03  also write web pages, to read elsewhere or to print
  clipedu build 04 --out runs/04   executed copies in runs/04; the course's own stay as they are
"""


def add_build_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The verb `build`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "build",
        help="make notebooks/, exercises/ and solutions/ from clipedu_lessons/",
        description="Make notebooks/, exercises/ and solutions/ from the text in clipedu_lessons/.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("numbers", nargs="*", metavar="NN", help="lessons, as 03; default all")
    add("--check", action="store_true", help="report only, exit 1 if not fresh")
    add("--execute", action="store_true", help="run the notebooks, store outputs")
    add("--out", metavar="DIR", help="write executed copies there instead")
    add("--html", metavar="DIR", help="also write them there as web pages, to read or print")
    add("--only", choices=("lessons", "exercises"), help="one kind of notebook")
    add("--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="per cell, default 600")
    parser.set_defaults(run=run_build)
    return parser


def run_build(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Do what `args` says and print the report; (0 when all is well, else 1, the report as data).
    Raises what `build` raises."""
    how = {name: getattr(args, name) for name in ("check", "execute", "out", "only", "timeout")}
    report = build(args.numbers or None, **how)
    print(report)
    for text in summaries(report) if args.out else []:
        print(f"\n{text}")
    if args.html:
        made = write_pages(Path(args.html), [notebook.path for notebook in report.notebooks])
        print(f"{len(made)} web pages in {args.html}")
    if not report.notebooks and report.ok:
        print("there are no lessons to build")
    elif args.check:
        print(f"all notebooks are what {LESSONS}/ says" if report.ok else "not fresh; see above")
    return (0 if report.ok else 1), report.to_dict()


def write_pages(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """Write each of the paths that is a notebook as `folder/TREE/NAME.html`, with a description at
    every figure; returns the pages."""
    from nbconvert import HTMLExporter

    templates = [str(Path(__file__).parent / "templates")]
    exporter = HTMLExporter(template_name="clipedu", extra_template_basedirs=templates)
    pages = []
    for path in [path for path in paths if path.suffix == ".ipynb" and path.is_file()]:
        with warnings.catch_warnings():  # it tells of outputs that show nothing
            warnings.filterwarnings("ignore", "Your element with mimetype")
            text, _ = exporter.from_filename(str(path))
        pages.append(folder / path.parent.name / f"{path.stem}.html")
        write_whole(pages[-1], text)
    return pages


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
    problems: list[Problem] = field(default_factory=list)  # of texts, notebooks and own checks
    failures: list[str] = field(default_factory=list)  # notebooks that did not run

    @property
    def ok(self) -> bool:
        return not self.failures and all(problem.level != "error" for problem in self.problems)

    def __str__(self) -> str:
        rows = [
            f"{r.status:>9}  {shown_path(r.path)}  ({r.bytes / 1000:.0f} kB, {r.seconds:.1f} s)"
            for r in self.notebooks
        ]
        return "\n".join([*rows, *map(str, self.problems), *self.failures])

    def to_dict(self) -> dict[str, Any]:
        """JSON-able: ok, notebooks, problems, failures."""
        data = {"ok": self.ok, **asdict(self)}
        for row in [*data["notebooks"], *data["problems"]]:
            row["path"] = shown_path(row["path"])
        return data


def summaries(report: BuildReport) -> list[str]:
    """What the cells that a lesson tags `summary` printed in the notebooks that were executed."""
    made = [read_notebook(one.path) for one in report.notebooks if one.status == "executed"]
    cells = [cell for notebook in made if notebook for cell in notebook.cells]
    told = [cell for cell in cells if "summary" in cell.metadata.get("tags", [])]
    texts = [output_text(output) for cell in told for output in cell.outputs]
    return [text.rstrip() for text in texts if text.strip()]


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

    check: change nothing; report what is stale, unrun or badly written, also in checks of your own
    (CLIPEDU_SPECS). execute: run each notebook and store its outputs; one that fails keeps its old
    file. out: write executed copies to that folder instead. only: "lessons" or "exercises".
    timeout: seconds a cell may take. root: the course's folder, found by `course_root` when None.

    Raises ValueError for a lesson that is not there, an unknown `only`, or `check` together with
    `execute` or `out`; FileNotFoundError when no course is found."""
    if check and (execute or out is not None):
        raise ValueError("--check changes nothing: use it without --execute and --out.")
    if only not in (None, "lessons", "exercises"):
        raise ValueError(f"only is {only!r}; it is 'lessons' or 'exercises'.")
    folder = course_root() if root is None else Path(root).resolve()
    report = BuildReport()
    lessons = find_lessons(folder, numbers)
    made = _notebooks(folder, lessons, only, report)
    for path, notebook in made.items():
        start = time.perf_counter()
        target = Path(out or folder) / path.relative_to(folder)
        if check:
            # of a notebook that is stale anyway the outputs say little; one remedy at a time
            found = stale(notebook, path) or unsound_run(path)
            report.problems += found
            status = "stale" if found else "fresh"
        elif execute or out is not None:
            # copies run where the originals do, so that they see the same files
            cwd = path.parent if path.parent.is_dir() else None
            status = _execute(target, notebook, report, cwd, timeout=timeout, progress=progress)
        else:
            status = _refresh(path, notebook)
        size = target.stat().st_size if target.exists() else 0
        seconds = round(time.perf_counter() - start, 3)
        report.notebooks.append(NotebookReport(target, status, seconds, size))
    if only != "lessons" and out is None and (check is False or numbers is None):
        _my_clip(folder, report, check=check)
    if check and numbers is None and only is None:
        report.problems += _orphans(folder, set(made), report)
    if check and only != "lessons" and os.environ.get("CLIPEDU_SPECS"):
        from clipedu_classroom.specs import own_spec_problems  # loads torch

        asked = {lesson.name.removeprefix("l")[:2] for lesson in lessons}
        report.problems += own_spec_problems(None if numbers is None else asked)
    return report


def find_lessons(root: Path, numbers: Sequence[str | int] | None = None) -> list[Path]:
    """The folders of the lessons asked for, in the order of the course. ValueError for one that is
    not there."""
    known = {
        folder.name.removeprefix("l"): folder
        for folder in sorted((root / LESSONS).iterdir())
        if FOLDER_NAME.fullmatch(folder.name) and _texts(folder)
    }
    chosen = set()
    for number in known if numbers is None else numbers:
        wanted = str(number).zfill(2)
        matches = [folder for name, folder in known.items() if wanted in (name, name[:2])]
        if not matches:
            there = ", ".join(known) or "none yet"
            words = f"there is no lesson {str(number)!r} in {LESSONS}/"
            raise ValueError(f"{words}; there are: {there}.")
        chosen.update(matches)
    return sorted(chosen)


def _texts(folder: Path) -> list[Path]:
    return [folder / name for name in ("lesson.py", "exercises.py") if (folder / name).is_file()]


def _notebooks(
    root: Path, folders: list[Path], only: str | None, report: BuildReport
) -> dict[Path, NotebookNode]:
    """The notebooks that the text makes, not executed, by where they go. Text that cannot be read
    goes to `report.problems`."""
    made: dict[Path, NotebookNode] = {}
    for folder in folders:
        file = f"{folder.name.removeprefix('l')}.ipynb"
        for text in _texts(folder):
            if only not in (None, text.stem, f"{text.stem}s"):
                continue
            report.problems += lint(text)
            try:
                parsed = parse_text(text)
            except LessonError:
                continue  # lint has reported it, with more words
            for tree in TREES[:1] if text.name == "lesson.py" else TREES[1:]:
                made[root / tree / file] = make_notebook(parsed, solved=tree == "solutions")
    return made


def _my_clip(root: Path, report: BuildReport, *, check: bool) -> None:
    """The file that the solutions of all lessons make."""
    path = root / TREES[2] / my_clip.NAME
    try:
        text = my_clip.complete(root)
    except (LessonError, SyntaxError):
        return  # lint has reported it, with more words
    fresh = not text or (path.is_file() and path.read_text("utf-8") == text)
    if check and not fresh:
        message = "it is not what the solutions make"
        report.problems.append(Problem(path, 0, "stale", message, mend="clipedu build"))
    elif not fresh:
        write_whole(path, text)


def _refresh(path: Path, notebook: NotebookNode) -> str:
    """Write the text; the outputs of cells that are as they were stay. Returns the status."""
    fill(carry_outputs(notebook, read_notebook(path)))
    text = text_of(notebook)
    if path.exists() and path.read_bytes() == text.encode():
        return "unchanged"
    write_whole(path, text)
    return "written"


def _execute(
    path: Path, notebook: NotebookNode, report: BuildReport, cwd: Path | None, **options: Any
) -> str:
    """Run the notebook, in its own folder where `cwd` is None, and write it. Returns the status."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{path.parent.name}/{path.name}"
    try:
        made = execute_notebook(notebook, cwd=cwd or path.parent, name=name, **options)
    except NotebookError as error:
        report.failures.append(str(error))
        return "failed"
    fill(made)
    write_whole(path, text_of(made))
    return "executed"


def _orphans(root: Path, made: set[Path], report: BuildReport) -> list[Problem]:
    """Notebooks that no lesson makes. Where text could not be read, its notebooks are not
    counted."""
    message = "no lesson makes this notebook"
    wrong = [problem.path.resolve() for problem in report.problems if problem.level == "error"]
    unread = {path.parent.name.removeprefix("l") for path in wrong if path.suffix == ".py"}
    return [
        Problem(path, 0, "orphan", message, mend=f"git rm {shown_path(path)}")
        for tree in TREES
        for path in sorted((root / tree).glob("*.ipynb"))
        if path not in made and path.stem not in unread
    ]
