"""Zero-shot: name pictures with a classifier that was never trained, only described (paper §3.1).

The text encoder writes the classifier's weights; the score of a class is the cosine similarity of
two unit vectors. The logit scale cannot change which class wins, only how confident the
probabilities of `classify` look.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from clipedu.evaluation.embedding import PICTURE_BATCH_SIZE, embed_pictures, embed_texts
from clipedu.evaluation.inputs import check_embeddings
from clipedu.evaluation.likelihood import class_scores
from clipedu.evaluation.prompts import check_templates, prompts_for
from clipedu.evaluation.statistics import clopper_pearson, mean_per_class_interval
from clipedu.evaluation.tasks.task import Task
from clipedu.models import CLIP
from clipedu.numbers import check_whole
from clipedu.objectives import ImageModel
from clipedu.tokenizer import Tokenizer

_CACHE: dict[Hashable, torch.Tensor] = {}  # classifiers, the one used last at the end
_CACHE_ENTRIES = 16  # 16 classifiers of 10,000 classes x 512 are 330 MB, of 297 x 192 not 4


def zero_shot_classifier(
    model: CLIP,
    tokenizer: Tokenizer,
    class_names: Sequence[str],
    templates: Sequence[str] | str,
    *,
    articles: bool = True,
    progress: bool = False,
) -> torch.Tensor:
    """The weights (C, E) of a classifier, L2-normalized, float32, on the model's device.

    A row for each class: embed every prompt, normalize, mean, normalize (paper §3.1.2). Cosine
    similarities of pictures are `embed_pictures(model, pictures) @ weights.T`. Classifiers are
    kept, by the content of all that they depend on: text weights, vocabulary, prompts.
    Warns of prompts longer than the model's context, which are cut, and of classes that are the
    same tokens. Raises what `prompts_for` and `embed_texts` raise.
    """
    prompts = prompts_for(class_names, templates, articles=articles)  # C lists of T
    key = _key(model, tokenizer, prompts)
    if key in _CACHE:
        _CACHE[key] = _CACHE.pop(key)  # to the end
        return _CACHE[key].clone()  # a copy: training on from these weights must not change ours
    flat = [prompt for of_class in prompts for prompt in of_class]
    tokens = tokenizer(flat, model.config.text.context_length, truncate=True)
    alike: dict[bytes, list[str]] = {}
    for name, row in zip(class_names, tokens.view(len(prompts), -1).numpy(), strict=True):
        alike.setdefault(row.tobytes(), []).append(name)
    for same in (names for names in alike.values() if len(names) > 1):
        shown = " and ".join(repr(name[-40:]) for name in same[:3])
        warnings.warn(f"No prediction tells {shown} apart: they are the same tokens.", stacklevel=2)
    each = embed_texts(model, tokenizer, flat, progress=progress, truncate=True)  # (C * T, E)
    mean = each.unflatten(0, (len(prompts), -1)).mean(1)  # (C, T, E) -> (C, E)
    _CACHE[key] = F.normalize(mean, dim=-1)
    if len(_CACHE) > _CACHE_ENTRIES:
        del _CACHE[next(iter(_CACHE))]
    return _CACHE[key].clone()


def clear_classifier_cache() -> None:
    """Forget every kept classifier."""
    _CACHE.clear()


def _key(model: CLIP, tokenizer: Tokenizer, prompts: list[list[str]]) -> Hashable:
    """Changes with everything that the classifier depends on; not with the image encoder."""
    device = model.logit_scale.device
    # 16-bit arithmetic gives slightly other rows; a notebook may redefine encode_text.
    cast = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    classes = tuple(type(module) for module in model.modules())
    sha = hashlib.sha256(repr((model.config.text, model.config.activation)).encode())
    sha.update(json.dumps([prompts, tokenizer.to_dict()], sort_keys=True).encode())
    for name, value in sorted(model.state_dict().items()):
        if not name.startswith("visual.") and name != "logit_scale":
            sha.update(f"{name} {tuple(value.shape)} {value.dtype};".encode())
            sha.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return sha.hexdigest(), classes, str(device), cast


def similarities(pictures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Unit vectors (N, E) and (C, E) -> cosine similarities (N, C), in float32 also under autocast.

    In 16 bits, close classes would round to the same number and look like ties.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        return pictures.float() @ weights.float().T


def top_classes(scores: torch.Tensor, k: int) -> torch.Tensor:
    """(N, C) scores -> (N, min(k, C)) classes, best first; of ties the class that comes first.

    Raises ValueError if k < 1. (`torch.topk` leaves the order of ties open, so two runs could
    disagree.)
    """
    check_whole("k", k)
    return scores.sort(dim=-1, descending=True, stable=True).indices[:, :k]


class Ranked(NamedTuple):
    """A class name and the probability that the model gives it."""

    name: str
    probability: float


def classify(
    model: CLIP,
    tokenizer: Tokenizer,
    pictures: torch.Tensor,
    class_names: Sequence[str],
    templates: Sequence[str] | str = "name",
    *,
    batch_size: int = PICTURE_BATCH_SIZE,
) -> list[list[Ranked]]:
    """For each picture all classes, the most probable first; the probabilities add up to 1.

    pictures: (N, 3, R, R) float 0..1, or one picture (3, R, R); the answer is a list of N lists
    Probabilities are the softmax of logit scale x cosine similarity: what training fitted, among
    *these* classes. Something that is none of them still gets a name.
    Raises what `zero_shot` raises.
    """
    if isinstance(pictures, torch.Tensor) and pictures.ndim == 3:
        pictures = pictures[None]
    weights = zero_shot_classifier(model, tokenizer, class_names, templates)
    scale, answers = model.logit_scale.detach().float().exp(), []
    for part in embed_pictures(model, pictures, batch_size=batch_size).split(batch_size):
        scores = similarities(part, weights)  # (B, C)
        order = top_classes(scores, len(weights))  # by score: tiny probabilities round to ties
        ordered = (scale * scores).softmax(-1).gather(1, order)
        for classes, row in zip(order.tolist(), ordered.tolist(), strict=True):
            answers.append([Ranked(class_names[i], p) for i, p in zip(classes, row, strict=True)])
    return answers


@dataclass(frozen=True, eq=False)
class ZeroShotResult:
    """How well a model did on a task of N pictures and C classes. Accuracies are shares of 1."""

    task: str
    n: int
    top1: float
    top5: float  # share of pictures whose class is among the first five
    per_class: torch.Tensor  # (C,) top-1 share, NaN where a class has no picture
    predictions: torch.Tensor  # (N, min(5, C)) int64, best first
    labels: torch.Tensor  # (N,) int64
    class_names: list[str]
    templates: list[str]
    interval: tuple[float, float]  # 95 % Clopper-Pearson for top1
    chance: float
    source: str
    metric: str = "top1"
    near_duplicate: torch.Tensor | None = None  # (N,) bool, as the task's

    @property
    def top1_without_duplicates(self) -> float | None:
        """Top-1 on the pictures of which training has no near-duplicate (paper section 5)."""
        if self.near_duplicate is None:
            return None
        right = self.predictions[:, 0] == self.labels
        return float(right[~self.near_duplicate].double().mean())

    @property
    def mean_per_class(self) -> float:
        """The mean over classes that have pictures: a rare class counts as much as a common one."""
        return float(self.per_class.nanmean())

    @property
    def value(self) -> float:
        """The number which the task's metric asks for."""
        return self.mean_per_class if self.metric == "mean_per_class" else self.top1

    @cached_property
    def value_interval(self) -> tuple[float, float]:
        """95 % for `value`: exact for top1, of grouped pictures for mean per class."""
        if self.metric == "top1":
            return self.interval
        right = self.predictions[:, 0] == self.labels
        return mean_per_class_interval(self.labels, right, len(self.class_names))

    @property
    def above_chance(self) -> bool:
        """Whether the whole interval of `value` lies above blind guessing."""
        return self.value_interval[0] > self.chance

    def __str__(self) -> str:
        low, high = self.value_interval
        kind = "top-1" if self.metric == "top1" else "mean per class"
        return (  # two lines: one would not fit on a printed page
            f"{self.task}: {self.value:.1%} {kind} ({low:.1%} to {high:.1%}), {self.top5:.1%} top-5"
            f"\n  {len(self.class_names)} classes, {self.n} pictures, chance {self.chance:.1%}"
        )


def zero_shot(
    model: CLIP,
    tokenizer: Tokenizer,
    task: Task,
    *,
    templates: Sequence[str] | str | None = None,
    batch_size: int = PICTURE_BATCH_SIZE,
    progress: bool = False,
    embeddings: torch.Tensor | None = None,
    per_token: bool = False,
) -> ZeroShotResult:
    """Ask the model every picture of the task, and count.

    A model without a text encoder is asked for the likelihood of each class as a caption, see
    `class_scores`, which also has `per_token`: of the bare names, unless there are `templates`.
    templates: instead of the task's own; a list, one template, or the name of a set
    embeddings: (N, E) from `embed_pictures`, when many prompts are tried on the same pictures
    Raises what `zero_shot_classifier` and `embed_pictures` raise.
    """
    if isinstance(model, ImageModel):
        forms = "{}" if templates is None else templates
        how: Any = {"per_token": per_token, "batch_size": batch_size, "progress": progress}
        scores = class_scores(model, tokenizer, task.pictures, task.class_names, forms, **how)
        return count(task, top_classes(scores, 5).cpu(), forms)
    asked = task.templates if templates is None else templates
    weights = zero_shot_classifier(model, tokenizer, task.class_names, asked, progress=progress)
    if embeddings is None:
        pictures = task.pictures
        embeddings = embed_pictures(model, pictures, batch_size=batch_size, progress=progress)
    check_embeddings(embeddings, len(task), weights.shape[1])
    parts = embeddings.to(weights).split(batch_size)
    ranked = [top_classes(similarities(part, weights), 5).cpu() for part in parts]  # (B, 5) each
    return count(task, torch.cat(ranked), asked)


def count(task: Task, predictions: torch.Tensor, templates: Sequence[str] | str) -> ZeroShotResult:
    """The result of answers: predictions (N, at most 5) int64, the classes best first."""
    labels = task.labels.cpu()
    right = predictions == labels[:, None]  # (N, 5), at most one True in a row
    hits = right[:, 0].double()
    classes = len(task.class_names)
    shown = torch.bincount(labels, minlength=classes)
    return ZeroShotResult(
        task=task.name,
        n=len(task),
        top1=float(hits.mean()),
        top5=float(right.any(1).double().mean()),
        per_class=torch.bincount(labels, weights=hits, minlength=classes) / shown,  # 0 / 0 is NaN
        predictions=predictions,
        labels=labels,
        class_names=list(task.class_names),
        templates=check_templates(templates),
        interval=clopper_pearson(int(hits.sum()), len(task)),
        chance=task.chance,
        source=task.source,
        metric=task.metric,
        near_duplicate=task.near_duplicate,
    )
