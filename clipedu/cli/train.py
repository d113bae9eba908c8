"""`clipedu train`: train a CLIP from scratch, or go on with a run."""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from clipedu.cli.main import add_verb

EXAMPLES = """\
  clipedu train --recipe laptop --seed 0 --out runs/laptop
  clipedu train --resume runs/laptop
  clipedu train --batch-size 4096 --set execution.accumulate=8 --out runs/large
  torchrun --nproc-per-node 2 -m clipedu train --set execution.sharded=true --out runs/split
  clipedu train --shards shards --steps 100 --out runs/shards
  clipedu train --objective virtex --recipe lesson --out runs/virtex
"""
TASKS = ("lucide", "font_awesome", "heroicons")
#: Fields of a recipe that have an option of their own, short for --set.
CHANGES = "steps batch_size learning_rate weight_decay ema_decay objective precision preset".split()
OBJECTIVES = "clip, siglip, convirt, virtex, caption, icmlm, bow, ngrams or simclr"
SET = "any other field, as warmup=0.1, augmentation.thin=0.3 or model.vision_width=48"


def add_train(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu train`."""
    what = "Train a CLIP on the training icon sets, or go on with a run."
    parser = add_verb(subparsers, "train", run_train, what, EXAMPLES)
    parser.add_argument("--recipe", help="tiny, lesson, laptop, shipped, or a recipe.json")
    parser.add_argument("--seed", type=int, help="of first weights and batches (default 0)")
    parser.add_argument("--out", type=Path, help="folder for checkpoint, model and history")
    parser.add_argument("--resume", type=Path, metavar="DIR", help="go on with the run in DIR")
    parser.add_argument("--overwrite", action="store_true", help="let --out replace a run")
    parser.add_argument("--device", help="auto, cpu, cuda or mps")
    parser.add_argument("--quiet", action="store_true", help="show no progress line")
    parser.add_argument("--no-evaluation", action="store_true", help="do not measure zero-shot")
    parser.add_argument(
        "--validate", action="store_true", help="leave two sets out, measure on them"
    )
    parser.add_argument("--shards", type=Path, metavar="DIR", help="take the pairs of tar shards")
    changes = parser.add_argument_group("change the recipe")
    for name in CHANGES:
        helps = OBJECTIVES if name == "objective" else None
        changes.add_argument(f"--{name.replace('_', '-')}", help=helps)
    changes.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help=SET)
    return parser


def run_train(args: argparse.Namespace) -> int | tuple[int, dict[str, Any]]:
    """Trains, prints the outcome and returns it for `--json`; 130 after Ctrl-C."""
    from clipedu.objectives import chance_loss
    from clipedu.training import TrainingInterrupted, World, train

    recipe = _recipe(args)
    if args.out is None and args.resume is None:
        raise ValueError("Where should the model go? Give --out FOLDER (or --resume FOLDER).")
    talks = World.from_environment().is_main_process  # of several processes under torchrun
    pairs, evaluate = _data(args, recipe, talks and not args.quiet)
    same = {name: getattr(args, name) for name in ("seed", "out", "resume", "device", "overwrite")}
    evaluate = None if args.no_evaluation else evaluate
    try:
        result = train(recipe, pairs=pairs, evaluate=evaluate, progress=not args.quiet, **same)
    except TrainingInterrupted as stopped:
        if talks:
            data = f"--shards {args.shards}" if args.shards else "--validate" * args.validate
            more = f" Add {data}: a run goes on with the data that it began with." if data else ""
            print(f"\n{stopped}{more}", file=sys.stderr)
        return 130
    if not talks:
        return 0
    speed = f"{result.seconds / 60:.1f} minutes, {result.pairs_per_second:,.0f} pairs a second"
    print(f"{result.step:,} steps in {speed}. Model: {result.folder}")
    if result.recipe.objective == "simclr":
        print("  no zero-shot: simclr has seen no words. A linear probe can ask its features.")
    for name, accuracy in result.zero_shot.items():
        print(f"  zero-shot {name:<14} {accuracy:6.1%}")
    return 0, {
        "folder": str(result.folder),
        **{name: getattr(result, name) for name in ("seed", "zero_shot")},
        "steps": result.step,
        "loss": result.history[-1]["loss"] if result.history else None,
        "chance_loss": chance_loss(
            result.recipe.objective, result.recipe.batch_size, result.tokenizer.vocab_size
        ),
        **{name: round(getattr(result, name), 1) for name in ("seconds", "pairs_per_second")},
        "recipe": result.recipe.to_dict(),
    }


def _data(args: argparse.Namespace, recipe: Any, talks: bool) -> tuple[Any, Any]:
    """The pairs to train on (None: the course's own) and what to measure."""
    from clipedu.pairs import open_shards
    from clipedu.training import left_out_split, load_checkpoint

    if args.validate and args.shards:
        raise ValueError(
            "--validate leaves out two of the course's own icon sets: leave out --shards."
        )
    if not (args.validate or args.shards):
        return None, TASKS
    size = (recipe or load_checkpoint(args.resume).recipe).config().vision.resolution
    if args.validate:
        return left_out_split(size=size)
    pairs = open_shards(args.shards, size, progress=talks)
    if talks:
        print(pairs.report(), file=sys.stderr)
    return pairs, TASKS


def _recipe(args: argparse.Namespace) -> Any:
    """The recipe with the changes asked for; None where a resumed run's own should be taken."""
    changes = [f"{n}={x}" for n in CHANGES if (x := getattr(args, n)) is not None] + args.set
    if args.resume is not None and args.recipe is None:
        if changes:
            raise ValueError(f"A resumed run keeps its recipe: leave out {', '.join(changes)}.")
        return None
    return recipe_with(args.recipe or "laptop", changes)


def recipe_with(name: str, changes: list[str]) -> Any:
    """A recipe by its name or file, with changes FIELD=VALUE; ValueError for one that can't be."""
    from clipedu.training import Recipe, get_recipe

    data = (Recipe.load(name) if name.endswith(".json") else get_recipe(name)).to_dict()
    for change in changes:
        field, equals, text = change.partition("=")
        part, dot, inner = field.partition(".")
        if not equals:
            raise ValueError(f"--set takes FIELD=VALUE, not {change!r}.")
        if dot and part not in ("model", "augmentation", "execution", "options"):
            names = "model, augmentation, execution and options"
            raise ValueError(f"Only {names} have fields, not {part!r}.")
        if dot and not isinstance(data[part], dict):  # an earlier --set put something else there
            raise ValueError(f"{part} was set to {data[part]!r}, which has no field {inner!r}.")
        data[part] = {**data[part], inner: _value(text)} if dot else _value(text)
    return Recipe.from_dict(data)


def _value(text: str) -> Any:
    """A value as JSON or Python writes it (null, None, .1, (0.9, 0.98)); else a word, unquoted."""
    for read in (json.loads, ast.literal_eval):
        with contextlib.suppress(ValueError, SyntaxError):
            return read(text.strip())
    return text
