"""Asks the shipped model every task, and writes the table of docs/TASKS.md.

    python benchmarks/tasks.py             # what `make tasks` runs; a minute or two on 2 cores

Writes benchmarks/tasks.csv, how it was made to tasks.json, and docs/TASKS.md between its markers.
Columns: value and its 95 % interval with the task's own prompts; p: could answers that know nothing
of their pictures do as well (permutation test; with 24 tasks p < 0.002 counts); bare, context,
ensemble, by_probability: the same pictures asked with the bare name, with the task's context, with
all forms of training captions averaged as embeddings, and as probabilities; photo: with the paper's
"a photo of a {}.". supervised: a linear probe on a tower that was trained with labels, measured
on pictures that it did not learn from; taken from lesson 10's results/baseline.csv, so
`benchmarks/baseline.py` comes first; empty for a task that is not in it.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import hashlib
import io
import json
import platform
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tqdm import tqdm

from clipedu.evaluation import (
    TASKS,
    TEMPLATE_SETS,
    Task,
    TaskUnavailable,
    embed_pictures,
    load_task,
)
from clipedu.evaluation.zeroshot import count, similarities, top_classes
from clipedu.files import write_whole
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu.training import load_pretrained
from clipedu_lessons.common.records import read_record
from clipedu_lessons.l06_prompts.ensembles import (
    compare_templates,
    template_embeddings,
    zero_shot_by_probability,
)

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "clipedu" / "assets"
MARKERS = ("<!-- tasks: written by make tasks -->", "<!-- end of tasks -->")
SIGNIFICANT = 0.002  # 0.05 shared among 24 tasks
FIELDS = (
    "task,pictures,classes,seen,metric,value,low,high,chance,p,above_chance,"
    "bare,context,ensemble,by_probability,photo,supervised,source"
).split(",")


def supervised() -> dict[str, float]:
    """By task: the baseline's accuracy with labels, where it was measured."""
    return {row["task"]: round(row["supervised_probe"], 4) for row in read_record("baseline")}


def chance_p(
    labels: torch.Tensor,
    predictions: torch.Tensor,
    classes: int,
    *,
    per_class: bool = False,
    shuffles: int = 2000,
    seed: int = 0,
) -> float:
    """How often answers that know nothing of their pictures do as well: a permutation test.

    labels, predictions: (N,) int64. The answers stay, but go to the pictures in random order, so
    that always answering the commonest class is no merit.
    per_class: compare the mean over classes instead of the share of right answers
    Returns a p-value, at least 1 / (shuffles + 1).
    """
    labels, predictions = labels.cpu(), predictions.cpu()
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        got = f"{tuple(labels.shape)} and {tuple(predictions.shape)}"
        raise ValueError(f"labels and predictions are both (N,), one for each picture; got {got}.")
    # each picture counts for 1, or for 1 / (pictures of its class)
    shown = torch.bincount(labels, minlength=classes).double()
    weight = 1 / shown[labels] if per_class else torch.ones(len(labels), dtype=torch.float64)

    def score(answers: torch.Tensor) -> float:
        return float((weight * (labels == answers)).sum())

    generator = torch.Generator().manual_seed(seed)
    least = score(predictions) - 1e-9
    orders = (torch.randperm(len(labels), generator=generator) for _ in range(shuffles))
    return (1 + sum(score(predictions[order]) >= least for order in orders)) / (1 + shuffles)


_TEXTS: dict[tuple[str, ...], torch.Tensor] = {}


def all_forms(model: CLIP, tokenizer: Tokenizer, class_names: list[str]) -> torch.Tensor:
    """(T, C, E) of every caption form; seven tasks share their class names."""
    key = tuple(class_names)
    if key not in _TEXTS:
        _TEXTS[key] = template_embeddings(model, tokenizer, class_names, "captions")
    return _TEXTS[key]


def measure(model: CLIP, tokenizer: Tokenizer, task: Task) -> dict[str, Any]:
    """One row of the table."""
    embeddings = embed_pictures(model, task.pictures)
    sets = {
        "own": task.templates,
        "bare": "name",
        "context": task.context or "name",
        "photo": "photo",
    }
    results = compare_templates(model, tokenizer, task, sets, embeddings=embeddings)
    texts = all_forms(model, tokenizer, task.class_names)
    weights = F.normalize(texts.mean(0), dim=-1)  # (C, E): what zero_shot_classifier makes of them
    answers = top_classes(similarities(embeddings, weights), 5)
    results["ensemble"] = count(task, answers, "captions")
    spread = zero_shot_by_probability(
        model, tokenizer, task, templates="captions", embeddings=embeddings, texts=texts
    )
    own = results["own"]
    low, high = own.value_interval
    per_class = task.metric == "mean_per_class"
    p = chance_p(own.labels, own.predictions[:, 0], len(task.class_names), per_class=per_class)
    row: dict[str, Any] = {name: round(result.value, 4) for name, result in results.items()}
    if not task.context:
        row["context"] = ""
    row |= {
        "task": task.name,
        "pictures": len(task),
        "classes": len(task.class_names),
        "seen": "yes" if task.seen else "no",
        "metric": task.metric,
        "value": row.pop("own"),
        "low": round(low, 4),
        "high": round(high, 4),
        "chance": round(task.chance, 5),
        "p": round(p, 5),
        "above_chance": "yes" if p < SIGNIFICANT and own.value > task.chance else "no",
        "by_probability": round(spread.value, 4),
        "supervised": "",
        "source": task.source,
    }
    return row


def as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_markdown(rows: list[dict[str, Any]], about: dict[str, Any]) -> str:
    """The table of docs/TASKS.md. Gains are in points against the bare class name."""

    def percent(share: float) -> str:
        return f"{100 * share:.1f}%"

    def gain(row: dict[str, Any], name: str) -> str:
        return "" if row[name] == "" else f"{100 * (row[name] - row['bare']):+.1f}"

    lines = [
        "| task | pictures | classes | chance | accuracy | 95 % interval | above chance "
        "| with labels | context | ensemble | seen in training |",
        "|---|--:|--:|--:|--:|--:|---|--:|--:|--:|---|",
    ]
    for row in sorted(rows, key=lambda row: row["seen"] == "yes"):  # held-out tasks come first
        name = row["task"] + ("" if row["metric"] == "top1" else " (per class)")
        lines.append(
            f"| {name} | {row['pictures']:,} | {row['classes']} | {percent(row['chance'])} "
            f"| **{percent(row['value'])}** | {percent(row['low'])} to {percent(row['high'])} "
            f"| {row['above_chance']} | {percent(row['supervised']) if row['supervised'] else ''} "
            f"| {gain(row, 'context')} | {gain(row, 'ensemble')} "
            f"| {row['seen']} |"
        )
    above = [row for row in rows if row["above_chance"] == "yes"]
    unseen = sum(row["seen"] == "no" for row in above)
    lines += [
        "",
        f"Above chance on {len(above)} of {len(rows)} tasks, {unseen} of them never seen in "
        f"training (permutation test, p < {SIGNIFICANT}). Measured {about['date']} in "
        f"{about['seconds']:.0f} s of processor time, {about['machine']}.",
    ]
    if about["missing"]:
        lines[-1] += f" Not on that machine: {', '.join(about['missing'])}."
    return "\n".join(lines) + "\n"


def write_page(table: str, page: Path) -> None:
    """Put the table between the markers. Raises ValueError when the page has none."""
    text = page.read_text("utf-8")
    before, found, rest = text.partition(MARKERS[0] + "\n")
    _, closed, after = rest.partition(MARKERS[1])
    if not (found and closed):
        raise ValueError(f"{page.name} has no {MARKERS[0]} and {MARKERS[1]}.")
    write_whole(page, before + found + table + closed + after)


def digest(checkpoint: str) -> str:
    """The first digits of a checkpoint's SHA-256: a test compares them with the file's of today."""
    file = ASSETS / f"{checkpoint}.safetensors"
    data = (file if file.exists() else Path(checkpoint)).read_bytes()
    return hashlib.sha256(data).hexdigest()[:16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="laptop")
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".csv"))
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "TASKS.md")
    args = parser.parse_args()
    model, tokenizer, _ = load_pretrained(args.checkpoint)
    rows, missing, start = [], [], time.process_time()
    labelled = supervised()
    for name in tqdm(args.tasks, "tasks"):
        try:
            task = load_task(name, model.config.vision.resolution)
            rows.append(measure(model, tokenizer, task) | {"supervised": labelled.get(name, "")})
        except TaskUnavailable:
            missing.append(name)
    about = {
        "command": "python benchmarks/tasks.py",
        "model": args.checkpoint,
        "checkpoint": digest(args.checkpoint),
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, "
        f"torch {torch.__version__}",
        "seconds": round(time.process_time() - start, 1),
        "missing": missing,
        "ensemble": TEMPLATE_SETS["captions"],
    }
    write_whole(args.out, as_csv(rows))
    write_whole(args.out.with_suffix(".json"), json.dumps(about, indent=1) + "\n")
    table = as_markdown(rows, about)
    write_page(table, args.page)
    print(table)


if __name__ == "__main__":
    main()
