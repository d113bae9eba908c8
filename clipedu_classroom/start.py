"""The verbs `clipedu start`, `update` and `lab`: a course folder of one's own, and newer lessons in
it. The folder's mark keeps what each file looked like when it was laid out."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clipedu.files import write_whole
from clipedu_classroom.exercise_reader import ExerciseRecord
from clipedu_classroom.source import MARK, course_root, student_folder
from clipedu_classroom.stubs import without_marks

TREES = ("notebooks", "exercises")
WELCOME = """# Your course folder

* `clipedu lab` opens JupyterLab here. Start with `notebooks/00_pictures_and_words.ipynb`.
* `exercises/` has the exercises of each lesson. `check("01.2", merge_pair)` in a cell says which
  mistake an answer has, and `hint("01.2")` helps. When a check has passed, a solution of the
  exercise appears in `solutions/`.
* `my_clip.py` appears here with the first exercise that belongs to it. It grows into your own CLIP.
* `clipedu update` brings newer lessons. A file that you changed stays as it is, and the newer one
  is put beside it, with `.new` in its name.
* `clipedu doctor` looks at this machine when something does not work.
"""


class CannotStart(Exception):
    """The folder can't be made or updated; the message says why and what to do."""


def _parser(verb: str, words: str, run: Callable[[Path], int], subparsers: Any) -> Any:
    example = f"example: clipedu {verb} my-course"
    parser = subparsers.add_parser(verb, help=words, description=words, epilog=example)
    where = "default: the current folder"
    parser.add_argument("folder", type=Path, metavar="DIR", nargs="?", help=where)

    def tell(arguments: argparse.Namespace) -> int:
        try:
            return run((arguments.folder or Path()).expanduser().resolve())
        except (CannotStart, OSError) as error:
            print(f"clipedu {verb}: {error}", file=sys.stderr)
            return 2

    parser.set_defaults(run=tell)
    return parser


def course_files() -> dict[str, bytes]:
    """What is laid out, by its path in the folder. Raises CannotStart when there are no notebooks:
    they are in a checkout, or, in an installed package, in `clipedu_lessons/trees/`."""
    root = course_root()
    root = root if (root / "pyproject.toml").is_file() else root / "clipedu_lessons" / "trees"
    found = {
        f"{tree}/{path.name}": path.read_bytes()
        for tree in TREES
        for path in sorted((root / tree).glob("[0-9][0-9]_*.ipynb"))
    }
    if not found:
        raise CannotStart(f"there are no notebooks in {root}. `clipedu build` makes them.")
    return {"WELCOME.md": WELCOME.encode(), **found}


def start(folder: Path) -> int:
    """Lay out a new course folder. Raises CannotStart for a folder that has something in it."""
    if (folder / MARK).is_file():
        raise CannotStart(f"{folder} is a course folder already. `clipedu update` renews it.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CannotStart(f"{folder} is not empty. Name a folder that is empty or not there yet.")
    files = course_files()
    for name, content in files.items():
        write_whole(folder / name, content)
    _remember(folder, files)
    shown = os.path.relpath(folder)
    shown = f'"{shown}"' if " " in shown else shown
    print(f"{folder}: {len(files) - 1} notebooks. Open them with `clipedu lab {shown}`.")
    return 0


def update(folder: Path) -> int:
    """Bring in what is newer. Raises CannotStart for a folder that `start` did not make.

    A file is replaced where its text is still the one that was laid out (outputs do not count, but
    are kept in `before_update/`); else the newer one is put beside it, as `NAME.new.ipynb`."""
    mark = _read_mark(folder)
    files, known = course_files(), dict(mark["files"])
    done: dict[str, list[str]] = {"new": [], "updated": [], "kept": []}
    for name, content in files.items():
        path = folder / name
        if digest(name, content) == known.get(name) and path.exists():
            continue
        if not path.exists():
            done["new"].append(name)
        elif digest(name, mine := path.read_bytes()) in (known.get(name), digest(name, content)):
            write_whole(folder / "before_update" / name, mine)
            done["updated"].append(name)
        else:
            path = path.with_name(f"{path.stem}.new{path.suffix}")
            done["kept"].append(name)
        write_whole(path, content)
    _remember(folder, files)
    for what, names in done.items():
        print(f"{what}: {', '.join(names) or 'nothing'}")
    if done["kept"]:
        print("You changed the kept files. Their newer versions are beside them, named .new.")
    return 0


def lab(folder: Path) -> int:
    """Open JupyterLab; returns its exit status. Raises CannotStart without it, or for no folder."""
    _read_mark(folder)
    if find_spec("jupyterlab") is None:
        raise CannotStart("JupyterLab is not installed. Run `pip install 'clipedu[course]'`.")
    first = min((folder / "notebooks").glob("*.ipynb"), default=folder).name
    page = f"--LabApp.default_url=/lab/tree/notebooks/{first}"
    return subprocess.call([sys.executable, "-m", "jupyterlab", page], cwd=folder)


_LAY_OUT = "lay out a course folder: lessons, exercises, a welcome page"
add_start_parser = partial(_parser, "start", _LAY_OUT, start)
_RENEW = "bring newer lessons into a course folder, and leave your work alone"
add_update_parser = partial(_parser, "update", _RENEW, update)
add_lab_parser = partial(_parser, "lab", "open JupyterLab in a course folder", lab)


def reveal(record: ExerciseRecord) -> str:
    """In a course folder, write a passed exercise's solution to `solutions/NN.md`, and say so; ""
    elsewhere, or when it is there. Never raises."""
    lesson = record.id.partition(".")[0]
    name, heading = f"solutions/{lesson}.md", f"## {record.id} {record.title}"
    try:
        folder = student_folder()
        path = folder / name
        text = path.read_text("utf-8") if path.is_file() else f"# Solutions of lesson {lesson}\n"
        known = heading in text.splitlines()
        if known or not record.solution or not (folder / MARK).is_file():
            return ""
        code = without_marks(record.solution).strip("\n")
        write_whole(path, f"{text}\n{heading}\n\n```python\n{code}\n```\n")
    except FileNotFoundError:  # there is no course here
        return ""
    except (OSError, ValueError) as error:
        return f"{name} could not be written: {error}"
    return f"One solution of exercise {record.id} is now in {name}."


def digest(name: str, content: bytes) -> str:
    """SHA-256 of what a person reads and writes: of a notebook, its cells without their outputs."""
    if name.endswith(".ipynb"):
        try:
            cells = json.loads(content)["cells"]
            rows = [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
            content = json.dumps(rows).encode()
        except (ValueError, KeyError, TypeError):
            pass  # damaged: then every byte counts
    return hashlib.sha256(content).hexdigest()


def _read_mark(folder: Path) -> dict[str, Any]:
    try:
        mark = json.loads((folder / MARK).read_text("utf-8"))
        dict(mark["files"])
    except FileNotFoundError:
        words = f"is no course folder ({MARK} is missing). `clipedu start DIR` makes one."
        raise CannotStart(f"{folder} {words}") from None
    except (ValueError, KeyError, TypeError):
        words = "is damaged. Start in another folder, and copy your work there."
        raise CannotStart(f"{folder / MARK} {words}") from None
    return dict(mark)


def _remember(folder: Path, files: dict[str, bytes]) -> None:
    facts = {"version": version("clipedu"), "files": {n: digest(n, c) for n, c in files.items()}}
    write_whole(folder / MARK, json.dumps(facts, indent=1) + "\n")
