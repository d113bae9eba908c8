"""The verb `train` of the command line."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

EXAMPLE = """examples:
  clipedu train --recipe laptop --seed 0 --out runs/laptop
  clipedu train --recipe lesson --steps 100 --batch-size 256 --out runs/short
  clipedu train --resume runs/laptop
  clipedu train --batch-size 4096 --set execution.accumulate=8 --out runs/large
  torchrun --nproc-per-node 2 -m clipedu train --recipe lesson --out runs/two
  torchrun --nproc-per-node 2 -m clipedu train --set execution.sharded=true --out runs/split
  clipedu train --shards shards --steps 100 --out runs/shards
  clipedu train --compare-with-paper
"""
TASKS = ("lucide", "font_awesome", "heroicons")


def add_train_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Adds `clipedu train` to the verbs."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "train",
        help="train a CLIP from scratch, or go on with a run",
        description="Train a CLIP from scratch on the training families, or go on with a run.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--recipe", help="tiny, lesson, laptop, shipped, or a recipe.json")
    parser.add_argument("--seed", type=int, help="of first weights and batches (default 0)")
    parser.add_argument("--out", type=Path, help="folder for checkpoint, model and history")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in DIR")
    parser.add_argument("--overwrite", action="store_true", help="let --out replace a run")
    parser.add_argument("--device", help="auto, cpu, cuda or mps")
    parser.add_argument("--quiet", action="store_true", help="show no progress line")
    parser.add_argument("--no-evaluation", action="store_true", help="do not measure zero-shot")
    parser.add_argument(
        "--validate",
        action="store_true",
        help="set training pictures aside and measure on them instead: how to choose a recipe",
    )
    parser.add_argument(
        "--shards",
        type=Path,
        metavar="DIR",
        help="pairs from tar shards: those of `clipedu data shard`, or your own from img2dataset",
    )
    parser.add_argument("--compare-with-paper", action="store_true", help="print both recipes")
    changes = parser.add_argument_group("change the recipe")
    changes.add_argument("--steps", type=int)
    changes.add_argument("--batch-size", type=int)
    changes.add_argument("--learning-rate", type=float)
    changes.add_argument("--weight-decay", type=float)
    changes.add_argument("--objective", choices=("infonce", "siglip"))
    changes.add_argument("--precision", choices=("auto", "fp32", "bf16", "fp16"))
    changes.add_argument("--ema-decay", type=float)
    changes.add_argument("--preset", help="model: a name of clipedu.models.PRESETS")
    changes.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="any other field, as warmup=0.1, augmentation.thin=0.3 or model.vision_width=48",
    )
    parser.set_defaults(run=run_train)
    return parser


def run_train(args: argparse.Namespace) -> int | tuple[int, dict[str, Any]]:
    """Trains, prints the outcome and returns it for `--json`; 130 after Ctrl-C."""
    from clipedu.pairs import open_shards
    from clipedu.training import (
        TrainingInterrupted,
        World,
        load_checkpoint,
        train,
        validation_split,
    )

    recipe = _recipe(args)
    if args.compare_with_paper:
        print(_comparison(recipe))
        return 0
    if args.out is None and args.resume is None:
        raise ValueError("Where should the model go? Give --out FOLDER (or --resume FOLDER).")
    world = World.from_environment()  # several processes under torchrun, one of which talks
    pairs: Any = None
    evaluate: Any = None if args.no_evaluation else TASKS
    if args.validate and args.shards:
        raise ValueError("--validate sets the course's own pictures aside: leave out --shards.")
    if args.validate or args.shards:
        chosen = recipe if recipe is not None else load_checkpoint(args.resume).recipe
        size, talks = chosen.config().vision.resolution, not args.quiet and world.writes
    if args.validate:
        pairs, aside = validation_split(size, progress=talks)
        evaluate = None if args.no_evaluation else aside
    if args.shards:
        pairs = open_shards(args.shards, size, progress=talks)
        if talks:
            print(pairs.report(), file=sys.stderr)
    try:
        result = train(
            recipe,
            seed=args.seed,
            out=args.out,
            resume=args.resume,
            pairs=pairs,
            evaluate=evaluate,
            progress=not args.quiet,
            device=args.device,
            overwrite=args.overwrite,
        )
    except TrainingInterrupted as stopped:
        if world.writes:
            print(f"\n{stopped}{_same_data(args)}", file=sys.stderr)
        return 130
    if not world.writes:
        return 0
    outcome = {
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
    print(
        f"{result.step:,} steps in {result.seconds / 60:.1f} minutes, "
        f"{result.pairs_per_second:,.0f} pairs a second. Model: {result.folder}"
    )
    for name, accuracy in result.zero_shot.items():
        print(f"  zero-shot {name:<14} {accuracy:6.1%}")
    return 0, outcome


def _same_data(args: argparse.Namespace) -> str:
    """What the command that goes on with a run needs beside --resume, in a sentence, or nothing."""
    option = f"--shards {args.shards}" if args.shards else "--validate" if args.validate else ""
    return f" Add {option}: a run goes on with the data that it began with." if option else ""


def _recipe(args: argparse.Namespace) -> Any:
    """The recipe with the changes asked for; None where a resumed run's own should be taken."""
    from clipedu.training import RECIPES, Recipe, get_recipe

    names = (
        "steps batch_size learning_rate weight_decay objective precision ema_decay preset".split()
    )
    changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.resume is not None and args.recipe is None:
        if changes or args.set:
            raise ValueError(
                "A run that goes on keeps its recipe, or it would be another run: leave out "
                f"{', '.join([*changes, *args.set])}."
            )
        return None
    name = args.recipe or "laptop"
    is_file = name not in RECIPES and name.endswith(".json")
    data = (Recipe.load(name) if is_file else get_recipe(name)).to_dict() | changes
    for assignment in args.set:
        field, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(f"--set takes FIELD=VALUE, not {assignment!r}.")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        part, dot, inner = field.partition(".")
        if not dot:
            data[field] = value
        elif part in ("model", "augmentation", "execution"):
            if not isinstance(data[part], dict):  # an earlier --set put something else there
                raise ValueError(f"{part} was set to {data[part]!r}, which has no field {inner!r}.")
            data[part] = {**data[part], inner: value}
        else:
            raise ValueError(
                f"Only model, augmentation and execution have fields of their own, not {part!r}."
            )
    return Recipe.from_dict(data)


def _comparison(recipe: Any) -> str:
    from clipedu.training import compare_with_paper

    rows = compare_with_paper(recipe if recipe is not None else "laptop")
    table = [("", "paper", "here", "why"), *rows]
    widths = [max(len(row[k]) for row in table) for k in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    )
