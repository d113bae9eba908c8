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
import datetime
import io
import json
import platform
from pathlib import Path
from typing import Any

import torch

from clipedu.evaluation import Task, embed_pictures, load_task, zero_shot
from clipedu.files import write_whole
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu.training import load_pretrained
from clipedu_lessons.common.records import stored
from clipedu_lessons.l06_prompts.flips import flips
from clipedu_lessons.l06_prompts.polysemy import bare_name_value, two_way_value

FIELDS = "run,question,pictures,bare,context,gain,fixed,broken,p".split(",")


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
