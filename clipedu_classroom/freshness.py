"""Is a committed notebook what its text says, and was it run? (`nbval` compares stored outputs with
fresh ones, but compares nothing where nothing is stored.)"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from clipedu_classroom.execute import cell_label, machine_paths
from clipedu_classroom.notebooks import CHECKED, text_of
from clipedu_classroom.prose_numbers import NUMBERS, fill, matches
from clipedu_classroom.source import Problem

SIZE_LIMIT = 1_000_000  # bytes; larger notebooks are slow to open and unreadable in a review
STORED_STATUS = {"exercises": "not attempted", "solutions": "passed"}


def read_notebook(path: Path) -> NotebookNode | None:
    """The stored notebook; None when there is none or when it is no notebook."""
    try:
        return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, nbformat.ValidationError):
        return None


def carry_outputs(fresh: NotebookNode, stored: NotebookNode | None) -> NotebookNode:
    """Give `fresh` (changed in place, and returned) the stored outputs of the cells that are as
    they were: same id, same type, same text."""
    known = {cell.get("id"): cell for cell in (stored.cells if stored else ())}
    for cell in fresh.cells:
        old = known.get(cell.id)
        if old and old.cell_type == cell.cell_type == "code" and old.source == cell.source:
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
    return fresh


def stale(expected: NotebookNode, path: Path) -> list[Problem]:
    """How the notebook at `path` first differs from `expected`, which is made from the text (and
    gets the stored outputs, and their numbers in its text cells); else the numbers it lacks."""
    mend = f"clipedu build {path.name[:2]}"
    stored = read_notebook(path)
    if stored is None:
        message = "the file is not a notebook" if path.exists() else "the notebook does not exist"
        return [Problem(path, 0, "stale", message, mend=f"{mend} --execute")]
    origin = expected.metadata["clipedu"]["made_from"]
    written = [cell.source for cell in expected.cells]
    missing = fill(carry_outputs(expected, stored))
    number, message = 0, ""
    for position, (want, have) in enumerate(zip(expected.cells, stored.cells, strict=False)):
        for part in ("cell_type", "id", "source", "metadata"):
            if not message and want.get(part) != have.get(part):
                what = {"cell_type": "type", "source": "text"}.get(part, part)
                number = position + 1
                message = f"{cell_label(stored, position)}: its {what} is not what {origin} says"
                if part == "source" and matches(written[position], have.source):
                    message = f"{cell_label(stored, position)}: its numbers are not the outputs'"
    if not message and len(expected.cells) != len(stored.cells):
        count = f"{len(stored.cells)} cells, {origin} makes {len(expected.cells)}"
        message = f"the notebook has {count}"
    if not message:
        if text_of(expected) == path.read_text(encoding="utf-8"):
            words = "{{={}}} in {} is not filled: no stored output gives it".format
            left = [(at + 1, words(name, cell_label(expected, at))) for at, name in missing]
            mend = f"{mend} --execute"
            return [Problem(path, at, "number", message, mend=mend) for at, message in left]
        message = "the kernel, other metadata or the file's layout is not the builder's"
    return [Problem(path, number, "stale", message, mend=mend)]


def unsound_run(path: Path) -> list[Problem]:
    """What is wrong with the stored run."""
    notebook = read_notebook(path)
    if notebook is None:
        return []
    mend = f"clipedu build {path.name[:2]} --execute"
    found: list[Problem] = []

    def report(position: int, message: str, remedy: str = "") -> None:
        words = f"{cell_label(notebook, position)}: {message}"
        found.append(Problem(path, position + 1, "run", words, mend=remedy or mend))

    code = [position for position, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    runs = [notebook.cells[position].execution_count for position in code]
    if None in runs:
        more = f" ({runs.count(None)} cells like it)" if runs.count(None) > 1 else ""
        message = f"it has no stored run, so nothing is compared{more}"
        report(code[runs.index(None)], message)
    else:
        for run in [run for run, count in enumerate(runs, 1) if count != run][:1]:
            message = f"run number {runs[run - 1]} is stored where {run} is due: not one run"
            report(code[run - 1], message)
    places = [place for place, _ in machine_paths(path.parent)]
    for position in code:
        cell = notebook.cells[position]
        for message, remedy in _cell_problems(cell, STORED_STATUS.get(path.parent.name)):
            report(position, message, remedy)
        outputs = json.dumps(cell.outputs, ensure_ascii=False)
        for place in [place for place in places if place in outputs][:1]:
            report(position, f"an output holds this machine's path {place}")
    size = path.stat().st_size
    if size > SIZE_LIMIT:
        message = f"the notebook has {size:,} bytes, the limit is {SIZE_LIMIT:,}"
        remedy = f"fewer or smaller figures, then {mend}"
        found.append(Problem(path, 0, "size", message, mend=remedy))
    return found


def _cell_problems(cell: NotebookNode, status: str | None) -> Iterator[tuple[str, str]]:
    """(message, remedy or "") for the stored outputs of one code cell; `status` is what a check
    shall have said."""
    tags = cell.metadata.get("tags", [])
    if cell.execution_count is None:
        return
    if CHECKED in tags and all(set(output.get("data", ())) == {NUMBERS} for output in cell.outputs):
        yield f"it is tagged {CHECKED} and has no output to compare", ""
    for output in cell.outputs:
        if output.output_type == "error" and "raises-exception" not in tags:
            yield f"it failed with {output.ename} and is not tagged raises-exception", ""
        notes = output.get("metadata", {})
        places = [notes, *(value for value in notes.values() if isinstance(value, dict))]
        has_words = any(place.get("alt") for place in places)
        if any(kind.startswith("image/") for kind in output.get("data", {})) and not has_words:
            remedy = "show the figure with clipedu.plots.show(fig, words), then build --execute"
            yield "a figure has no description in words", remedy
    if cell.metadata.get("nbgrader", {}).get("grade") and status:
        shown = "\n".join(map(output_text, cell.outputs))
        if status not in shown:
            remedy = "see what the check says, then clipedu build --execute"
            yield f"the stored check does not say {status!r}: {shown[:120]!r}", remedy


def output_text(output: NotebookNode) -> str:
    """What an output says in words, "" for one that has none."""
    return str(output.get("text") or output.get("data", {}).get("text/plain", ""))
