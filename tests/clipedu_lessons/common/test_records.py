"""The committed tables: readable, true to the registry, and the same in docs/TASKS.md."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clipedu.evaluation import TASKS
from clipedu_lessons.common.records import TableError, about_record, read_record, read_table

ROOT = Path(__file__).parents[3]
BENCHMARKS, ASSETS = ROOT / "benchmarks", ROOT / "clipedu" / "assets"


def test_the_table_of_tasks_is_whole() -> None:
    rows = read_table(BENCHMARKS / "tasks.csv").rows
    about = json.loads((BENCHMARKS / "tasks.json").read_text("utf-8"))
    assert {row["task"] for row in rows} | set(about["missing"]) == set(TASKS)
    for row in rows:
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1, row["task"]
        assert row["chance"] == pytest.approx(1 / row["classes"], abs=1e-5)
        if row["above_chance"] == "yes":
            assert row["p"] < 0.002 and row["value"] > row["chance"]
    unseen = [r for r in rows if r["seen"] == "no" and r["above_chance"] == "yes"]
    assert len(unseen) >= 10


def test_the_page_shows_the_same_numbers() -> None:
    text = (ROOT / "docs" / "TASKS.md").read_text("utf-8")
    part = text.partition("<!-- tasks: written by make tasks -->")[2]
    shown = part.partition("<!-- end of tasks -->")[0]
    with (BENCHMARKS / "tasks.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 24
    for row in rows:
        (line,) = [x for x in shown.splitlines() if x.split("|")[1:2] and
                   x.split("|")[1].split()[:1] == [row["task"]]]  # fmt: skip
        assert f"**{100 * float(row['value']):.1f}%**" in line


def test_records_say_where_they_come_from() -> None:
    for name in ("scaling", "polysemy"):
        assert {"command", "date", "machine"} <= set(about_record(name))
    with pytest.raises(FileNotFoundError, match="There are: .*polysemy"):
        read_record("polysem")
    with pytest.raises(FileNotFoundError, match="polysem.csv"):
        about_record("polysem")


def stale(about: dict[str, Any]) -> str | None:
    """The model whose file is not the one that was measured, or None."""
    data = (ASSETS / f"{about['model']}.safetensors").read_bytes()
    return None if hashlib.sha256(data).hexdigest()[:16] == about["checkpoint"] else about["model"]


def test_stored_results_are_of_the_checkpoints_in_the_package() -> None:
    files = [*ROOT.glob("clipedu_lessons/*/results/*.json"), *BENCHMARKS.glob("*.json")]
    found = [json.loads(file.read_text("utf-8")) for file in files]
    abouts = [about for data in found if "model" in (about := data.get("about", data))]
    measured = [about for about in abouts if "checkpoint" in about]
    assert len(measured) >= 5
    assert [stale(about) for about in measured] == [None] * len(measured)
    assert stale({**measured[0], "checkpoint": "0123456789abcdef"}) == measured[0]["model"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "models.csv"
    path.write_text("# a note\nmodel,kind,reference\na,standard,0.5\nb,subset,\n3,subset,1\n")
    return path


def test_cells_are_typed_and_rows_can_be_chosen(file: Path) -> None:
    table = read_table(file, ["reference"], text=["model"])
    assert table.column("model") == ["a", "b", "3"]
    np.testing.assert_array_equal(table.numbers("reference"), [0.5, np.nan, 1])
    assert table.where(kind="subset").column("model") == ["b", "3"]
    assert len(table.where(kind=["subset", "standard"])) == 3
    assert len(table.where(kind="nothing")) == 0
    assert table.row(model="a")["reference"] == 0.5
    with pytest.raises(TableError, match="2 rows fit"):
        table.row(kind="subset")
    with pytest.raises(TableError, match="line 2: kind 'standard' is not a number"):
        table.numbers("kind")
