"""Take one student's answers out of the cells of a notebook: by id, then by the names they define.

Cells may have been split, joined, moved, retyped or renewed. From cells that a student added come
only the statements that an answer needs. Runs in a process of its own (`submissions.read`).
"""

from __future__ import annotations

import ast
import re
import symtable
from dataclasses import dataclass, field
from typing import Any

from clipedu_classroom.assignment import Assignment, Part, Question, id_of, text_of
from clipedu_classroom.suspicion import suspicions
from clipedu_classroom.written import written_answers

MAX_CODE = 60_000  # characters of a cell; no answer needs a tenth
LITERAL = r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\""
MAGIC = re.compile(rf"get_ipython\(\)\.(\w+)\(((?:\s*(?:{LITERAL}),?)+)\)")
PARSE_ERRORS = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass
class Load:
    """Code to run in the worker: the course's own (`setup`), an answer to exercises, or what
    answers need from an added cell. After it, `judged` can be judged."""

    key: str
    source: str
    setup: bool = False
    exercises: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()


@dataclass
class Answers:
    """What one student handed in: code and open answers (`text`, and `pages` to look at) by
    exercise id, what to run in which order, and what the grader noticed."""

    code: dict[str, str] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    loads: list[Load] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    suspicions: list[str] = field(default_factory=list)
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


def take_answers(assignment: Assignment, cells: list[dict[str, Any]]) -> Answers:
    """The code of each exercise, and every open answer.

    The cell with the exercise's id when it defines what is asked for, else the last other cell that
    does, else the cells that define it together; so swapped and renewed ids do no harm.
    """
    answers = Answers()
    found = _cells(assignment, cells, answers.remarks)
    used = {
        question.id: chosen
        for question in assignment.questions
        if not question.by_hand and (chosen := _find(question, found, answers.remarks))
    }
    for exercise_id, chosen in used.items():
        answers.code[exercise_id] = "\n\n".join(found[place].code for place in chosen)
    taken = {place for chosen in used.values() for place in chosen}
    added = {
        place: cell.code
        for place, cell in enumerate(found)
        if cell.kind == "code" and place not in taken and cell.code.strip() and cell.changed
    }
    helpers = needed_code([found[place].code for place in taken], added)
    extra = [place for place in added if place not in helpers]
    parts = [found[place].part for place in extra]
    answers.dropped = sum(part is None or part.role == "text" for part in parts)
    answers.loads = _in_order(assignment, found, used, helpers)
    sources = [load.source for load in answers.loads if not load.setup]
    answers.suspicions = list(dict.fromkeys(word for code in sources for word in suspicions(code)))
    questions = [question for question in assignment.questions if question.by_hand]
    for exercise_id, text, page in written_answers(questions, found, answers.remarks):
        answers.text[exercise_id], answers.pages[exercise_id] = text, page
    if not answers.code and not answers.text and not any(cell.part for cell in found):
        answers.remarks.append(f"It has no cell of {assignment.name}: is it another notebook?")
    if answers.dropped:
        unit = "cell was" if answers.dropped == 1 else "cells were"
        answers.remarks.append(
            f"{answers.dropped} added {unit} not run: no answer needs what they define."
        )
    return answers


def squeeze(source: str) -> str:
    return "".join(source.split())


def is_untouched(question: Question, source: str) -> bool:
    """Is this still the stub, but for white space?"""
    return squeeze(source) == squeeze(question.stub)


def clean(source: str) -> str:
    """Code that plain Python can run: IPython's `%time`, `!ls`, `name?` do nothing. A cell that
    parses stays as it is."""
    magic = re.match(r"\s*%%(\w+).*\n?", source)
    if magic:
        python = magic[1] in ("time", "timeit", "capture", "prun", "memit")
        return clean(source[magic.end() :]) if python else ""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        if not re.search(r"[%!?]", source):
            return source
        from IPython.core.inputtransformer2 import TransformerManager

        try:
            return MAGIC.sub(_without_magic, TransformerManager().transform_cell(source))
        except Exception:  # IPython promises no kind of its own
            return source
    except (RecursionError, MemoryError):
        pass
    return source


def _without_magic(call: re.Match[str]) -> str:
    name, words = call[1], ast.literal_eval(f"[{call[2]}]")
    if name == "run_line_magic" and words[0] == "time":
        return str(words[1]) or "None"
    return "[]" if name == "getoutput" else "None"


def defined_names(source: str) -> set[str]:
    """Names bound at the top level (also by import, loops, with); empty when the code does not
    parse."""
    try:
        return {name for node in ast.parse(source).body for name in _bound(node)}
    except PARSE_ERRORS:
        return set()


def _bound(node: ast.stmt) -> set[str]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    inner = (leaf for leaf in ast.walk(node) if isinstance(leaf, ast.Name))
    return {leaf.id for leaf in inner if isinstance(leaf.ctx, ast.Store)}


def _changed(node: ast.stmt) -> set[str]:
    """Names that the statement binds, and those whose objects it may change: `x.y = 1`, `x[0] = 1`,
    `x.append(1)`."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        targets = [node.value.func]
    elif isinstance(node, (ast.Assign, ast.AugAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = _bound(node)
    for target in targets:
        inside = target
        while isinstance(inside, (ast.Attribute, ast.Subscript)):
            inside = inside.value
        if inside is not target and isinstance(inside, ast.Name):
            names.add(inside.id)
    return names


def _wanted(source: str) -> set[str]:
    """Global names that the code reads, at the top level or in its functions."""
    names: set[str] = set()
    try:
        tables = [symtable.symtable(source, "answer", "exec")]
    except PARSE_ERRORS:
        return names
    for table in tables:
        tables += table.get_children()
        top = table.get_type() == "module"
        names |= {
            symbol.get_name()
            for symbol in table.get_symbols()
            if symbol.is_referenced() and (top or symbol.is_global())
        }
    return names


def needed_code(answers: list[str], added: dict[int, str]) -> dict[int, str]:
    """Of each added cell the statements that define, directly or not, what the answers use."""
    wanted = {name for code in answers for name in _wanted(code) - defined_names(code)}
    by_name: dict[str, list[tuple[int, int]]] = {}
    bodies: dict[int, list[ast.stmt]] = {}
    for place, source in added.items():
        try:
            bodies[place] = ast.parse(source).body
        except PARSE_ERRORS:
            continue
        for number, node in enumerate(bodies[place]):
            for name in _changed(node):
                by_name.setdefault(name, []).append((place, number))
    chosen: set[tuple[int, int]] = set()
    queue = [*wanted, "*"]
    for name in queue:
        for place, number in by_name.pop(name, []):
            if (place, number) not in chosen:
                chosen.add((place, number))
                queue += _wanted(ast.unparse(bodies[place][number]))
    return {
        place: "\n".join(ast.unparse(bodies[at][n]) for at, n in sorted(chosen) if at == place)
        for place in sorted({place for place, _ in chosen})
    }


def _cells(assignment: Assignment, raw: list[dict[str, Any]], remarks: list[str]) -> list[Cell]:
    """The cells with what they were in the pristine notebook: by id, else by the same text."""
    by_id = {part.cell_id: part for part in assignment.parts if part.cell_id}
    by_source = {squeeze(part.source): part for part in assignment.parts}
    asked = {name for question in assignment.questions for name in question.names}
    mentions = re.compile(
        r"\b(" + "|".join(map(re.escape, sorted(asked))) + r")\b" if asked else "(?!)"
    )
    found = []
    for number, entry in enumerate(raw, 1):
        source = text_of(entry)
        part = by_id.get(id_of(entry)) or by_source.get(squeeze(source))
        kind = str(entry.get("cell_type", "raw"))
        cell = Cell(entry, kind, source, part)
        is_answer = part is not None and part.role == "solution"
        if len(source) > MAX_CODE and kind == "code":
            remarks.append(
                f"Cell {number} has {len(source):,} characters of code; it was not read."
            )
        elif kind == "code":
            cell.code = clean(source)
        elif is_answer or (part is None and len(source) <= MAX_CODE and mentions.search(source)):
            code = clean(re.sub(r"^\s*```.*$", "", source, flags=re.MULTILINE))
            if defined_names(code) & asked and cell.changed:
                cell.code, cell.kind = code, "code"
                remarks.append(f"Cell {number} is of type {kind}; it was read as code.")
        if cell.code:
            cell.names = frozenset(defined_names(cell.code))
        found.append(cell)
    return found


def _find(question: Question, cells: list[Cell], remarks: list[str]) -> list[int]:
    """Positions of the cells that are the answer, in the notebook's order; [] without one."""
    wanted = set(question.names)
    code = {place: cell for place, cell in enumerate(cells) if cell.kind == "code"}
    by_id = [p for p, cell in code.items() if cell.part and cell.part.cell_id == question.cell_id]
    if len(by_id) > 1:
        remarks.append(
            f"{question.id}: {len(by_id)} cells have the id {question.cell_id}; the last one with "
            "an answer counts."
        )
    written = [place for place in by_id if not is_untouched(question, cells[place].source)]
    good = [place for place in written if wanted <= cells[place].names]
    if good:
        return good[-1:]
    others = {p: cell for p, cell in code.items() if p not in by_id and cell.changed}
    elsewhere = [place for place, cell in others.items() if wanted <= cell.names]
    names = ", ".join(sorted(wanted))
    if elsewhere:
        remarks.append(f"{question.id}: found by the name {names}, in a cell with another id.")
        return elsewhere[-1:]
    candidates = sorted([*written, *others])
    split = {max((p for p in candidates if name in cells[p].names), default=-1) for name in wanted}
    if -1 not in split:
        remarks.append(f"{question.id}: {names} are defined in {len(split)} cells.")
        return sorted(split)
    return written[-1:] or by_id[-1:]


def _in_order(
    assignment: Assignment,
    cells: list[Cell],
    used: dict[str, list[int]],
    helpers: dict[int, str],
) -> list[Load]:
    """What to run, in the student's order. The course's own cells are as they were handed out, each
    before the first exercise that follows it. An exercise is judged where its check is, else before
    the next answer."""
    rank = {part.cell_id: place for place, part in enumerate(assignment.parts)}
    first = {q.id: rank.get(q.cell_id, 0) for q in assignment.questions}
    setup = [part for part in assignment.parts if part.role == "setup"]
    at: dict[int, list[str]] = {}
    for exercise_id, chosen in used.items():
        for place in chosen:
            at.setdefault(place, []).append(exercise_id)
    judged: dict[int, list[str]] = {}
    for exercise_id, chosen in used.items():
        last = chosen[-1]
        checks = (
            place
            for place in range(last + 1, len(cells))
            if (part := cells[place].part) and (part.role, part.exercise) == ("check", exercise_id)
        )
        end = next(checks, min((place for place in at if place > last), default=len(cells)))
        place = max(p for p in [*at, *helpers] if last <= p < end or p == last)
        judged.setdefault(place, []).append(exercise_id)
    loads: list[Load] = []
    for place in sorted({*at, *helpers}):
        following = next((at[p] for p in sorted(at) if p >= place), [])
        limit = max((first[exercise_id] for exercise_id in following), default=len(rank))
        while setup and rank[setup[0].cell_id] < limit:
            part = setup.pop(0)
            loads.append(Load(part.cell_id or "setup", part.source, setup=True))
        part_of = cells[place].part
        loads.append(
            Load(
                part_of.cell_id if part_of else f"cell-{place + 1}",
                cells[place].code if place in at else helpers[place],
                exercises=tuple(at.get(place, ())),
                judged=tuple(judged.get(place, ())),
            )
        )
    return loads
