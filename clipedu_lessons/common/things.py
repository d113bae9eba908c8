"""The same things drawn by several artists: tasks that share their classes and not their pictures.

Two icon sets rarely give two icons the same full name, but both draw many a `calendar ...`, so a
**thing** is the first word of a name. As ImageNet and its shifts in the paper (§3.3), the
**reference** is Material Design Icons, of which a quarter of each thing is set aside; the held-out
sets are the **natural shifts**. A CLIP that is compared must not have seen the reference either.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Literal

import numpy as np
import torch

from clipedu.evaluation.prompts import TEMPLATE_SETS
from clipedu.evaluation.tasks.task import Task
from clipedu.pairs import (
    FAMILIES,
    HELD_OUT_FAMILIES,
    Icon,
    Pictures,
    load_icons,
    open_pictures,
    to_pictures,
)

REFERENCE = "mdi"
Part = Literal["all", "learn", "test"]
_LEAST_NAMES, _LEAST_FAMILIES, _TEST_SHARE = 10, 2, 0.25


def thing(icon: Icon) -> str:
    """What an icon shows, in one word: the first of its name, in small letters."""
    return icon.name.lower().split()[0]


@functools.cache
def things() -> tuple[str, ...]:
    """The class names, sorted: 88 words with the data of this course."""
    names = Counter(thing(icon) for icon in load_icons([REFERENCE]))
    elsewhere = Counter(
        word for key in HELD_OUT_FAMILIES for word in {thing(icon) for icon in load_icons([key])}
    )
    return tuple(
        sorted(
            word
            for word, count in names.items()
            if count >= _LEAST_NAMES and elsewhere[word] >= _LEAST_FAMILIES
        )
    )


def things_task(
    family: str = REFERENCE, part: Part = "all", *, own_classes: bool = False, size: int = 32
) -> Task:
    """The pictures of a family that show one of `things()`.

    Args:
        family: any of the seven.
        part: of the reference family: "test" is the quarter set aside, "learn" the rest. Other
            families have no parts.
        own_classes: keep only the classes that this family has, as the paper's "adapt to class
            shift" does (Fig 14). Otherwise all of `things()`, so that labels mean the same
            everywhere.
    Raises ValueError for a family that does not exist, or a part of a family without parts.
    """
    if family not in FAMILIES:
        raise ValueError(f"There is no family {family!r}. The families are: {', '.join(FAMILIES)}.")
    if part not in ("all", "learn", "test"):
        raise ValueError(f"part is 'all', 'learn' or 'test'; got {part!r}.")
    if part != "all" and family != REFERENCE:
        raise ValueError(f"Only the reference family {REFERENCE!r} has a part {part!r}.")
    classes = list(things())
    pictures = open_pictures(size)
    rows, labels = rows_of(family, part, pictures)
    if own_classes:
        own, labels = np.unique(labels, return_inverse=True)
        classes = [classes[i] for i in own]
    about = FAMILIES[family]
    return Task(
        name=f"things of {family}" + (f" ({part})" if part != "all" else ""),
        pictures=to_pictures(pictures.rgba[rows]),
        labels=torch.from_numpy(labels),
        class_names=classes,
        templates=TEMPLATE_SETS["icon"],
        source=f"{about.title} ({about.package}, {about.license})",
    )


def rows_of(
    family: str = REFERENCE, part: Part = "all", pictures: Pictures | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Of `things_task(family, part)`: rows in `open_pictures`, and labels, (n,) int64 each."""
    pictures = pictures or open_pictures()
    number = {word: label for label, word in enumerate(things())}
    rows = np.array([i for i in pictures.where([family]) if thing(pictures.icons[i]) in number])
    labels = np.array([number[thing(pictures.icons[i])] for i in rows], dtype=np.int64)
    kept = np.full(len(rows), True) if part == "all" else _aside(labels) == (part == "test")
    return rows[kept], labels[kept]


def _aside(labels: np.ndarray, seed: int = 0) -> np.ndarray:
    """(n,) bool: which pictures are set aside, the same share of every class, at least one."""
    aside = np.zeros(len(labels), dtype=bool)
    rng = np.random.default_rng(seed)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        aside[rows[: max(1, round(_TEST_SHARE * len(rows)))]] = True
    return aside
