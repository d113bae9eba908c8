"""Measurements that took longer than a lesson may: committed tables, read with the package.

Each is `clipedu/assets/NAME.csv`, written by `benchmarks/NAME.py`, with NAME.json beside it, which
says with which command, when and on what machine.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parents[1] / "assets"


def read_record(name: str) -> list[dict[str, Any]]:
    """The rows of a table; what reads as a number is one, an empty cell is None.

    Raises FileNotFoundError, listing the tables that there are.
    """
    path = ASSETS / f"{name}.csv"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in ASSETS.glob("*.csv"))) or "none"
        raise FileNotFoundError(f"There is no table {name!r} in the package. There are: {known}.")
    with path.open(encoding="utf-8", newline="") as file:
        return [{key: _value(cell) for key, cell in row.items()} for row in csv.DictReader(file)]


def about_record(name: str) -> dict[str, Any]:
    """How the table was made: command, date, machine. Raises FileNotFoundError without one."""
    path = ASSETS / f"{name}.json"
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
