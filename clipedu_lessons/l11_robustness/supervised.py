"""The baseline that CLIP is measured against: the same tower, trained with labels.

A tower of `clipedu.models` with one linear layer of C outputs in the place of the projection, and
cross-entropy over the C classes. It knows the things that it was shown, and no others: to name a
new thing it needs new labels and a new last layer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import nn
from tqdm import tqdm

from clipedu.device import pick_device
from clipedu.evaluation.embedding import AT_A_TIME, evaluating
from clipedu.evaluation.tasks.task import Task
from clipedu.models.config import ResNetConfig
from clipedu.models.resnet import ModifiedResNet
from clipedu.pairs import NONE, Augmentation, augment, to_model

#: How pictures are changed in training: not at all, moved and turned, drawn with other pens too.
AUGMENTATIONS: dict[str, Augmentation] = {
    "none": NONE,
    "affine": dataclasses.replace(NONE, affine=1.0),
    "pens": Augmentation(thicken=0.3, thin=0.2),
    "strong": Augmentation(
        thicken=0.3, thin=0.2, outline=0.15, degrees=12.0, scale=0.25, shift=0.1
    ),
}


@dataclass(frozen=True)
class SupervisedRecipe:
    """What a supervised model is and how it is trained.

    Attributes:
        width, layers: of the ResNet tower, see `clipedu.models.ResNetConfig`.
        epochs: times that each picture is seen.
        augmentation: a name of `AUGMENTATIONS`.
        share: of the pictures of each class, at least one each.
        seed: decides the weights, the share and the batches.
        stem: how the tower begins, see `clipedu.models.ResNetConfig`.
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
    stem: Literal["paper", "half", "small"] = "half"

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


class Supervised(nn.Module):
    """Pictures (B, 3, R, R) as the model sees them -> scores (B, C)."""

    def __init__(self, recipe: SupervisedRecipe, classes: int, resolution: int = 32) -> None:
        super().__init__()
        config = ResNetConfig(
            resolution, recipe.layers, recipe.width, heads=4, stem=recipe.stem, block="basic"
        )
        self.tower = ModifiedResNet(config, classes)  # its last layer is the classifier

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        """(B, 3, R, R) -> (B, width of the last stage): before the classifier."""
        return self.tower.features(pictures)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.tower(pictures)


@dataclass(frozen=True, eq=False)
class SupervisedResult:
    """A trained model, its loss at each step, and its recipe."""

    model: Supervised
    recipe: SupervisedRecipe
    losses: list[float] = field(repr=False)
    pictures: int = 0


def train_supervised(
    task: Task,
    recipe: SupervisedRecipe | None = None,
    *,
    progress: bool = True,
    callback: Callable[[int, float], None] | None = None,
) -> SupervisedResult:
    """Trains a tower from scratch on the labelled pictures of a task.

    AdamW, a linear warm-up of a tenth of the steps and a cosine to 0; label smoothing of 0.1.

    Fewer pictures than the recipe's batch are a batch of their own size.

    Raises ValueError for a task with fewer than two classes, or a share of fewer than two pictures.
    """
    recipe = recipe or SupervisedRecipe()
    rows = _share(task.labels, recipe.share, recipe.seed)
    if len(task.class_names) < 2:
        raise ValueError("A classifier needs two classes at least.")
    size = min(recipe.batch_size, len(rows))
    if size < 2:
        raise ValueError(f"A batch needs two pictures at least; the share has {len(rows)}.")
    ink, labels = 1 - task.pictures[rows], task.labels[rows]
    choice = pick_device("cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = Supervised(recipe, len(task.class_names), task.size)
    for weight in model.parameters():
        if weight.ndim == 4:  # convolutions on a CPU are faster with the channels last
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    per_epoch = len(rows) // size
    # A share of the data is seen more often: the number of steps, not of epochs, is kept.
    steps = max(1, round(recipe.epochs * (len(task) // recipe.batch_size or 1)))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step, steps, warmup=max(1, steps // 10))
    )
    generator = torch.Generator().manual_seed(recipe.seed)
    order, losses = torch.randperm(len(rows), generator=generator), []
    model.train()
    for step in tqdm(
        range(steps), "supervised", delay=2, mininterval=0.5, disable=not progress, leave=False
    ):
        at = step % per_epoch
        if at == 0 and step:
            order = torch.randperm(len(rows), generator=generator)
        batch = order[at * size : (at + 1) * size]
        seen = augment(ink[batch], generator, AUGMENTATIONS[recipe.augmentation])
        with torch.autocast("cpu", choice.dtype, enabled=choice.dtype != torch.float32):
            scores = model(to_model(seen))
        loss = F.cross_entropy(scores.float(), labels[batch], label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if callback is not None:
            callback(step, losses[-1])
    return SupervisedResult(model.eval(), recipe, losses, len(rows))


@torch.no_grad()
def predict(
    model: nn.Module, pictures: torch.Tensor, *, batch_size: int = AT_A_TIME
) -> torch.Tensor:
    """Pictures (N, 3, R, R) in 0..1 -> the class with the highest score, (N,) int64."""
    with evaluating(model):
        parts = [model(to_model(part)).argmax(-1) for part in pictures.split(batch_size)]
    return torch.cat(parts)


def accuracy(model: nn.Module, task: Task, pictures: torch.Tensor | None = None) -> float:
    """The share of right answers; `pictures`: the task's own after a shift."""
    found = predict(model, task.pictures if pictures is None else pictures)
    return float((found == task.labels).double().mean())


def _rate(step: int, steps: int, warmup: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.5 * (1 + float(torch.cos(torch.tensor(done * torch.pi))))


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
