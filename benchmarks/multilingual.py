"""Can a text encoder name pictures in a language whose words for them it never read?

    python benchmarks/multilingual.py        # 8 minutes on one core; rows that are there are kept

Emoji with their names in the 14 languages of the `emoji` package; flags are left out, since a
country's name is nearly the same word everywhere. A text encoder is trained from scratch beside the
shipped image encoder, which is frozen, on captions in three worlds; then it names pictures in
Spanish, or in Japanese, whose names in that language it never read:

    all       14 languages, of which the one that is asked in lacks the names of half of the emoji
    English   only English: what spelling alone can do
    two       English, and the same half of the language that is asked in

All are asked with the same list: the names of the same missing emoji. Spanish has sisters among the
14, Japanese has none. Writes lesson 06's results/multilingual.csv and multilingual.json.
"""

from __future__ import annotations

import argparse
import difflib
import functools
import hashlib
import sys
from pathlib import Path
from typing import Any

import emoji
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
from testbed import append, describe, read

from clipedu.evaluation import clopper_pearson, embed_pictures, embed_texts
from clipedu.models import CLIP
from clipedu.pairs import to_pictures
from clipedu.pairs.icons import clean_name
from clipedu.pairs.raster import open_pictures
from clipedu.tokenizer import Tokenizer
from clipedu.training import load_pretrained
from clipedu_lessons.common.records import LESSONS
from clipedu_lessons.l06_prompts.locked import train_text

ROOT = Path(__file__).resolve().parents[1]
TABLE = LESSONS / "l06_prompts" / "results" / "multilingual.csv"
ASKED = ("es", "ja")


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
    for symbol in symbols():
        name = emoji.EMOJI_DATA.get(symbol, {}).get(language)
        if name:
            names[symbol] = clean_name(name.strip(":")).lower()
    return names


@functools.cache
def rows_by_symbol() -> dict[str, int]:
    """Row in the pictures of each emoji that every asked language and English name uniquely."""
    pictures = open_pictures(32)
    return {
        pictures.icons[i].symbol: int(i)
        for i in pictures.where(["openmoji"])
        if pictures.icons[i].categories != ("flags",)
    }


def symbols() -> list[str]:
    """The emoji, flags aside, in a fixed order."""
    return sorted(rows_by_symbol())


@functools.cache
def half_of_names(seed: int = 0) -> frozenset[str]:
    """The symbols of one half of the emoji, drawn once: whose names a language may lack."""
    order = np.random.default_rng(seed).permutation(len(symbols()))
    return frozenset(symbols()[i] for i in order[: len(order) // 2])


def captions(world: str, asked: str) -> list[list[str]]:
    """What may be said of each of `symbols`: "all", "English" or "two", see above.

    Raises ValueError for another world.
    """
    spoken = {"all": languages(), "English": ("en",), "two": ("en", asked)}
    if world not in spoken:
        raise ValueError(f"No world {world!r}. There are: {', '.join(spoken)}.")
    missing = half_of_names()
    return [
        [
            names_in(code)[symbol]
            for code in spoken[world]
            if symbol in names_in(code) and not (code == asked and symbol in missing)
        ]
        or [names_in("en")[symbol]]
        for symbol in symbols()
    ]


def asked_symbols() -> list[str]:
    """Missing emoji that English and both asked languages name, each by a name of its own."""
    known = [names_in(code) for code in ("en", *ASKED)]
    chosen = [s for s in symbols() if s in half_of_names() and all(s in names for names in known)]
    for names in known:
        of = [names[s] for s in chosen]
        chosen = [s for s in chosen if of.count(names[s]) == 1]
    return chosen


def looks_alike(symbol: str, language: str, threshold: float = 0.75) -> bool:
    """Is its name spelled much like the name in another language: a cognate or a borrowed word?"""
    mine = names_in(language)[symbol]
    others = [names_in(other).get(symbol, "") for other in languages() if other != language]
    return any(
        difflib.SequenceMatcher(None, mine, other).ratio() >= threshold for other in others if other
    )


def measure(text: CLIP, tokenizer: Tokenizer, pictures: torch.Tensor, language: str) -> Any:
    """Rows for all asked pictures, and for those whose name is spelled like another language's."""
    chosen = asked_symbols()
    texts = embed_texts(text, tokenizer, [names_in(language)[s] for s in chosen])
    rows = torch.tensor([symbols().index(s) for s in chosen])
    right = (pictures[rows] @ texts.T).argmax(1) == torch.arange(len(chosen))
    alike = torch.tensor([looks_alike(s, language) for s in chosen])
    groups = {"all": alike | ~alike, "spelled alike": alike, "spelled like no other": ~alike}
    for names, group in groups.items():
        k, n = int(right[group].sum()), int(group.sum())
        low, high = clopper_pearson(k, n)
        yield {"names": names, "classes": len(chosen), "pictures": n, "right": k} | {
            "low": low, "high": high
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--table", type=Path, default=TABLE)
    args = parser.parse_args()
    model, *_ = load_pretrained()
    drawn = open_pictures(32).rgba[[rows_by_symbol()[symbol] for symbol in symbols()]]
    pictures = embed_pictures(model, to_pictures(drawn))
    every = [name for code in languages() for name in names_in(code).values()]
    tokenizer = Tokenizer.train(every, 6144)
    for seed in args.seeds:
        for world, asked in [("English", "es"), *((w, a) for a in ASKED for w in ("all", "two"))]:
            done = [(row["world"], row["trained_for"], row["seed"]) for row in read(args.table)]
            if (world, asked, str(seed)) in done:
                continue
            how: dict[str, Any] = {"seed": seed, "steps": args.steps, "batch": 400}
            text = train_text(pictures, captions(world, asked), tokenizer, **how)
            about = {"world": world, "trained_for": asked, "seed": seed}
            for language in ("en", *(ASKED if world == "English" else [asked])):
                for row in measure(text, tokenizer, pictures, language):
                    print(about | {"asked_in": language} | row, flush=True)
                    append(args.table, about | {"asked_in": language} | row)
    weights = (ROOT / "clipedu" / "assets" / "laptop.safetensors").read_bytes()
    describe(
        args.table,
        command="python benchmarks/multilingual.py",
        model="laptop",
        checkpoint=hashlib.sha256(weights).hexdigest()[:16],
        steps=args.steps,
    )


if __name__ == "__main__":
    main()
