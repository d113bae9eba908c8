"""Many prompts for one class: averaged as embeddings, or as probabilities, or chosen (§3.1.4).

In embedding space T prompts become one row of weights, once; in probability space T classifiers
answer. Forward selection keeps a few templates of many, as the notebook that came with the paper
does; on the pictures that it chose with, its result looks better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F

from clipedu.evaluation.embedding import embed_pictures, embed_texts
from clipedu.evaluation.prompts import check_templates, prompts_for
from clipedu.evaluation.tasks.task import Task
from clipedu.evaluation.zeroshot import ZeroShotResult, count, top_classes, zero_shot
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer


@torch.no_grad()
def template_embeddings(
    model: CLIP,
    tokenizer: Tokenizer,
    class_names: Sequence[str],
    templates: Sequence[str] | str,
    *,
    articles: bool = True,
) -> torch.Tensor:
    """(T, C, E): a unit vector for each template and class, before anything is averaged.

    Its mean over T, normalised, is `zero_shot_classifier`. Raises what that raises.
    """
    prompts = prompts_for(class_names, templates, articles=articles)  # C lists of T
    flat = [prompt for of_class in prompts for prompt in of_class]
    each = embed_texts(model, tokenizer, flat, truncate=True)  # (C * T, E)
    return each.unflatten(0, (len(prompts), -1)).transpose(0, 1).contiguous()


@torch.no_grad()
def zero_shot_by_probability(
    model: CLIP,
    tokenizer: Tokenizer,
    task: Task,
    *,
    templates: Sequence[str] | str | None = None,
    embeddings: torch.Tensor | None = None,
    texts: torch.Tensor | None = None,
) -> ZeroShotResult:
    """Zero-shot with one classifier for each template, whose *probabilities* are averaged.

    For comparison with `zero_shot`, which averages embeddings. embeddings: (N, E), and texts:
    (T, C, E) from `template_embeddings`, when they are known. Raises what `zero_shot` raises.
    """
    forms = check_templates(task.templates if templates is None else templates)
    if embeddings is None:
        embeddings = embed_pictures(model, task.pictures)
    if texts is None:
        texts = template_embeddings(model, tokenizer, task.class_names, forms)  # (T, C, E)
    scale = model.logit_scale.detach().float().exp()
    total = torch.zeros(len(task), len(task.class_names))
    for rows in texts:  # T classifiers (C, E)
        total += (scale * embeddings @ rows.T).softmax(-1).cpu()  # (N, C)
    return count(task, top_classes(total, 5), forms)


class Chosen(NamedTuple):
    """A step of forward selection: the template that was added, and the value with it."""

    template: str
    value: float


@dataclass(frozen=True)
class Prepared:
    """A task with everything embedded: pictures (N, E), templates (T, C, E)."""

    task: Task
    pictures: torch.Tensor
    texts: torch.Tensor

    def value(self, rows: torch.Tensor) -> float:
        """The task's metric for weights (C, E), with the same tie rule as `zero_shot`."""
        predictions = top_classes(self.pictures @ F.normalize(rows, dim=-1).T, 1)
        return count(self.task, predictions.cpu(), ["{}"]).value


def forward_selection(
    model: CLIP,
    tokenizer: Tokenizer,
    tasks: Sequence[Task],
    candidates: Sequence[str] | str,
    *,
    most: int = 8,
) -> list[Chosen]:
    """Add the template that helps most, again and again, until none helps or there are `most`.

    tasks: what to choose on, the mean of whose values counts. Give pictures of training families,
        and report on others: what was chosen on a task is no zero-shot result of that task.
    Raises ValueError for no tasks, or templates that `check_templates` refuses.
    """
    if not tasks:
        raise ValueError("forward_selection needs at least one task to choose on.")
    if most < 1:
        raise ValueError(f"most is how many templates to keep, 1 or more; got {most}.")
    forms = list(dict.fromkeys(check_templates(candidates)))
    texts: dict[tuple[str, ...], torch.Tensor] = {}  # tasks may share their class names
    prepared = []
    for task in tasks:
        names = tuple(task.class_names)
        if names not in texts:
            texts[names] = template_embeddings(model, tokenizer, names, forms)
        prepared.append(Prepared(task, embed_pictures(model, task.pictures), texts[names]))
    chosen: list[Chosen] = []
    kept: list[int] = []
    while len(kept) < min(most, len(forms)):
        values = {}
        for i in range(len(forms)):
            if i not in kept:
                sums = [one.value(one.texts[[*kept, i]].mean(0)) for one in prepared]
                values[i] = sum(sums) / len(sums)
        best = max(values, key=lambda i: (values[i], -i))
        if chosen and values[best] <= chosen[-1].value:
            break
        kept.append(best)
        chosen.append(Chosen(forms[best], values[best]))
    return chosen


def compare_templates(
    model: CLIP,
    tokenizer: Tokenizer,
    task: Task,
    sets: Mapping[str, Sequence[str] | str],
    *,
    embeddings: torch.Tensor | None = None,
) -> dict[str, ZeroShotResult]:
    """The same pictures asked in several ways: results by the names of the sets."""
    if embeddings is None:
        embeddings = embed_pictures(model, task.pictures)
    return {
        name: zero_shot(model, tokenizer, task, templates=templates, embeddings=embeddings)
        for name, templates in sets.items()
    }
