"""Does the CLIP that a student writes learn as well as the library's? Three seeds of each.

    python benchmarks/my_clip.py                      # 20 minutes on two idle cores
    python benchmarks/my_clip.py --file my_clip.py    # a file of your own
    python benchmarks/my_clip.py --steps 20 --seeds 0 --out runs/try    # does it run?

Trains the CLIP of a my_clip.py and the library's, with recipe `lesson`, the same pairs, tokenizer
and batches, as lesson 04 does. Both are measured by the library on the three held-out icon sets.
my_clip.csv has every loss, my_clip.json the accuracies, seconds and differences; lesson 04 draws
its own curve over the library's of seed 0.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.util
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from clipedu.device import keep_freed_memory, native_bfloat16
from clipedu.evaluation import load_task, zero_shot
from clipedu.files import write_whole
from clipedu.models import CLIP, build
from clipedu.pairs import HELD_OUT_FAMILIES, training_pairs
from clipedu.tokenizer import Tokenizer
from clipedu.training import RECIPES, Feeder, Recipe, train
from clipedu_lessons.common.mine import as_library_config

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "clipedu_lessons" / "l04_train_a_clip" / "results"
Trained = tuple[CLIP, Tokenizer, list[float]]


def module_of(path: Path) -> ModuleType:
    """A my_clip.py, imported; its dataclasses look their module up by name."""
    spec = importlib.util.spec_from_file_location("my_clip", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["my_clip"] = module
    spec.loader.exec_module(module)
    return module


def mine(path: Path, recipe: Recipe, pairs: Any) -> Callable[[int], Trained]:
    """The training of the file's CLIP as a function of the seed; its tokenizer is trained once."""
    my_clip = module_of(path)
    start = time.perf_counter()
    tokenizer = my_clip.Tokenizer.train(pairs.texts(), recipe.vocab_size)
    print(f"tokenizer of {path.name}: {time.perf_counter() - start:.1f} s", flush=True)
    keep_freed_memory()

    def run(seed: int) -> Trained:
        torch.manual_seed(seed)
        text = my_clip.TextConfig(vocab_size=tokenizer.vocab_size)
        model = my_clip.CLIP(my_clip.CLIPConfig(text=text))
        feeder = Feeder(pairs, tokenizer, recipe, seed, torch.device("cpu"))
        batches = feeder.batches(0, recipe.steps, ahead=False)
        numbers = {"peak": recipe.learning_rate, "half": bool(native_bfloat16())}
        losses = list(my_clip.train_clip(model, batches, steps=recipe.steps, **numbers))
        same = build(as_library_config(model.config), seed=0)
        same.load_state_dict(model.state_dict())
        return same.eval(), Tokenizer(tokenizer.merges), losses

    return run


def library(recipe: Recipe, pairs: Any) -> Callable[[int], Trained]:
    """The library's own training, the same way."""
    tokenizer = Tokenizer.train(pairs.texts(), recipe.vocab_size)

    def run(seed: int) -> Trained:
        result = train(recipe, seed=seed, pairs=pairs, tokenizer=tokenizer)
        return result.model, tokenizer, [row["loss"] for row in result.history]

    return run


def measure(who: str, seed: int, run: Callable[[int], Trained]) -> tuple[dict[str, Any], list[str]]:
    """One run: its row for the JSON, and its lines for the CSV."""
    start = time.perf_counter()
    model, tokenizer, losses = run(seed)
    row: dict[str, Any] = {
        "who": who,
        "seed": seed,
        "seconds": round(time.perf_counter() - start, 1),
        "last_loss": round(sum(losses[-10:]) / len(losses[-10:]), 4),
    }
    for name in HELD_OUT_FAMILIES:
        for templates in ("icon", "name"):
            result = zero_shot(model, tokenizer, load_task(name), templates=templates)
            key = name if templates == "icon" else f"{name}, bare names"
            low, high = result.interval
            row[key] = {"top1": round(result.top1, 4), "low": round(low, 4), "high": round(high, 4)}
    print(row, flush=True)
    return row, [f"{who},{seed},{step},{loss:.5f}" for step, loss in enumerate(losses, 1)]


def difference(rows: list[dict[str, Any]], name: str) -> float:
    """Mean accuracy of my_clip minus that of the library, in percentage points."""
    means = {
        who: sum(row[name]["top1"] for row in rows if row["who"] == who)
        / sum(row["who"] == who for row in rows)
        for who in ("my_clip", "library")
    }
    return round(100 * (means["my_clip"] - means["library"]), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, default=ROOT / "solutions" / "my_clip.py")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, help="instead of the recipe's, for a try")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of my_clip.csv and .json")
    args = parser.parse_args()
    recipe = dataclasses.replace(RECIPES["lesson"], evaluate_every=0)
    if args.steps:
        recipe = dataclasses.replace(recipe, steps=args.steps)
    pairs = training_pairs().drawn(recipe.captions)
    runs = {"my_clip": mine(args.file, recipe, pairs), "library": library(recipe, pairs)}
    measured = [measure(who, seed, run) for seed in args.seeds for who, run in runs.items()]
    rows = [row for row, _ in measured]
    about = {
        "command": f"python benchmarks/my_clip.py --seeds {' '.join(map(str, args.seeds))}",
        "date": datetime.date.today().isoformat(),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "recipe": recipe.to_dict(),
        "file": args.file.name,
        "my_clip minus library, points": {n: difference(rows, n) for n in HELD_OUT_FAMILIES},
        "runs": rows,
    }
    args.out.mkdir(parents=True, exist_ok=True)
    lines = ["who,seed,step,loss", *(line for _, lines in measured for line in lines)]
    write_whole(args.out / "my_clip.csv", "\n".join(lines) + "\n")
    write_whole(args.out / "my_clip.json", json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
