"""The testbed as data: many supervised models, each with its accuracy on the reference and beyond.

`benchmarks/testbed.py` measures it. The columns of a row: model, kind, the recipe, seconds, and for
each set of pictures an accuracy `NAME` and the number of pictures `NAME_n`.
"""

from __future__ import annotations

from pathlib import Path

from clipedu_lessons.common.records import Table, read_table, stored

#: The held-out icon sets, which no training run saw, are the natural shifts.
NATURAL_SHIFTS = ("lucide", "font_awesome", "heroicons")
_COLUMNS = ("reference", "reference_n", *NATURAL_SHIFTS)


def load_testbed(path: str | Path | None = None) -> Table:
    """The supervised models: columns `model`, `kind`, the recipe's, and an accuracy for each set.

    Raises what `read_csv` raises.
    """
    path = path or stored("testbed.csv")
    return read_table(path, ("model", "kind", *_COLUMNS), made_by="benchmarks/testbed.py")


def load_clip_points(path: str | Path | None = None) -> Table:
    """CLIP on the same sets: columns `clip` (which one), `how` (zero-shot, probe ...), accuracies.

    Raises what `read_csv` raises.
    """
    path = path or stored("testbed_clip.csv")
    return read_table(path, ("clip", "how", *_COLUMNS), made_by="benchmarks/testbed.py")
