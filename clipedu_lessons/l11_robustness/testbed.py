"""The testbed as data: many models, and for each test picture whether each model named it right.

`benchmarks/testbed.py` measures it. A row is a model; for each set of pictures there is a column of
bits, as a hexadecimal number: accuracies, means over classes and resampled names all come from it.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from clipedu.evaluation import Task
from clipedu.pairs import open_pictures
from clipedu.pairs.duplicates import drawing_vectors, nearest_drawings
from clipedu_lessons.common.records import Table, read_table, stored
from clipedu_lessons.common.things import REFERENCE, Part, rows_of, things_task
from clipedu_lessons.l11_robustness.robustness import Rights
from clipedu_lessons.l11_robustness.shifts import shifted

#: The held-out icon sets, which no training run saw, are the natural shifts.
NATURAL_SHIFTS = ("lucide", "font_awesome", "heroicons")
RENDERED_SHIFTS = ("line_only", "silhouette", "thin_strokes", "noise_1", "noise_3")
SETS = ("reference", *NATURAL_SHIFTS, *RENDERED_SHIFTS)


@functools.cache
def test_set(name: str) -> Task:
    """One of `SETS`: the reference's part set aside, another icon set, or a rendered shift."""
    if name in NATURAL_SHIFTS:
        return things_task(name)
    reference = things_task(REFERENCE, "test")
    if name == "reference":
        return reference
    pictures = shifted(reference.pictures, name)
    return Task(
        name, pictures, reference.labels, reference.class_names, reference.templates, "rendered"
    )


@functools.cache
def names_of(name: str) -> np.ndarray:
    """(N,) str, the icon's whole name for each picture of a set: styles of one name share it."""
    icons = open_pictures().icons
    return np.array([icons[i].name.lower() for i in _rows(name)])


def _rows(name: str) -> np.ndarray:
    natural = name in NATURAL_SHIFTS
    return (rows_of(name) if natural else rows_of(REFERENCE, "test"))[0]


def data_hash() -> str:
    """16 digits that change with any test picture, label or class of the natural sets."""
    digest = hashlib.blake2b(digest_size=8)
    for name in ("reference", *NATURAL_SHIFTS):
        task = test_set(name)
        digest.update((255 * task.pictures).round().to(torch.uint8).numpy().tobytes())
        digest.update(repr((task.labels.tolist(), task.class_names)).encode())
    return digest.hexdigest()


def pack(right: torch.Tensor) -> str:
    """(N,) bool -> hexadecimal, four pictures a digit."""
    return np.packbits(right.numpy()).tobytes().hex()


def unpack(rows: Sequence[str], n: int) -> np.ndarray:
    """M rows of :func:`pack` -> (M, n) bool."""
    return np.array(
        [np.unpackbits(np.frombuffer(bytes.fromhex(row), np.uint8))[:n] for row in rows], bool
    )


def load_testbed(path: str | Path | None = None) -> Table:
    """The supervised models: columns `model`, `kind`, the recipe's, and bits for each set.

    Raises what `read_csv` raises.
    """
    path = path or stored("testbed.csv")
    return read_table(path, ("model", "kind", *SETS), text=SETS, made_by="benchmarks/testbed.py")


def load_clip_points(path: str | Path | None = None) -> Table:
    """CLIP on the same sets: columns `clip` (which one), `how` (zero-shot, probe ...), bits.

    Raises what `read_csv` raises.
    """
    path = path or stored("testbed_clip.csv")
    return read_table(path, ("clip", "how", *SETS), text=SETS, made_by="benchmarks/testbed.py")


def right(table: Table, name: str) -> np.ndarray:
    """(M, N) bool: which pictures of a set each row of a table names right."""
    return unpack(table.column(name), len(test_set(name)))


def rights(
    models: Table, one: Table, shifts: Sequence[str], kept: Mapping[str, np.ndarray] | None = None
) -> dict[str, Rights]:
    """What `resampled` needs: ordinary models, the rows of one model, the reference and shifts.

    kept: set -> (N,) bool, the pictures to count; all pictures of a set that is not named
    """
    found = {}
    for key in ("reference", *shifts):
        labels, answers = test_set(key).labels.numpy(), (right(models, key), right(one, key))
        left = (kept or {}).get(key)
        found[key] = Rights(*answers, names_of(key), labels, left, models.column("model"))
    return found


@functools.cache
def twin_cosines(name: str, families: tuple[str, ...], part: Part = "all") -> np.ndarray:
    """(N,): for each picture of a natural set the cosine of the most similar one in training sets.

    Drawings are compared as in `clipedu.pairs.duplicates`; part: of the reference set, if it is
    among `families`
    """
    test = drawing_vectors(open_pictures().rgba[_rows(name)])
    return nearest_drawings(test, _vectors(families, part))[0].numpy()


@functools.cache
def _vectors(families: tuple[str, ...], part: Part) -> torch.Tensor:
    every = open_pictures()
    parts = [rows_of(key, part)[0] if key == REFERENCE else every.where([key]) for key in families]
    return drawing_vectors(every.rgba[np.concatenate(parts)])


def drawn_means(table: Table, shifts: Sequence[str], draws: int = 1000) -> np.ndarray:
    """(M, draws): the mean accuracy over shifts of each row, with the names of each set drawn
    again, the same ones for all rows."""
    rng, means = np.random.default_rng(0), []
    for key in shifts:
        number = np.unique(names_of(key), return_inverse=True)[1]
        total = right(table, key) @ np.eye(number.max() + 1)[number]  # (M, names)
        size = np.bincount(number)
        counts = rng.multinomial(len(size), np.full(len(size), 1 / len(size)), draws).T
        means.append(total @ counts / (size @ counts))
    return np.mean(means, axis=0)
