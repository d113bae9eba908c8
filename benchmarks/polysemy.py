"""Is a word that means two things understood better when the prompt says which is meant?

    python benchmarks/polysemy.py runs/laptop-0 runs/laptop-1 runs/laptop-2

Each RUN is a folder or a .safetensors file of one seed. For each: the animals and the hardware task
asked with the bare name and with context; the 14 words of the task `senses` asked bare (two senses
tie, so one half is the most that can be reached) and with a hint, among all 28 senses and between
the two senses of the right word. Writes lesson 06's results/polysemy.csv, and polysemy.json
beside it.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import datetime
import io
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from clipedu.evaluation import Task, embed_pictures, load_task, zero_shot, zero_shot_classifier
from clipedu.evaluation.zeroshot import similarities
from clipedu.files import write_whole
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu.training import load_pretrained
from clipedu_lessons.common.records import stored
from clipedu_lessons.l06_prompts.flips import flips

FIELDS = "run,question,pictures,bare,context,gain,fixed,broken,p".split(",")


def bare_name_value(
    model: CLIP,
    tokenizer: Tokenizer,
    task: Task,
    *,
    templates: Sequence[str] | str = ("{}",),
    embeddings: torch.Tensor | None = None,
) -> tuple[float, float]:
    """`senses` asked with bare words: (its metric, the share of pictures whose *word* is found).

    Two classes of one word get one embedding, so they tie, and a tie is worth one half to each: the
    first number is never above one half.
    """
    words = sorted({name.split(", ")[0] for name in task.class_names})
    spoken = [words.index(name.split(", ")[0]) for name in task.class_names]  # (C,) word of a class
    labels = torch.tensor(spoken)[task.labels]
    plain = dataclasses.replace(task, class_names=words, labels=labels)
    result = zero_shot(model, tokenizer, plain, templates=templates, embeddings=embeddings)
    right = (result.predictions[:, 0] == labels).double()
    shown = torch.bincount(task.labels, minlength=len(task.class_names))
    per_class = torch.bincount(task.labels, weights=right, minlength=len(shown)) / shown
    return float(per_class.nanmean()) / 2, float(right.mean())


def two_way_value(
    model: CLIP, tokenizer: Tokenizer, task: Task, embeddings: torch.Tensor | None = None
) -> float:
    """`senses` as a choice between the two senses of the right word: mean per class, chance 1/2."""
    if embeddings is None:
        embeddings = embed_pictures(model, task.pictures)
    weights = zero_shot_classifier(model, tokenizer, task.class_names, task.templates)
    scores = similarities(embeddings, weights).cpu()
    words = [name.split(", ")[0] for name in task.class_names]
    numbers = torch.tensor([words.index(word) for word in words])  # equal for the same word
    other = numbers[task.labels][:, None] != numbers[None]  # (N, C): another word's classes
    right = scores.masked_fill(other, -2).argmax(1) == task.labels
    shown = torch.bincount(task.labels, minlength=len(words))
    per_class = torch.bincount(task.labels, weights=right.double(), minlength=len(words)) / shown
    return float(per_class.nanmean())


def rows_of(name: str, model: CLIP, tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """One row for each question."""
    rows = []

    def add(task: Task, question: str, bare: float, context: float, **more: Any) -> None:
        row = {"run": name, "question": question, "pictures": len(task)}
        row |= {"bare": round(bare, 4), "context": round(context, 4)}
        rows.append(row | {"gain": round(context - bare, 4)} | more)

    for task_name in ("animals", "hardware", "animals_held_out"):
        task = load_task(task_name)
        pictures = embed_pictures(model, task.pictures)
        asked = [
            zero_shot(model, tokenizer, task, templates=templates, embeddings=pictures).value
            for templates in ("name", task.context)
        ]
        changed = flips(model, tokenizer, task, "name", task.context, embeddings=pictures)
        add(
            task,
            task_name,
            *asked,
            fixed=len(changed.of("fixed")),
            broken=len(changed.of("broken")),
            p=round(changed.p, 4),
        )
    task = load_task("senses")
    pictures = embed_pictures(model, task.pictures)
    bare, _ = bare_name_value(model, tokenizer, task, embeddings=pictures)
    hinted = zero_shot(model, tokenizer, task, embeddings=pictures)
    add(task, "senses, among all", bare, hinted.value)
    add(task, "senses, one of two", 0.5, two_way_value(model, tokenizer, task, pictures))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--out", type=Path, default=stored("polysemy.csv"))
    args = parser.parse_args()
    rows = []
    for run in args.runs:
        model, tokenizer, _ = load_pretrained(run)
        rows += rows_of(Path(run).stem, model, tokenizer)
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(args.out, text.getvalue())
    about = {
        "command": f"python benchmarks/polysemy.py {' '.join(Path(r).name for r in args.runs)}",
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, torch {torch.__version__}",
    }
    write_whole(args.out.with_suffix(".json"), json.dumps(about, indent=1) + "\n")
    print(text.getvalue())


if __name__ == "__main__":
    main()
