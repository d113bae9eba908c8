"""The paper's recipe beside one of ours, with the reason where they differ (Tables 18-20)."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import torch

from clipedu.models import CLIP, CLIPConfig, count_parameters
from clipedu.training import Recipe, get_recipe, training_flops

_OPTIMIZERS = {"adamw": "AdamW", "muon": "Muon and AdamW"}


class Row(NamedTuple):
    """A hyperparameter, the paper's value, ours, and why they differ."""

    what: str
    paper: str
    ours: str
    why: str


def compare_with_paper(recipe: str | Recipe = "laptop") -> list[Row]:
    """The paper's hyperparameters beside a recipe's, with the reason where they differ."""
    ours, paper = get_recipe(recipe), get_recipe("paper")
    theirs, own = paper.config(), ours.config()
    objectives = {"infonce": "InfoNCE", "clip": "InfoNCE", "siglip": "SigLIP"}
    flops, flops_here = (f"{training_flops(one):.1e}" for one in (paper, ours))
    seen, seen_here = (f"{one.batch_size * one.steps:,}" for one in (paper, ours))
    size, size_here = (f"{config.vision.resolution} px" for config in (theirs, own))
    length, length_here = (f"{one.context_length}" for one in (paper, ours))
    rate, rate_here = (f"{one.learning_rate:g}" for one in (paper, ours))
    final = f"{ours.final_learning_rate:g} of the peak"
    rows = [
        Row("pictures", f"{size} photographs", f"{size_here} icons", "icons are legible small"),
        Row("pairs", "400,000,000 from the web", "about 39,000 icons", "what pip can install"),
        Row("parameters", _count(theirs), _count(own), "what two cores can train in minutes"),
        Row("vocabulary", f"{paper.vocab_size:,}", f"{ours.vocab_size:,}", "names use few words"),
        Row("context length", length, length_here, "short captions"),
        Row("objective", "InfoNCE", objectives[ours.objective], "no softmax over the batch"),
        Row("batch size", f"{paper.batch_size:,}", f"{ours.batch_size:,}", "memory and patience"),
        Row("steps", f"{paper.steps:,}", f"{ours.steps:,}", "minutes instead of days"),
        Row("pairs seen", seen, seen_here, "steps times batch size"),
        Row("optimizer", "Adam", _OPTIMIZERS[ours.optimizer], "learns in fewer steps"),
        Row("peak learning rate", rate, rate_here, "small models and Muon take more"),
        Row("warm-up", "2,000 steps", f"{ours.warmup_steps:,} steps", "a share of a shorter run"),
        Row("cosine down to", "0", final, "no reason to stop at 0"),
        Row("Adam betas", _pair(paper.betas), _pair(ours.betas), "a shorter run, a shorter memory"),
        Row("Adam epsilon", f"{paper.eps:g}", f"{ours.eps:g}", "Table 20's is for a ViT"),
        Row("weight decay", f"{paper.weight_decay:g}", f"{ours.weight_decay:g}", "a shorter run"),
        Row("logit scale up to", _plain(paper.max_logit_scale), _plain(ours.max_logit_scale), ""),
        Row("gradient clipping", _plain(paper.grad_clip), _plain(ours.grad_clip), "a high rate"),
        Row("precision", "fp16, mixed", ours.precision.replace("auto", "bf16 or fp32"), "speed"),
        Row("averaged weights", "none", _plain(ours.ema_decay or None), "smooths the last steps"),
        Row("augmentation", "random square crop", _changes(ours), "icon sets differ in stroke"),
        Row("compute, FLOPs", flops, flops_here, "counted: three times the forward pass"),
    ]
    return [row if row.paper != row.ours else row._replace(why="the same") for row in rows]


def _count(config: CLIPConfig) -> str:
    with torch.device("meta"):
        return f"{count_parameters(CLIP(config)) / 1e6:.1f} million"


def _pair(values: tuple[float, float]) -> str:
    return f"{values[0]:g}, {values[1]:g}"


def _plain(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _changes(recipe: Recipe) -> str:
    changes = dataclasses.asdict(recipe.augmentation)
    strengths = ("degrees", "scale", "shift")  # of the affine change; the others are shares
    used = [f"{name} {x:.0%}" for name, x in changes.items() if x and name not in strengths]
    return ", ".join(used) or "none"
