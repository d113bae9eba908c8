"""Tables that come with the course as CSV files: what the paper prints, and what we measured.

A measurement that takes longer than a lesson may is `results/NAME.csv` of the lesson that owns it,
written by `benchmarks/NAME.py`. NAME.json beside it says with which command, when and where.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LESSONS = Path(__file__).resolve().parents[1]


class TableError(ValueError):
    """A table is not what it should be: the message says which file, line or column."""


@dataclass(frozen=True)
class Table:
    """Rows of a CSV file, column -> cell. A cell is a number, text, or None where it is empty."""

    name: str
    rows: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, name: str) -> list[Any]:
        """One column from top to bottom. Raises TableError for one that is not there."""
        if not self.rows or name not in self.rows[0]:
            known = ", ".join(self.rows[0]) if self.rows else "none"
            raise TableError(f"{self.name} has no column {name!r}. Its columns: {known}.")
        return [row[name] for row in self.rows]

    def numbers(self, name: str) -> np.ndarray:
        """(rows,) float64, NaN for an empty cell. Raises TableError for a cell that is text."""
        cells = self.column(name)
        for line, cell in enumerate(cells, start=2):
            if isinstance(cell, str):
                raise TableError(f"{self.name}, line {line}: {name} {cell!r} is not a number.")
        return np.array(cells, dtype=np.float64)

    def where(self, **wanted: Any) -> Table:
        """The rows in which every named column has the wanted value, or one of several in a list:
        `where(kind="standard")`."""
        rows = self.rows
        for name, value in wanted.items():
            self.column(name)  # a misspelled column is an error, not an empty answer
            accepted = value if isinstance(value, (list, tuple, set)) else [value]
            rows = tuple(row for row in rows if row[name] in accepted)
        return Table(self.name, rows)

    def row(self, **wanted: str) -> dict[str, Any]:
        """The one row that fits. Raises TableError when there is none, or more than one."""
        found = self.where(**wanted).rows
        if len(found) != 1:
            raise TableError(f"{self.name}: {len(found)} rows fit {wanted}, not one.")
        return found[0]


def read_table(
    path: str | Path, needed: Sequence[str] = (), *, text: Sequence[str] = (), made_by: str = ""
) -> Table:
    """A CSV file with typed cells; arguments and errors as those of `read_csv`.

    text: columns whose cells stay text, also where they read as numbers
    """
    path = Path(path)
    rows = read_csv(path, needed, made_by=made_by)
    return Table(
        path.name,
        tuple({k: (c or None) if k in text else _value(c) for k, c in r.items()} for r in rows),
    )


def read_csv(path: Path, needed: Sequence[str] = (), *, made_by: str = "") -> list[dict[str, str]]:
    """The rows of a CSV file (UTF-8; first line: names; lines that start with # are skipped).

    made_by: the script that writes the file, for the message where it is missing.
    Raises FileNotFoundError; TableError when a needed column is missing, a row has another length,
    or there is no row.
    """
    if not path.is_file():
        again = f", or make it again: python {made_by}" if made_by else ""
        raise FileNotFoundError(f"{path} is missing. It belongs to clipedu: reinstall it{again}.")
    lines = [x for x in path.read_text(encoding="utf-8").splitlines() if not x.startswith("#")]
    reader = csv.DictReader(lines)
    header = list(reader.fieldnames or [])
    missing = [name for name in needed if name not in header]
    if missing:
        raise TableError(
            f"{path.name} lacks the column(s) {', '.join(missing)}. It has: {', '.join(header)}. "
            "Was it saved by a program that renames columns?"
        )
    rows = list(reader)
    if not rows:
        raise TableError(f"{path.name} has a header but no rows.")
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise TableError(f"{path.name}, line {line}: expected {len(header)} cells.")
    return rows


def stored(name: str) -> Path:
    """The one file of this name ("memory.csv") in the `results` of whichever lesson owns it.

    Raises FileNotFoundError, listing the tables that there are.
    """
    for path in LESSONS.glob(f"l*/results/{name}"):
        return path
    known = ", ".join(sorted(file.stem for file in LESSONS.glob("l*/results/*.csv"))) or "none"
    raise FileNotFoundError(f"There is no table {name!r} in the package. There are: {known}.")


def read_record(name: str) -> list[dict[str, Any]]:
    """The rows of a stored table. Raises FileNotFoundError, listing the tables that there are."""
    return list(read_table(stored(f"{name}.csv")).rows)


def about_record(name: str) -> dict[str, Any]:
    """How the table was made: command, date, machine. Raises FileNotFoundError without one."""
    path = stored(f"{name}.csv").with_suffix(".json")
    if not path.exists():
        raise FileNotFoundError(f"Nothing says how the table {name!r} was made: no {path.name}.")
    return json.loads(path.read_text("utf-8"))


def _value(cell: str) -> Any:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            pass
    return cell or None
