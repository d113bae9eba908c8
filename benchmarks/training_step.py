"""Where does a training step's time go? Towers and loss are the work; the rest is overhead.

    python benchmarks/training_step.py --threads 1 --json benchmarks/training_step.json

With one thread it counts processor time, which other programs on the machine don't spoil; with more
it counts time on the wall, and wants a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from clipedu.device import pick_device
from clipedu.files import write_whole
from clipedu.objectives import clamp_logit_scale_, info_nce
from clipedu.pairs import all_captions, training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.training import (
    RECIPES,
    Feeder,
    Run,
    read_steps,
    save_checkpoint,
    train_step,
    update_average_,
)
from clipedu.training.checkpoint import HISTORY_NAME, history_lines
from clipedu.training.run import to_checkpoint
from clipedu.training.trainer import describe, progress_bar


def seconds(action: Callable[[int], Any], repeats: int, clock: Callable[[], float]) -> float:
    """Median of one call; the first two calls prepare kernels and are left out."""
    times = []
    for k in range(repeats + 2):
        start = clock()
        action(k)
        times.append(clock() - start)
    return statistics.median(times[2:])


def measure(name: str, repeats: int, threads: int) -> dict[str, Any]:
    """Milliseconds of every part of a step, and what share of the step is not towers and loss."""
    recipe, choice = RECIPES[name], pick_device("cpu")
    clock = time.process_time if threads == 1 else time.perf_counter
    pairs = training_pairs(recipe.config().vision.resolution)
    tokenizer = Tokenizer.train(all_captions(pairs.icons), recipe.vocab_size, progress=True)
    run = Run(recipe, 0, choice, tokenizer)
    run.model.train()
    feeder = Feeder(pairs, tokenizer, recipe, 0, choice.device)
    batch = feeder(10_000)

    def towers(k: int) -> None:
        with torch.autocast("cpu", run.choice.dtype, enabled=run.choice.dtype != torch.float32):
            image, text, scale = run.model(batch.pictures, batch.tokens)
        run.optimizer.zero_grad(set_to_none=True)
        info_nce(image, text, scale, batch.false_negative_ids).backward()

    rows: dict[str, float] = {"towers and loss": seconds(towers, repeats, clock)}
    (row,) = read_steps(run, [train_step(run, batch)], feeder)
    row |= {"pairs_per_second": 1.0, "seconds": 1.0}

    def update(k: int) -> None:  # what train_step does once the gradients are there
        torch.nn.utils.clip_grad_norm_(run.parameters, recipe.grad_clip or math.inf).item()
        run.optimizer.step()
        clamp_logit_scale_(run.model.logit_scale, recipe.max_logit_scale)
        if run.average is not None:
            update_average_(run.average, run.model, recipe.ema_decay, k)

    rows["optimizer, clipping, average"] = seconds(update, repeats, clock)
    drawn = seconds(
        lambda k: pairs.batch_at(k, recipe.batch_size, 0, recipe.augmentation), repeats, clock
    )
    rows["pictures and captions"] = drawn
    rows["tokens, memory format"] = max(0.0, seconds(feeder, repeats, clock) - drawn)
    with tempfile.TemporaryDirectory() as folder:
        history, bar = Path(folder) / HISTORY_NAME, progress_bar(recipe, 0, True)

        def tell(k: int) -> None:
            run.history.append(row)
            with history.open("a") as lines:
                lines.write(history_lines([row]))
            bar.set_postfix_str(describe(run.history, recipe), refresh=False)
            bar.update(1)

        rows["history and progress line"] = seconds(tell, repeats, clock)
        file = Path(folder) / "checkpoint.safetensors"
        written = seconds(lambda k: save_checkpoint(file, to_checkpoint(run)), repeats, clock)
        rows["checkpoint (its share)"] = written / max(1, recipe.checkpoint_every)
    total = sum(rows.values())
    return {
        "recipe": name,
        "batch_size": recipe.batch_size,
        "threads": threads,
        "dtype": str(run.choice.dtype).removeprefix("torch."),
        "milliseconds": {part: round(1000 * value, 2) for part, value in rows.items()},
        "step_milliseconds": round(1000 * total, 1),
        "pairs_per_second": round(recipe.batch_size / total, 1),
        "overhead": round(1 - rows["towers and loss"] / total, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="laptop")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    result = measure(args.recipe, args.repeats, args.threads)
    for part, value in result["milliseconds"].items():
        print(f"{part:<30} {value:8.2f} ms  {value / result['step_milliseconds']:6.1%}")
    print(
        f"{result['pairs_per_second']:,.0f} pairs/s with {args.threads} thread(s), "
        f"{result['dtype']}; overhead {result['overhead']:.1%}"
    )
    if args.json:
        write_whole(args.json, json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
