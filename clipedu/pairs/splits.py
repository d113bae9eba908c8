"""Which pictures ask which question: the held-out tasks, and a validation task inside the training
families.

Recipes are chosen on :func:`set_aside` (pictures and names inside the training families) and on
:func:`validation_task` (a whole training family left out). The held-out families are only ever
reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from clipedu.pairs.batches import PairSet
from clipedu.pairs.icons import HELD_OUT_FAMILIES, TRAINING_FAMILIES, load_icons
from clipedu.pairs.raster import open_pictures

NamedTask = tuple[np.ndarray, np.ndarray, list[str]]


def held_out_task(family: str, size: int = 32) -> NamedTask:
    """The zero-shot task of a held-out family: its names that occur in at least two training
    families.

    A name that two families share is a thing that people draw; a name of one family may be its
    private jargon.

    Returns: rgba (n, S, S, 4) uint8; labels (n,) int64; class names.
    Raises ValueError for a family that is not held out.
    """
    return _task(family, held_out_names(family), size)


def held_out_names(family: str) -> set[str]:
    """The class names of :func:`held_out_task`."""
    if family not in HELD_OUT_FAMILIES:
        known = ", ".join(HELD_OUT_FAMILIES)
        raise ValueError(f"Family {family!r} is not held out. These are: {known}.")
    drawn = {icon.name for icon in load_icons([family])}
    return drawn & shared_names(TRAINING_FAMILIES, at_least=2)


def validation_task(family: str, size: int = 32, *, at_least: int = 1) -> NamedTask:
    """The same question asked of a *training* family, for a model trained on the other training
    families only.

    Args:
        family: the training family left out.
        at_least: how many of the other training families must know the name.
    """
    others = [key for key in TRAINING_FAMILIES if key != family]
    if len(others) == len(TRAINING_FAMILIES):
        raise ValueError(
            f"Family {family!r} is not for training. These are: {', '.join(TRAINING_FAMILIES)}."
        )
    return _task(family, shared_names(others, at_least=at_least), size)


def set_aside(pairs: PairSet, *, names: int = 300, seed: int = 0) -> tuple[PairSet, NamedTask]:
    """A validation task cut out of training pairs: known names, known families, unseen pictures.

    For each of `names` names that two or more families share, one family's pictures of it leave the
    training set. Cheaper than :func:`validation_task`, whose model lacks a whole family.

    Returns: the pairs that are left; the task.
    Raises ValueError when fewer than `names` names are shared.
    """
    known: dict[str, set[str]] = defaultdict(set)
    for icon in pairs.icons:
        known[icon.name].add(icon.family)
    shared = sorted(name for name, families in known.items() if len(families) >= 2)
    if len(shared) < names:
        raise ValueError(f"Only {len(shared)} names are shared by two families, not {names}.")
    rng = np.random.default_rng(seed)
    classes = sorted(shared[i] for i in rng.permutation(len(shared))[:names])
    family = {name: sorted(known[name])[rng.integers(len(known[name]))] for name in classes}
    rows = [i for i, icon in enumerate(pairs.icons) if family.get(icon.name) == icon.family]
    labels = np.array([classes.index(pairs.icons[i].name) for i in rows], dtype=np.int64)
    return pairs.without(rows), (pairs.rgba[rows], labels, classes)


def shared_names(families: Sequence[str], *, at_least: int) -> set[str]:
    """Names that occur in at least so many of the families, letter for letter."""
    names = [{icon.name for icon in load_icons([key])} for key in families]
    return {
        name for name in set().union(*names) if sum(name in known for known in names) >= at_least
    }


def _task(family: str, names: set[str], size: int) -> NamedTask:
    pictures = open_pictures(size)
    rows = np.array(
        [i for i in pictures.where([family]) if pictures.icons[i].name in names], dtype=np.int64
    )
    if not len(rows):
        raise ValueError(f"{family} draws none of these names; let fewer families share them.")
    classes = sorted({pictures.icons[i].name for i in rows})
    number = {name: label for label, name in enumerate(classes)}
    labels = np.array([number[pictures.icons[i].name] for i in rows], dtype=np.int64)
    return pictures.rgba[rows], labels, classes
