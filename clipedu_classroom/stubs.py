"""From a solved cell to the cell a student starts with. (nbgrader's ClearSolutions puts the same
text everywhere; here a forgotten exercise says which it is. The marks are nbgrader's.)"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
MARK = re.compile(r"#+\s*(BEGIN|END)\s+SOLUTION", re.IGNORECASE)
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


class StubError(ValueError):
    """The marked cell cannot be turned into a stub; `line` counts from 1 inside the cell."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        super().__init__(message)


@dataclass(frozen=True)
class Region:
    """One marked stretch: `begin` and `end` are the lines of the two marks, counted from 1."""

    begin: int
    end: int

    def touches(self, node: ast.stmt) -> bool:
        return node.lineno <= self.end and (node.end_lineno or node.lineno) >= self.begin


def has_marks(source: str) -> bool:
    """True when the cell holds a BEGIN or END mark, even a badly written one."""
    return bool(MARK.search(source))


def without_marks(source: str) -> str:
    """The solved cell without the lines that mark the solution."""
    return "\n".join(line for line in source.split("\n") if line.strip() not in (BEGIN, END))


def regions(source: str) -> list[Region]:
    """The marked stretches of a cell. Raises StubError when marks do not match or hold nothing."""
    lines = source.split("\n")
    found: list[Region] = []
    begin = 0  # the line of a BEGIN that has no END yet
    for number, line in enumerate(lines, 1):
        word = line.strip()
        if word == BEGIN and not begin:
            begin = number
        elif word == END and begin:
            found.append(Region(begin, number))
            begin = 0
        elif word in (BEGIN, END):
            other = END if begin else BEGIN
            raise StubError(number, f"{word!r} where {other!r} is due")
        elif MARK.search(line):
            raise StubError(number, f"a mark is alone on its line: {BEGIN!r} or {END!r}")
    if begin:
        raise StubError(begin, f"{BEGIN!r} without {END!r} after it")
    for region in found:
        inside = [line.strip() for line in lines[region.begin : region.end - 1]]
        if all(not line or line.startswith("#") for line in inside):
            raise StubError(region.begin, f"there is no code between {BEGIN!r} and {END!r}")
    return found


def solution_lines(source: str) -> list[str]:
    """The lines between the marks, as written."""
    lines = source.split("\n")
    return [line for region in regions(source) for line in lines[region.begin : region.end - 1]]


def defined_names(source: str) -> tuple[str, ...]:
    """The top-level names whose definition is in, or holds, a region: what the check is given."""
    marked = regions(source)
    nodes = [node for node in _parse(source).body if any(r.touches(node) for r in marked)]
    return tuple(dict.fromkeys(name for node in nodes for name in bound_by(node)))


def bound_names(source: str) -> tuple[str, ...]:
    """Every top-level name that the code binds by def, class or assignment. Raises SyntaxError."""
    return tuple(name for node in ast.parse(source).body for name in bound_by(node))


def make_stub(source: str, exercise_id: str, *, marked: bool = False) -> str:
    """The student's cell: in a function a region becomes `raise NotImplementedError("Exercise 03.1:
    name")`, at the top level each assigned name becomes `name = ...`; `marked` as the solution was.

    Raises StubError when that cannot be done."""
    tree, found = _parse(source), regions(source)
    lines = source.split("\n")
    for region in reversed(found):
        mark = lines[region.begin - 1]
        indent = mark[: len(mark) - len(mark.lstrip())]
        kept = _replacement(tree, region, exercise_id)
        kept = [BEGIN, *kept, END] if marked else kept
        lines[region.begin - 1 : region.end] = [indent + line for line in kept]
    stub = "\n".join(lines)
    try:
        ast.parse(stub)
    except SyntaxError as error:
        message = f"without the solution the cell does not parse ({error.msg}); indent the marks"
        message += " as the code between them and keep whole statements inside"
        raise StubError(found[0].begin if found else 1, message) from None
    return stub


def _replacement(tree: ast.Module, region: Region, exercise_id: str) -> list[str]:
    owners = list(_owners(tree, region.begin))
    if owners:
        return [f'raise NotImplementedError("Exercise {exercise_id}: {owners[-1]}")']
    inside = [node for node in tree.body if region.touches(node)]
    if not all(isinstance(node, ast.Assign | ast.AnnAssign) for node in inside):
        message = "at the top level a solution may only assign names; put the marks inside the"
        message += " function's body, so that its signature stays"
        raise StubError(region.begin, message)
    names = [name for node in inside for name in bound_by(node)]
    if not names:
        message = "the solution assigns no plain name: nothing is left to fill in"
        raise StubError(region.begin, message)
    return [f"{name} = ...  # Exercise {exercise_id}: your answer here" for name in names]


def _owners(node: ast.AST, line: int, path: str = "") -> Iterator[str]:
    """Dotted names of the functions around a line, from the outermost to the innermost."""
    for child in ast.iter_child_nodes(node):
        inner = path
        if isinstance(child, FUNCTION | ast.ClassDef):
            inner = f"{path}.{child.name}".lstrip(".")
            if isinstance(child, FUNCTION) and child.lineno < line < (child.end_lineno or 0):
                yield inner
        yield from _owners(child, line, inner)


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise StubError(error.lineno or 1, f"the cell is not valid Python: {error.msg}") from None


def bound_by(node: ast.stmt) -> list[str]:
    """The names that a statement at the top level binds, also by import, loops, with."""
    if isinstance(node, FUNCTION | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).partition(".")[0] for alias in node.names]
    targets: list[ast.AST] = getattr(node, "targets", [node])
    if isinstance(node, ast.AnnAssign | ast.AugAssign):
        targets = [node.target]
    leaves = [leaf for target in targets for leaf in ast.walk(target)]
    return [x.id for x in leaves if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)]
