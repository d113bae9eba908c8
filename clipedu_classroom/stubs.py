"""From a solved cell to the cell a student starts with.

The solution stays live code between `### BEGIN SOLUTION` and `### END SOLUTION` (nbgrader's marks).
Taking it out leaves a signature and a line that names the exercise, so a forgotten one says which.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

BEGIN = "### BEGIN SOLUTION"
END = "### END SOLUTION"
MARK = re.compile(r"#+\s*(BEGIN|END)\s+SOLUTION", re.IGNORECASE)


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
    indent: str


def has_marks(source: str) -> bool:
    """True when the cell holds a BEGIN or END mark, even a badly written one."""
    return bool(MARK.search(source))


def regions(source: str) -> list[Region]:
    """The marked stretches of a cell. Raises StubError when marks do not match or hold nothing."""
    found: list[Region] = []
    begin: int | None = None
    lines = source.split("\n")
    for number, line in enumerate(lines, 1):
        if not MARK.search(line):
            continue
        word = line.strip()
        if word == BEGIN and begin is None:
            begin = number
        elif word == END and begin is not None:
            inside = [text for text in lines[begin : number - 1] if text.strip()]
            if not any(not text.strip().startswith("#") for text in inside):
                raise StubError(begin, "there is no code between BEGIN SOLUTION and END SOLUTION")
            opening = lines[begin - 1]
            found.append(Region(begin, number, opening[: len(opening) - len(opening.lstrip())]))
            begin = None
        elif word == BEGIN:
            raise StubError(number, f"BEGIN SOLUTION again, the one of line {begin} has no END yet")
        elif word == END:
            raise StubError(number, "END SOLUTION without a BEGIN SOLUTION before it")
        else:
            raise StubError(number, f"a mark stands alone on its line: {BEGIN!r} or {END!r}")
    if begin is not None:
        raise StubError(begin, "BEGIN SOLUTION without an END SOLUTION after it")
    return found


def solution_lines(source: str) -> list[str]:
    """The lines between the marks, as written."""
    lines = source.split("\n")
    return [line for region in regions(source) for line in lines[region.begin : region.end - 1]]


def defined_names(source: str) -> tuple[str, ...]:
    """The top-level names whose definition is in, or holds, a region: what the check is given."""
    tree, marked = _tree(source), regions(source)
    names: list[str] = []
    for node in tree.body:
        if any(_touches(node, region) for region in marked):
            names += [name for name in _bound_names(node) if name not in names]
    return tuple(names)


def bound_names(source: str) -> tuple[str, ...]:
    """Every top-level name that the code binds by def, class or assignment. Raises SyntaxError."""
    return tuple(name for node in ast.parse(source).body for name in _bound_names(node))


def make_stub(source: str, exercise_id: str) -> str:
    """The student's cell: in a function a region becomes `raise NotImplementedError("Exercise 03.1:
    name")`, at the top level each assigned name becomes `name = ...`.

    Raises StubError when that cannot be done.
    """
    tree, marked = _tree(source), regions(source)
    lines = source.split("\n")
    kept: list[str] = []
    position = 0
    for region in marked:
        kept += lines[position : region.begin - 1]
        kept += [region.indent + line for line in _replacement(tree, region, exercise_id)]
        position = region.end
    stub = "\n".join(kept + lines[position:])
    try:
        ast.parse(stub)
    except SyntaxError as error:
        raise StubError(
            marked[0].begin if marked else 1,
            f"without the solution the cell does not parse ({error.msg}); indent the marks as the "
            "code between them and keep whole statements inside",
        ) from None
    return stub


def _replacement(tree: ast.Module, region: Region, exercise_id: str) -> list[str]:
    owner = _enclosing(tree, region)
    if owner:
        return [f'raise NotImplementedError("Exercise {exercise_id}: {owner}")']
    inside = [node for node in tree.body if _touches(node, region)]
    for node in inside:
        if region.begin < node.lineno and isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        raise StubError(
            region.begin,
            "at the top level a solution may only assign names; put the marks inside the "
            "function's body, so that its signature stays",
        )
    names = [name for node in inside for name in _bound_names(node)]
    if not names:
        raise StubError(
            region.begin, "the solution assigns no plain name: nothing is left to fill in"
        )
    return [f"{name} = ...  # Exercise {exercise_id}: your answer here" for name in names]


def _enclosing(tree: ast.Module, region: Region) -> str:
    """Dotted name of the innermost function whose body holds the region, "" at the top level."""

    def search(node: ast.AST, path: tuple[str, ...]) -> str:
        best = ""
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            inner = (*path, child.name) if named else path  # type: ignore[attr-defined]
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                if child.lineno < region.begin < (child.end_lineno or 0):
                    best = ".".join(inner)
            best = search(child, inner) or best
        return best

    return search(tree, ())


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise StubError(error.lineno or 1, f"the cell is not valid Python: {error.msg}") from None


def _touches(node: ast.stmt, region: Region) -> bool:
    return node.lineno <= region.end and (node.end_lineno or node.lineno) >= region.begin


def _bound_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [
        leaf.id
        for target in targets
        for leaf in ast.walk(target)
        if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store)
    ]
