"""Find what a class handed in: whose each file is, when it came, and whether it may be opened.
(`answers` reads what is in it, in a process with limits.)"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from clipedu_classroom.lateness import gradescope_names, gradescope_times, parse_time

MAX_BYTES = 30 * 2**20
MAX_FILES = 50  # of one student
MAX_ENTRIES = 2000  # files and folders of one student that are listed
METADATA, TIMESTAMP = "submission_metadata.yml", "timestamp.txt"  # Gradescope's and nbgrader's
JUNK = re.compile(rf"\..*|__MACOSX|__pycache__|Thumbs\.db|desktop\.ini|{re.escape(METADATA)}")
#: How learning platforms name a student's folder or file: Moodle, Canvas, Gradescope.
LAYOUTS = (
    re.compile(r"(?P<name>.+)_(?P<id>\d+)_assignsubmission_(file|onlinetext)(_.*)?"),
    re.compile(r"(?P<name>[^_]+)(?P<late>_LATE)?_(?P<id>\d{2,})_\d{2,}_.+"),
    re.compile(r"(?P<name>submission_(?P<id>\d+))"),
)
EXPORT = re.compile(r"assignment_\d+_export|submissions?|submitted")


class Unreadable(ValueError):
    """This file is not a notebook that can be graded."""


@dataclass(frozen=True)
class File:
    """A file that was handed in: `member` of the zip file `path`, or `path` itself. `name` is below
    the student's folder; `problem` says why it is not read."""

    name: str
    path: str
    member: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Submission:
    """One student's files. `problem` is set when there is nothing to read. `late` is what the
    platform says; `handed_in` is an ISO time, known from `handed_in_by`."""

    student: str
    path: Path
    problem: str = ""
    files: tuple[File, ...] = ()
    remarks: tuple[str, ...] = ()
    lms_id: str = ""
    late: bool = False
    handed_in: str = ""
    handed_in_by: str = ""


def find_submissions(folder: str | Path) -> list[Submission]:
    """One submission per student, sorted by name, from a folder or a zip, in any mixture of the
    layouts of GRADING.md. Raises FileNotFoundError or ValueError when there is nothing."""
    folder = Path(folder)
    if folder.is_dir():
        top = [path for path in folder.iterdir() if not JUNK.fullmatch(path.name)]
        if len(top) == 1 and top[0].is_dir() and EXPORT.fullmatch(top[0].name):
            folder = top[0]
        found = dict(_walk(folder))
        metadata = File(METADATA, str(folder / METADATA))
        if len(top) == 1 and top[0].is_file() and not top[0].is_symlink():
            inside, inner = _members(top[0]) if zipfile.is_zipfile(top[0]) else ({}, metadata)
            if sum(is_notebook(parts[-1]) for parts in inside) > 1:  # not one student's
                found, metadata = inside, inner
    elif folder.is_file() and zipfile.is_zipfile(folder):
        found, metadata = _members(folder)
    else:
        words = f"Put one notebook per student in it: {folder}/alice.ipynb."
        raise FileNotFoundError(f"There is no folder {folder}. {words}")
    groups: dict[tuple[str, str], list[tuple[tuple[str, ...], File]]] = {}
    late = set()
    about = _text(metadata)
    times, people = gradescope_times(about), gradescope_names(about)
    for parts, file in found.items():
        student, lms_id, is_late = _student(parts)
        student = readable(people.get(parts[0].rstrip("/"), student))
        groups.setdefault((student, lms_id), []).append((parts, file))
        late |= {(student, lms_id)} if is_late else set()
    if not groups:
        expected = f"{folder}/alice.ipynb or {folder}/alice/….ipynb"
        raise ValueError(f"There is no notebook (*.ipynb) in {folder}. Expected {expected}.")
    names = Counter(student for student, _ in groups)
    submissions = []
    for (student, lms_id), group in sorted(groups.items(), key=lambda item: item[0]):
        submission = _submission(group, lms_id, (student, lms_id) in late, times)
        unique = student if names[student] == 1 else f"{student} ({lms_id or 'no id'})"
        submissions.append(replace(submission, student=unique))
    return submissions


def _submission(
    group: list[tuple[tuple[str, ...], File]], lms_id: str, late: bool, times: dict[str, str]
) -> Submission:
    listed = [file for _, file in group if not file.name.endswith("/")]
    refused = [f"{Path(file.name).name} is {file.problem}" for file in listed if file.problem]
    stamps = [file for file in listed if Path(file.name).name == TIMESTAMP]
    files = [file for file in listed if not file.problem and file not in stamps]
    remarks = ["handed in late"] if late else []
    remarks += [f"Not read: {words}." for words in refused[:5]]
    if len(files) > MAX_FILES:
        remarks.append(f"Only {MAX_FILES} of {len(files)} files were looked at.")
        files.sort(key=lambda file: not is_notebook(file.name))
    top, *below = group[0][0]
    is_canvas = not below and LAYOUTS[1].fullmatch(top)
    known = [
        (times.get(top.rstrip("/"), ""), "Gradescope"),
        *((parse_time(_text(stamp)), TIMESTAMP) for stamp in stamps),
        ("" if lms_id and is_canvas else _newest(files), "the file's time"),
    ]
    when = next((pair for pair in known if pair[0]), ("", "Canvas's file name" if files else ""))
    problem = "" if files else [*refused, "there is no notebook in the student's folder"][0]
    path = Path((files or [group[0][1]])[0].path)
    found = tuple(files[:MAX_FILES])
    return Submission("", path, problem, found, tuple(remarks), lms_id, late, *when)


def is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def _student(parts: tuple[str, ...]) -> tuple[str, str, bool]:
    """(student, the platform's id, late) of a file by its folder or name."""
    top = readable(parts[0].rstrip("/"))
    is_file = len(parts) == 1 and not parts[0].endswith("/")
    for number, layout in enumerate(LAYOUTS):
        match = layout.fullmatch(top)
        if match and (number == 0 or is_file == (number == 1)):
            marks = match.groupdict()
            return marks["name"], marks["id"], bool(marks.get("late"))
    if is_file:
        top = re.sub(r"(?i)(\.ipynb)?(\.[a-z0-9]{1,5})?$", "", top) or top
    return top, "", False


def readable(name: str) -> str:
    """A name that can be written anywhere: a Windows zip's Latin letters, no control characters."""
    try:
        name.encode()
    except UnicodeEncodeError:
        name = os.fsencode(name).decode("cp1252", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _newest(files: list[File]) -> str:
    """When the newest notebook (or file, without one) was written."""
    times = []
    for file in [file for file in files if is_notebook(file.name)] or files:
        with contextlib.suppress(OSError, KeyError, ValueError, zipfile.BadZipFile):
            if file.member:
                with zipfile.ZipFile(file.path) as archive:
                    times.append(datetime(*archive.getinfo(file.member).date_time))
            else:
                times.append(datetime.fromtimestamp(os.stat(file.path).st_mtime))
    return max(times).isoformat(timespec="seconds") if times else ""


# Listing: {parts of the name: file}


def _walk(folder: Path) -> Iterator[tuple[tuple[str, ...], File]]:
    """Every file below a folder, and the folders at the top, whose last part ends in a slash."""
    queue: list[tuple[Path, tuple[str, ...]]] = [(folder, ())]
    count: Counter[str] = Counter()
    for inside, above in queue:
        with contextlib.suppress(OSError):
            entries = sorted(os.scandir(inside), key=lambda e: (not is_notebook(e.name), e.name))
            for entry in entries:
                parts = (*above, entry.name)
                count[parts[0]] += 1
                if JUNK.fullmatch(entry.name) or count[parts[0]] > MAX_ENTRIES:
                    continue
                name = readable("/".join(parts[1:] or parts))
                if not entry.is_dir(follow_symlinks=False):
                    yield parts, File(name, entry.path, problem=_refusal(parts, Path(entry.path)))
                elif not above:
                    yield (entry.name + "/",), File(name + "/", entry.path)
                if entry.is_dir(follow_symlinks=False) and len(parts) <= 5:
                    queue.append((Path(entry.path), parts))


def _refusal(parts: tuple[str, ...], path: Path) -> str:
    """Why a file is not read: a link may only lead to a file in the student's own folder, and a
    link at the top belongs to nobody."""
    with contextlib.suppress(OSError, RuntimeError):
        own = path.parents[len(parts) - 2].resolve() if len(parts) > 1 else path
        if not path.is_symlink() or path.resolve(strict=True).is_relative_to(own):
            return "" if path.is_file() else "not a regular file"
    return "a link that leaves the student's folder"


def _members(path: Path) -> tuple[dict[tuple[str, ...], File], File]:
    """The files of a class's zip, and Gradescope's metadata. Raises ValueError when it is
    damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise ValueError(f"{path} is not a zip file that can be read ({error}).") from None
    metadata = next((i.filename for i in infos if _parts(i)[-1:] == (METADATA,)), "none")
    infos = [info for info in infos if not is_junk(info)]
    tops = {_parts(info)[0] for info in infos if _parts(info)[1:]}
    skip = len(tops) == 1 and bool(EXPORT.fullmatch(min(tops)))
    found = {}
    for info in infos:
        parts = _parts(info)[skip:] or _parts(info)
        name = readable("/".join(parts[1:] or parts))
        found[parts] = File(name, str(path), info.filename)
    return found, File(METADATA, str(path), metadata)


def _parts(info: zipfile.ZipInfo) -> tuple[str, ...]:
    return PurePosixPath(info.filename.replace("\\", "/")).parts


def is_junk(info: zipfile.ZipInfo) -> bool:
    parts = [part for part in _parts(info) if part != ".."]
    return info.is_dir() or not parts or any(JUNK.fullmatch(part) for part in parts)


# Reading


def read_file(file: File) -> bytes:
    """The content of a file that was handed in. Raises Unreadable."""
    if file.problem:
        raise Unreadable(f"It is {file.problem}.")
    try:
        with open(file.path, "rb") as source:
            information = os.fstat(source.fileno())
            if not stat.S_ISREG(information.st_mode):
                raise Unreadable("This is not a regular file.")
            if file.member:
                with zipfile.ZipFile(source) as archive:
                    return open_member(archive, archive.getinfo(file.member))
            if information.st_size > MAX_BYTES:
                size, most = information.st_size / 2**20, MAX_BYTES >> 20
                raise Unreadable(f"The file has {size:.0f} MB; at most {most} MB are read.")
            return source.read()
    except OSError as error:
        raise Unreadable(f"The file cannot be opened: {error.strerror}.") from None
    except (zipfile.BadZipFile, KeyError):
        raise Unreadable("The zip file is damaged.") from None


def _text(file: File) -> str:
    """A small file's text; "" where there is none."""
    with contextlib.suppress(Unreadable):
        return read_file(file)[: 1 << 20].decode("utf-8", "replace")
    return ""


def digest_of(submission: Submission) -> str:
    """Changes when what is read of the submission does; a huge file counts by size and time."""
    names = [(file.name, file.member) for file in submission.files]
    about = repr((names, submission.problem, submission.remarks))
    digest = hashlib.sha256(about.encode("utf-8", "replace"))
    for path in dict.fromkeys(file.path for file in submission.files):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if stat.S_ISREG(found.st_mode) and found.st_size <= MAX_BYTES:
                digest.update(hashlib.file_digest(file, "sha256").digest())
            else:
                digest.update(f"{found.st_size} {found.st_mtime}".encode())
    return digest.hexdigest()


def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
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
