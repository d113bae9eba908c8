"""A lesson prints values; a printed truth value is for what is itself the point: at most five.

Counted in the stored outputs outside tables of results: True and False wherever they are, check
marks, and yes, no and ok where they are an answer (alone, or at the end of a line after a colon or
in a column of its own).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST = 5
#: Lessons of the first edition, with what they print: to fall, lesson by lesson, to MOST.
CEILINGS: dict[str, int] = {}
SLACK = 3  # a ceiling lies at most this much above what is printed, so that it falls, too
#: Not the `bias=False` of a printed module.
WORD = re.compile(r"(?<!\w=)\b(?:True|False)\b|[✓✔✗✘✅❌☑☒]")
ANSWER = re.compile(r"(?:^|[:=?]\s+|\s{2,})(?:yes|no|ok|okay)[.!]?$", re.IGNORECASE)
COLUMNS = re.compile(r"\s{2,}|\t|\s*[|│]\s*")
SHORTEST_TABLE, FEWEST_COLUMNS = 3, 3


def outside_tables(text: str) -> list[str]:
    """The lines that are in no run of three or more lines of three or more columns."""
    kept: list[str] = []
    run: list[str] = []
    for line in [*text.splitlines(), ""]:
        if len(COLUMNS.split(line.strip())) >= FEWEST_COLUMNS:
            run.append(line)
            continue
        kept += run if len(run) < SHORTEST_TABLE else []
        kept.append(line)
        run = []
    return kept


def printed(cell: dict[str, Any]) -> str:
    """What a stored cell prints or returns, without figures and their descriptions."""
    texts = []
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        if output.get("name") != "stderr" and not any(kind.startswith("image/") for kind in data):
            texts.append("".join(output.get("text") or data.get("text/plain") or ""))
    return "\n".join(texts)


def truth_values(notebook: dict[str, Any]) -> list[str]:
    """The line of each truth value that a lesson prints."""
    found = []
    for cell in notebook["cells"]:
        for line in outside_tables(printed(cell)):
            found += [line] * (len(WORD.findall(line)) + bool(ANSWER.search(line.strip())))
    return found


@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda path: path.stem)
def test_a_lesson_prints_at_most_five_truth_values(path: Path) -> None:
    found = truth_values(json.loads(path.read_text("utf-8")))
    most = CEILINGS.get(path.stem[:2], MOST)
    assert len(found) <= most, "\n".join(found)
    if most > MOST:
        assert len(found) > most - SLACK, f"lower the ceiling of {path.stem} to {len(found)}"


def test_no_lesson_of_the_second_edition_has_a_ceiling_of_its_own() -> None:
    assert set(CEILINGS).isdisjoint({"00", "01", "02", "03", "04", "07", "13"})


def notebook(*texts: str) -> dict[str, Any]:
    outputs = [{"output_type": "stream", "name": "stdout", "text": [text]} for text in texts]
    return {"cells": [{"cell_type": "code", "outputs": outputs}, {"cell_type": "markdown"}]}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("the rows sum to one: True", 1),
        ("(True, False)", 2),
        ("same ids        yes", 1),
        ("names fewer than 2 in 100? No", 1),
        ("ok", 1),
        ("the two agree: ✓", 1),
        ("a longer row makes no difference", 0),
        ("no template has a hole", 0),
        ("Linear(in_features=192, bias=False)", 0),
        ("a True Type font: Truetype", 1),
        ("loss  4.16  True\nloss  4.17  False", 2),  # two lines are no table
        ("set     rate  seen\nlucide  70.1  False\nicons   60.2  True", 0),
        ("set | rate | seen\nlucide | 70.1 | no\nicons | 60.2 | yes\n\nall agree: yes", 1),
    ],
)
def test_what_is_counted(text: str, count: int) -> None:
    assert len(truth_values(notebook(text))) == count


def test_a_returned_value_counts_and_a_figure_does_not() -> None:
    made = notebook()
    result = {"output_type": "execute_result", "data": {"text/plain": "True"}}
    figure = {"output_type": "display_data", "data": {"image/png": "A", "text/plain": "True"}}
    warning = {"output_type": "stream", "name": "stderr", "text": "True"}
    made["cells"][0]["outputs"] = [result, figure, warning]
    assert truth_values(made) == ["True"]
