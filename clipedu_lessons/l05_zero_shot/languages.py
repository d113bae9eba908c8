"""Emoji names in all languages of the `emoji` package: one picture, fourteen captions.

Notable:

* a picture is the bridge between languages: nobody says that *Katze* is *cat*, but both stand
  beside the same drawing;
* half of the names of a language can be held out. They are then never seen *in that language*, in
  no caption and not by the tokenizer; the same pictures with other languages' names stay;
* flags are left out: a country's name is nearly the same word everywhere.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch

from clipedu.pairs.augment import NONE, Augmentation, augment, ink
from clipedu.pairs.batches import PairSet, _mix
from clipedu.pairs.icons import Icon, clean_name, load_icons
from clipedu.pairs.raster import open_pictures


def languages() -> tuple[str, ...]:
    """Codes of the languages, English first: "en", "es", "ja", ..."""
    import emoji

    return tuple(emoji.LANGUAGES)


@functools.cache
def names_in(language: str) -> dict[str, str]:
    """The names of all emoji that OpenMoji draws, flags aside, by symbol, in lower case.

    Raises ValueError for a language that the package does not have.
    """
    import emoji

    if language not in emoji.LANGUAGES:
        raise ValueError(f"No names in {language!r}. There are: {', '.join(emoji.LANGUAGES)}.")
    emoji.config.load_language(language)  # English only, until asked
    names = {}
    for icon in _emoji():
        name = emoji.EMOJI_DATA.get(icon.symbol, {}).get(language)
        if name:
            names[icon.symbol] = clean_name(name.strip(":")).lower()
    return names


@functools.cache
def _emoji() -> tuple[Icon, ...]:
    return tuple(icon for icon in load_icons(["openmoji"]) if icon.categories != ("flags",))


def half_of_names(seed: int = 0) -> frozenset[str]:
    """The symbols of one half of the emoji, drawn once: whose names a language may lack."""
    symbols = sorted(icon.symbol for icon in _emoji())
    chosen = np.random.default_rng(seed).permutation(len(symbols))[: len(symbols) // 2]
    return frozenset(symbols[i] for i in chosen)


class MultilingualPairs:
    """Emoji with a caption in a language drawn anew for each picture of each batch.

    Attributes:
        icons: n emoji; rgba: (n, size, size, 4) uint8; spoken: the languages of the captions
        held_out: a language, or None; missing: the symbols that it may not name
    """

    def __init__(
        self,
        size: int = 32,
        *,
        spoken: Sequence[str] | None = None,
        held_out: str | None = None,
        missing: frozenset[str] | None = None,
        progress: bool = True,
    ):
        """Raises ValueError for an unknown language, or a held-out one that nobody speaks."""
        self.spoken = tuple(spoken or languages())
        for language in self.spoken:
            names_in(language)
        if held_out is not None and held_out not in self.spoken:
            raise ValueError(f"{held_out!r} is not spoken here: {', '.join(self.spoken)}.")
        if held_out is not None and len(set(self.spoken)) == 1:
            raise ValueError(
                f"Only {held_out!r} is spoken here, and it is held out: some pictures would have "
                "no caption. Name another language in `spoken`."
            )
        self.held_out = held_out
        self.missing = half_of_names() if missing is None else frozenset(missing)
        pairs = PairSet(open_pictures(size, progress=progress), ["openmoji"])
        rows = [i for i, icon in enumerate(pairs.icons) if icon.categories != ("flags",)]
        self.icons = [pairs.icons[i] for i in rows]
        self.rgba = pairs.rgba[rows]
        self.captions = [self._captions(icon.symbol) for icon in self.icons]

    def _captions(self, symbol: str) -> list[str]:
        allowed = [
            language
            for language in self.spoken
            if not (language == self.held_out and symbol in self.missing)
        ]
        return [names_in(language)[symbol] for language in allowed if symbol in names_in(language)]

    def __len__(self) -> int:
        return len(self.icons)

    def all_captions(self) -> list[str]:
        """What a tokenizer may learn from: every caption that training may show."""
        return [caption for of_one in self.captions for caption in of_one]

    def batch_at(
        self, step: int, n: int, seed: int, how: Augmentation = NONE
    ) -> tuple[torch.Tensor, list[str]]:
        """The batch of this step: (n, 3, S, S) float in 0..1 and n captions in many languages."""
        if not 1 <= n <= len(self):
            raise ValueError(f"A batch holds 1 to {len(self)} pairs here, not {n}.")
        rng = np.random.default_rng((seed, step))
        rows = rng.permutation(len(self))[:n]
        generator = torch.Generator().manual_seed(_mix(seed, step))
        pictures = augment(ink(torch.from_numpy(self.rgba[rows])), generator, how)
        draw = rng.random(n)
        words = [self.captions[row] for row in rows]
        return pictures, [of[int(x * len(of))] for of, x in zip(words, draw, strict=True)]
