"""The testbed as data: many supervised models, each with its accuracy on the reference and beyond.

`benchmarks/testbed.py` measures it; a lesson reads it. What one row is, is said by its columns:
model, kind, the recipe, seconds, and for each set of pictures an accuracy `NAME` and the number of
pictures `NAME_n`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipedu_lessons.common.records import stored

#: The families that no training run here saw, which are the natural shifts.
NATURAL_SHIFTS = ("lucide", "font_awesome", "heroicons")
RENDERED_SHIFTS = (
    "line_only", "silhouette", "thin_strokes",
    "noise_1", "noise_2", "noise_3", "noise_4", "noise_5",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Rows of a table of measured models, in the order of the file."""

    path: Path
    rows: tuple[dict[str, str], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def numbers(self, column: str) -> np.ndarray:
        """(M,) float64. Raises ValueError naming the column, the line and the columns there are."""
        found = []
        for line, cell in enumerate(self.texts(column), start=2):
            try:
                found.append(float(cell))
            except ValueError:
                raise ValueError(
                    f"{self.path}, line {line}: {column} is {cell!r}, not a number."
                ) from None
        return np.array(found)

    def texts(self, column: str) -> list[str]:
        """The cells of a column. Raises ValueError naming the column and those there are."""
        if not self.rows or column not in self.rows[0]:
            known = ", ".join(self.rows[0]) if self.rows else "none"
            raise ValueError(f"{self.path} has no column {column!r}. Its columns: {known}.")
        return [row[column] for row in self.rows]

    def where(self, **wanted: str | Sequence[str]) -> Measured:
        """The rows whose cells are the wanted ones, such as `kind="standard"`."""
        rows = self.rows
        for column, value in wanted.items():
            accepted = {value} if isinstance(value, str) else set(value)
            cells = self.texts(column)
            keep = {id(row) for row, cell in zip(self.rows, cells, strict=True) if cell in accepted}
            rows = tuple(row for row in rows if id(row) in keep)
        return Measured(self.path, rows)


def load_measured(path: str | Path, needed: Sequence[str] = ()) -> Measured:
    """A table of measured models.

    Raises FileNotFoundError with the command that makes it, ValueError for a missing column or a
    row with too few or too many cells.
    """
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(
            f"There is no table at {file}. `python benchmarks/testbed.py` measures the testbed."
        )
    with file.open(encoding="utf-8", newline="") as handle:
        rows = tuple(csv.DictReader(handle))
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ValueError(f"{file}, line {line}: not as many cells as the head has columns.")
    table = Measured(file, rows)
    for column in needed:
        table.texts(column)
    return table


def load_testbed(path: str | Path | None = None) -> Measured:
    """The supervised models: columns `model`, `kind`, the recipe's, and an accuracy for each set.

    Raises what `load_measured` raises.
    """
    needed = ["model", "kind", "reference", "reference_n", *NATURAL_SHIFTS]
    return load_measured(path or stored("testbed.csv"), needed)


def load_clip_points(path: str | Path | None = None) -> Measured:
    """CLIP on the same sets: columns `clip` (which one), `how` (zero-shot, probe ...), accuracies.

    Raises what `load_measured` raises.
    """
    needed = ["clip", "how", "reference", "reference_n", *NATURAL_SHIFTS]
    return load_measured(path or stored("testbed_clip.csv"), needed)
