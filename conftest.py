"""How pytest treats the notebooks (nbval); the unit tests have their own tests/conftest.py.

In a cell tagged nbval-check-output integers and words are compared exactly, floats with a
tolerance: 1e-3 relative, or what a tag such as `tolerance-0.05` says. White space does not count.
A figure, its description and the values for prose are not compared. A notebook whose cells compare
less than MINIMUM fails at its last cell.
"""

from __future__ import annotations

import copy
import math
import re
import textwrap
from collections import defaultdict
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any

import pytest

TOLERANCE = 1e-3
TOLERANCE_TAG = re.compile(r"tolerance-(\d+(?:\.\d+)?(?:e-?\d+)?)")
#: Cells that a notebook must compare, by its folder: else something is wrong with its tags.
MINIMUM = {"notebooks": 7, "exercises": 3, "solutions": 3}
#: Kinds of output that are never compared. Warnings name temporary files and differ by version.
NEVER = ("stderr", "application/vnd.clipedu.numbers+json")
#: A number with a point or an exponent. A version (2.13.0) is none, and an integer is text.
FLOAT = re.compile(
    r"(?<![\w.])([-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+(?:[eE][-+]?\d+)?|[eE][-+]?\d+))"
    r"(?!\.?\d|\w)"
)
DESCRIPTION = re.compile("<details[^>]*><summary>Description</summary>")  # of clipedu.plots.show
PRINTED = 76  # width at which it was printed in the first edition


def pytest_collectstart(collector: pytest.Collector) -> None:
    if hasattr(collector, "skip_compare"):  # nbval's notebooks only
        collector.skip_compare += NEVER


def is_cell(item: pytest.Item) -> bool:
    return type(item).__name__ == "IPyNbCell"


# --------------------------------------------------------------------- what is compared, and how
def alike(fresh: str, stored: str, tolerance: float) -> bool:
    """The same words and integers, floats within the tolerance; white space does not count."""
    pairs = list(zip(FLOAT.split(fresh), FLOAT.split(stored), strict=False))
    if len(FLOAT.split(fresh)) != len(FLOAT.split(stored)):
        return False
    words = all(a.split() == b.split() for a, b in pairs[::2])
    return words and all(
        math.isclose(_value(a), _value(b), rel_tol=tolerance) for a, b in pairs[1::2]
    )


def _value(text: str) -> float:
    return float(text.replace(",", "").replace("\u2212", "-"))


def tolerance_of(tags: list[str]) -> float:
    found = [match[1] for match in map(TOLERANCE_TAG.fullmatch, tags) if match]
    return float(found[0]) if found else TOLERANCE


def without_figures(outputs: list[Any]) -> list[Any]:
    """A copy without figures and their descriptions, also where they were printed as text."""
    outputs, printed = copy.deepcopy(outputs), []
    for output in outputs:
        data, notes = output.get("data", {}), output.get("metadata", {})
        if "image/png" in data:
            printed.append(textwrap.fill(notes.get("image/png", {}).get("alt", ""), PRINTED))
            data.clear()
        elif DESCRIPTION.match(data.get("text/html", "")):
            data.clear()
    for output in outputs:
        for text in filter(None, printed):
            if output.get("name") == "stdout":
                output["text"] = output["text"].replace(text + "\n", "", 1)
    kept = [output for output in outputs if output.get("text") != "" and output.get("data") != {}]
    return kept


def texts(outputs: list[Any], skip: tuple[str, ...]) -> Iterator[tuple[str, Any, str]]:
    """(kind, the dict that holds it, its key) of every text that is compared."""
    for output in outputs:
        if output["output_type"] == "stream":
            if output["name"] not in skip:
                yield output["name"], output, "text"
        elif output["output_type"] == "error":
            yield "evalue", output, "evalue"
        else:
            yield from ((kind, output["data"], kind) for kind in output["data"] if kind not in skip)


def compare_outputs(cell: Any, fresh: Any, stored: Any, skip_compare: Any = None) -> bool:
    """nbval's comparison of a cell's outputs, after what is alike has been made equal."""
    skip = skip_compare or cell.parent.skip_compare
    fresh, stored = without_figures(fresh), without_figures(stored)
    tolerance = tolerance_of(cell.cell.metadata.get("tags", []))
    there = defaultdict(list)
    for kind, holder, key in texts(stored, skip):
        there[kind].append(holder[key])
    if there:
        cell.parent.compared = getattr(cell.parent, "compared", 0) + 1
    for kind, holder, key in texts(fresh, skip):
        old = there[kind].pop(0) if there[kind] else None
        if isinstance(old, str) and isinstance(holder[key], str):
            if alike(cell.sanitize(holder[key]), cell.sanitize(old), tolerance):
                holder[key] = old
    return bool(type(cell).compare_outputs(cell, fresh, stored, skip_compare))


def pytest_itemcollected(item: pytest.Item) -> None:
    # the notebook (IPyNbFile) has a bool of the same name, which stays
    if is_cell(item):
        item.compare_outputs = partial(compare_outputs, item)  # type: ignore[attr-defined]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the last cell of each notebook that is run whole: it answers for all."""
    cells = defaultdict(list)
    for item in filter(is_cell, items):
        cells[item.parent].append(item)
    for notebook, found in cells.items():
        code = [cell for cell in notebook.nb.cells if cell.cell_type == "code"]  # type: ignore
        if len(found) == len(code):
            found[-1].ends_notebook = True  # type: ignore[attr-defined]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    outcome = yield
    if not getattr(item, "ends_notebook", False) or outcome.excinfo:
        return
    compared = getattr(item.parent, "compared", 0)
    least = MINIMUM.get(item.path.parent.name, 0)
    if compared < least:
        words = (
            f"{item.path.name} compared the outputs of {compared} cells, at least {least} are due"
        )
        outcome.force_exception(AssertionError(words))


# ----------------------------------------------------------------------- one failure a notebook
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Remember in which notebook a cell failed."""
    report = (yield).get_result()
    if is_cell(item) and report.failed:
        item.parent.broken_by = item.name  # type: ignore[union-attr]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """One broken cell is one failure: what follows in its notebook could only fail for its sake."""
    broken = getattr(item.parent, "broken_by", None)
    if is_cell(item) and broken:
        pytest.skip(f"an earlier cell failed: {broken}")
