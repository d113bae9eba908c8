"""Pairs of a picture and a caption, in batches; training and held-out families kept apart.

`batch_at(step, n, seed)` needs no state: batch 1,000 is the same whether or not batches 1..999 were
drawn, so a resumed run sees exactly what an unbroken one would have seen. No two pictures in a
batch share a name, since the second would be a false negative of the first caption. Recipes are
chosen on :func:`left_out`; the held-out families are only ever reported.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from clipedu.pairs.augment import NONE, Augmentation, apply_params, draw_params, ink
from clipedu.pairs.captions import CAPTION_MIXES, DEFAULT_MIX, all_captions, captions
from clipedu.pairs.icons import (
    FAMILIES,
    FIRST_EDITION,
    HELD_OUT_FAMILIES,
    TRAINING_FAMILIES,
    Icon,
    check_families,
    load_icons,
)
from clipedu.pairs.raster import Pictures, open_pictures

NamedTask = tuple[np.ndarray, np.ndarray, list[str]]  # rgba (n, S, S, 4), labels (n,), class names


class PairSet:
    """Pictures with words, all of one role. Raises ValueError for a mix of roles or no family."""

    mix = DEFAULT_MIX
    weights: np.ndarray | None = None  # (n,) how often each picture is drawn; None: all alike

    def __init__(self, pictures: Pictures, families: Sequence[str]):
        check_families(families)
        roles = {FAMILIES[key].role for key in families}
        if len(roles) != 1:
            raise ValueError(
                f"Held-out families ({', '.join(HELD_OUT_FAMILIES)}) may never meet a training "
                f"family ({', '.join(TRAINING_FAMILIES)}): take one kind or the other."
            )
        self.role = roles.pop()  # "train" or "held_out"
        self.size = pictures.size
        rows = pictures.where(families)
        self.icons = [pictures.icons[i] for i in rows]
        # (n, size, size, 4) uint8, in memory: random rows of a map are slow on a cold disk
        self.rgba = pictures.rgba[rows]
        names = [icon.name.lower() for icon in self.icons]
        self.name_ids = np.unique(names, return_inverse=True)[1]  # (n,) int64, from 0

    def drawn(self, mix: str, weights: Mapping[str, float] | None = None) -> PairSet:
        """The same pairs with captions of this mix (a name of `CAPTION_MIXES`).

        weights: family -> how often its pictures are drawn, 1 where none is given. A family that
        is not here is ignored.
        """
        other = copy.copy(self)
        other.mix = CAPTION_MIXES[mix]
        if weights:
            other.weights = np.array([weights.get(icon.family, 1.0) for icon in self.icons])
        return other

    def without(self, rows: Sequence[int] | np.ndarray) -> PairSet:
        """The same pairs without these rows: numbers, not a mask. ValueError if none is left."""
        if np.asarray(rows).dtype == bool:
            raise TypeError("rows are numbers, not a mask: give np.flatnonzero(mask).")
        keep = np.delete(np.arange(len(self)), np.asarray(rows, dtype=np.int64))
        if not len(keep):
            raise ValueError(f"All {len(self)} pairs are set aside: none is left to learn from.")
        rest = copy.copy(self)
        rest.icons = [self.icons[i] for i in keep]
        rest.rgba = self.rgba[keep]
        rest.weights = None if self.weights is None else self.weights[keep]
        rest.name_ids = np.unique(self.name_ids[keep], return_inverse=True)[1]
        return rest

    def __len__(self) -> int:
        return len(self.icons)

    def texts(self) -> list[str]:
        """Every text that captions can be made of: what a tokenizer learns from."""
        return all_captions(self.icons, self.mix)

    @property
    def largest_batch(self) -> int:
        """Pairs that one batch can hold: no name comes twice."""
        return int(self.name_ids.max()) + 1

    def rows_at(self, step: int, n: int, seed: int) -> np.ndarray:
        """(n,) rows of the batch of this step: random, no name twice. ValueError for a wrong n."""
        most = self.largest_batch
        if not 1 <= n <= most:
            raise ValueError(f"A batch holds 1 to {most} pairs here (one for each name), not {n}.")
        rng = np.random.default_rng((seed, step))
        if self.weights is None:
            order = rng.permutation(len(self))
        else:  # the first to ring, of alarms with these rates: drawn without putting back
            order = np.argsort(rng.exponential(size=len(self)) / self.weights)
        if len(np.unique(self.name_ids[order[: 2 * n]])) >= n:  # as nearly always
            order = order[: 2 * n]
        _, first = np.unique(self.name_ids[order], return_index=True)  # of each name
        return order[np.sort(first)[:n]]

    def batch_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation = NONE
    ) -> tuple[Tensor, list[str]]:
        """The batch of this step: (n, 3, S, S) float pictures in 0..1 and n captions."""
        return self.part_at(step, n, seed, augmentation, slice(0, n))

    def part_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation, part: slice
    ) -> tuple[Tensor, list[str]]:
        """One rank's part of the batch: the pictures of these positions, and all n captions.

        Random numbers are drawn for the whole batch, so the parts together are it, bit for bit.
        """
        rows = self.rows_at(step, n, seed)
        params = draw_params(n, batch_generator(seed, step), augmentation).take(part)
        pixels = ink(torch.from_numpy(self.rgba[rows[part]]))
        words = np.random.default_rng((seed, step, 1))
        texts = captions([self.icons[i] for i in rows], words, self.mix)
        return apply_params(pixels, params, augmentation), texts

    def batch(
        self, n: int, *, seed: int = 0, augmentation: Augmentation = NONE
    ) -> tuple[Tensor, list[str]]:
        """A batch to look at: (n, 3, S, S) float pictures in 0..1 and n captions."""
        return self.batch_at(0, n, seed, augmentation)


def batch_generator(seed: int, step: int) -> torch.Generator:
    """The random numbers of a step's pictures."""
    mixed = np.random.SeedSequence((seed, step, 2)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(mixed >> np.uint64(1)))


def training_pairs(
    size: int = 32, *, families: Sequence[str] = TRAINING_FAMILIES, progress: bool = True
) -> PairSet:
    """Pairs to learn from. Raises ValueError for no family and for a held-out one."""
    check_families(families, "train")
    return PairSet(open_pictures(size, progress=progress), families)


def held_out_pairs(
    families: str | Sequence[str] = HELD_OUT_FAMILIES, size: int = 32, *, progress: bool = True
) -> PairSet:
    """Pairs to test on. Raises ValueError for no family and for a training one."""
    families = (families,) if isinstance(families, str) else families
    check_families(families, "held_out")
    return PairSet(open_pictures(size, progress=progress), families)


def _families_of(icons: Iterable[Icon]) -> dict[str, set[str]]:
    """The families in which each name occurs, letter for letter."""
    families: dict[str, set[str]] = defaultdict(set)
    for icon in icons:
        families[icon.name].add(icon.family)
    return families


def shared_names(families: Sequence[str], *, at_least: int) -> set[str]:
    """Names that occur in at least so many of the families."""
    known = _families_of(load_icons(families))
    return {name for name, those in known.items() if len(those) >= at_least}


def held_out_names(family: str, known: Sequence[str] = FIRST_EDITION) -> set[str]:
    """Names of a held-out family in at least two of the known families: things that people draw.

    A name of one family may be its private jargon. ValueError for a family that is not held out.
    """
    check_families([family], "held_out")
    drawn = {icon.name for icon in load_icons([family])}
    return drawn & shared_names(known, at_least=2)


def held_out_task(family: str, size: int = 32, known: Sequence[str] = FIRST_EDITION) -> NamedTask:
    """The zero-shot task of a held-out family, with :func:`held_out_names` as its classes."""
    return _named_task(family, size, held_out_names(family, known))


def left_out(families: Sequence[str], size: int = 32) -> tuple[PairSet, dict[str, NamedTask]]:
    """All training pairs but those of some families, and a task of each of these families.

    For choosing a recipe on artists that the model never saw, without looking at the held-out ones.
    The classes are its names that two of the remaining families have.
    """
    check_families(families, "train")
    rest = [key for key in TRAINING_FAMILIES if key not in families]
    known = shared_names(rest, at_least=2)
    tasks = {
        key: _named_task(key, size, known & {icon.name for icon in load_icons([key])})
        for key in families
    }
    return training_pairs(size, families=rest), tasks


def _named_task(family: str, size: int, classes: Collection[str]) -> NamedTask:
    pictures = open_pictures(size)
    rows = [i for i in pictures.where([family]) if pictures.icons[i].name in classes]
    return _task(pictures, rows)


def set_aside(pairs: PairSet, *, names: int = 300, seed: int = 0) -> tuple[PairSet, NamedTask]:
    """The pairs that are left, and a validation task: known names and families, unseen pictures.

    For each of `names` names that two or more families share, one family's pictures of it leave the
    training set. Raises ValueError when fewer names are shared.
    """
    known = _families_of(pairs.icons)
    shared = sorted(name for name, families in known.items() if len(families) >= 2)
    if len(shared) < names:
        raise ValueError(f"Only {len(shared)} names are shared by two families, not {names}.")
    rng = np.random.default_rng(seed)
    classes = sorted(shared[i] for i in rng.permutation(len(shared))[:names])
    family = {name: sorted(known[name])[rng.integers(len(known[name]))] for name in classes}
    rows = [i for i, icon in enumerate(pairs.icons) if family.get(icon.name) == icon.family]
    return pairs.without(rows), _task(pairs, rows)


def _task(pictures: Pictures | PairSet, rows: Sequence[int]) -> NamedTask:
    names = [pictures.icons[i].name for i in rows]
    classes, labels = np.unique(names, return_inverse=True)
    return pictures.rgba[rows], labels, classes.tolist()


def to_pictures(rgba: np.ndarray | Tensor) -> Tensor:
    """(N, S, S, 4) uint8 RGBA -> (N, 3, S, S) float on white, in 0..1; ValueError for others."""
    pixels = torch.as_tensor(np.array(rgba) if isinstance(rgba, np.ndarray) else rgba)
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[-1] != 4:
        found = f"{tuple(pixels.shape)} {pixels.dtype}"
        raise ValueError(f"Expected RGBA pictures as (N, S, S, 4) uint8, got {found}.")
    return 1 - ink(pixels)


def to_model(pictures: Tensor) -> Tensor:
    """Pictures in 0..1 -> what the image encoder sees: centered on 0, from -1 to 1."""
    return pictures * 2 - 1
