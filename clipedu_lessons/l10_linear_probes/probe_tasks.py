"""The tasks on which a linear probe makes sense, and the committed measurements of them.

A probe needs several pictures of every class to learn from, to choose lambda with and to test on.
A held-out family has one picture of most of its names; so its names are pooled over three families.
"""

from __future__ import annotations

from pathlib import Path

import torch

from clipedu.evaluation.tasks.task import Task, load_task
from clipedu_lessons.common.records import read_csv, stored

TEXT = ("task", "why", "effective_sign", "source")
#: task -> what it asks of the features
PROBE_TASKS = {
    "names": "names, held-out families",
    "digits": "handwriting",
    "fashion_mnist": "photographs of clothes",
    "emoji_groups": "groups of emoji (a training family)",
    "style": "lines or areas, held-out families",
    "pens": "which family drew it",
    "counting": "how many",
    "colour": "which colour",
    "rendered_words": "words as pictures",
}


def probe_task_pictures(
    name: str, size: int = 32, *, most: int | None = 1500, seed: int = 0
) -> Task:
    """A task of `PROBE_TASKS`; of more than `most` pictures a random choice by `seed`.

    "names": one picture from each of Lucide, Font Awesome and Heroicons of the names that all have
    Raises ValueError for another name, TaskUnavailable where its pictures are not on this machine.
    """
    if name not in PROBE_TASKS:
        raise ValueError(f"There is no probe task {name!r}. They are: {', '.join(PROBE_TASKS)}.")
    task = _names(size) if name == "names" else load_task(name, size)
    if most is None or len(task) <= most:
        return task
    rows = torch.randperm(len(task), generator=torch.Generator().manual_seed(seed))[:most]
    return _part(task, rows.sort().values)


def _part(task: Task, rows: torch.Tensor) -> Task:
    """The same task with fewer pictures: what it says of itself (seen, context) stays true."""
    return task.take(rows)


def _names(size: int) -> Task:
    """One picture of a name from each of three families: the two styles of a family are twins."""
    parts = [
        _first_of_each(load_task(f"shared_{f}", size))
        for f in ("lucide", "font_awesome", "heroicons")
    ]
    if any(part.class_names != parts[0].class_names for part in parts):
        raise ValueError("The three families must be asked for the same names.")
    labels = torch.cat([part.labels for part in parts])
    counts = torch.bincount(labels, minlength=len(parts[0].class_names))
    kept = torch.nonzero(counts == len(parts)).flatten()
    place = torch.full_like(counts, -1)
    place[kept] = torch.arange(len(kept))
    rows = torch.nonzero(place[labels] >= 0).flatten()
    return Task(
        name="names",
        pictures=torch.cat([part.pictures for part in parts])[rows],
        labels=place[labels][rows],
        class_names=[parts[0].class_names[int(k)] for k in kept],
        templates=parts[0].templates,
        source="Lucide, Font Awesome Free and Heroicons: the names that all three draw",
    )


def _first_of_each(task: Task) -> Task:
    first = {int(label): row for row, label in reversed(list(enumerate(task.labels.tolist())))}
    return _part(task, torch.tensor(sorted(first.values())))


def load_probe_results(path: str | Path | None = None) -> dict[str, dict[str, str | float]]:
    """What `benchmarks/probe.py` measured: task -> column -> value; accuracies are shares of 1.

    An empty cell is NaN. Raises what `read_csv` raises.
    """
    needed = ("task", "why", "chance", "zero_shot", "probe", "effective", "effective_sign")
    rows = read_csv(Path(path or stored("probes.csv")), needed, made_by="benchmarks/probe.py")
    return {
        row["task"]: {
            key: cell if key in TEXT else float(cell or "nan") for key, cell in row.items()
        }
        for row in rows
    }
