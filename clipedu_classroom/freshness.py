"""Is a committed notebook what its text says, and was it run?

`nbval` compares stored outputs with fresh ones, but compares nothing where nothing is stored. So
`clipedu build --check` asks first whether there is something to compare, and whether it belongs to
this text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from clipedu_classroom.execute import cell_label, machine_paths
from clipedu_classroom.notebooks import CHECKED, text_of
from clipedu_classroom.source import shown_path

SIZE_LIMIT = 1_000_000  # bytes; larger notebooks are slow to open and unreadable in a review
STORED_STATUS = {"exercises": "not attempted", "solutions": "passed"}


@dataclass(frozen=True)
class Finding:
    """One thing wrong with one notebook; `cell` counts from 1, None for the whole; `mend` is a
    command."""

    path: Path
    message: str
    mend: str
    cell: int | None = None

    def __str__(self) -> str:
        return f"{shown_path(self.path)}: {self.message}. Mend it with: {self.mend}"


def read_notebook(path: Path) -> NotebookNode | None:
    """The stored notebook; None when there is none or when it is no notebook."""
    try:
        return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError):
        return None


def carry_outputs(fresh: NotebookNode, stored: NotebookNode | None) -> NotebookNode:
    """Give `fresh` (changed in place, and returned) the stored outputs of the cells that are as
    they were: same id, same type, same text."""
    known = {cell.get("id"): cell for cell in stored.cells} if stored is not None else {}
    for cell in fresh.cells:
        old = known.get(cell.id)
        if old is None or (old.cell_type, old.source) != (cell.cell_type, cell.source):
            continue
        if cell.cell_type == "code":
            cell.outputs = old.outputs
            cell.execution_count = old.execution_count
    return fresh


def differences(expected: NotebookNode, path: Path, number: str) -> list[Finding]:
    """How the notebook at `path` differs from `expected` (made from the text, no outputs)."""
    mend = f"clipedu build {number}"
    if not path.exists():
        return [Finding(path, "the notebook does not exist", f"{mend} --execute")]
    stored = read_notebook(path)
    if stored is None:
        return [Finding(path, "the file is not a notebook", f"{mend} --execute")]
    for position, (want, have) in enumerate(zip(expected.cells, stored.cells, strict=False)):
        for part in ("cell_type", "id", "source", "metadata"):
            if want.get(part) != have.get(part):
                what = {"cell_type": "type", "source": "text"}.get(part, part)
                label = cell_label(stored, position)
                message = f"{label}: its {what} is not what {_origin(expected)} says"
                return [Finding(path, message, mend, position + 1)]
    if len(expected.cells) != len(stored.cells):
        count = f"{len(stored.cells)} cells, {_origin(expected)} makes {len(expected.cells)}"
        return [Finding(path, f"the notebook has {count}", mend)]
    if stored.metadata.get("kernelspec") != expected.metadata["kernelspec"]:
        name = stored.metadata.get("kernelspec", {}).get("name")
        return [Finding(path, f"the kernel is {name!r}, it must be 'python3'", mend)]
    if text_of(carry_outputs(expected, stored)) != path.read_text(encoding="utf-8"):
        return [Finding(path, "the metadata or the file's layout is not the builder's", mend)]
    return []


def output_findings(path: Path, tree: str, number: str) -> list[Finding]:
    """What is wrong with the stored run: a cell not run, not in one run from the top, tagged
    without output, failed, with a figure that is not described, with a path of this machine; too
    many bytes."""
    notebook = read_notebook(path)
    if notebook is None:
        return []
    mend = f"clipedu build {number} --execute"
    found: list[Finding] = []

    def report(position: int, message: str, remedy: str = mend) -> None:
        label = cell_label(notebook, position)
        found.append(Finding(path, f"{label}: {message}", remedy, position + 1))

    code = [position for position, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    unrun = [position for position in code if notebook.cells[position].execution_count is None]
    if unrun:
        more = f" ({len(unrun)} cells like it)" if len(unrun) > 1 else ""
        report(unrun[0], f"it has no stored run, so nothing is compared{more}")
    for run, position in enumerate(code, 1):
        count = notebook.cells[position].execution_count
        if count is not None and count != run and not unrun:
            report(position, f"run number {count} is stored where {run} is due: not one run")
            break  # every later cell would say the same
    for position in code:
        for message, remedy in _cell_findings(notebook.cells[position], tree):
            report(position, message, remedy or mend)
    places = [place for place, _ in machine_paths(path.parent)]
    for position, cell in enumerate(notebook.cells):
        text = json.dumps(cell.get("outputs", []), ensure_ascii=False)
        for place in places:
            if place in text:
                report(position, f"an output holds this machine's path {place}")
                break
    size = path.stat().st_size
    if size > SIZE_LIMIT:
        message = f"the notebook has {size:,} bytes, the limit is {SIZE_LIMIT:,}"
        remedy = f"fewer or smaller figures, then {mend}"
        found.append(Finding(path, message, remedy))
    return found


def _cell_findings(cell: NotebookNode, tree: str) -> list[tuple[str, str]]:
    """(message, remedy or "") for the stored outputs of one code cell."""
    tags = cell.metadata.get("tags", [])
    if cell.execution_count is None:
        return []
    found = []
    if CHECKED in tags and not cell.outputs:
        found.append((f"it is tagged {CHECKED} and has no output to compare", ""))
    failed = [output for output in cell.outputs if output.output_type == "error"]
    if failed and "raises-exception" not in tags:
        found.append((f"it failed with {failed[0].ename} and is not tagged raises-exception", ""))
    for output in cell.outputs:
        if any(kind.startswith("image/") for kind in output.get("data", {})) and not _alt(output):
            remedy = "show the figure with clipedu.plots.show(fig, words), then build --execute"
            found.append(("a figure has no description in words", remedy))
    status = STORED_STATUS.get(tree)
    if cell.metadata.get("nbgrader", {}).get("grade") and status:
        shown = "\n".join(_text(output) for output in cell.outputs)
        if status not in shown:
            remedy = "see what the check says, then clipedu build --execute"
            found.append((f"the stored check does not say {status!r}: {shown[:120]!r}", remedy))
    return found


def _alt(output: NotebookNode) -> str:
    notes: dict[str, Any] = output.get("metadata", {})
    places = [notes, *(value for value in notes.values() if isinstance(value, dict))]
    return next((str(place["alt"]) for place in places if place.get("alt")), "")


def _text(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return str(output.text)
    return str(output.get("data", {}).get("text/plain", ""))


def _origin(notebook: NotebookNode) -> str:
    return str(notebook.metadata["clipedu"]["made_from"])
