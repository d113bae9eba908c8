"""The verb `clipedu bundle`: a zip for students, without the model answers, or one in which
Gradescope grades what they hand in."""

from __future__ import annotations

import argparse
import re
import secrets
import sys
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from clipedu.files import draft_of
from clipedu_classroom.exercise_reader import course_records, parse_text
from clipedu_classroom.freshness import carry_outputs, read_notebook
from clipedu_classroom.gradebook import file_name
from clipedu_classroom.notebooks import make_notebook, text_of
from clipedu_classroom.prose_numbers import fill
from clipedu_classroom.roster import Roster
from clipedu_classroom.source import LESSONS, course_root
from clipedu_classroom.stubs import make_stub

TOP = (
    *("course.py", "Makefile", "pyproject.toml", "environment.yml", "constraints-ci.txt"),
    *("README.md", "LICENSE", "NOTICE.md", "CITATION.cff"),
)
NOT_THERE = "# It is with your instructor."
GRADESCOPE = Path(__file__).parent / "templates" / "gradescope"


def add_bundle_parser(subparsers: Any) -> argparse.ArgumentParser:
    """The verb `bundle`."""
    words = "a zip of some lessons for students, without the model answers"
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "bundle", help=words, description=words, epilog="example: clipedu bundle 03 04 --out w2.zip"
    )
    add = parser.add_argument
    add("lessons", nargs="+", metavar="NN", help="numbers of lessons, such as 03")
    add("--out", type=Path, default=Path("course.zip"), help="default: %(default)s")
    either = parser.add_mutually_exclusive_group().add_argument
    scope = "instead, a zip in which Gradescope grades the first of these lessons"
    either("--gradescope", action="store_true", help=scope)
    own = "instead, each student's exercise notebooks, with numbers of their own"
    either("--personal", type=Path, metavar="ROSTER", help=own)
    parser.set_defaults(run=run_bundle)
    return parser


def run_bundle(arguments: argparse.Namespace) -> int:
    """Write the zip; 0 when it is there, 2 for an unknown lesson."""
    try:
        if arguments.personal:
            students = Roster(arguments.personal).students()
            files = dict(personal_files(course_root(), arguments.lessons, students))
        else:
            files = dict(course_files(course_root(), arguments.lessons, arguments.gradescope))
        if arguments.gradescope:
            files = autograder_files(files)
        with draft_of(arguments.out) as draft, zipfile.ZipFile(draft, "w") as archive:
            for name, content in files.items():
                info = zipfile.ZipInfo(name)
                info.external_attr = (0o755 if content.startswith(b"#!") else 0o644) << 16
                archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    except (OSError, ValueError) as error:
        print(f"clipedu bundle: {error}", file=sys.stderr)
        return 2
    print(f"{arguments.out}: {len(files)} files.")
    return 0


def course_files(
    root: Path, lessons: list[str], solved: bool = False
) -> Iterator[tuple[str, bytes]]:
    """(name, content) of what a student needs for these lessons ("03"); with the answers, for a
    grader, if `solved`. Raises ValueError for a lesson that is not there or not built."""
    chosen = []
    for lesson in lessons:
        notebooks = list(root.glob(f"exercises/{lesson}_*.ipynb"))
        if not lesson.isdigit() or not notebooks:
            words = "expected the number of a lesson, as 03. `clipedu build` makes the notebooks."
            raise ValueError(f"there is no exercises/{lesson}_*.ipynb in {root}; {words}")
        chosen += [*notebooks, *root.glob(f"notebooks/{lesson}_*.ipynb")]
        chosen += root.glob(f"{LESSONS}/l{lesson}_*/**/*")
    for package in ("clipedu", "clipedu_classroom", f"{LESSONS}/common"):
        chosen += root.glob(f"{package}/**/*")
    chosen += [*root.glob(f"{LESSONS}/*.py"), *(root / name for name in TOP)]
    for path in root.glob(f"{LESSONS}/l*/exercises.py"):  # my_clip.py is made of all its parts
        homes = re.findall(r'my_clip="([\w.]+)"', path.read_text("utf-8"))
        chosen += [path, path.with_name("__init__.py")] if homes else []
        chosen += [root / f"{home.replace('.', '/')}.py" for home in homes]
    for path in sorted(set(chosen)):
        if path.is_file() and "__pycache__" not in path.parts:
            is_key = path.name == "exercises.py" and path.parent.parent.name == LESSONS
            hide = is_key and not solved
            content = without_solutions(path).encode() if hide else path.read_bytes()
            yield path.relative_to(root).as_posix(), content


def personal_files(
    root: Path, lessons: list[str], students: dict[str, str]
) -> Iterator[tuple[str, bytes]]:
    """(STUDENT/NOTEBOOK, content) of each student's exercises. Raises ValueError for a lesson in
    which nothing is personal."""
    records = course_records(root=root).values()
    personal = dict.fromkeys(record.id[:2] for record in records if record.personal)
    for lesson in lessons:
        if lesson not in personal:
            known = ", ".join(personal)
            raise ValueError(f"lesson {lesson} has no exercise with personal numbers; {known} do.")
        (path,) = root.glob(f"{LESSONS}/l{lesson}_*/exercises.py")
        text = parse_text(path)
        stored = read_notebook(root / "exercises" / f"{text.name}.ipynb")
        for student, name in students.items():
            notebook = carry_outputs(make_notebook(text, student=student), stored)
            fill(notebook)
            yield f"{file_name(name)}/{text.name}.ipynb", text_of(notebook).encode()


def without_solutions(path: Path) -> str:
    """An exercises.py with its marks, but stubs between them, and no model answer or rubric."""
    file = parse_text(path)
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    starts = [item.cell.line for item in file.items] + [len(lines) + 1]
    for item, (start, end) in reversed(list(zip(file.items, pairwise(starts), strict=True))):
        body = slice(start, end - 1)  # below the marker, whose line counts from 1
        if item.role in ("answer", "rubric"):
            lines[body] = [NOT_THERE, ""]
        elif item.role == "solution" and item.exercise is not None:
            solved, key = "\n".join(lines[body]), file.exercises[item.exercise].id
            lines[body] = make_stub(solved, key, marked=True).split("\n")
    return "\n".join(lines)


def autograder_files(course: dict[str, bytes]) -> dict[str, bytes]:
    """What Gradescope unpacks into /autograder/source. All submissions get the same inputs."""
    notebook = next(Path(name).name for name in course if name.startswith("exercises/"))
    files = {path.name: path.read_text("utf-8") for path in sorted(GRADESCOPE.iterdir())}
    for word, value in {"NOTEBOOK": notebook, "SEED": str(secrets.randbits(31))}.items():
        files["run_autograder"] = files["run_autograder"].replace(word, value)
    made = {name: text.encode() for name, text in files.items()}
    return made | {f"course/{name}": content for name, content in course.items()}
