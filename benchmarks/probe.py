"""Probes, few shots and calibration of the shipped model; our lambda search against scikit-learn's.

    python benchmarks/probe.py     # writes lesson 10's results/probes.csv and benchmarks/probe.json
    python benchmarks/probe.py --tasks digits --no-write

Every row is written as soon as it is measured. --resume keeps the rows that are there, if they were
measured with the same checkpoint. Times are CPU time of this process on one thread, both solvers on
the same features and the same 97 lambdas in 64 bits, each fit started from the ones before. Both
must come to the minimum, or the accuracy is one of where a solver stopped: at scikit-learn's own
tolerance, 1e-4, the objective at small lambdas ends ten times too high, and with it goes the choice
of lambda. So both have 1e-8; the columns ..._above say by how much either is above the other at
worst. --again measures this comparison again.
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
from functools import partial
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits  # comes with scikit-learn

import clipedu
from clipedu.evaluation import TaskUnavailable, clopper_pearson, zero_shot_classifier
from clipedu.evaluation.probe import (
    LAMBDA_GRID,
    fit_probe,
    linear_probe,
    picture_features,
    search_lambda,
    split_pictures,
)
from clipedu.files import write_whole
from clipedu.training import load_pretrained
from clipedu_lessons.common.records import stored
from clipedu_lessons.l10_linear_probes.calibration import fit_temperature, reliability
from clipedu_lessons.l10_linear_probes.few_shot import SHOTS, effective_shots, few_shot
from clipedu_lessons.l10_linear_probes.probe_tasks import PROBE_TASKS, probe_task_pictures
from clipedu_lessons.l10_linear_probes.sklearn_probe import fit_sklearn

WEIGHTS = Path(clipedu.__file__).parent / "assets" / "laptop_1.safetensors"
JSON = Path(__file__).with_suffix(".json")
EXACT = 1e-8  # tolerance of both solvers
COMPARED = (
    *(f"{who}_{what}" for who in ("ours", "sklearn")
      for what in ("seconds", "best", "lam", "validation", "cut", "above")),
    "speedup",
)  # fmt: skip
ORACLE = ("digits", "fashion_mnist", "pens", "counting", "colour", "emoji_groups")


def seconds(work: Any) -> tuple[Any, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def measure(name: str, model: Any, tokenizer: Any, repeats: int) -> dict[str, Any]:
    task = probe_task_pictures(name)
    labels, classes = task.labels, len(task.class_names)
    split = split_pictures(labels, seed=0)
    features = picture_features(model, task.pictures)  # before the projection: the probe's
    unit = picture_features(model, task.pictures, projected=True)  # the space of zero-shot
    words = zero_shot_classifier(model, tokenizer, task.class_names, task.templates).cpu()
    scale = float(model.logit_scale.detach().exp())
    zero_logits, answers = scale * unit @ words.T, labels[split.test]
    right = zero_logits[split.test].argmax(1) == answers
    result = linear_probe(features, labels, split=split, classes=classes)
    row: dict[str, Any] = {
        "task": name,
        "why": PROBE_TASKS[name],
        "classes": classes,
        "pictures": len(task),
        "test": len(split.test),
        "chance": task.chance,
        "zero_shot": float(right.double().mean()),
        "probe": result.accuracy,
        "lam": result.lam,
        "lambdas_tried": len(result.search.lams),
    }
    row["zero_shot_low"], row["zero_shot_high"] = clopper_pearson(int(right.sum()), len(right))
    row["probe_low"], row["probe_high"] = result.interval

    fewest = int(torch.bincount(labels[split.fitted], minlength=classes).min())
    shots = [k for k in SHOTS if k <= fewest]
    points = few_shot(unit, labels, split, shots=shots, repeats=repeats, classes=classes)
    for k in SHOTS:
        point = next((p for p in points if p.shots == k), None)
        row[f"shots_{k}"] = point.mean if point else None
        row[f"shots_{k}_low"] = point.low if point else None
        row[f"shots_{k}_high"] = point.high if point else None
    whole = linear_probe(unit, labels, split=split, classes=classes)
    row["same_space"] = whole.accuracy  # all labels, unit vectors: the end of the few-shot curve
    row["labels_per_class"] = len(split.fitted) / classes
    x, y = [float(k) for k in shots], [p.mean for p in points]
    if row["labels_per_class"] > x[-1]:
        x.append(row["labels_per_class"])
        y.append(whole.accuracy)
    row["effective"], row["effective_sign"] = effective_shots(x, y, row["zero_shot"])

    # the temperature of the probe needs pictures that the probe has not seen: fit on train alone
    trained = fit_probe(features[split.train], labels[split.train], result.lam, classes=classes)
    validation = trained.logits(features[split.validation])
    for key, held, tested in (
        ("zero_shot", zero_logits[split.validation], zero_logits[split.test]),
        ("probe", validation, result.logits),
    ):
        t = fit_temperature(held, labels[split.validation])
        row[f"ece_{key}"] = reliability(tested.double().softmax(1), answers).ece
        row[f"ece_{key}_scaled"] = reliability((tested.double() / t).softmax(1), answers).ece
        row[f"temperature_{key}"] = t

    row |= dict.fromkeys(COMPARED)
    row["source"] = task.source
    return row


def compare(name: str, model: Any) -> dict[str, Any]:
    """The whole grid by both solvers, from large to small lambda, each fit from the ones before.

    Seconds, chosen lambda, test accuracy of the last fit; how far above the other's objective each
    ends at worst over the 97 lambdas (a share of it); fits that ran out of iterations.
    """
    task = probe_task_pictures(name)
    labels, classes = task.labels, len(task.class_names)
    split = split_pictures(labels, seed=0)
    features = picture_features(model, task.pictures)
    parts = [(features[rows], labels[rows]) for rows in (split.train, split.validation)]
    row: dict[str, Any] = {}
    losses = {}
    both, test = ((features[rows], labels[rows]) for rows in (split.fitted, split.test))
    for key, solver in (("ours", fit_probe), ("sklearn", fit_sklearn)):
        solve = partial(solver, classes=classes, tolerance=EXACT)
        fit = partial(solve, *parts[0])
        found, row[f"{key}_seconds"] = seconds(
            lambda fit=fit: search_lambda(*parts, search="grid", fit=fit)
        )
        start = found.probes[found.lams.index(found.best)]
        accuracy = solve(*both, found.best, start=start).accuracy(*test)
        row |= {f"{key}_lam": found.best, f"{key}_best": accuracy}
        row[f"{key}_validation"] = max(found.accuracies)
        row[f"{key}_cut"] = sum(not probe.converged for probe in found.probes)
        losses[key] = torch.tensor([probe.loss for probe in found.probes])
    row["ours_above"] = float((losses["ours"] / losses["sklearn"] - 1).max())
    row["sklearn_above"] = float((losses["sklearn"] / losses["ours"] - 1).max())
    row["speedup"] = row["sklearn_seconds"] / row["ours_seconds"]
    return row


def write(rows: list[dict[str, Any]], about: dict[str, Any]) -> None:
    rows = [{**row, "why": PROBE_TASKS[row["task"]]} for row in rows]
    text = io.StringIO()
    for key, value in about.items():
        text.write(f"# {key}: {value}\n")
    names = list(dict.fromkeys(key for row in rows for key in row))
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    for row in rows:
        table.writerow({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()})
    write_whole(stored("probes.csv"), text.getvalue())
    write_whole(JSON, json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tasks", nargs="+", default=list(PROBE_TASKS), choices=PROBE_TASKS)
    parser.add_argument("--repeats", type=int, default=5, help="draws of examples (few-shot)")
    parser.add_argument("--resume", action="store_true", help="keep rows of this checkpoint")
    parser.add_argument("--no-write", action="store_true", help="print only")
    parser.add_argument("--again", action="store_true", help="with --resume: compare again")
    parser.add_argument("--no-sklearn", action="store_true", help="skip the slow oracle")
    args = parser.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1)  # scikit-learn's products, too: threads that wait count as CPU time
    checkpoint = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:16]
    about = {
        "what": "linear probes, few shots and calibration of the shipped model",
        "command": "python benchmarks/probe.py",
        "model": "laptop_1",
        "checkpoint": checkpoint,
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, one thread, torch {torch.__version__}",
        "split": "60 / 20 / 20 % train / validation / test, class by class, seed 0; at most 1,500 "
        "pictures a task",
        "lambda": f"{len(LAMBDA_GRID)} values, 1e-6 to 1e6; repeats {args.repeats}",
    }
    rows: list[dict[str, Any]] = []
    if args.resume and JSON.is_file():
        kept = json.loads(JSON.read_text())
        if kept["about"]["checkpoint"] == checkpoint:
            rows = kept["rows"]
    model, tokenizer, _ = load_pretrained("laptop_1")
    model = model.float()
    for name in args.tasks:
        if any(row["task"] == name for row in rows):
            continue
        try:
            row = measure(name, model, tokenizer, args.repeats)
        except TaskUnavailable as reason:
            print(f"{name}: left out. {reason}")
            continue
        rows.append(row)
        print(
            f"{name:>15}: zero-shot {row['zero_shot']:.1%}, probe {row['probe']:.1%}, effective "
            f"{row['effective_sign']} {row['effective']:.2g} shots, ECE {row['ece_zero_shot']:.2f} "
            f"and {row['ece_probe']:.2f}",
            flush=True,
        )
        if not args.no_write:
            write(rows, about)
    for row in rows:  # second, because scikit-learn takes most of the time
        if row["task"] not in ORACLE or args.no_sklearn:
            continue
        if row["speedup"] and not args.again:
            continue
        row.update(compare(row["task"], model))
        print(
            f"{row['task']:>15}: {row['speedup']:.1f} x scikit-learn's speed on the grid, test "
            f"{row['ours_best']:.2%} and {row['sklearn_best']:.2%}, objective above the other's "
            f"by {row['ours_above']:.1e} and {row['sklearn_above']:.1e} at worst",
            flush=True,
        )
        if not args.no_write:
            write(rows, about)
    if rows and not args.no_write:
        write(rows, about)


if __name__ == "__main__":
    main()
