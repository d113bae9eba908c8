"""Can a model name pictures in a language whose words for them it never read?

    python benchmarks/multilingual.py        # 4 minutes on 2 cores; rows that are there are kept

Emoji with their names in the 14 languages of the `emoji` package; flags are left out, since a
country's name is nearly the same word everywhere. One language lacks the names of half of the
emoji; then the model names just these pictures in that language. Spanish has sisters among the
others, Japanese has none. Writes lesson 05's results/multilingual.csv, and how it was made to
multilingual.json.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import difflib
import functools
import io
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import emoji
import numpy as np
import torch

from clipedu.evaluation import Task, embed_pictures, zero_shot
from clipedu.files import write_whole
from clipedu.pairs import Augmentation, to_pictures
from clipedu.pairs.augment import NONE, augment, ink
from clipedu.pairs.batches import PairSet, batch_generator
from clipedu.pairs.icons import Icon, clean_name, load_icons
from clipedu.pairs.raster import open_pictures
from clipedu.tokenizer import Tokenizer
from clipedu.training import Pairs, Recipe, train
from clipedu_lessons.common.records import stored

FIELDS = "held_out,asked_in,names,classes,pictures,top1,low,high,top5,chance,seed,seconds".split(
    ","
)


def languages() -> tuple[str, ...]:
    """Codes of the languages, English first: "en", "es", "ja", ..."""
    return tuple(emoji.LANGUAGES)


@functools.cache
def names_in(language: str) -> dict[str, str]:
    """The names of all emoji that OpenMoji draws, flags aside, by symbol, in lower case.

    Raises ValueError for a language that the package does not have.
    """
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


class MultilingualPairs(Pairs):
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
            raise ValueError(f"{held_out!r} is not spoken: {', '.join(self.spoken)}.")
        if held_out is not None and len(set(self.spoken)) == 1:
            raise ValueError(
                f"Only {held_out!r} is spoken, and it is held out: some pictures would have "
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

    def texts(self) -> list[str]:
        """What a tokenizer may learn from: every caption that training may show."""
        return [caption for of_one in self.captions for caption in of_one]

    def batch_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation = NONE
    ) -> tuple[torch.Tensor, list[str]]:
        """The batch of this step: (n, 3, S, S) float in 0..1 and n captions in many languages."""
        if not 1 <= n <= len(self):
            raise ValueError(f"A batch holds 1 to {len(self)} pairs here, not {n}.")
        rng = np.random.default_rng((seed, step))
        rows = rng.permutation(len(self))[:n]
        pixels = ink(torch.from_numpy(self.rgba[rows]))
        pictures = augment(pixels, batch_generator(seed, step), augmentation)
        draw = rng.random(n)
        words = [self.captions[row] for row in rows]
        return pictures, [of[int(x * len(of))] for of, x in zip(words, draw, strict=True)]


def recipe(steps: int) -> Recipe:
    return Recipe(
        preset="laptop",
        model={"vision_width": 32},
        vocab_size=6144,
        context_length=24,
        batch_size=512,
        steps=steps,
        learning_rate=3e-3,
        augmentation=Augmentation(invert=0, thicken=0, thin=0, degrees=5.0, scale=0.1, shift=0.05),
        evaluate_every=0,
        checkpoint_every=0,
    )


def name_task(pairs: MultilingualPairs, language: str, symbols: set[str], title: str) -> Task:
    """Which of these names, in this language, is the picture's?"""
    names = names_in(language)
    rows = [i for i, icon in enumerate(pairs.icons) if icon.symbol in symbols]
    rows = [i for i in rows if pairs.icons[i].symbol in names]
    classes = sorted({names[pairs.icons[i].symbol] for i in rows})
    labels = [classes.index(names[pairs.icons[i].symbol]) for i in rows]
    return Task(
        name=title,
        pictures=to_pictures(pairs.rgba[rows]),
        labels=torch.tensor(labels),
        class_names=classes,
        templates=["{}"],
        source="OpenMoji, names of the emoji package",
        seen=True,
    )


def looks_alike(symbol: str, language: str, threshold: float = 0.75) -> bool:
    """Is its name spelled much like the name in another language: a cognate or a borrowed word?"""
    mine = names_in(language)[symbol]
    others = [names_in(other).get(symbol, "") for other in languages() if other != language]
    return any(
        difflib.SequenceMatcher(None, mine, other).ratio() >= threshold for other in others if other
    )


def measure(held_out: str, seed: int, steps: int) -> list[dict[str, Any]]:
    missing = half_of_names()
    pairs = MultilingualPairs(held_out=held_out, missing=missing, progress=False)
    chosen = recipe(steps)
    tokenizer = Tokenizer.train(pairs.texts(), chosen.vocab_size)
    start = time.monotonic()
    result = train(chosen, seed=seed, pairs=pairs, tokenizer=tokenizer, progress=False)
    seconds = round(time.monotonic() - start, 1)
    all_symbols = {icon.symbol for icon in pairs.icons}
    known = names_in(held_out)
    unread = {symbol for symbol in missing if symbol in known}
    alike = {symbol for symbol in unread if looks_alike(symbol, held_out)}
    asked = [
        (held_out, unread, "never read in this language"),
        (held_out, alike, "never read, spelled like another language's"),
        (held_out, unread - alike, "never read, spelled like no other's"),
        (held_out, all_symbols - missing, "read in this language"),
        ("en", set(missing), "the same pictures in English"),
    ]
    rows = []
    for language, symbols, words in asked:
        if len(symbols) < 20:
            continue
        task = name_task(pairs, language, symbols, words)
        embeddings = embed_pictures(result.model, task.pictures)
        done = zero_shot(result.model, tokenizer, task, embeddings=embeddings)
        rows.append(
            dict(held_out=held_out, asked_in=language, names=words, classes=len(task.class_names),
                 pictures=done.n, top1=round(done.top1, 4), low=round(done.interval[0], 4),
                 high=round(done.interval[1], 4), top5=round(done.top5, 4),
                 chance=round(done.chance, 5), seed=seed, seconds=seconds)
        )  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--languages", nargs="+", default=["es", "ja"])
    parser.add_argument("--steps", type=int, default=280)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=stored("multilingual.csv"))
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if args.out.exists():
        rows = list(csv.DictReader(args.out.open(encoding="utf-8")))
    for language in args.languages:
        if any(row["held_out"] == language for row in rows):
            continue
        new = measure(language, args.seed, args.steps)
        for row in new:
            print(row, flush=True)
        rows += new
        text = io.StringIO()
        writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_whole(args.out, text.getvalue())
        about = {
            "command": "python benchmarks/multilingual.py",
            "date": datetime.date.today().isoformat(),
            "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, "
            f"torch {torch.__version__}",
            "recipe": recipe(args.steps).to_dict(),
        }
        write_whole(args.out.with_suffix(".json"), json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
