"""What a large batch buys, what inexact gradients cost, and training in three precisions.

    python benchmarks/batches.py                 # batches, on equal pictures seen
    python benchmarks/batches.py --long          # the larger batches, on four times the pictures
    python benchmarks/batches.py --precision     # fp32, bf16, fp16 with and without a scaler

Rows go to lesson 08's results/batches.csv and precision.csv as each run ends, and a run that has
a row is not made again. The model is the middle one of lesson 09's grid. All runs see equally
many pictures; the rate grows with the square root of the batch. Where a loss is taken in parts, it
is as if these parts were 16 ranks or chunks of 4 pairs, in one process: the encoders see the batch
as a whole. Errors are those of benchmarks/scaling.py, whose runs of width 32 are those with a batch
of 64 here. batches_cosines.csv says how alike the embeddings are on the way: `alike`.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent))
from objectives import Remembered
from scaling import errors_of
from testbed import describe, read, write
from torch.nn import functional as F

from clipedu.device import keep_freed_memory, pick_device
from clipedu.evaluation import embed_pictures, zero_shot_classifier
from clipedu.models import CLIP
from clipedu.objectives import info_nce
from clipedu.training import (
    Execution,
    Feeder,
    Recipe,
    Run,
    TrainingDiverged,
    read_steps,
    train_step,
)
from clipedu.training.batches import dataset_fingerprint
from clipedu_lessons.l09_scaling_laws.grid import data, recipe_of, words

RESULTS = Path(__file__).resolve().parents[1] / "clipedu_lessons" / "l08_scaling_up" / "results"
PAIRS, WIDTH, PART = 40_960, 32, 4  # pictures seen, of the model, pairs of a rank or chunk
LARGEST_AT_ONCE = 1024  # a larger batch goes through the encoders in chunks (GradCache)


def accumulated(image: Tensor, text: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
    """Naive accumulation: each part compares its own pairs only; the mean of the parts' losses."""
    rows = torch.arange(len(image)).split(PART)
    parts = [info_nce(image[r], text[r], scale, None if ids is None else ids[r]) for r in rows]
    return torch.stack(parts).mean()


def lost_gradient(image: Tensor, text: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
    """The local loss of 16 ranks, whose gather hands over numbers and no gradient."""
    n, losses = len(image), []
    same = torch.zeros(n, n, dtype=torch.bool)
    if ids is not None:
        same = (ids[:, None] == ids[None, :]).fill_diagonal_(False)
    for rows in torch.arange(n).split(PART):
        own = torch.zeros(n, 1, dtype=torch.bool)
        own[rows] = True
        images, texts = (torch.where(own, x, x.detach()) for x in (image, text))
        for mine, all_of_them in ((image[rows], texts), (text[rows], images)):
            logits = (scale * mine @ all_of_them.T).masked_fill(same[rows], -torch.inf)
            losses.append(F.cross_entropy(logits, rows))
    return torch.stack(losses).mean()


def scale_times_chunks(image: Tensor, text: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
    """The whole loss, but the gradient of the logit scale once for each of the chunks."""
    times = len(image) // PART
    return info_nce(image, text, scale.detach() + times * (scale - scale.detach()), ids)


Loss = Callable[[Tensor, Tensor, Tensor, Tensor | None], Tensor]
#: Name -> batch size, and a loss where it is not the exact one of the whole batch.
RUNS: dict[str, tuple[int, Loss | None]] = {
    "batch 64": (64, None),
    "accumulated": (64, accumulated),
    "lost gradient": (64, lost_gradient),
    "scale gradient x 16": (64, scale_times_chunks),
    "batch 256": (256, None),
    "batch 1024": (1024, None),
    "batch 4096": (4096, None),
}
LONG, LONG_PAIRS = ("batch 256", "batch 1024", "batch 4096"), 163_840
#: Steps before which the embeddings are compared, besides the end.
MOMENTS = (0, 16, 32, 64, 128, 256)
PRECISIONS = ("fp32", "bf16", "fp16", "fp16 without scaler")
STOP = 97  # step after which fp16 ends: here a step takes several times as long


def new_run(recipe: Recipe, seed: int) -> Run:
    """A run in one process on the CPU."""
    run = Run(recipe, seed, pick_device("cpu"), words())
    run.model.train()
    return run


@torch.no_grad()
def alike(model: CLIP) -> dict[str, str]:
    """Mean cosines on Remix, which is not trained on: of two different pictures, of two different
    names, and of a picture and a name. All are 1 if there is only one point left."""
    task = data()[1][0]
    kinds = {
        "pictures": embed_pictures(model, task.pictures),
        "names": zero_shot_classifier(model, words(), task.class_names, task.templates),
    }
    found = {"across": float(kinds["pictures"].mean(0) @ kinds["names"].mean(0))}
    for kind, rows in kinds.items():
        n = len(rows)
        found[kind] = float((rows.sum(0).square().sum() - n) / (n * (n - 1)))
    return {kind: f"{value:.4f}" for kind, value in found.items()}


Rows = list[dict[str, str]]


def measure(name: str, seed: int, pairs: int, stream: Remembered) -> tuple[dict[str, str], Rows]:
    """One run at some batch size, with its loss exact or not; the cosines on the way."""
    batch, loss = RUNS[name]
    recipe = recipe_of(WIDTH, pairs, batch)
    if batch > LARGEST_AT_ONCE:
        chunks = Execution(accumulate=batch // LARGEST_AT_ONCE)
        recipe = dataclasses.replace(recipe, execution=chunks)
    run, start = new_run(recipe, seed), time.process_time()
    if loss is not None:
        run.loss = loss
    feeder = Feeder(stream, words(), recipe, seed, torch.device("cpu"))
    told, cosines, aside = [], [], 0.0
    for step in range(recipe.steps + 1):
        if step in (*MOMENTS, recipe.steps):
            before = time.process_time()
            at = {"run": name, "pairs": str(pairs), "seed": str(seed), "step": str(step)}
            cosines.append(at | alike(run.model.eval()))
            run.model.train()
            aside += time.process_time() - before
        if step < recipe.steps:
            told.append(train_step(run, feeder(step)))
    rows = read_steps(run, told, feeder)
    row: dict[str, Any] = {"run": name, "seed": seed, "batch": batch, "steps": recipe.steps}
    row |= {"pairs": pairs, "rate": f"{recipe.learning_rate:.2e}"}
    row |= {"seconds": f"{time.process_time() - start - aside:.1f}"}
    tail = [row["loss"] for row in rows[-max(1, recipe.steps // 10) :]]
    row |= {"loss": f"{statistics.fmean(tail):.4f}", "scale": f"{rows[-1]['logit_scale']:.2f}"}
    row |= {"clipped": f"{statistics.fmean(row['gradient'] > 1 for row in rows):.3f}"}
    row = {key: str(value) for key, value in row.items()} | errors_of(run.model.eval())
    return row, cosines


def in_precision(name: str, seed: int, steps: int, stream: Remembered) -> list[dict[str, str]]:
    """One run in a precision: a row each sixteenth step, with the errors in the last."""
    recipe = recipe_of(WIDTH, 64 * steps, 64)
    kind: Any = name.split()[0]
    recipe = dataclasses.replace(recipe, precision=kind)
    run = new_run(recipe, seed)
    if "without" in name:
        run.scaler = torch.amp.GradScaler("cpu", enabled=False)
    feeder = Feeder(stream, words(), recipe, seed, torch.device("cpu"))
    table, seconds = [], 0.0
    last = min(steps, STOP) if "fp16" in name else steps
    for step in range(last):
        batch, start = feeder(step), time.process_time()
        numbers = train_step(run, batch)
        seconds += time.process_time() - start
        named = [(n, p.grad) for n, p in run.model.named_parameters() if p.grad is not None]
        grads = [g for n, g in named if "token_embedding" not in n]  # most tokens do not occur
        zero = sum(int((g == 0).sum()) for g in grads) / sum(g.numel() for g in grads)
        if step % 16 and step < last - 1:
            continue
        row = {"precision": name, "seed": seed, "step": step + 1, "seconds": f"{seconds:.1f}"}
        loss, _, norm = numbers.values.tolist()
        row |= {"loss": f"{loss:.4f}", "gradient": f"{norm:.4g}", "zero": f"{zero:.4f}"}
        scaler = run.scaler.get_scale() if run.scaler.is_enabled() else 1
        table.append({key: str(value) for key, value in row.items()} | {"scaler": f"{scaler:g}"})
        try:
            read_steps(run, [numbers], feeder)
        except TrainingDiverged:
            break
    kept = sum(p.numel() * p.element_size() for p in run.parameters)
    ends = errors_of(run.model.eval()) | {"weights_bytes": str(kept)}
    blank = dict.fromkeys(ends, "")
    return [row | blank for row in table[:-1]] + [table[-1] | ends]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", help="some of the runs")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--pairs", type=int, default=PAIRS, help="another number, for a trial")
    parser.add_argument("--steps", type=int, default=320, help="with --precision")
    parser.add_argument("--precision", action="store_true")
    parser.add_argument("--long", action="store_true", help=f"on {LONG_PAIRS:,} pictures")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.out is None and (args.pairs != PAIRS or args.steps != 320):
        parser.error("a trial with --pairs or --steps needs --out FILE")
    torch.set_num_threads(1)
    keep_freed_memory()
    kind, key = ("precision", "precision") if args.precision else ("batches", "run")
    out = args.out or RESULTS / f"{kind}.csv"
    beside = out.with_name(f"{out.stem}_cosines.csv")
    pairs = LONG_PAIRS if args.long else args.pairs
    stream, rows, cosines = Remembered(data()[0]), read(out), read(beside)
    done = {(row[key], row["seed"], row.get("pairs")) for row in rows}
    for seed in args.seeds:
        for name in args.only or (PRECISIONS if args.precision else LONG if args.long else RUNS):
            if (name, str(seed), None if args.precision else str(pairs)) in done:
                continue
            if args.precision:
                rows += in_precision(name, seed, args.steps, stream)
            else:
                row, on_the_way = measure(name, seed, pairs, stream)
                rows, cosines = [*rows, row], [*cosines, *on_the_way]
                write(beside, cosines)
            write(out, rows)
            print(rows[-1], flush=True)
            if args.long:
                stream.made.clear()  # no other run has these batches
    describe(
        out,
        machine="one core of a server CPU with AMX (x86_64)",
        command="python benchmarks/batches.py"
        + (" --precision" if args.precision else "; python benchmarks/batches.py --long"),
        data=dataset_fingerprint(data()[0]),
        native={
            name: bool(found)
            for name, found in torch.cpu.get_capabilities().items()
            if name in ("amx_bf16", "amx_fp16", "avx512_bf16", "avx512_fp16")
        },
        recipe=recipe_of(WIDTH, args.pairs, 256).to_dict(),  # batch, steps, rate as in the rows
    )


if __name__ == "__main__":
    main()
