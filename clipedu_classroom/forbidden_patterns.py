"""Read in an answer's code what its values cannot show: that all was done at once where the task
asks for a piece at a time. `specs` list these as `ForbiddenPattern`s.

Like `suspicion` it looks at the syntax tree only, and is quiet about code that it cannot read.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

Rule = Callable[[ast.FunctionDef], bool]
JOIN = {"cat", "concat", "concatenate", "hstack", "column_stack"}


def function_of(code: str, name: str) -> ast.FunctionDef | None:
    """The last function of this name; None when there is none or the code does not parse."""
    try:
        tree = ast.parse(code)
        found = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name == name
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return found[-1] if found else None


def never_reads(place: int) -> Rule:
    """The argument at this place, counted from 0, is not used anywhere."""

    def seen(function: ast.FunctionDef) -> bool:
        name = _argument(function, place)
        return bool(name) and not any(
            isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
            for part in function.body
            for node in ast.walk(part)
        )

    return seen


def joins(place: int) -> Rule:
    """The tensors in the list at this place are put together into one."""

    def seen(function: ast.FunctionDef) -> bool:
        name = _argument(function, place)
        return bool(name) and any(
            isinstance(node, ast.Call)
            and _last_name(node.func) in JOIN
            and any(
                _is_the_list(given, name)
                for given in [*node.args[:1], *(word.value for word in node.keywords)]
            )
            for node in ast.walk(function)
        )

    return seen


def _argument(function: ast.FunctionDef, place: int) -> str:
    arguments = [*function.args.posonlyargs, *function.args.args]
    return arguments[place].arg if place < len(arguments) else ""


def _last_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_the_list(given: ast.expr, name: str) -> bool:
    """`pieces`, `list(pieces)`, `pieces[::-1]`, `[*pieces]` or `[piece for piece in pieces]`."""
    if isinstance(given, ast.Name):
        return given.id == name
    if isinstance(given, ast.Call) and _last_name(given.func) in {"list", "tuple", "reversed"}:
        return len(given.args) == 1 and _is_the_list(given.args[0], name)
    if isinstance(given, ast.Subscript):
        return isinstance(given.slice, ast.Slice) and _is_the_list(given.value, name)
    if isinstance(given, (ast.List, ast.Tuple)):
        starred = [part.value for part in given.elts if isinstance(part, ast.Starred)]
        return any(_is_the_list(part, name) for part in starred)
    if isinstance(given, (ast.ListComp, ast.GeneratorExp)):
        each, loop = given.elt, given.generators[0]
        unchanged = (
            isinstance(each, ast.Name)
            and isinstance(loop.target, ast.Name)
            and each.id == loop.target.id
        )
        return unchanged and _is_the_list(loop.iter, name)
    return False
