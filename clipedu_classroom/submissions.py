"""Find what a class handed in, and read it in a process of its own.

A submission is hostile until shown otherwise: huge, empty, no JSON, or of a shape that takes
forever to read. All of these end in `Unreadable`, which says what a person can do. Here only names
are read, contents by `python -m clipedu_classroom.submissions` with limits (`read`).
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import re
import stat
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from clipedu_classroom.answers import Answers, Load, take_answers
from clipedu_classroom.assignment import Assignment
from clipedu_classroom.sandbox import own_environment

MAX_BYTES = 30 * 2**20
MAX_CELLS = 5000
MAX_FILES = 50  # of one student
MAX_ENTRIES = 2000  # files and folders of one student that are listed
MAX_UNPACKED = 100 * 2**20  # bytes of one student's zip files
READ_SECONDS, READ_MB = 20, 2000  # CPU time and memory to read one submission
JUNK = re.compile(r"\..*|__MACOSX|__pycache__|Thumbs\.db|desktop\.ini|submission_metadata\.yml")
#: How learning platforms name a student's folder or file: Moodle, Canvas, Gradescope.
LAYOUTS = (
    re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(file|onlinetext)(_.*)?"),
    re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<id>\d{2,})_\d{2,}_.+"),
    re.compile(r"(?P<name>submission_(?P<id>\d+))"),
)
Entry = tuple[list[str], Path, str]  # parts of the name, path, member of the zip file there
EXPORT = re.compile(r"assignment_\d+_export|submissions?|submitted")


class Unreadable(ValueError):
    """This file is not a notebook that can be graded."""


@dataclass(frozen=True)
class File:
    """A file that was handed in: `member` of the zip file `path`, or `path` itself."""

    name: str
    path: str
    member: str = ""


@dataclass(frozen=True)
class Submission:
    """One student's files. `problem` is set when there is nothing to read."""

    student: str
    path: Path
    problem: str = ""
    files: tuple[File, ...] = ()
    remarks: tuple[str, ...] = ()
    lms_id: str = ""
    late: bool = False


def find_submissions(folder: str | Path, name: str = "") -> list[Submission]:
    """One submission per student, sorted by name, from a folder or a zip file.

    `alice.ipynb`, `alice/anything.ipynb`, nbgrader's `alice/03_the_loss/03_the_loss.ipynb`, and
    what Moodle, Canvas and Gradescope download may be mixed. Every file belongs to somebody. Raises
    FileNotFoundError or ValueError when there is nothing.
    """
    folder = Path(folder)
    if folder.is_dir():
        top = [path for path in folder.iterdir() if not JUNK.fullmatch(path.name)]
        if len(top) == 1 and top[0].is_dir() and EXPORT.fullmatch(top[0].name):
            folder = top[0]
        entries = list(_walk(folder))
        if len(top) == 1 and not top[0].is_symlink() and top[0].is_file():
            members = _members(top[0]) if zipfile.is_zipfile(top[0]) else []
            if sum(_is_notebook(parts[-1]) for parts, _, _ in members) > 1:  # not one student's
                entries = members
    elif folder.is_file() and zipfile.is_zipfile(folder):
        entries = _members(folder)
    else:
        words = "Put one notebook per student in it:"
        raise FileNotFoundError(f"There is no folder {folder}. {words} {folder}/alice.ipynb.")
    groups: dict[tuple[str, str], list[Entry]] = {}
    late = set()
    for parts, path, member in entries:
        who = _student(parts)
        groups.setdefault(who[:2], []).append((parts, path, member))
        late |= {who[:2]} if who[2] else set()
    if not groups:
        expected = f"{folder}/alice.ipynb or {folder}/alice/….ipynb"
        raise ValueError(f"There is no notebook (*.ipynb) in {folder}. Expected {expected}.")
    names = [student for student, _ in groups]
    found = []
    for (student, lms_id), group in sorted(groups.items(), key=lambda item: item[0]):
        unique = student if names.count(student) == 1 else f"{student} ({lms_id or 'no id'})"
        found.append(_submission(unique, group, lms_id, (student, lms_id) in late))
    return found


def _submission(student: str, group: list[Entry], lms_id: str, late: bool) -> Submission:
    files, refused = [], []
    for parts, path, member in group:
        if not member and path.is_symlink() and not _stays_inside(parts, path):
            refused.append(f"{_readable(parts[-1])} is a link that leaves the student's folder")
        elif not member and not path.is_file() and not parts[-1].endswith("/"):
            refused.append(f"{_readable(parts[-1])} is not a regular file")
        elif not parts[-1].endswith("/"):
            label = "/".join(parts[1:] or parts)
            files.append(File(_readable(label), str(path), member))
    remarks = ["handed in late"] if late else []
    remarks += [f"Not read: {words}." for words in refused[:5]]
    if len(files) > MAX_FILES:
        remarks.append(f"Only {MAX_FILES} of {len(files)} files were looked at.")
        files.sort(key=lambda file: not _is_notebook(file.name))
    problem = "" if files else [*refused, "there is no notebook in the student's folder"][0]
    path = Path(files[0].path) if files else group[0][1]
    return Submission(
        student, path, problem, tuple(files[:MAX_FILES]), tuple(remarks), lms_id, late
    )


def _is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def _student(parts: list[str]) -> tuple[str, str, bool]:
    """(student, the platform's id, late) of a file by its folder or name."""
    top = _readable(parts[0].rstrip("/"))
    for number, layout in enumerate(LAYOUTS):
        match = layout.fullmatch(top)
        is_file = len(parts) == 1 and not parts[0].endswith("/")
        if match and (number == 0 or is_file == (number == 1)):
            marks = match.groupdict()
            return marks["name"], marks["id"], bool(marks.get("late"))
    if len(parts) == 1 and not parts[0].endswith("/"):
        top = re.sub(r"(?i)(\.ipynb)?(\.[a-z0-9]{1,5})?$", "", top) or top
    return top, "", False


def _readable(name: str) -> str:
    """A name that can be written anywhere: a Windows zip's Latin letters, no control characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("cp1252", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _walk(folder: Path) -> Iterator[Entry]:
    """(parts of the name, path, "") of every file, and of the folders at the top, whose last part
    ends in a slash. Links are not followed."""
    queue: list[tuple[Path, list[str]]] = [(folder, [])]
    count: Counter[str] = Counter()
    for inside, parts in queue:
        with contextlib.suppress(OSError):
            for entry in sorted(
                os.scandir(inside), key=lambda e: (not _is_notebook(e.name), e.name)
            ):
                path, top = Path(entry.path), parts[0] if parts else entry.name
                count[top] += 1
                if JUNK.fullmatch(entry.name) or count[top] > MAX_ENTRIES:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not parts:
                        yield [entry.name + "/"], path, ""
                    if len(parts) < 5:
                        queue.append((path, [*parts, entry.name]))
                else:
                    yield [*parts, entry.name], path, ""


def _members(path: Path) -> list[Entry]:
    """The files of a class's zip, by name. Raises ValueError when it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [info for info in archive.infolist() if not _is_junk(info)]
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{path} is not a zip file that can be read ({error}).") from None
    tops = {_parts(info)[0] for info in infos if _parts(info)[1:]}
    skip = len(tops) == 1 and bool(EXPORT.fullmatch(min(tops)))
    return [(_parts(info)[skip:] or _parts(info), path, info.filename) for info in infos]


def _parts(info: zipfile.ZipInfo) -> list[str]:
    return list(PurePosixPath(info.filename.replace("\\", "/")).parts)


def _is_junk(info: zipfile.ZipInfo) -> bool:
    parts = [part for part in _parts(info) if part != ".."]
    return info.is_dir() or not parts or any(JUNK.fullmatch(part) for part in parts)


def _stays_inside(parts: list[str], link: Path) -> bool:
    """A link from a student's folder to a file in it. A link at the top belongs to nobody."""
    try:
        own = link.parents[len(parts) - 2].resolve() if len(parts) > 1 else link
        return link.resolve(strict=True).is_relative_to(own)
    except (OSError, RuntimeError):
        return False


def read_bytes(submission: Submission, number: int = 0) -> bytes:
    """The content of the submission's first file, or of another. Raises Unreadable."""
    if submission.problem:
        raise Unreadable(f"Not graded: {submission.problem}.")
    file = submission.files[number]
    try:
        with open(file.path, "rb") as source:
            information = os.fstat(source.fileno())
            if not stat.S_ISREG(information.st_mode):
                raise Unreadable("This is not a regular file.")
            if file.member:
                with zipfile.ZipFile(source) as archive:
                    return _member(archive, archive.getinfo(file.member))
            if information.st_size > MAX_BYTES:
                raise Unreadable(
                    f"The file has {information.st_size / 2**20:.0f} MB; at most "
                    f"{MAX_BYTES >> 20} MB are read."
                )
            return source.read()
    except OSError as error:
        raise Unreadable(f"The file cannot be opened: {error.strerror}.") from None
    except (zipfile.BadZipFile, KeyError):
        raise Unreadable("The zip file is damaged.") from None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """One file of a zip, in memory. Raises Unreadable."""
    if stat.S_ISLNK(info.external_attr >> 16) or info.flag_bits & 1:
        raise Unreadable("It is a link or has a password.")
    if ".." in _parts(info) or "/" in _parts(info):
        raise Unreadable("Its name leads out of the zip file.")
    try:
        with archive.open(info) as source:
            content = source.read(MAX_BYTES + 1)
    except Exception as error:  # damaged, or packed in a way that Python cannot undo
        raise Unreadable(f"It cannot be unpacked ({type(error).__name__}).") from None
    if len(content) > MAX_BYTES:
        raise Unreadable(f"It has more than {MAX_BYTES >> 20} MB.")
    return content


def read_cells(content: bytes) -> list[dict[str, Any]]:
    """The notebook's cells, version 4. Raises Unreadable."""
    if not content.strip():
        raise Unreadable("The file is empty. Ask for it again: was it saved?")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in content[:100]:
        raise Unreadable(
            "The file is not UTF-8 (UTF-16, perhaps). Open it in Jupyter, save it, and hand it in "
            "again."
        )
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("The file is not UTF-8 text. Is it really a notebook?") from None
    except (ValueError, RecursionError):
        raise Unreadable(
            "The file is not valid JSON: it is damaged or no notebook. Ask for it again."
        ) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("The file is JSON but has no cells: it is not a notebook of version 4.")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has {len(cells)} cells; at most {MAX_CELLS} are read.")
    return [cell for cell in cells if isinstance(cell, dict)]


def script_cells(content: bytes) -> list[dict[str, Any]]:
    """The cells of a .py file that an editor or `nbconvert --to script` wrote."""
    text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    cells = []
    for part in re.split(r"^(?=# ?%%|# In ?\[)", text, flags=re.MULTILINE)[:MAX_CELLS]:
        marker, _, body = part.partition("\n") if re.match(r"# ?%%|# In", part) else ("", "", part)
        kind = "markdown" if "[markdown]" in marker or "[md]" in marker else "code"
        body = re.sub(r"^# ?", "", body, flags=re.MULTILINE) if kind == "markdown" else body
        cells.append({"cell_type": kind, "source": body.strip("\n")})
    return cells


def _contents(submission: Submission) -> Iterator[tuple[str, bytes | str]]:
    """(name, content, or why it was not read) of every file, those in zip files too."""
    left = MAX_UNPACKED
    for number, file in enumerate(submission.files):
        try:
            content = read_bytes(submission, number)
        except Unreadable as error:
            yield file.name, str(error)
            continue
        if content[:4] != b"PK\x03\x04":
            yield file.name, content
            continue
        try:
            archive = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OSError):
            yield file.name, "The zip file is damaged."
            continue
        for info in [info for info in archive.infolist() if not _is_junk(info)][:MAX_ENTRIES]:
            try:
                inner: bytes | str = _member(archive, info) if left > 0 else "Too much to unpack."
            except Unreadable as error:
                inner = str(error)
            left -= len(inner)
            yield f"{file.name}: {_readable(info.filename)}", inner


def choose_answers(assignment: Assignment, submission: Submission) -> Answers:
    """The answers of the notebook among a student's files: one with answers before one without, a
    notebook before a script, the assignment's name before another, then the one with more answers,
    then the last by name. Raises Unreadable when there is none."""
    best: tuple[tuple[Any, ...], str, Answers] | None = None
    others, problems = [], []
    for number, (name, content) in enumerate(_contents(submission)):
        is_script = name.lower().endswith(".py")
        try:
            if isinstance(content, str):
                raise Unreadable(content)
            cells = script_cells(content) if is_script else read_cells(content)
        except Unreadable as error:
            problems.append((not _is_notebook(name), name, str(error)))
            continue
        answers = take_answers(assignment, cells)
        stubs = {question.id: question.stub for question in assignment.questions}
        count = len(answers.text) + sum(
            "".join(code.split()) != "".join(stubs[key].split())
            for key, code in answers.code.items()
        )
        exact = PurePosixPath(name).stem == assignment.name
        order = (count > 0, not is_script, exact, count, number)
        if best is not None:
            others.append(min((best[0], best[1]), (order, name))[1])
        if best is None or order > best[0]:
            best = order, name, answers
    if best is None:
        raise Unreadable(min(problems)[2] if problems else "There is no notebook in it.")
    unread = [*others, *(name for _, name, _ in problems)]
    if others or problems:
        more = f" and {len(unread) - 5} more" if len(unread) > 5 else ""
        best[2].remarks.insert(0, f"Read: {best[1]}. Not read: {', '.join(unread[:5])}{more}.")
    return best[2]


def read(assignment: Assignment, submission: Submission) -> Answers:
    """A student's answers, read in a process with limits. Raises Unreadable."""
    if submission.problem:
        raise Unreadable(f"Not graded: {submission.problem}.")
    command = [sys.executable, "-m", "clipedu_classroom.submissions"]
    limit = f"Reading the file takes more than {READ_SECONDS} seconds or {READ_MB} MB."
    try:
        done = subprocess.run(
            command,
            input=pickle.dumps((assignment, submission)),
            capture_output=True,
            env=own_environment(),
            timeout=5 * READ_SECONDS,
        )
        entry = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        raise Unreadable(limit) from None
    if "unreadable" in entry:
        raise Unreadable(entry["unreadable"])
    loads = [
        Load(**load | {name: tuple(load[name]) for name in ("exercises", "judged")})
        for load in entry.pop("loads")
    ]
    return replace(Answers(**entry), loads=loads)


def main() -> None:
    """Read one submission, which a process of ours names on standard input; answer in JSON."""
    import resource

    for kind, most in (("CPU", READ_SECONDS), ("AS", READ_MB << 20), ("CORE", 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))
    assignment, submission = pickle.load(sys.stdin.buffer)
    try:
        entry = asdict(choose_answers(assignment, submission))
    except Unreadable as error:
        entry = {"unreadable": str(error)}
    except MemoryError:
        entry = {"unreadable": f"Reading it takes more than {READ_MB} MB."}
    except Exception as error:  # a shape of JSON that nobody thought of
        entry = {"unreadable": f"The notebook cannot be read ({type(error).__name__})."}
    sys.stdout.write(json.dumps(entry))


if __name__ == "__main__":
    main()
