"""Pairs of a picture and a caption, in batches; training and held-out families kept apart.

Notable:

* a :class:`PairSet` knows its role. One that holds a training family can't also hold a held-out
  one;
* `batch_at(step, n, seed)` needs no state: batch 1,000 is the same whether or not batches 1..999
  were drawn, so a resumed run sees exactly what an unbroken one would have seen;
* no two pictures in a batch share a name, since the second would be a false negative of the first
  caption.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from clipedu.pairs.augment import NONE, Augmentation, augment, change, draw_luck, ink, is_coloured
from clipedu.pairs.captions import captions
from clipedu.pairs.icons import FAMILIES, HELD_OUT_FAMILIES, TRAINING_FAMILIES, Icon
from clipedu.pairs.raster import Pictures, open_pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PairSet:
    """Pictures with words, all of one role.

    Attributes:
        icons: n records; `icons[i]` describes `rgba[i]`.
        rgba: (n, size, size, 4) uint8.
        role: "train" or "held_out".

    Raises ValueError for no family, for one that does not exist, and for a mix of the two roles.
    """

    def __init__(self, pictures: Pictures, families: Sequence[str]):
        _some(families, tuple(FAMILIES))
        for key in families:
            if key not in FAMILIES:
                raise ValueError(
                    f"There is no family {key!r}. The families are: {', '.join(FAMILIES)}."
                )
        roles = {FAMILIES[key].role for key in families}
        if len(roles) != 1:
            raise ValueError(
                f"Families {', '.join(families)} mix training and held-out ones. Held-out families "
                f"({', '.join(HELD_OUT_FAMILIES)}) may never meet a training family "
                f"({', '.join(TRAINING_FAMILIES)}): take one kind or the other."
            )
        rows = pictures.where(families)
        self.families = tuple(families)
        self.role = roles.pop()
        self.size = pictures.size
        self.icons: list[Icon] = [pictures.icons[i] for i in rows]
        self.rgba = pictures.rgba[
            rows
        ]  # a copy in memory: random rows of a map are slow on a cold disk
        _, self.name_ids = np.unique(
            [icon.name.lower() for icon in self.icons], return_inverse=True
        )

    def without(self, rows: Sequence[int] | np.ndarray) -> PairSet:
        """The same pairs without these rows, for validation.

        rows: numbers of pairs. Raises ValueError if none is left, TypeError for a mask.
        """
        if np.asarray(rows).dtype == bool:
            raise TypeError("rows are numbers, not a mask: give np.flatnonzero(mask).")
        keep = np.ones(len(self), dtype=bool)
        keep[np.asarray(rows, dtype=np.int64)] = False
        if not keep.any():
            raise ValueError(f"All {len(self)} pairs are set aside: none is left to learn from.")
        rest = copy.copy(self)
        rest.__dict__.pop("_coloured", None)  # known of the old rows
        rest.icons = [icon for icon, kept in zip(self.icons, keep, strict=True) if kept]
        rest.rgba = self.rgba[keep]
        _, rest.name_ids = np.unique(self.name_ids[keep], return_inverse=True)
        return rest

    def __len__(self) -> int:
        return len(self.icons)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, Icon]:
        """The i-th picture, (3, S, S) float on white, and its record."""
        return to_pictures(self.rgba[i : i + 1])[0], self.icons[i]

    def rows_at(self, step: int, n: int, seed: int) -> np.ndarray:
        """(n,) rows of the batch of this step: random, no name twice.

        Raises ValueError when n is not between 1 and the number of names.
        """
        names = int(self.name_ids.max()) + 1
        if not 1 <= n <= names:
            raise ValueError(f"A batch holds 1 to {names} pairs here (one for each name), not {n}.")
        order = np.random.default_rng((seed, step)).permutation(len(self))
        look = min(len(order), 2 * n)
        while True:
            _, first = np.unique(self.name_ids[order[:look]], return_index=True)
            if len(first) >= n or look == len(order):
                return order[np.sort(first)[:n]]
            look = min(len(order), 2 * look)

    def batch_at(
        self, step: int, n: int, seed: int, how: Augmentation = NONE
    ) -> tuple[torch.Tensor, list[str]]:
        """The batch of this step: (n, 3, S, S) float pictures in 0..1 and n captions."""
        rows = self.rows_at(step, n, seed)
        generator = torch.Generator().manual_seed(_mix(seed, step))
        pictures = augment(ink(torch.from_numpy(self.rgba[rows])), generator, how)
        return pictures, self._captions(rows, step, seed)

    def part_at(
        self, step: int, n: int, seed: int, how: Augmentation, part: slice
    ) -> tuple[torch.Tensor, list[str]]:
        """One rank's part of the batch: the pictures of these places, and all n captions.

        Chance is drawn for the whole batch, which is cheap, and pictures are made for the part
        alone, which is not: the parts together are the batch, to the last bit.
        """
        rows = self.rows_at(step, n, seed)
        generator = torch.Generator().manual_seed(_mix(seed, step))
        luck = draw_luck(n, generator, how, self._coloured[rows]).of(part)
        pictures = change(ink(torch.from_numpy(self.rgba[rows[part]])), luck, how)
        return pictures, self._captions(rows, step, seed)

    def _captions(self, rows: np.ndarray, step: int, seed: int) -> list[str]:
        return captions([self.icons[i] for i in rows], np.random.default_rng((seed, step, 1)))

    @cached_property
    def _coloured(self) -> torch.Tensor:
        """(n,) bool, whether each picture has colours: the order of a batch's draws."""
        pixels = torch.from_numpy(self.rgba).split(1024)
        return torch.cat([is_coloured(ink(some)) for some in pixels])

    def batch(
        self, n: int, *, seed: int = 0, how: Augmentation = NONE
    ) -> tuple[torch.Tensor, list[str]]:
        """A batch to look at: (n, 3, S, S) float pictures in 0..1 and n captions."""
        return self.batch_at(0, n, seed, how)

    def show(
        self, n: int = 32, *, seed: int = 0, how: Augmentation = NONE, columns: int = 8
    ) -> Figure:
        """A batch as a grid of pictures with their captions."""
        from clipedu.plots import picture_grid

        pictures, words = self.batch(n, seed=seed, how=how)
        return picture_grid(pictures, words, columns)


def _mix(seed: int, step: int) -> int:
    return int(np.random.SeedSequence((seed, step, 2)).generate_state(1, np.uint64)[0] >> 1)


def training_pairs(
    size: int = 32, *, families: Sequence[str] = TRAINING_FAMILIES, progress: bool = True
) -> PairSet:
    """Pairs to learn from. Raises ValueError for no family and for one that is held out."""
    _of_role(families, "train")
    return PairSet(open_pictures(size, progress=progress), families)


def held_out_pairs(
    families: str | Sequence[str] = HELD_OUT_FAMILIES, size: int = 32, *, progress: bool = True
) -> PairSet:
    """Pairs that no model here has learned from. Raises ValueError for no family and for a training
    family."""
    families = (families,) if isinstance(families, str) else families
    _of_role(families, "held_out")
    return PairSet(open_pictures(size, progress=progress), families)


def _some(families: Sequence[str], known: Sequence[str]) -> None:
    if len(families) == 0:
        raise ValueError(f"No family is named. Name one or more of these: {', '.join(known)}.")


def _of_role(families: Sequence[str], role: str) -> None:
    known = [key for key, family in FAMILIES.items() if family.role == role]
    _some(families, known)  # before any picture is drawn
    for key in families:
        if key not in known:
            kind = "for training" if role == "train" else "held out"
            raise ValueError(f"Family {key!r} is not {kind}. These are: {', '.join(known)}.")


def to_pictures(rgba: np.ndarray | torch.Tensor) -> torch.Tensor:
    """(N, S, S, 4) uint8 RGBA -> (N, 3, S, S) float pictures on white, in 0..1.

    Raises ValueError for another shape or type.
    """
    pixels = torch.as_tensor(np.array(rgba) if isinstance(rgba, np.ndarray) else rgba)
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[-1] != 4:
        raise ValueError(
            f"Expected RGBA pictures as (N, S, S, 4) uint8, "
            f"got {tuple(pixels.shape)} {pixels.dtype}."
        )
    return 1 - ink(pixels)


def to_model(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures in 0..1 -> what the image tower sees: centred on 0, from -1 to 1."""
    return pictures * 2 - 1
