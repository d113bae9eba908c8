"""Take one student's answers out of what was handed in, in a process of its own (`read`).

A submission is hostile until shown otherwise; what cannot be read ends in `Unreadable`, which says
what a person can do. Answers are found by a cell's id, then by the names they define: cells may
have been split, joined, moved, retyped or renewed."""

from __future__ import annotations

import io
import json
import pickle
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from clipedu_classroom.assignment import Assignment, Part, Question, id_of, text_of
from clipedu_classroom.sandbox import own_environment
from clipedu_classroom.student_code import clean, defined_names, needed_code, squeeze, suspicions
from clipedu_classroom.submissions import (
    MAX_ENTRIES,
    Submission,
    Unreadable,
    is_junk,
    is_notebook,
    open_member,
    read_file,
    readable,
)
from clipedu_classroom.worker import set_limits
from clipedu_classroom.written import written_answers

MAX_CELLS = 5000
MAX_CODE = 60_000  # characters of a cell; no answer needs a tenth
MAX_UNPACKED = 100 * 2**20  # bytes of one student's zip files
READ_SECONDS, READ_MB = 20, 2000  # CPU time and memory to read one submission


@dataclass
class Load:
    """Code to run in the worker: the course's own (`setup`), an answer to exercises, or what
    answers need from an added cell. After it, `judged` can be judged."""

    key: str
    source: str
    setup: bool = False
    exercises: Sequence[str] = ()
    judged: Sequence[str] = ()


@dataclass
class Answers:
    """What one student handed in: code and open answers (`text`, and `pages` to look at) by
    exercise id, what to run in which order, and what the grader noticed. `as_given`: exercises
    whose statement is the pristine notebook's."""

    code: dict[str, str] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
    as_given: list[str] = field(default_factory=list)
    dropped: int = 0


@dataclass
class Cell:
    """A cell as handed in; `part` is the cell of the pristine notebook that it was."""

    raw: dict[str, Any]
    kind: str
    source: str
    part: Part | None
    code: str = ""  # what Python can run of it
    names: frozenset[str] = frozenset()

    @property
    def changed(self) -> bool:
        return self.part is None or squeeze(self.source) != squeeze(self.part.source)


# One submission


def read(assignment: Assignment, submission: Submission) -> Answers:
    """A student's answers, read in a process with limits. Raises Unreadable."""
    if submission.problem:
        raise Unreadable(f"Not graded: {submission.problem}.")
    command = [sys.executable, "-m", "clipedu_classroom.answers"]
    how: dict[str, Any] = {"env": own_environment(), "timeout": 5 * READ_SECONDS}
    asked = pickle.dumps((assignment, submission))
    try:
        done = subprocess.run(command, input=asked, capture_output=True, **how)
        entry = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        words = f"takes more than {READ_SECONDS} seconds or {READ_MB} MB."
        raise Unreadable(f"Reading the file {words}") from None
    if "unreadable" in entry:
        raise Unreadable(entry["unreadable"])
    entry["loads"] = [Load(**load) for load in entry["loads"]]
    return Answers(**entry)


def choose_answers(assignment: Assignment, submission: Submission) -> Answers:
    """The answers of the notebook among a student's files: one with answers, then a notebook, then
    the assignment's name, then more answers. Raises Unreadable when there is none."""
    found: list[tuple[tuple[Any, ...], str, Answers]] = []
    problems = []
    for number, (name, content) in enumerate(_contents(submission)):
        is_script = name.lower().endswith(".py")
        try:
            if isinstance(content, str):
                raise Unreadable(content)
            cells = script_cells(content) if is_script else read_cells(content)
        except Unreadable as error:
            problems.append((not is_notebook(name), name, str(error)))
            continue
        answers = take_answers(assignment, cells)
        coded = [question for question in assignment.questions if question.id in answers.code]
        written = [not is_untouched(question, answers.code[question.id]) for question in coded]
        count = len(answers.text) + sum(written)
        exact = PurePosixPath(name).stem == assignment.name
        found.append(((count > 0, not is_script, exact, count, number), name, answers))
    if not found:
        raise Unreadable(min(problems)[2] if problems else "There is no notebook in it.")
    best = max(found, key=lambda item: item[0])
    unread = [name for _, name, _ in found if name != best[1]] + [name for _, name, _ in problems]
    if unread:
        more = f" and {len(unread) - 5} more" if len(unread) > 5 else ""
        best[2].remarks.insert(0, f"Read: {best[1]}. Not read: {', '.join(unread[:5])}{more}.")
    return best[2]


def _contents(submission: Submission) -> Iterator[tuple[str, bytes | str]]:
    """(name, content, or why it was not read) of every file, those in zip files too."""
    left = MAX_UNPACKED
    for file in submission.files:
        try:
            content = read_file(file)
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
        for info in [info for info in archive.infolist() if not is_junk(info)][:MAX_ENTRIES]:
            try:
                if left <= 0:
                    raise Unreadable("Too much to unpack.")
                inner: bytes | str = open_member(archive, info)
            except Unreadable as error:
                inner = str(error)
            left -= len(inner)
            yield f"{file.name}: {readable(info.filename)}", inner


def read_cells(content: bytes) -> list[dict[str, Any]]:
    """The notebook's cells, version 4. Raises Unreadable."""
    if not content.strip():
        raise Unreadable("The file is empty. Ask for it again: was it saved?")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in content[:100]:
        words = "Open it in Jupyter, save it, and hand it in again."
        raise Unreadable(f"The file is not UTF-8 (UTF-16, perhaps). {words}")
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("The file is not UTF-8 text. Is it really a notebook?") from None
    except (ValueError, RecursionError):
        words = "it is damaged or no notebook. Ask for it again."
        raise Unreadable(f"The file is not valid JSON: {words}") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("The file is JSON but has no cells: it is not a notebook of version 4.")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has {len(cells)} cells; at most {MAX_CELLS} are read.")
    return [cell for cell in cells if isinstance(cell, dict)]


def script_cells(content: bytes) -> list[dict[str, Any]]:
    """The cells of a .py file that an editor or `nbconvert --to script` wrote. nbconvert marks code
    only: each paragraph of comments that follows the code was a text cell."""

    def is_comment(paragraph: str) -> bool:
        return all(line.startswith("#") for line in paragraph.split("\n") if line.strip())

    text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n")
    text = re.sub(r"\A(#!.*\n)?(# coding: .*\n)?", "", text)
    cells = []
    for part in re.split(r"^(?=# ?%%|# In ?\[)", text, flags=re.MULTILINE)[:MAX_CELLS]:
        marker, _, body = part.partition("\n") if re.match(r"# ?%%|# In", part) else ("", "", part)
        kind = "markdown" if "[markdown]" in marker or "[md]" in marker else "code"
        body = re.sub(r"^# ?", "", body, flags=re.MULTILINE) if kind == "markdown" else body
        paragraphs, texts = body.split("\n\n"), []
        while paragraphs and kind == "code" and "%%" not in marker and is_comment(paragraphs[-1]):
            texts.append(re.sub(r"^# ?", "", paragraphs.pop().strip("\n"), flags=re.MULTILINE))
        cells.append({"cell_type": kind, "source": "\n\n".join(paragraphs).strip("\n")})
        cells += [{"cell_type": "markdown", "source": text} for text in texts[::-1] if text]
    return cells[:MAX_CELLS]


# One notebook


def take_answers(assignment: Assignment, raw: list[dict[str, Any]]) -> Answers:
    """The code of each exercise, and every open answer. Code is in the cell with the exercise's id
    if that defines what is asked for, else in the last other cell that does, else in several."""
    answers = Answers()
    cells = _cells(assignment, raw, answers.remarks)
    same = [cell.part for cell in cells if cell.part and not cell.changed]
    answers.as_given = [part.exercise for part in same if part.role == "statement"]
    used = {
        question.id: chosen
        for question in assignment.questions
        if not question.by_hand and (chosen := _find(question, cells, answers.remarks))
    }
    for exercise_id, chosen in used.items():
        answers.code[exercise_id] = "\n\n".join(cells[at].code for at in chosen)
    taken = {at for chosen in used.values() for at in chosen}
    added = {
        at: cell.code
        for at, cell in enumerate(cells)
        if cell.kind == "code" and at not in taken and cell.code.strip() and cell.changed
    }
    helpers = needed_code([cells[at].code for at in taken], added)
    parts = [cells[at].part for at in added if at not in helpers]
    answers.dropped = sum(part is None or part.role == "text" for part in parts)
    answers.loads = _in_order(assignment, cells, used, helpers)
    sources = [load.source for load in answers.loads if not load.setup]
    answers.suspicions = list(dict.fromkeys(word for code in sources for word in suspicions(code)))
    questions = [question for question in assignment.questions if question.by_hand]
    for exercise_id, text, page in written_answers(questions, cells, answers.remarks):
        answers.text[exercise_id], answers.pages[exercise_id] = text, page
    if not answers.code and not answers.text and not any(cell.part for cell in cells):
        answers.remarks.append(f"It has no cell of {assignment.name}: is it another notebook?")
    if answers.dropped:
        unit = "cell was" if answers.dropped == 1 else "cells were"
        words = f"{answers.dropped} added {unit} not run: no answer needs what is defined there."
        answers.remarks.append(words)
    return answers


def is_untouched(question: Question, source: str) -> bool:
    """Is this still the stub, but for white space?"""
    return squeeze(source) == squeeze(question.stub)


def _cells(assignment: Assignment, raw: list[dict[str, Any]], remarks: list[str]) -> list[Cell]:
    """The cells with what they were in the pristine notebook: by id, else by the same text."""
    by_id = {part.cell_id: part for part in assignment.parts if part.cell_id}
    by_source = {squeeze(part.source): part for part in assignment.parts}
    asked = {name for question in assignment.questions for name in question.names}
    mentions = re.compile(rf"\b({'|'.join(map(re.escape, sorted(asked))) or '(?!)'})\b")
    found = []
    for number, entry in enumerate(raw, 1):
        source = text_of(entry)
        part = by_id.get(id_of(entry)) or by_source.get(squeeze(source))
        cell = Cell(entry, str(entry.get("cell_type", "raw")), source, part)
        found.append(cell)
        is_answer = part is not None and part.role == "solution"
        if len(source) > MAX_CODE:
            if cell.kind == "code":
                words = f"{len(source):,} characters of code; it was not read."
                remarks.append(f"Cell {number} has {words}")
            continue
        if cell.kind == "code":
            cell.code = clean(source)
        elif is_answer or (part is None and mentions.search(source)):
            code = clean(re.sub(r"^\s*```.*$", "", source, flags=re.MULTILINE))
            if defined_names(code) & asked and cell.changed:
                remarks.append(f"Cell {number} is of type {cell.kind}; it was read as code.")
                cell.code, cell.kind = code, "code"
        cell.names = frozenset(defined_names(cell.code))
    return found


def _find(question: Question, cells: list[Cell], remarks: list[str]) -> list[int]:
    """Indices of the cells that are the answer, in the notebook's order; [] without one."""
    wanted = set(question.names)
    code = [at for at, cell in enumerate(cells) if cell.kind == "code"]
    by_id = [at for at in code if (part := cells[at].part) and part.cell_id == question.cell_id]
    if len(by_id) > 1:
        words = f"{len(by_id)} cells have the id {question.cell_id}"
        remarks.append(f"{question.id}: {words}; the last one with an answer counts.")
    written = [at for at in by_id if not is_untouched(question, cells[at].source)]
    if good := [at for at in written if wanted <= cells[at].names]:
        return good[-1:]
    others = [at for at in code if at not in by_id and cells[at].changed]
    names = ", ".join(sorted(wanted))
    if elsewhere := [at for at in others if wanted <= cells[at].names]:
        remarks.append(f"{question.id}: found by the name {names}, in a cell with another id.")
        return elsewhere[-1:]
    candidates = sorted([*written, *others])
    homes = ([at for at in candidates if name in cells[at].names] for name in wanted)
    split = {max(home, default=-1) for home in homes}
    if -1 not in split:
        remarks.append(f"{question.id}: {names} are defined in {len(split)} cells.")
        return sorted(split)
    return written[-1:] or by_id[-1:]


def _in_order(
    assignment: Assignment, cells: list[Cell], used: dict[str, list[int]], helpers: dict[int, str]
) -> list[Load]:
    """What to run, in the student's order. The course's own cells are as they were handed out, each
    before the first exercise that follows it. An exercise is judged where its check is, else before
    the next answer."""
    rank = {part.cell_id: number for number, part in enumerate(assignment.parts)}
    first = {question.id: rank.get(question.cell_id, 0) for question in assignment.questions}
    setup = [part for part in assignment.parts if part.role == "setup"]
    answered, judged_after = dict[int, list[str]](), dict[str, int]()
    for exercise_id, chosen in used.items():
        for at in chosen:
            answered.setdefault(at, []).append(exercise_id)
    for exercise_id, chosen in used.items():
        last = chosen[-1]
        later = ((at, cells[at].part) for at in range(last + 1, len(cells)))
        checks = [at for at, p in later if p and (p.role, p.exercise) == ("check", exercise_id)]
        end = checks[0] if checks else min((a for a in answered if a > last), default=len(cells))
        after = [at for at in [*answered, *helpers] if last <= at < end]
        judged_after[exercise_id] = max(after, default=last)
    loads = [Load("given", assignment.given, setup=True)] if assignment.given else []
    for at in sorted({*answered, *helpers}):
        following = next((answered[later] for later in sorted(answered) if later >= at), [])
        limit = max((first[exercise_id] for exercise_id in following), default=len(rank))
        while setup and rank[setup[0].cell_id] < limit:
            part = setup.pop(0)
            loads.append(Load(part.cell_id or "setup", part.source, setup=True))
            for exercise_id, code in assignment.stand_ins.get(part.cell_id, {}).items():
                if judged_after.get(exercise_id, -1) < at:  # else it would be judged in its place
                    loads.append(Load("given", code, setup=True))
        own = cells[at].part
        name = own.cell_id if own else f"cell-{at + 1}"
        source = cells[at].code if at in answered else helpers[at]
        judged = tuple(key for key, after in judged_after.items() if after == at)
        loads.append(Load(name, source, False, tuple(answered.get(at, ())), judged))
    return loads


def main() -> None:
    """Read one submission, which a process of ours names on standard input; answer in JSON."""
    set_limits({"RLIMIT_CPU": READ_SECONDS, "RLIMIT_AS": READ_MB << 20})
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
