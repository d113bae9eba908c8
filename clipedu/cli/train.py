"""`clipedu train`: train a CLIP from scratch, or go on with a run."""

from __future__ import annotations

import argparse
import ast
import json
import math
import sys
from pathlib import Path
from typing import Any

from clipedu.cli.main import add_verb

EXAMPLES = """\
  clipedu train --recipe laptop --seed 0 --out runs/laptop
  clipedu train --recipe lesson --steps 100 --batch-size 256 --out runs/short
  clipedu train --resume runs/laptop
  clipedu train --batch-size 4096 --set execution.accumulate=8 --out runs/large
  torchrun --nproc-per-node 2 -m clipedu train --recipe lesson --out runs/two
  torchrun --nproc-per-node 2 -m clipedu train --set execution.sharded=true --out runs/split
  clipedu train --shards shards --steps 100 --out runs/shards
"""
TASKS = ("lucide", "font_awesome", "heroicons")
#: Fields of a recipe that have an option of their own.
CHANGES: dict[str, type] = {"steps": int, "batch_size": int}
CHANGES |= dict.fromkeys(("learning_rate", "weight_decay", "ema_decay"), float)
CHANGES |= dict.fromkeys(("objective", "precision", "preset"), str)
VALIDATE = "set training pictures aside and measure on them instead: how to choose a recipe"
SHARDS = "pairs from tar shards: those of `clipedu data shard`, or your own from img2dataset"
SET = "any other field, as warmup=0.1, augmentation.thin=0.3 or model.vision_width=48"


def add_train(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu train`."""
    what = "Train a CLIP from scratch on the training families, or go on with a run."
    parser = add_verb(subparsers, "train", run_train, what, EXAMPLES)
    parser.add_argument("--recipe", help="tiny, lesson, laptop, shipped, or a recipe.json")
    parser.add_argument("--seed", type=int, help="of first weights and batches (default 0)")
    parser.add_argument("--out", type=Path, help="folder for checkpoint, model and history")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in DIR")
    parser.add_argument("--overwrite", action="store_true", help="let --out replace a run")
    parser.add_argument("--device", help="auto, cpu, cuda or mps")
    parser.add_argument("--quiet", action="store_true", help="show no progress line")
    parser.add_argument("--no-evaluation", action="store_true", help="do not measure zero-shot")
    parser.add_argument("--validate", action="store_true", help=VALIDATE)
    parser.add_argument("--shards", type=Path, metavar="DIR", help=SHARDS)
    changes = parser.add_argument_group("change the recipe")
    for name, kind in CHANGES.items():
        changes.add_argument(f"--{name.replace('_', '-')}", type=kind)
    changes.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help=SET)
    return parser


def run_train(args: argparse.Namespace) -> int | tuple[int, dict[str, Any]]:
    """Trains, prints the outcome and returns it for `--json`; 130 after Ctrl-C."""
    from clipedu.training import TrainingInterrupted, World, train

    recipe = _recipe(args)
    if args.out is None and args.resume is None:
        raise ValueError("Where should the model go? Give --out FOLDER (or --resume FOLDER).")
    world = World.from_environment()  # several processes under torchrun, one of which talks
    pairs, evaluate = _data(args, recipe, talks=world.is_main_process and not args.quiet)
    same = {name: getattr(args, name) for name in ("seed", "out", "resume", "device", "overwrite")}
    evaluate = None if args.no_evaluation else evaluate
    try:
        result = train(recipe, pairs=pairs, evaluate=evaluate, progress=not args.quiet, **same)
    except TrainingInterrupted as stopped:
        if world.is_main_process:
            data = f"--shards {args.shards}" if args.shards else "--validate" * args.validate
            more = f" Add {data}: a run goes on with the data that it began with." if data else ""
            print(f"\n{stopped}{more}", file=sys.stderr)
        return 130
    if not world.is_main_process:
        return 0
    speed = f"{result.seconds / 60:.1f} minutes, {result.pairs_per_second:,.0f} pairs a second"
    print(f"{result.step:,} steps in {speed}. Model: {result.folder}")
    for name, accuracy in result.zero_shot.items():
        print(f"  zero-shot {name:<14} {accuracy:6.1%}")
    return 0, {
        "folder": str(result.folder),
        "seed": result.seed,
        "steps": result.step,
        "loss": result.history[-1]["loss"] if result.history else None,
        "chance_loss": math.log(result.recipe.batch_size),
        "seconds": round(result.seconds, 1),
        "pairs_per_second": round(result.pairs_per_second, 1),
        "zero_shot": result.zero_shot,
        "recipe": result.recipe.to_dict(),
    }


def _data(args: argparse.Namespace, recipe: Any, *, talks: bool) -> tuple[Any, Any]:
    """The pairs to train on (None: the course's own) and what to measure."""
    from clipedu.pairs import open_shards
    from clipedu.training import load_checkpoint, validation_split

    if args.validate and args.shards:
        raise ValueError("--validate sets the course's own pictures aside: leave out --shards.")
    if not args.validate and not args.shards:
        return None, TASKS
    chosen = recipe if recipe is not None else load_checkpoint(args.resume).recipe
    size = chosen.config().vision.resolution
    if args.validate:
        return validation_split(size, progress=talks)
    pairs = open_shards(args.shards, size, progress=talks)
    if talks:
        print(pairs.report(), file=sys.stderr)
    return pairs, TASKS


def _recipe(args: argparse.Namespace) -> Any:
    """The recipe with the changes asked for; None where a resumed run's own should be taken."""
    from clipedu.training import RECIPES, Recipe, get_recipe

    changes = {name: getattr(args, name) for name in CHANGES if getattr(args, name) is not None}
    if args.resume is not None and args.recipe is None:
        if changes or args.set:
            words = ", ".join([*changes, *args.set])
            raise ValueError(f"A run that goes on keeps its recipe: leave out {words}.")
        return None
    name = args.recipe or "laptop"
    is_file = name not in RECIPES and name.endswith(".json")
    data = (Recipe.load(name) if is_file else get_recipe(name)).to_dict() | changes
    for assignment in args.set:
        _set(data, assignment)
    return Recipe.from_dict(data)


def _value(text: str) -> Any:
    """A value as JSON or Python writes it (null, None, .1, (0.9, 0.98)); else a word, unquoted."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text.strip())
        except (ValueError, SyntaxError):
            continue
    return text


def _set(data: dict[str, Any], assignment: str) -> None:
    """Do what `--set FIELD=VALUE` says. Raises ValueError where there is no such field."""
    field, equals, text = assignment.partition("=")
    if not equals:
        raise ValueError(f"--set takes FIELD=VALUE, not {assignment!r}.")
    value = _value(text)
    part, dot, inner = field.partition(".")
    if not dot:
        data[field] = value
    elif part not in ("model", "augmentation", "execution"):
        raise ValueError(f"Only model, augmentation and execution have fields, not {part!r}.")
    elif isinstance(data[part], dict):
        data[part] = {**data[part], inner: value}
    else:  # an earlier --set put something else there
        raise ValueError(f"{part} was set to {data[part]!r}, which has no field {inner!r}.")
