"""The paper's own recipes (section 2.5, Tables 18-20), and what a recipe costs to run."""

from __future__ import annotations

import torch

from clipedu.device import is_accelerator
from clipedu.models import PRESETS, count_flops
from clipedu.pairs import NONE
from clipedu.training.recipe import RECIPES, Recipe, get_recipe

PAPER_PAIRS, PAPER_EPOCHS, PAPER_BATCH = 400_000_000, 32, 32_768
PAPER_MODELS = tuple(name for name in PRESETS if name.startswith(("RN", "ViT-")))
#: Peak learning rates (Tables 19 and 20); the others take 5e-4.
PAPER_RATES = {"RN50x16": 4e-4, "RN50x64": 3.6e-4, "ViT-L/14": 4e-4, "ViT-L/14@336px": 2e-5}


def paper_recipe(model: str = "ViT-B/32") -> Recipe:
    """The recipe of one of the paper's nine models, for reading; ValueError for another name."""
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
        grad_clip=None,
        precision="fp16",
        augmentation=NONE,
        evaluate_every=0,
        checkpoint_every=1000,
    )


RECIPES["paper"] = paper_recipe()


def training_flops(recipe: str | Recipe) -> float:
    """Floating-point operations of the whole run: each pair forward, and backward at twice that."""
    recipe = get_recipe(recipe)
    multiply_adds = count_flops(recipe.config())
    forward = 2 * (multiply_adds["visual"] + multiply_adds["text"])
    return 3 * forward * recipe.batch_size * recipe.steps


def refuse_unaffordable(recipe: Recipe, device: str | torch.device) -> None:
    """Raises ValueError, with its compute in years, for a run of more than about ten days."""
    gpu = is_accelerator(device)
    # What we measured on two CPU cores in training, and the order of a large GPU.
    flops, per_second = training_flops(recipe), 1e14 if gpu else 3e11
    if flops <= (1e20 if gpu else 3e17):
        return
    days = flops / per_second / 86_400
    span = f"{days / 365:,.0f} years" if days > 730 else f"{days:,.0f} days"
    raise ValueError(
        f"This recipe is for reading, not for this machine: {recipe.preset} on "
        f"{recipe.batch_size * recipe.steps:,} pairs needs about {flops:.1e} floating-point "
        f"operations, about {span} for {'one large GPU' if gpu else 'two laptop cores'}. The paper "
        "trained its largest ViT on 256 V100 GPUs for 12 days, on 400 million pairs that were "
        'never published. Train RECIPES["laptop"] instead.'
    )
