"""The paper's recipe beside ours, and what it would cost to run (paper section 2.5, Tables 18-20).

Notable: the cost is counted, not guessed. The model is built on torch's "meta" device, which
computes shapes only, and torch's own counter adds up the multiplications of one pair.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import NamedTuple

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
#: Sustained in training, for words such as "37 years": what we measured on two cores, and a large
#: GPU's order.
FLOPS_PER_SECOND = {"cpu": 3e11, "cuda": 1e14}


class Row(NamedTuple):
    """A hyperparameter, the paper's value, ours, and why they differ."""

    what: str
    paper: str
    ours: str
    why: str


def paper_recipe(model: str = "ViT-B/32") -> Recipe:
    """The recipe of one of the paper's nine models (Tables 18-20), for reading.

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
    theirs, own = paper.config(), ours.config()
    objectives = {"infonce": "InfoNCE", "siglip": "SigLIP"}
    flops = [f"{training_flops(recipe):.1e}" for recipe in (paper, ours)]
    seen = [f"{_seen(recipe):,}" for recipe in (paper, ours)]
    sizes = [f"{config.vision.resolution} px" for config in (theirs, own)]
    rates = [f"{recipe.learning_rate:g}" for recipe in (paper, ours)]
    rows = [
        Row(
            "pictures",
            f"{sizes[0]} photographs",
            f"{sizes[1]} icons",
            "icons are legible when small",
        ),
        Row("pairs", f"{PAPER_PAIRS:,} from the web", "some 24,000, drawn", "what pip can install"),
        Row("parameters", _count(theirs), _count(own), "what two cores can train in minutes"),
        Row("vocabulary", f"{paper.vocab_size:,}", f"{ours.vocab_size:,}", "names use few words"),
        Row(
            "context length", f"{paper.context_length}", f"{ours.context_length}", "short captions"
        ),
        Row("objective", "InfoNCE", objectives[ours.objective], "no softmax over the batch"),
        Row("batch size", f"{paper.batch_size:,}", f"{ours.batch_size:,}", "memory and patience"),
        Row("steps", f"{paper.steps:,}", f"{ours.steps:,}", "minutes instead of days"),
        Row("pairs seen", seen[0], seen[1], "steps times batch size"),
        Row("peak learning rate", rates[0], rates[1], "small models take more"),
        Row("warm-up", "2,000 steps", f"{ours.warmup_steps:,} steps", "a share of a shorter run"),
        Row(
            "cosine down to",
            "0",
            f"{ours.final_learning_rate:g} of the peak",
            "no reason to stop at 0",
        ),
        Row("Adam betas", _pair(paper.betas), _pair(ours.betas), "a shorter run, a shorter memory"),
        Row("Adam epsilon", f"{paper.eps:g}", f"{ours.eps:g}", "Table 20's is for a ViT"),
        Row("weight decay", f"{paper.weight_decay:g}", f"{ours.weight_decay:g}", "a shorter run"),
        Row("logit scale up to", _plain(paper.max_logit_scale), _plain(ours.max_logit_scale), ""),
        Row("gradient clipping", _plain(paper.grad_clip), _plain(ours.grad_clip), "a high rate"),
        Row("precision", "fp16, mixed", ours.precision, "auto: bf16 where it is fast, else fp32"),
        Row("averaged weights", "none", _plain(ours.ema_decay or None), "smooths the last steps"),
        Row("augmentation", "random square crop", _changes(ours), "families differ by their pen"),
        Row("compute, FLOPs", flops[0], flops[1], "counted: three times the forward pass"),
    ]
    return [row if row.paper != row.ours else row._replace(why="the same") for row in rows]


def training_flops(recipe: str | Recipe) -> float:
    """Floating-point operations of the whole run: each pair forward, and backward at twice that."""
    recipe = get_recipe(recipe)
    return 3 * _forward_flops(recipe.config()) * recipe.batch_size * recipe.steps


def refuse_unaffordable(recipe: Recipe, device: str) -> None:
    """Raises ValueError, with its compute in years, for a run that would not finish in days."""
    kind = device if device in AFFORDABLE_FLOPS else "cuda"
    flops = training_flops(recipe)
    if flops <= AFFORDABLE_FLOPS[kind]:
        return
    days = flops / FLOPS_PER_SECOND[kind] / 86_400
    span = f"{days / 365:,.0f} years" if days > 730 else f"{days:,.0f} days"
    machine = "two laptop cores" if kind == "cpu" else "one large GPU"
    raise ValueError(
        f"This recipe is for reading, not for this machine: {recipe.preset} on {_seen(recipe):,} "
        f"pairs needs about {flops:.1e} floating-point operations, about {span} for {machine}. "
        "The paper trained its largest ViT on "
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


def _seen(recipe: Recipe) -> int:
    return recipe.batch_size * recipe.steps


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:g}, {values[1]:g}"


def _floor(share: float) -> str:
    return f"{share:g} of the peak" if share else "0"


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _changes(recipe: Recipe) -> str:
    how = dataclasses.asdict(recipe.augmentation)
    strengths = ("degrees", "scale", "shift")  # of the affine change; the others are shares
    used = [f"{name} {share:.0%}" for name, share in how.items() if share and name not in strengths]
    return ", ".join(used) or "none"
