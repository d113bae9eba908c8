"""Can a model name pictures in a language whose words for them it never read?

    python benchmarks/multilingual.py        # 4 minutes on 2 cores; rows that are there are kept

Emoji with their names in 14 languages. One language lacks the names of half of the emoji; then the
model names just these pictures in that language. Spanish has sisters among the others, Japanese
has none. Writes lesson 05's results/multilingual.csv, and how it was made to multilingual.json.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import difflib
import io
import json
import platform
import time
from pathlib import Path
from typing import Any

import torch

from clipedu.evaluation import Task, embed_pictures, zero_shot
from clipedu.files import write_whole
from clipedu.pairs import Augmentation, to_pictures
from clipedu.tokenizer import Tokenizer
from clipedu.training import Recipe, train
from clipedu_lessons.common.records import stored
from clipedu_lessons.l05_zero_shot.languages import (
    MultilingualPairs,
    half_of_names,
    languages,
    names_in,
)

FIELDS = "held_out,asked_in,names,classes,pictures,top1,low,high,top5,chance,seed,seconds".split(
    ","
)


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
    tokenizer = Tokenizer.train(pairs.all_captions(), chosen.vocab_size)
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
