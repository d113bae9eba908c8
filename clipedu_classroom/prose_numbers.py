"""Numbers in prose: `{=loss}` in a text cell becomes what `numbers(loss=...)` gave in a code cell.
The values travel in the notebook's stored outputs, as a kind of data that nothing displays."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

#: The kind of data in a cell's output; viewers show no output that has only this.
NUMBERS = "application/vnd.clipedu.numbers+json"
#: A LaTeX group such as `\\mathrel{=}` is none, as no name follows the sign.
PLACEHOLDER = re.compile(r"\{=([A-Za-z_]\w*)\}")
UNFILLED = "…"


def given(notebook: NotebookNode) -> dict[str, str]:
    """What the stored outputs of the notebook's cells gave, by name."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    found = [output.get("data", {}).get(NUMBERS, {}) for output in outputs]
    return {name: str(value) for given in found for name, value in given.items()}


def fill(notebook: NotebookNode) -> list[tuple[int, str]]:
    """Put the given values into the text cells, in place; "…" where there is none.

    Returns (position of the cell, name) of each that is not filled."""
    from clipedu_classroom.notebooks import sign

    values = given(notebook)
    missing: list[tuple[int, str]] = []
    for position, cell in enumerate(notebook.cells):
        names = PLACEHOLDER.findall(cell.source) if cell.cell_type == "markdown" else []
        if names:
            missing += [(position, name) for name in names if name not in values]
            cell.source = PLACEHOLDER.sub(lambda m: values.get(m[1], UNFILLED), cell.source)
            sign(cell)
    return missing


def matches(text: str, filled: str) -> bool:
    """Is `filled` the text with any values in place of its names?"""
    parts = map(re.escape, PLACEHOLDER.split(text)[::2])
    return re.fullmatch(".+?".join(parts), filled, re.DOTALL) is not None


def names_given(source: str) -> list[str] | None:
    """The names in all calls `numbers(name=...)` of a cell; None when a call has `**values`, whose
    names only a run can tell."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # reported elsewhere
        return []
    calls = [n for n in nodes if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "numbers"]
    names = [keyword.arg for call in calls for keyword in call.keywords]
    return None if None in names else [name for name in names if name]
