"""Measurements that took longer than a lesson may: committed tables, read with the package.

Each is `results/NAME.csv` of the lesson that owns it, written by `benchmarks/NAME.py`, with
NAME.json beside it, which says with which command, when and on what machine.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

LESSONS = Path(__file__).resolve().parents[1]


def stored(name: str) -> Path:
    """The one file of this name ("memory.csv") in the `results` of whichever lesson owns it.

    Raises FileNotFoundError, listing the tables that there are.
    """
    for path in LESSONS.glob(f"l*/results/{name}"):
        return path
    known = ", ".join(sorted(file.stem for file in LESSONS.glob("l*/results/*.csv"))) or "none"
    raise FileNotFoundError(f"There is no table {name!r} in the package. There are: {known}.")


def read_record(name: str) -> list[dict[str, Any]]:
    """The rows of a table; what reads as a number is one, an empty cell is None.

    Raises FileNotFoundError, listing the tables that there are.
    """
    with stored(f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [{key: _value(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


def about_record(name: str) -> dict[str, Any]:
    """How the table was made: command, date, machine. Raises FileNotFoundError without one."""
    path = stored(f"{name}.csv").with_suffix(".json")
    if not path.exists():
        raise FileNotFoundError(f"Nothing says how the table {name!r} was made: no {path.name}.")
    return json.loads(path.read_text("utf-8"))


def _value(cell: str) -> Any:
    if cell == "":
        return None
    try:
        return int(cell)
    except ValueError:
        pass
    try:
        return float(cell)
    except ValueError:
        return cell
