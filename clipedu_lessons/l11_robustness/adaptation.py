"""Adapting CLIP to one kind of pictures, what that costs elsewhere, and WiSE-FT, which costs less.

A zero-shot CLIP is an image encoder and a matrix that the text encoder wrote, so it can be trained
with labels, and its weights can be mixed with what they were before: Wortsman et al. (arXiv
2109.01903) call that weight-space ensembling.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import nn

from clipedu.evaluation import Task, zero_shot_classifier
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l11_robustness.supervised import run_steps


class PictureClassifier(nn.Module):
    """An image tower and one unit vector a class: (B, 3, R, R) as the model sees it -> (B, C)."""

    def __init__(self, visual: nn.Module, weights: torch.Tensor, scale: float) -> None:
        super().__init__()
        self.visual = visual
        self.weights = nn.Parameter(weights.clone())
        self.scale = scale

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        embedded = F.normalize(self.visual(pictures).float(), dim=-1)  # (B, E)
        return self.scale * embedded @ F.normalize(self.weights, dim=-1).T  # (B, C)


def as_classifier(model: CLIP, tokenizer: Tokenizer, task: Task) -> PictureClassifier:
    """The zero-shot CLIP as a module that can be trained: a copy of its image tower, and the
    weights that its text tower writes for the task's class names."""
    weights = zero_shot_classifier(model, tokenizer, task.class_names, task.templates)
    visual = copy.deepcopy(model.visual).eval()
    for parameter in visual.parameters():
        parameter.requires_grad_(True)
    return PictureClassifier(visual, weights, float(model.logit_scale.detach().exp())).eval()


def fine_tune(
    classifier: PictureClassifier,
    task: Task,
    *,
    epochs: int = 5,
    learning_rate: float = 5e-4,
    batch_size: int = 64,
    augmentation: str = "affine",
    seed: int = 0,
    progress: bool = True,
) -> PictureClassifier:
    """A copy of the classifier, trained on the task's labels: encoder and weights together.

    AdamW with a cosine to 0. The classifier given stays as it is.
    """
    tuned = copy.deepcopy(classifier)
    if len(task) < 2 or len(task.class_names) != len(tuned.weights):
        raise ValueError(
            f"The classifier knows {len(tuned.weights)} classes; the task has "
            f"{len(task.class_names)} and {len(task)} picture(s). Make it with as_classifier()."
        )
    size = min(batch_size, len(task))
    steps = epochs * (len(task) // size)
    optimizer = torch.optim.AdamW(tuned.parameters(), lr=learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    tuned.eval()  # batch norms: as in pre-training; there is no dropout that would need train()
    run_steps(
        tuned,
        1 - task.pictures,
        task.labels,
        optimizer,
        schedule,
        steps=steps,
        batch_size=size,
        augmentation=augmentation,
        seed=seed,
        progress=progress,
    )
    return tuned


def interpolate(before: nn.Module, after: nn.Module, alpha: float) -> nn.Module:
    """WiSE-FT: a new module whose every weight is (1 - alpha) * before + alpha * after.

    alpha 0 is the module before fine-tuning, 1 the one after. Whole numbers in the state (counters)
    come from `before`. Raises ValueError for alpha outside 0..1 or two modules of other shapes.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is a share from 0 (before) to 1 (after); got {alpha}.")
    first, second = before.state_dict(), after.state_dict()
    if {k: v.shape for k, v in first.items()} != {k: v.shape for k, v in second.items()}:
        raise ValueError("The two modules don't have the same weights: no mixture exists.")
    mixed = copy.deepcopy(before)
    mixed.load_state_dict(
        {
            key: torch.lerp(value, second[key].to(value), alpha)
            if value.is_floating_point()
            else value
            for key, value in first.items()
        }
    )
    return mixed
