"""Trains what the package carries, three seeds of the laptop recipe beside it, and writes the card.

    python benchmarks/checkpoint.py    # what `make checkpoints` runs; about an hour on 2 cores
    python benchmarks/checkpoint.py --card-only   # evaluate and write again from runs/checkpoints

A run whose result is already in runs/checkpoints is not repeated. The shipped model is the average
of the weights (EMA), kept in 16 bits; the card's accuracies are measured on that very file.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from clipedu.device import native_bfloat16
from clipedu.evaluation import as_dict, evaluate, load_task, zero_shot
from clipedu.files import write_whole
from clipedu.models import CLIP, count_parameters
from clipedu.pairs import HELD_OUT_FAMILIES
from clipedu.pairs.icons import FAMILIES, package_versions
from clipedu.tokenizer import Tokenizer
from clipedu.training import RECIPES, load_pretrained, save_model

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "clipedu" / "assets"
CARD = ROOT / "docs" / "MODEL_CARD.md"
README = ROOT / "README.md"
MARKERS = ("<!-- results: written by make checkpoints -->", "<!-- end of results -->")
TASKS = ("lucide", "font_awesome", "heroicons", "digits")
SEEDS = (0, 1, 2)
#: What else icons could be asked with: see benchmarks/templates.py.
OTHER_PROMPTS = {
    f"`{form}`": [form]
    for form in ("{}", "{}.", "an icon of {}", "an icon of {}.", "a photo of a {}.")
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "checkpoints")
    parser.add_argument("--card-only", action="store_true", help="train nothing")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, help="of `laptop`")
    args = parser.parse_args()
    wanted = [("shipped", 0), *(("laptop", seed) for seed in args.seeds)]
    results = {}
    for recipe, seed in wanted:
        result = args.runs / f"{recipe}-{seed}.json"
        if not result.exists() and not args.card_only:
            train(recipe, seed, args.runs / f"{recipe}-{seed}", result)
        if result.exists():
            results[recipe, seed] = json.loads(result.read_text())
    missing = [f"{recipe}-{seed}" for recipe, seed in wanted if (recipe, seed) not in results]
    if missing:
        raise SystemExit(
            f"{args.runs} has no result of {', '.join(missing)}, and a card without them would "
            "replace a whole one. Nothing was written. Without --card-only they are trained."
        )
    write_asset(args.runs / "shipped-0", results["shipped", 0])
    seeds = {args.runs / f"laptop-{seed}": results["laptop", seed] for seed in args.seeds}
    card = make_card(results["shipped", 0], seeds)
    texts = {
        ASSETS / "laptop.json": json.dumps(card, indent=1) + "\n",
        CARD: as_markdown(card),
        README: with_results(card, README.read_text("utf-8")),
    }
    for path, text in texts.items():
        write_whole(path, text)
    print(texts[CARD])


def train(recipe: str, seed: int, folder: Path, result: Path) -> None:
    """One run of the command that a reader would type; goes on where a broken run stopped."""
    command = [sys.executable, "-m", "clipedu", "train", "--json", str(result)]
    if (folder / "checkpoint.safetensors").exists():
        command += ["--resume", str(folder)]
    else:
        shutil.rmtree(folder, ignore_errors=True)
        command += ["--recipe", recipe, "--seed", str(seed), "--out", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT)


def write_asset(folder: Path, result: dict[str, Any]) -> None:
    """The model of a run as the package's own, in 16 bits."""
    model, tokenizer, _ = load_pretrained(folder)
    about = {"recipe": result["recipe"], "seed": result["seed"], "steps": result["steps"]}
    ASSETS.mkdir(exist_ok=True)
    save_model(ASSETS / "laptop.safetensors", model, tokenizer, half=True, about=about)


def accuracies(run: Path) -> dict[str, float]:
    """Top-1 of a run's model on each task, with the prompts that the tasks have today."""
    model, tokenizer, _ = load_pretrained(run)
    tasks = as_dict(evaluate(model, tokenizer, TASKS))["tasks"]
    return {name: row["top1"] for name, row in tasks.items()}


def make_card(shipped: dict[str, Any], seeds: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    """Everything that the card says, as data. Every accuracy is measured here.

    shipped: what `clipedu train --json` wrote for it; seeds: the same for each run of `laptop`.
    """
    card: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "data": {
            "training families": [f.title for f in FAMILIES.values() if f.role == "train"],
            "held-out families": [f.title for f in FAMILIES.values() if f.role == "held_out"],
            "packages": package_versions(),
        },
        "laptop_seeds": [
            {
                "seed": run["seed"],
                "steps": run["steps"],
                "minutes": round(run["seconds"] / 60, 1),
                "pairs_per_second": run["pairs_per_second"],
                "note": run.get("note", ""),  # added by hand to a run's JSON: a slower machine
                "zero_shot": accuracies(folder),
            }
            for folder, run in seeds.items()
        ],
    }
    model, tokenizer, _ = load_pretrained("laptop")
    card["shipped"] = {
        "recipe": shipped["recipe"],
        "seed": shipped["seed"],
        "minutes": round(shipped["seconds"] / 60, 1),
        "pairs_per_second": shipped["pairs_per_second"],
        "parameters": count_parameters(model),
        "megabytes": round((ASSETS / "laptop.safetensors").stat().st_size / 1e6, 2),
        **as_dict(evaluate(model, tokenizer, TASKS)),
        "other_prompts": {
            asked: {name: with_prompts(model, tokenizer, name, forms) for name in HELD_OUT_FAMILIES}
            for asked, forms in OTHER_PROMPTS.items()
        },
    }
    return card


def with_prompts(model: CLIP, tokenizer: Tokenizer, task: str, forms: list[str]) -> float:
    """Top-1 when the task is asked in this form."""
    return zero_shot(model, tokenizer, load_task(task), templates=forms).top1


def with_results(card: dict[str, Any], readme: str) -> str:
    """The README's text with the table of results between its two markers."""
    before, _, rest = readme.partition(MARKERS[0])
    _, _, after = rest.partition(MARKERS[1])
    table = "\n".join(as_results(card))
    return f"{before}{MARKERS[0]}\n{table}\n{MARKERS[1]}{after}"


def as_results(card: dict[str, Any]) -> list[str]:
    """Zero-shot accuracy of the shipped file and of the laptop recipe's seeds, task by task."""
    lines = ["| zero-shot task | classes | chance | `laptop` recipe, by seed | shipped |"]
    lines.append("|---|---|---|---|---|")
    for name, row in card["shipped"]["tasks"].items():
        seeds = [run["zero_shot"][name] for run in card["laptop_seeds"] if name in run["zero_shot"]]
        laptop = ", ".join(f"{value:.1%}" for value in seeds) or "not measured"
        shipped = f"{row['chance']:.1%} | {laptop} | **{row['top1']:.1%}**"
        lines.append(f"| {name} | {row['classes']} | {shipped} |")
    minutes = ", ".join(str(run["minutes"]) for run in card["laptop_seeds"])
    lines += [
        "",
        f"Minutes of training: {minutes or 'not measured'} for the seeds, "
        f"{card['shipped']['minutes']} for the shipped model. "
        f"Machine: {card['machine']}, {card['date']}.",
    ]
    return lines


def machine() -> str:
    unit = native_bfloat16()
    precision = f"bfloat16 ({unit})" if unit else "float32"
    threads = torch.get_num_threads()
    return f"{platform.machine()}, {threads} cores, {precision}, torch {torch.__version__}"


def as_markdown(card: dict[str, Any]) -> str:
    """The card for people."""
    lines = [
        "# Model card: the shipped `laptop` checkpoint",
        "",
        "Written by `make checkpoints` (`benchmarks/checkpoint.py`), which measures every number.",
        "",
        f"Machine: {card['machine']}. Date: {card['date']}.",
        "",
        "## What it is",
        "",
        "A CLIP (Radford et al. 2021, arXiv 2103.00020) of a laptop's size, for teaching: a Vision "
        "Transformer with a convolutional stem (arXiv 2106.14881) for pictures of 32 px, and a "
        "causal transformer of two layers for captions. It is the model that a student's "
        "`my_clip.py` builds, with six blocks in its image encoder where lesson 04 and the recipe "
        "`laptop` have four.",
        "",
        "## Data",
        "",
        f"* Trained on: {', '.join(card['data']['training families'])}.",
        f"* Never seen in training: {', '.join(card['data']['held-out families'])}. The optimizer, "
        "the captions and the encoder were chosen on two training sets that were left out whole, "
        "Remix and Bootstrap (benchmarks/LEADERBOARD.md); the steps and the augmentation of longer "
        "runs were taken over from the first edition or set once, without a comparison.",
        "* Packages: " + ", ".join(f"{k} {v}" for k, v in card["data"]["packages"].items()) + ".",
        "",
    ]
    shipped = card["shipped"]
    recipe = shipped["recipe"]
    lines += [
        "## The shipped file",
        "",
        f"{shipped['parameters']:,} parameters, {shipped['megabytes']} MB in 16 bits. Recipe "
        f"`shipped`: {recipe['steps']:,} steps of {recipe['batch_size']} pairs, seed "
        f"{shipped['seed']}, {shipped['minutes']} minutes of training, "
        f"{shipped['pairs_per_second']:,.0f} pairs a second.",
        "",
        "| task | classes | pictures | chance | top-1 | 95 % interval | top-5 | "
        "top-1 without near-duplicates |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in shipped["tasks"].items():
        low, high = row["interval"]
        rest = row.get("top1_without_duplicates")
        apart = "" if rest is None else f"{rest:.1%}"
        lines.append(
            f"| {name} | {row['classes']} | {row['pictures']:,} | {row['chance']:.1%} | "
            f"**{row['top1']:.1%}** | {low:.1%} to {high:.1%} | {row['top5']:.1%} | {apart} |"
        )
    lines += as_prompts(shipped) + as_recipe(recipe)
    lines += [
        f"## `clipedu train --recipe laptop`, {len(card['laptop_seeds'])} seed(s)",
        "",
        f"{card['laptop_seeds'][0]['steps']:,} steps of {RECIPES['laptop'].batch_size} pairs, from "
        f"scratch. The learning rate, {RECIPES['laptop'].learning_rate:g}, was chosen on Remix and "
        f"Bootstrap. The shipped model has {recipe['learning_rate']:g}.",
        "",
        "| seed | minutes | pairs a second | lucide | font_awesome | heroicons | note |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in card["laptop_seeds"]:
        scores = " | ".join(f"{run['zero_shot'][name]:.1%}" for name in TASKS[:3])
        lines.append(
            f"| {run['seed']} | {run['minutes']} | {run['pairs_per_second']:,.0f} | {scores} | "
            f"{run['note']} |"
        )
    means = [
        statistics.mean(run["zero_shot"][name] for run in card["laptop_seeds"])
        for name in TASKS[:3]
    ]
    lines.append("| mean | | | " + " | ".join(f"{mean:.1%}" for mean in means) + " | |")
    lines += [
        "",
        "## Limits",
        "",
        "* It knows icons and emoji, in English words, lower case. Photographs mean nothing to it.",
        "* It is poor at digits and at counting: docs/TASKS.md has both.",
        "* Emoji of people carry the choices of those who drew and named them; do not use the "
        "model to judge people.",
        "* The pictures' licences are in NOTICE.md.",
        "",
    ]
    return "\n".join(lines)


def as_prompts(shipped: dict[str, Any]) -> list[str]:
    """What other prompts would have given."""
    lines = [
        "",
        "Icons are asked with `{}` and `an icon of {}`. Asked otherwise, the same file has, top-1:",
        "",
        f"| asked with | {' | '.join(HELD_OUT_FAMILIES)} |",
        f"|---|{'---|' * len(HELD_OUT_FAMILIES)}",
    ]
    for asked, found in shipped["other_prompts"].items():
        lines.append(f"| {asked} | {' | '.join(f'{top1:.1%}' for top1 in found.values())} |")
    return [*lines, ""]


def as_recipe(recipe: dict[str, Any]) -> list[str]:
    """What decides a run, as a table; :class:`clipedu.training.Recipe` says what each one means."""
    rows = {name: value for name, value in recipe.items() if name != "execution"}
    changes = rows.pop("augmentation")
    rows["augmentation"] = ", ".join(f"{name} {value}" for name, value in changes.items() if value)
    lines = ["Its recipe, field by field of `clipedu.training.Recipe`:", "", "| field | value |"]
    return [*lines, "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items()), ""]


if __name__ == "__main__":
    main()
