"""The paper's recipe beside ours, and what it would cost to run (paper section 2.5, Tables 18-20).

Notable: the cost is counted, not guessed. The model is built on torch's "meta" device, which computes shapes only,
and torch's own counter adds up the multiplications of one pair.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from clipedu.models import CLIP, PRESETS, CLIPConfig
from clipedu.pairs import NONE
from clipedu.training.recipe import RECIPES, Recipe, get_recipe

PAPER_PAIRS = 400_000_000
PAPER_EPOCHS = 32
PAPER_BATCH = 32_768
PAPER_MODELS = tuple(name for name in PRESETS if name.startswith(("RN", "ViT-")))
#: Peak learning rates (Tables 19 and 20); the others take 5e-4.
PAPER_RATES = {"RN50x16": 4e-4, "RN50x64": 3.6e-4, "ViT-L/14": 4e-4, "ViT-L/14@336px": 2e-5}
#: More than this is refused: about ten days for two laptop cores, and about ten for one large GPU.
AFFORDABLE_FLOPS = {"cpu": 3e17, "cuda": 1e20}
#: Sustained in training, for words such as "37 years": what we measured on two cores, and a large GPU's order.
FLOPS_PER_SECOND = {"cpu": 3e11, "cuda": 1e14}


class Row(NamedTuple):
    """One line of the comparison: a hyperparameter, the paper's value, ours, and why they differ."""

    what: str
    paper: str
    ours: str
    why: str


def paper_recipe(model: str = "ViT-B/32") -> Recipe:
    """The recipe of one of the paper's nine models (Table 18): for reading; :func:`refuse_unaffordable` stops it.

    Raises ValueError for a name that is none of the nine.
    """
    if model not in PAPER_MODELS:
        raise ValueError(f"The paper has no model {model!r}. It has: {', '.join(PAPER_MODELS)}.")
    epochs = 1 if model == "ViT-L/14@336px" else PAPER_EPOCHS  # one more epoch, after ViT-L/14's 32
    steps = round(epochs * PAPER_PAIRS / PAPER_BATCH)
    residual = model.startswith("RN")
    return Recipe(
        preset=model,
        vocab_size=49_408,
        context_length=77,
        mask_same_captions=False,
        batch_size=PAPER_BATCH,
        steps=steps,
        learning_rate=PAPER_RATES.get(model, 5e-4),
        warmup=2000 / steps,
        betas=(0.9, 0.999 if residual else 0.98),
        eps=1e-8 if residual else 1e-6,
        weight_decay=0.2,
        grad_clip=None,
        precision="fp16",
        augmentation=NONE,
        evaluate_every=0,
        checkpoint_every=1000,
    )


RECIPES["paper"] = paper_recipe()


def compare_with_paper(recipe: str | Recipe = "laptop", model: str = "ViT-B/32") -> list[Row]:
    """The paper's hyperparameters beside a recipe's, with the reason where they differ."""
    ours, paper = get_recipe(recipe), paper_recipe(model)
    a, b = paper.config(), ours.config()
    rows = [
        Row("pictures", f"{_pixels(a)} photographs", f"{_pixels(b)} icons", "an icon is legible when it is small"),
        Row("pairs", f"{PAPER_PAIRS:,} from the web", "about 27,000 drawn by people", "all that pip can install"),
        Row("parameters", _count(a), _count(b), "what two cores can train in minutes"),
        Row("vocabulary", f"{paper.vocab_size:,}", f"{ours.vocab_size:,}", "names use few words"),
        Row("context length", f"{paper.context_length}", f"{ours.context_length}", "captions are short"),
        Row("objective", "InfoNCE", {"infonce": "InfoNCE", "siglip": "SigLIP"}[ours.objective], ""),
        Row("batch size", f"{paper.batch_size:,}", f"{ours.batch_size:,}", "a laptop's memory and patience"),
        Row("steps", f"{paper.steps:,} ({PAPER_EPOCHS} epochs)", f"{ours.steps:,}", "minutes instead of days"),
        Row("pairs seen", f"{_seen(paper):,}", f"{_seen(ours):,}", ""),
        Row("peak learning rate", f"{paper.learning_rate:g}", f"{ours.learning_rate:g}", "small models take more"),
        Row("warm-up", "2,000 steps", f"{ours.warmup_steps:,} steps", "a share of a shorter run"),
        Row("schedule", "cosine to 0", f"cosine to {ours.final_learning_rate:g} of the peak", ""),
        Row("Adam betas", _pair(paper.betas), _pair(ours.betas), "quick to forget: gradients change fast"),
        Row("Adam epsilon", f"{paper.eps:g}", f"{ours.eps:g}", ""),
        Row("weight decay", f"{paper.weight_decay:g}", f"{ours.weight_decay:g}", ""),
        Row("largest logit scale", f"{paper.max_logit_scale:g}", f"{ours.max_logit_scale:g}", ""),
        Row("gradient clipping", _or_none(paper.grad_clip), _or_none(ours.grad_clip), "steadier at a high rate"),
        Row("precision", "fp16, mixed", ours.precision, "auto: bf16 where the device does it fast, else fp32"),
        Row("augmentation", "random square crop", _changes(ours), "families differ in their pen, not their crop"),
        Row("compute (FLOPs)", f"{training_flops(paper):.1e}", f"{training_flops(ours):.1e}", ""),
    ]  # fmt: skip
    return [row if row.paper != row.ours else row._replace(why="") for row in rows]


def training_flops(recipe: str | Recipe) -> float:
    """Floating-point operations of the whole run: forward, and twice that for backward, for each pair."""
    recipe = get_recipe(recipe)
    return 3 * _forward_flops(recipe.config()) * recipe.batch_size * recipe.steps


def refuse_unaffordable(recipe: Recipe, device: str) -> None:
    """Raises ValueError, with the compute it needs, for a run that this kind of device would not finish in days."""
    kind = device if device in AFFORDABLE_FLOPS else "cuda"
    flops = training_flops(recipe)
    if flops <= AFFORDABLE_FLOPS[kind]:
        return
    days = flops / FLOPS_PER_SECOND[kind] / 86_400
    span = f"{days / 365:,.0f} years" if days > 730 else f"{days:,.0f} days"
    machine = "two laptop cores" if kind == "cpu" else "one large GPU"
    raise ValueError(
        f"This recipe is for reading, not for this machine: {recipe.preset} on {_seen(recipe):,} pairs needs about "
        f"{flops:.1e} floating-point operations, about {span} for {machine}. The paper trained its largest ViT on "
        "256 V100 GPUs for 12 days, on 400 million pairs that were never published. "
        'Train RECIPES["laptop"] instead; compare_with_paper() shows both side by side.'
    )


@lru_cache(maxsize=64)
def _forward_flops(config: CLIPConfig) -> int:
    side = config.vision.resolution
    with torch.device("meta"), torch.no_grad(), FlopCounterMode(display=False) as counter:
        model = CLIP(config).eval()
        model(
            torch.empty(1, 3, side, side),
            torch.empty(1, config.text.context_length, dtype=torch.int64),
        )
    return counter.get_total_flops()


def _count(config: CLIPConfig) -> str:
    with torch.device("meta"):
        return f"{sum(p.numel() for p in CLIP(config).parameters()) / 1e6:.1f} million"


def _pixels(config: CLIPConfig) -> str:
    return f"{config.vision.resolution} px"


def _seen(recipe: Recipe) -> int:
    return recipe.batch_size * recipe.steps


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:g}, {values[1]:g}"


def _or_none(value: Any) -> str:
    return "none" if value is None else f"{value:g}"


def _changes(recipe: Recipe) -> str:
    on = [f.name for f in dataclasses.fields(NONE) if f.name not in ("degrees", "scale", "shift")]
    used = [
        f"{name} {getattr(recipe.augmentation, name):.0%}"
        for name in on
        if getattr(recipe.augmentation, name)
    ]
    return ", ".join(used) or "none"
