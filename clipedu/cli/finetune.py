"""`clipedu finetune`: train a model further, on other pairs, and see what that costs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from clipedu.cli.evaluate import USUAL
from clipedu.cli.main import add_verb

EXAMPLES = """\
  clipedu finetune laptop --task digits --count 200 --out runs/digits
  clipedu finetune laptop --task digits --method lora --rank 8 --out runs/lora
  clipedu finetune ViT-B/32 --sets tabler openmoji --method frozen_image --out runs/icons
  clipedu finetune hf:openai/clip-vit-base-patch32 --shards shards --steps 500 --out runs/mine
"""
#: Fields of the recipe that have an option, with the kind of their value.
CHANGES = {"steps": int, "batch_size": int, "learning_rate": float, "rank": int}


def add_finetune(subparsers: Any) -> argparse.ArgumentParser:
    """The parser of `clipedu finetune`."""
    from clipedu.training import METHODS

    what = "Fine-tune a CLIP, and measure what it learned, what it lost, and WiSE-FT's cure."
    parser = add_verb(subparsers, "finetune", run_finetune, what, EXAMPLES)
    add = parser.add_argument
    add("checkpoint", help="laptop, a file, a run's folder, or as `clipedu load`")
    add("--out", type=Path, required=True, help="folder for checkpoint, models and history")
    add("--method", choices=METHODS, default="full", help="what learns (default full)")
    data = parser.add_mutually_exclusive_group()
    data.add_argument("--sets", nargs="+", metavar="SET", help="training icon sets (default: all)")
    data.add_argument("--shards", type=Path, metavar="DIR", help="take the pairs of tar shards")
    data.add_argument("--task", metavar="NAME", help="learn from a part of it, test on the rest")
    add("--count", type=int, default=200, help="pictures of --task to learn from (default 200)")
    add("--tasks", nargs="+", metavar="NAME", default=USUAL, help=f"default: {' '.join(USUAL)}")
    add("--share", type=float, default=0.5, help="of the new weights in WiSE-FT (default 0.5)")
    add("--seed", type=int, default=0, help="of the batches (default 0)")
    add("--activation", choices=("quick_gelu", "gelu"), help="as `clipedu load`")
    add("--overwrite", action="store_true", help="let --out replace a run")
    add("--device", help="auto, cpu, cuda or mps")
    for name, kind in CHANGES.items():
        add(f"--{name.replace('_', '-')}", type=kind)
    return parser


def run_finetune(args: argparse.Namespace) -> tuple[int, dict[str, Any]]:
    """Trains and prints a table of accuracies; returns exit code 0 and the figures."""
    from clipedu import training
    from clipedu.evaluation import load_task
    from clipedu.pairs import TRAINING_FAMILIES, open_shards, training_pairs

    model, tokenizer = training.load_any(args.checkpoint, activation=args.activation)
    training.interpolate(model, model, args.share)  # a bad share is found before the work
    changes = {name: x for name in CHANGES if (x := getattr(args, name)) is not None}
    recipe = training.finetune_recipe(model, method=args.method, **changes)
    size = model.config.vision.resolution
    tasks = {name: load_task(name, size) for name in args.tasks}
    pairs: training.Pairs
    if args.task:
        whole = load_task(args.task, size)
        pairs, tasks[args.task] = training.split_task(whole, args.count, args.seed)
    elif args.shards:
        pairs = open_shards(args.shards, size)
    else:
        pairs = training_pairs(size, families=args.sets or TRAINING_FAMILIES)
    same = {name: getattr(args, name) for name in ("seed", "out", "device", "overwrite")}
    result = training.train(recipe, start=model, tokenizer=tokenizer, pairs=pairs, **same)
    models = {"before": model, "after": result.model.to("cpu")}
    models["WiSE-FT"] = training.interpolate(model, models["after"], args.share)
    about = {"share": args.share, "recipe": recipe.to_dict()}
    training.save_model(args.out / "wise_ft.safetensors", models["WiSE-FT"], tokenizer, about=about)
    print(f"{'':16}" + "".join(f"{name:>9}" for name in models))
    rates = {}
    for name, task in tasks.items():
        rates[name] = {
            which: training.accuracy_of(one, tokenizer, task, recipe.pixels)
            for which, one in models.items()
        }
        print(f"{name:16}" + "".join(f"{rate:9.1%}" for rate in rates[name].values()))
    print(f"Models: {args.out / 'model.safetensors'}, wise_ft.safetensors")
    return 0, about | {"folder": str(args.out), "accuracy": rates, "seconds": result.seconds}
