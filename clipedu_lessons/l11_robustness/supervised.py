"""The baseline that CLIP is measured against: the same image encoder, trained with labels.

An encoder of `clipedu.models` with one linear layer of C outputs in place of the projection, and
cross-entropy over the C classes. To name a new thing it needs new labels and a new last layer.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from clipedu.device import pick_device
from clipedu.evaluation.embedding import PICTURE_BATCH_SIZE, evaluating
from clipedu.evaluation.tasks.task import Task
from clipedu.models.config import ResNetConfig, ViTConfig
from clipedu.models.resnet import ModifiedResNet
from clipedu.models.vit import VisionTransformer
from clipedu.pairs import NONE, Augmentation, augment, to_model
from clipedu.training import RECIPES, learning_rate

Encoder = ModifiedResNet | VisionTransformer
#: How pictures are changed in training: not at all, moved and turned, or as the shipped CLIP's.
AUGMENTATIONS: dict[str, Augmentation] = {
    "none": NONE,
    "affine": dataclasses.replace(NONE, affine=1.0),
    "clip": RECIPES["shipped"].augmentation,
}


@dataclass(frozen=True)
class SupervisedRecipe:
    """What a supervised model is and how it is trained.

    width, layers, stem: of the ResNet, see `clipedu.models.ResNetConfig`; the stem "conv" makes a
        ViT like the shipped CLIP's of it, with layers[0] blocks
    epochs: times that each picture is seen; augmentation: a name of `AUGMENTATIONS`
    share: of the pictures of each class, at least one each
    seed: decides the weights, the share and the batches
    """

    width: int = 16
    layers: tuple[int, ...] = (1, 1, 1)
    epochs: int = 15
    augmentation: str = "affine"
    share: float = 1.0
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    seed: int = 0
    stem: Literal["paper", "half", "small", "conv"] = "half"

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if self.augmentation not in AUGMENTATIONS:
            known = ", ".join(AUGMENTATIONS)
            raise ValueError(f"augmentation is one of {known}; got {self.augmentation!r}.")
        if not 0 < self.share <= 1:
            raise ValueError(f"share is above 0 and at most 1; got {self.share}.")
        if self.epochs < 1 or self.batch_size < 2:
            raise ValueError("A recipe needs an epoch and two pictures a batch, at least.")

    def to_dict(self) -> dict[str, Any]:
        """Plain data; `layers` as text such as "1-1-1"."""
        return {**dataclasses.asdict(self), "layers": "-".join(map(str, self.layers))}


def classifier(recipe: SupervisedRecipe, classes: int, resolution: int = 32) -> Encoder:
    """Pictures (B, 3, R, R) as the model sees them -> scores (B, C): the last layer classifies."""
    if recipe.stem == "conv":
        patches = ViTConfig(resolution, 8, recipe.width, recipe.layers[0], heads=4, stem="conv")
        return VisionTransformer(patches, classes)
    config = ResNetConfig(
        resolution, recipe.layers, recipe.width, heads=4, stem=recipe.stem, block="basic"
    )
    return ModifiedResNet(config, classes)


@dataclass(frozen=True, eq=False)
class SupervisedResult:
    """A trained model, its loss at each step, and its recipe."""

    model: Encoder
    recipe: SupervisedRecipe
    losses: list[float] = field(repr=False)
    pictures: int = 0


def train_supervised(
    task: Task,
    recipe: SupervisedRecipe | None = None,
    *,
    progress: bool = True,
) -> SupervisedResult:
    """Trains an encoder from scratch on the labeled pictures of a task.

    AdamW, a linear warm-up of a tenth of the steps and a cosine to 0; label smoothing of 0.1. Fewer
    pictures than the recipe's batch are a batch of their own size.
    Raises ValueError for a task with fewer than two classes, or a share of fewer than two pictures.
    """
    recipe = recipe or SupervisedRecipe()
    rows = _share(task.labels, recipe.share, recipe.seed)
    if len(task.class_names) < 2:
        raise ValueError("A classifier needs two classes at least.")
    size = min(recipe.batch_size, len(rows))
    if size < 2:
        raise ValueError(f"A batch needs two pictures at least; the share has {len(rows)}.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = classifier(recipe, len(task.class_names), task.size)
    for weight in model.parameters():
        if weight.ndim == 4:  # convolutions on a CPU are faster with the channels last
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    # A share of the data is seen more often: the number of steps, not of epochs, is kept.
    steps = max(1, round(recipe.epochs * (len(task) // recipe.batch_size or 1)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: learning_rate(step, steps=steps, peak=1.0, warmup_steps=max(1, steps // 10)),
    )
    model.train()
    losses = run_steps(
        model,
        1 - task.pictures[rows],
        task.labels[rows],
        optimizer,
        schedule,
        steps=steps,
        batch_size=size,
        augmentation=recipe.augmentation,
        seed=recipe.seed,
        label_smoothing=0.1,
        progress=progress,
    )
    return SupervisedResult(model.eval(), recipe, losses, len(rows))


def run_steps(
    model: nn.Module,
    ink: torch.Tensor,
    labels: torch.Tensor,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    *,
    steps: int,
    batch_size: int,
    augmentation: str,
    seed: int,
    label_smoothing: float = 0.0,
    progress: bool = True,
) -> list[float]:
    """Trains a classifier in place by cross-entropy and gives the loss of each step.

    ink (N, 3, R, R) and labels (N,) are shuffled before each epoch; the rest of an epoch that is
    smaller than a batch is left out.
    """
    dtype, per_epoch = pick_device("cpu").dtype, len(labels) // batch_size
    generator, losses = torch.Generator().manual_seed(seed), []
    for step in tqdm(range(steps), "training", delay=2, disable=not progress, leave=False):
        at = step % per_epoch
        if at == 0:
            order = torch.randperm(len(labels), generator=generator)
        rows = order[at * batch_size : (at + 1) * batch_size]
        seen = augment(ink[rows], generator, AUGMENTATIONS[augmentation])
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            scores = model(to_model(seen))
        loss = F.cross_entropy(scores.float(), labels[rows], label_smoothing=label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return losses


@torch.no_grad()
def predict(
    model: nn.Module, pictures: torch.Tensor, *, batch_size: int = PICTURE_BATCH_SIZE
) -> torch.Tensor:
    """Pictures (N, 3, R, R) in 0..1 -> the class with the highest score, (N,) int64."""
    with evaluating(model):
        parts = [model(to_model(part)).argmax(-1) for part in pictures.split(batch_size)]
    return torch.cat(parts)


def accuracy(model: nn.Module, task: Task, pictures: torch.Tensor | None = None) -> float:
    """The share of right answers; `pictures`: the task's own after a shift."""
    found = predict(model, task.pictures if pictures is None else pictures)
    return float((found == task.labels).double().mean())


def _share(labels: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """Rows of so large a share of each class, at least one each, in order."""
    if share == 1:
        return torch.arange(len(labels))
    generator = torch.Generator().manual_seed(seed)
    kept = []
    for label in labels.unique():
        rows = torch.nonzero(labels == label).flatten()
        some = rows[torch.randperm(len(rows), generator=generator)]
        kept.append(some[: max(1, round(share * len(rows)))])
    return torch.cat(kept).sort().values
