"""Zero-shot: name pictures with a classifier that was never trained, only described (paper §3.1).

Notable:
- the score of a class is the cosine similarity of two unit vectors; the logit scale cannot change
  which class wins, only how sure the probabilities of `classify` look
- ties go to the class that comes first, so that two runs agree
- an accuracy comes with an exact interval and its chance level, or it says little
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from clipedu.evaluation.classifier import zero_shot_classifier
from clipedu.evaluation.embedding import AT_A_TIME, Preprocess, embed_pictures
from clipedu.evaluation.prompts import check_templates
from clipedu.evaluation.statistics import clopper_pearson, mean_per_class_interval
from clipedu.evaluation.tasks.task import Task
from clipedu.pairs import to_model

if TYPE_CHECKING:
    from clipedu.models import CLIP
    from clipedu.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class ZeroShotResult:
    """How well a model did on a task. Accuracies are shares of 1.

    top1, top5: share of pictures whose class is first, among the first five (of C < 5 classes: all)
    per_class: (C,) top-1 share for each class, NaN where a class has no picture
    predictions: (N, min(5, C)) int64, the classes of each picture, best first
    labels: (N,) int64, the right ones; interval: 95 % Clopper-Pearson for top1
    scores: (N, C) cosine similarities if they were asked for
    """

    task: str
    n: int
    top1: float
    top5: float
    per_class: torch.Tensor
    predictions: torch.Tensor
    labels: torch.Tensor
    class_names: list[str]
    templates: list[str]
    interval: tuple[float, float]
    chance: float
    source: str
    metric: str = "top1"
    scores: torch.Tensor | None = None

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
        """95 % for `value`: exact for top1, a seeded bootstrap over pictures for mean per class."""
        if self.metric == "top1":
            return self.interval
        right = self.predictions[:, 0] == self.labels
        return mean_per_class_interval(self.labels, right, len(self.class_names))

    @property
    def above_chance(self) -> bool:
        """Whether the whole interval of `value` lies above blind guessing."""
        return self.value_interval[0] > self.chance

    def confusions(self, count: int = 10) -> list[tuple[str, str, int]]:
        """The commonest errors: (right class, predicted class, how often), commonest first."""
        pairs = zip(self.labels.tolist(), self.predictions[:, 0].tolist(), strict=True)
        wrong = Counter(pair for pair in pairs if pair[0] != pair[1])
        ranked = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))[:count]
        return [(self.class_names[a], self.class_names[b], times) for (a, b), times in ranked]

    def to_dict(self) -> dict[str, Any]:
        """The figures, ready for JSON; pictures and predictions stay behind."""
        return {
            "classes": len(self.class_names),
            "pictures": self.n,
            "top1": self.top1,
            "top5": self.top5,
            "mean_per_class": self.mean_per_class,
            "value": self.value,
            "interval": list(self.interval),
            "value_interval": list(self.value_interval),
            "chance": self.chance,
            "metric": self.metric,
            "templates": self.templates,
            "source": self.source,
        }

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
    articles: bool = True,
    preprocess: Preprocess = to_model,
    batch_size: int = AT_A_TIME,
    progress: bool = False,
    embeddings: torch.Tensor | None = None,
    keep_scores: bool = False,
) -> ZeroShotResult:
    """Ask the model every picture of the task, and count.

    templates: instead of the task's own; a list, one template, or the name of a set
    embeddings: (N, E) from `embed_pictures`, when many prompts are tried on the same pictures
    keep_scores: keep the (N, C) similarities in the result

    The model is left in the mode it was in. Raises ValueError or TypeError for templates,
    pictures or a model that cannot give an answer (see `zero_shot_classifier`, `embed_pictures`).
    """
    asked = task.templates if templates is None else templates
    weights = zero_shot_classifier(
        model, tokenizer, task.class_names, asked, articles=articles, progress=progress
    )
    if embeddings is None:
        embeddings = embed_pictures(
            model, task.pictures, preprocess=preprocess, batch_size=batch_size, progress=progress
        )
    if tuple(embeddings.shape) != (len(task), weights.shape[1]):
        raise ValueError(
            f"embeddings are ({len(task)}, {weights.shape[1]}) for task {task.name!r} and this "
            f"model; got {tuple(embeddings.shape)}."
        )
    ranked, scores = [], []
    for part in embeddings.to(weights).split(batch_size):
        similarity = similarities(part, weights)  # (B, C)
        ranked.append(top_classes(similarity, 5).cpu())
        if keep_scores:
            scores.append(similarity.cpu())
    return count(task, torch.cat(ranked), asked, torch.cat(scores) if keep_scores else None)


def count(
    task: Task,
    predictions: torch.Tensor,
    templates: Sequence[str] | str,
    scores: torch.Tensor | None = None,
) -> ZeroShotResult:
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
        scores=scores,
    )


def similarities(pictures: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Unit vectors (N, E) and (C, E) -> cosine similarities (N, C), in float32 also under autocast.

    In 16 bits, close classes would round to the same number and look like ties.
    """
    with torch.autocast(pictures.device.type, enabled=False):
        return pictures.float() @ weights.float().T


def top_classes(scores: torch.Tensor, k: int) -> torch.Tensor:
    """(N, C) scores -> (N, min(k, C)) classes, best first; of equals the one that comes first.

    Raises ValueError if k < 1. (`torch.topk` leaves the order of equals open.)
    """
    if k < 1:
        raise ValueError(f"k is how many classes to name, 1 or more; got {k}.")
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
    articles: bool = True,
    preprocess: Preprocess = to_model,
    batch_size: int = AT_A_TIME,
    progress: bool = False,
) -> list[list[Ranked]]:
    """For each picture all classes, the most probable first; the probabilities add up to 1.

    pictures: (N, 3, R, R) float 0..1, or one picture (3, R, R); the answer is a list of N lists
    Probabilities are the softmax of logit scale x cosine similarity: what training fitted, among
    *these* classes. Something that is none of them still gets a name.
    Raises what `zero_shot` raises.
    """
    if isinstance(pictures, torch.Tensor) and pictures.ndim == 3:
        pictures = pictures[None]
    weights = zero_shot_classifier(
        model, tokenizer, class_names, templates, articles=articles, progress=progress
    )
    vectors = embed_pictures(
        model, pictures, preprocess=preprocess, batch_size=batch_size, progress=progress
    )
    names, scale = list(class_names), model.logit_scale.detach().float().exp()
    answers = []
    for part in vectors.split(batch_size):
        scores = similarities(part, weights)  # (B, C)
        order = top_classes(scores, len(names))  # by score: tiny probabilities round to equal ones
        ordered = (scale * scores).softmax(-1).gather(1, order)
        for places, row in zip(order.tolist(), ordered.tolist(), strict=True):
            answers.append([Ranked(names[i], p) for i, p in zip(places, row, strict=True)])
    return answers
