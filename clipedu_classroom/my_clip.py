"""`my_clip.py`: the file in the course's folder that a student's passed answers grow into.

After a header come parts, in the order of the course; one that is not written yet is an import. An
answer goes in when it passes once more from the new file, in a process of its own. Before it is
replaced, the whole file is kept in `my_clip_versions/`."""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from filelock import FileLock, Timeout

from clipedu.files import write_whole
from clipedu_classroom import state
from clipedu_classroom.exercise_reader import ExerciseRecord, course_records
from clipedu_classroom.sandbox import PACKAGES, own_environment
from clipedu_classroom.source import LESSONS, course_root, student_folder
from clipedu_classroom.stubs import bound_names, without_marks
from clipedu_classroom.student_code import (
    clean,
    defined_names,
    defining_code,
    squeeze,
    wanted_names,
)

NAME, VERSIONS = "my_clip.py", "my_clip_versions"
HEADER = f"{LESSONS}/common/my_clip_header.txt"
HEADING = re.compile(r"^# ---- exercise (\d\d\.\d+)\b.*$", re.MULTILINE)
SECONDS, CPU_SECONDS = 240, 60  # for the check from the file, which needs about four
MOST_CELLS, MOST_BYTES, MOST_VERSIONS = 5000, 1_000_000, 200


class Refused(Exception):
    """The answer does not go into the file; the words say why and what to do."""


@dataclass(frozen=True)
class Part:
    """A piece of the file. The names, `own` those of the whole cell, and the solution are as the
    course says; it may not know the part."""

    id: str
    heading: str
    text: str
    names: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    solved: str = ""

    @property
    def is_open(self) -> bool:
        """Nothing but imports of the course's: not written yet."""
        with_code = [line for line in self.text.splitlines() if line and line[0] != "#"]
        return all(re.match(r"from clipedu[\w.]* import ", line) for line in with_code)


def course_header(root: Path | None = None) -> str:
    return ((root or course_root()) / HEADER).read_text("utf-8").rstrip("\n")


def course_parts(root: Path | None = None) -> dict[str, Part]:
    """By exercise id, in the order of the file, with the import as text. Raises FileNotFoundError
    without a course."""
    records = [record for record in course_records(root=root).values() if record.my_clip]
    cells = {record.id: without_marks(record.solution) for record in records}
    parts: dict[str, Part] = {}
    for record in records:
        own = bound_names(cells[record.id])
        others = [wanted_names(cell) for key, cell in cells.items() if key != record.id]
        names = ", ".join(n for n in own if n in set(record.names).union(*others))
        text = f"from {record.my_clip} import {names}  # not yours yet"
        heading = f"# ---- exercise {record.id}: {', '.join(record.names)} ----"
        parts[record.id] = Part(record.id, heading, text, record.names, own)
    for key, part in parts.items():
        solved = defining_code([cells[key]], part.own, _given(parts, key, root))
        parts[key] = replace(part, solved=solved)
    return parts


def _given(parts: dict[str, Part], key: str, root: Path | None = None) -> set[str]:
    """Names that this part can use without defining them."""
    others = {name for part in parts.values() for name in part.own}
    found = others | defined_names(course_header(root)) | set(dir(builtins))
    return found - set(parts[key].own)


def render(header: str, parts: Iterable[Part]) -> str:
    return "\n\n".join([header, *(f"{part.heading}\n{part.text}" for part in parts)]) + "\n"


def complete(root: Path | None = None) -> str:
    """The file that the solutions make, or imports where they are stubs, as in a bundle; "" when
    the course has no part of it."""
    parts = [
        part if "raise NotImplementedError(" in part.solved else replace(part, text=part.solved)
        for part in course_parts(root).values()
    ]
    return render(course_header(root), parts) if parts else ""


def parse(text: str) -> tuple[str, dict[str, Part]]:
    """The header and the parts of a file, by id. Raises Refused when a part is there twice."""
    marks = list(HEADING.finditer(text))
    ends = [*(mark.start() for mark in marks), len(text)]
    parts: dict[str, Part] = {}
    for mark, end in zip(marks, ends[1:], strict=True):
        if mark[1] in parts:
            raise Refused(f"exercise {mark[1]} has two parts; join them and check again.")
        parts[mark[1]] = Part(mark[1], mark[0].rstrip(), text[mark.end() : end].strip("\n"))
    return text[: ends[0]].rstrip("\n"), parts


# ------------------------------------------------------------- what the student has


_temporary = cache(lambda: tempfile.TemporaryDirectory(prefix="my-clip-"))


def folder() -> Path:
    """Where the file lies: the course's folder, or, where no progress is kept (builds, tests), one
    that ends with this process. Raises FileNotFoundError without a course."""
    return Path(_temporary().name) if state.is_off() else student_folder()


def student_file() -> str:
    """The text of the student's file; "" when there is none. Raises Refused or OSError."""
    path = folder() / NAME
    if not os.path.lexists(path):
        return ""
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise Refused("it is no file of ordinary size; move it out of the way.")
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("it is not UTF-8 text; save it as UTF-8.") from None


def standing() -> dict[str, str]:
    """By exercise id, whose each part is: "yours", "the course's" or "" when it is not written.
    Raises FileNotFoundError without a course; Refused or OSError for an unreadable file."""
    there, found = parse(student_file())[1], {}
    for key, part in course_parts().items():
        mine = there.get(key, part)
        same = squeeze(mine.text) == squeeze(part.solved)
        found[key] = "" if mine.is_open else "the course's" if same else "yours"
    return found


def bar() -> str:
    """A line for `progress()`; "" when the course has no such file."""
    try:
        parts, whose = course_parts(), standing()
    except (Refused, OSError) as error:
        return f"{NAME} cannot be read: {error}"
    marks = "".join({"yours": "█", "the course's": "▒", "": "░"}[who] for who in whose.values())
    mine, copied = (list(whose.values()).count(who) for who in ("yours", "the course's"))
    more = f", {copied} the course's solutions" if copied else ""
    left = [parts[key].heading.strip("# -") for key, who in whose.items() if not who]
    nxt = f" Next: {left[0]}." if left else ""
    return f"{NAME}  {marks}  {mine} of {len(whose)} parts are yours{more}.{nxt}" if whose else ""


# ------------------------------------------------------------- a passed answer


def _is_clipedu(module: Any) -> bool:
    return str(module).partition(".")[0] in PACKAGES


def borrowed(answers: Iterable[Any]) -> str:
    """The name of an answer that is the course's own, or a subclass of that; else ""."""
    for answer in answers:
        made = getattr(answer, "func", answer)
        bases = getattr(made, "__mro__", [made])
        if any(_is_clipedu(getattr(base, "__module__", "")) for base in bases):
            return str(getattr(answer, "__name__", "the answer"))
    return ""


def keep(record: ExerciseRecord, answers: Iterable[Any], space: dict[str, Any]) -> str:
    """Put a passed answer in its place. Returns a sentence on what was done; never raises.

    space: the globals of the caller of `check`; they tell where the answer's text is."""
    where, names = f"(exercise {record.id})", " and ".join(record.names)
    try:
        for name, answer in zip(record.names, answers, strict=False):
            if (called := getattr(answer, "__name__", name)) != name:
                raise Refused(f"your answer is called {called}; call it {name} and check again.")
        cells, parts = executed_cells(space), course_parts()
        text = part_text(parts, record.id, cells)
        (versions := folder() / VERSIONS).mkdir(parents=True, exist_ok=True)
        with FileLock(versions / ".lock", SECONDS + 30):  # one notebook at a time
            return f"{NAME}: {names} {_put(parts, record.id, text)} {where}."
    except Refused as error:
        return f"{NAME}: {str(error).rstrip('.')} {where}. The file is as it was."
    except Timeout:
        return f"{NAME}: another notebook is writing it; run this check again {where}."
    except OSError as error:
        words = f"could not be written ({error.strerror or error}), so {names} is not in it"
        return f"{NAME} {words} {where}. What was there is untouched; is the folder read-only?"
    except Exception as error:
        return f"{NAME}: a bug of the course kept {names} out ({type(error).__name__}: {error})."


def executed_cells(space: dict[str, Any]) -> list[str]:
    """The cells that were run in this kernel, in order, or the script that calls; [] without."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None and shell.user_ns is space:
        cells = shell.history_manager.input_hist_raw[-MOST_CELLS:]
    else:
        path = Path(str(space.get("__file__", "")))
        usable = path.suffix == ".py" and path.is_file() and path.stat().st_size < MOST_BYTES
        cells = [path.read_text("utf-8-sig")] if usable else []
    return [without_marks(clean(cell)) for cell in cells if len(cell) < MOST_BYTES // 10]


def part_text(parts: dict[str, Part], key: str, cells: list[str]) -> str:
    """The answer and what it needs of the student's own, as one text. Raises Refused."""
    text = defining_code(cells, parts[key].own, _given(parts, key))
    if missing := set(parts[key].names) - defined_names(text):
        words = f"no cell or script that was run defines {' and '.join(sorted(missing))}"
        raise Refused(f"{words}; run the answer's cell in its notebook, then the check.")
    for node in ast.walk(ast.parse(text)):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for module in filter(_is_clipedu, modules):
            words = f"the answer uses {module}, and this file is to stand alone"
            raise Refused(f"{words}: write that piece yourself.")
    return text


def _put(parts: dict[str, Part], key: str, text: str) -> str:
    """Write the file, if that is needed, and say what the part is now."""
    before, versions = student_file(), folder() / VERSIONS
    header, there = parse(before or course_header())
    try:
        seen = dict(json.loads((versions / "parts.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        seen = {}
    old, new = there.get(key, parts[key]), replace(parts[key], text=text)
    said = "is now yours"
    if squeeze(old.text) == squeeze(text):
        said = "is yours already"
    elif not old.is_open:
        if defined_names(old.text).isdisjoint(new.names):
            words = "its part has another name in the file; give it the exercise's name again"
            raise Refused(f"{words}, or delete the part, and check again.")
        if seen.get(key) == _digest(text):
            return "stays as you edited it there"
        said = f"is replaced by your new answer; the file before is {VERSIONS}/"
    _refuse_doubles(new, [Part("", "", header), *there.values()])
    if seen.get("header") == _digest(header):
        header = course_header()
    after = render(header, _in_order(parts, there, new))
    if after != before:
        if said != "is yours already":
            _check_again(key, after)
        said += _keep_version(versions, before) if said[-1] == "/" else ""
        write_whole(folder() / NAME, after)
    seen[key] = _digest(text)
    if header == course_header():
        seen["header"] = _digest(header)
    write_whole(versions / "parts.json", json.dumps(seen, indent=1) + "\n")
    return said


def _digest(text: str) -> str:
    return hashlib.sha256(squeeze(text).encode()).hexdigest()[:16]


def _refuse_doubles(new: Part, others: list[Part]) -> None:
    """A name that the new part and another one define, in different words."""
    names = defined_names(new.text)
    for other in others:
        both = names & defined_names(other.text) if other.id != new.id else set()
        for name in sorted(both):
            texts = (defining_code([part.text], [name], names - {name}) for part in (new, other))
            if name in new.names or len(set(map(squeeze, texts))) > 1:
                where = f"the part of exercise {other.id}" if other.id else "the header"
                words = f"{name} is also defined in {where}, in other words"
                raise Refused(f"{words}; remove or rename one of the two, and check again.")


def _in_order(parts: dict[str, Part], there: dict[str, Part], new: Part) -> list[Part]:
    """The parts of the file with the new one. What is missing is imported; what the course does not
    know stays after the part that it follows."""
    defined = {name for part in there.values() for name in defined_names(part.text)}
    merged: list[Part] = []
    for key, part in parts.items():
        mine = new if key == new.id else there.get(key, part)
        if key in there or mine is new or not set(part.names) <= defined:
            merged.append(part if mine.is_open else mine)
    before = ""
    for key, mine in there.items():
        if key not in parts:
            merged.insert(1 + [part.id for part in merged].index(before) if before else 0, mine)
        before = key
    return merged


def _keep_version(versions: Path, text: str) -> str:
    """Store the file as it was; returns its name."""
    kept = sorted(versions.glob("my_clip_[0-9][0-9][0-9][0-9].py"))
    name = f"my_clip_{int(kept[-1].stem[-4:]) + 1 if kept else 1:04}.py"
    write_whole(versions / name, text)
    for path in kept[: max(0, len(kept) + 1 - MOST_VERSIONS)]:
        path.unlink(missing_ok=True)
    return name


# ------------------------------------------------------------- from the file


def _check_again(key: str, text: str) -> None:
    """Examine the part as it is in this text, in a new process. Raises Refused."""
    env = {**own_environment(), "OMP_NUM_THREADS": "1", "CLIPEDU_STATE": "off"}
    env["CLIPEDU_COURSE"] = str(course_root())
    with tempfile.TemporaryDirectory(prefix="my-clip-") as made:
        path = Path(made) / NAME
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "clipedu_classroom.my_clip", str(path), key]
        how: dict[str, Any] = {"cwd": made, "env": env, "timeout": SECONDS, "input": b""}
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **how)
            status, words = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            status, words = "", f"It took longer than {SECONDS} seconds."
        except ValueError:
            status, words = "", "Its process ended before it answered (a loop that never ends?)."
    if status == "import":
        raise Refused(f"with this answer the file cannot be imported: {words}")
    if status != "passed":
        raise Refused(f"the answer passes in the notebook and not by itself in the file: {words}")


def main(path: str, key: str) -> None:
    """Print how the exercise's check goes for the file at `path`, as JSON."""
    from clipedu_classroom import checks, specs, worker
    from clipedu_classroom.subject import MISSING, LocalSubject

    reply = os.dup(1)
    os.dup2(2, 1)  # what the student's code prints is no reply
    worker.set_limits({"RLIMIT_CPU": CPU_SECONDS})
    try:
        module = load(Path(path).read_text("utf-8"), "my_clip", path)
    except ImportError as error:
        found = ["import", str(error)]
    else:
        exercise = specs.find(key)
        answers = [getattr(module, name, MISSING) for name in exercise.names]
        subject = LocalSubject.of(exercise.name, answers)
        report = checks.report_on(exercise, subject, points=1, title="")
        found = [report.status, report.message]
    os.write(reply, json.dumps(found).encode())
    os._exit(0)  # threads of the student's do not matter


def load(text: str, name: str, path: str) -> ModuleType:
    """A new module made of the text. Raises ImportError, with the line, for whatever it raises."""
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = path
    try:
        exec(compile(text, path, "exec"), vars(module))
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno or 0 for frame in frames if frame.filename == path]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else 0
        above = [mark[1] for mark in HEADING.finditer("\n".join(text.split("\n")[:line]))]
        where = f"line {line}{f', exercise {above[-1]}' if above else ''}"
        raise ImportError(f"{where}: {type(error).__name__}: {error}") from error
    return module


if __name__ == "__main__":
    main(*sys.argv[1:])
