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
from clipedu.evaluation import as_dict, evaluate
from clipedu.models import count_parameters
from clipedu.pairs.icons import FAMILIES, package_versions
from clipedu.training import RECIPES, load_pretrained, save_model

ROOT = Path(__file__).resolve().parents[1]
ASSETS = ROOT / "clipedu" / "assets"
CARD = ROOT / "docs" / "MODEL_CARD.md"
MARKERS = ("<!-- results: written by make checkpoints -->", "<!-- end of results -->")
TASKS = ("lucide", "font_awesome", "heroicons", "digits")
SEEDS = (0, 1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "checkpoints")
    parser.add_argument("--card-only", action="store_true", help="train nothing")
    args = parser.parse_args()
    wanted = [("shipped", 0), *(("laptop", seed) for seed in SEEDS)]
    results = {}
    for recipe, seed in wanted:
        result = args.runs / f"{recipe}-{seed}.json"
        if not result.exists() and not args.card_only:
            train(recipe, seed, args.runs / f"{recipe}-{seed}", result)
        if result.exists():
            results[recipe, seed] = json.loads(result.read_text())
    if ("shipped", 0) in results:
        write_asset(args.runs / "shipped-0", results["shipped", 0])
    seeds = [results["laptop", seed] for seed in SEEDS if ("laptop", seed) in results]
    card = make_card(results.get(("shipped", 0)), seeds)
    (ASSETS / "laptop.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    CARD.parent.mkdir(exist_ok=True)
    CARD.write_text(as_markdown(card), "utf-8")
    write_results(card)
    print(CARD.read_text())


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


def make_card(shipped: dict[str, Any] | None, seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything that the card says, as data. The accuracies of the file are measured here."""
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
                "zero_shot": run["zero_shot"],
            }
            for run in seeds
        ],
    }
    if shipped is not None:
        model, tokenizer, _ = load_pretrained("laptop")
        card["shipped"] = {
            "recipe": shipped["recipe"],
            "seed": shipped["seed"],
            "minutes": round(shipped["seconds"] / 60, 1),
            "pairs_per_second": shipped["pairs_per_second"],
            "parameters": count_parameters(model),
            "megabytes": round((ASSETS / "laptop.safetensors").stat().st_size / 1e6, 2),
            **as_dict(evaluate(model, tokenizer, TASKS)),
        }
    return card


def write_results(card: dict[str, Any]) -> None:
    """The README's table of results, between its two markers."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(MARKERS[0])
    _, _, after = rest.partition(MARKERS[1])
    table = "\n".join(as_results(card))
    readme.write_text(f"{before}{MARKERS[0]}\n{table}\n{MARKERS[1]}{after}", "utf-8")


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
        "A CLIP (Radford et al. 2021, arXiv 2103.00020) of a laptop's size, for teaching: a small "
        "ModifiedResNet with attention pooling for pictures of 32 px and a causal transformer of "
        "two layers for captions. The shipped file's image tower (preset `laptop_deep`) looks at "
        "full resolution first and has more blocks than that of the recipe `laptop`.",
        "",
        "## Data",
        "",
        f"* Trained on: {', '.join(card['data']['training families'])}.",
        f"* Never seen in training: {', '.join(card['data']['held-out families'])}. Recipes were "
        "chosen on pictures set aside inside the training families (`clipedu train --validate`); "
        "the held-out families are only reported. Earlier runs' held-out figures had been seen "
        "when stronger augmentation, and later warped pictures and the length of the shipped run, "
        "were chosen from training losses and pictures set aside, and its image tower on pictures "
        "set aside (benchmarks/LEADERBOARD.md).",
        "* Packages: " + ", ".join(f"{k} {v}" for k, v in card["data"]["packages"].items()) + ".",
        "",
    ]
    if "shipped" in card:
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
            "| task | classes | pictures | chance | top-1 | 95 % interval | top-5 |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, row in shipped["tasks"].items():
            low, high = row["interval"]
            lines.append(
                f"| {name} | {row['classes']} | {row['pictures']:,} | {row['chance']:.1%} | "
                f"**{row['top1']:.1%}** | {low:.1%} to {high:.1%} | {row['top5']:.1%} |"
            )
        lines.append("")
    lines += [
        "## Three seeds of `clipedu train --recipe laptop`",
        "",
        f"{RECIPES['laptop'].steps:,} steps of {RECIPES['laptop'].batch_size} pairs, from scratch.",
        "",
        "| seed | minutes | pairs a second | lucide | font_awesome | heroicons |",
        "|---|---|---|---|---|---|",
    ]
    if not card["laptop_seeds"]:
        lines.append("| not measured yet | | | | | |")
    for run in card["laptop_seeds"]:
        scores = " | ".join(f"{run['zero_shot'][name]:.1%}" for name in TASKS[:3])
        lines.append(
            f"| {run['seed']} | {run['minutes']} | {run['pairs_per_second']:,.0f} | {scores} |"
        )
    if len(card["laptop_seeds"]) > 1:
        means = [
            statistics.mean(run["zero_shot"][name] for run in card["laptop_seeds"])
            for name in TASKS[:3]
        ]
        lines.append("| mean | | | " + " | ".join(f"{mean:.1%}" for mean in means) + " |")
    lines += [
        "",
        "## Limits",
        "",
        "* It knows icons and emoji, in English words, lower case. Photographs mean nothing to it.",
        "* It is poor at digits and at counting: the README's table of tasks has both.",
        "* Emoji of people carry the choices of those who drew and named them; do not use the "
        "model to judge people.",
        "* The pictures' licences are in NOTICE.md.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
