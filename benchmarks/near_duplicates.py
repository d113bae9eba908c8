"""Which held-out pictures have a near-duplicate in a training set; writes the list that tasks read.

    python benchmarks/near_duplicates.py

`clipedu evaluate` shows each held-out figure for all pictures and for those that are left. A test
compares the stored list with a new one.
"""

from __future__ import annotations

import json
from pathlib import Path

from clipedu.evaluation.tasks import task
from clipedu.files import write_whole
from clipedu.pairs import HELD_OUT_FAMILIES, TRAINING_FAMILIES, open_pictures
from clipedu.pairs.duplicates import NEAR, drawing_vectors, nearest_drawings

OUT = Path(task.__file__).with_name("near_duplicates.json")


def near_duplicates() -> dict[str, list[str]]:
    """Held-out family -> files of its pictures that a training set has, too, or nearly."""
    pictures = open_pictures()
    training = drawing_vectors(pictures.rgba[pictures.where(TRAINING_FAMILIES)])
    found = {}
    for family in HELD_OUT_FAMILIES:
        rows = pictures.where([family])
        near = nearest_drawings(drawing_vectors(pictures.rgba[rows]), training)[0] >= NEAR
        found[family] = [pictures.icons[i].file for i in rows[near.numpy()]]
    return found


if __name__ == "__main__":
    table = near_duplicates()
    write_whole(OUT, json.dumps(table, indent=0) + "\n")
    print({family: len(files) for family, files in table.items()})
