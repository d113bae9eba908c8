"""Many prompts for one class: averaged as embeddings, as logits or as probabilities (§3.1.4).

In embedding space T prompts become one row of weights, once, and asking costs what one prompt
costs; as logits or probabilities T classifiers answer for every picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F

from clipedu.evaluation.embedding import embed_pictures, embed_texts
from clipedu.evaluation.prompts import check_templates, prompts_for
from clipedu.evaluation.tasks.task import Task
from clipedu.evaluation.zeroshot import ZeroShotResult, count, top_classes, zero_shot
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer

WAYS = ("embeddings", "logits", "probabilities")


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

    Its mean over T, normalized, is `zero_shot_classifier`. Raises what that raises.
    """
    prompts = prompts_for(class_names, templates, articles=articles)  # C lists of T
    flat = [prompt for of_class in prompts for prompt in of_class]
    each = embed_texts(model, tokenizer, flat, truncate=True)  # (C * T, E)
    return each.unflatten(0, (len(prompts), -1)).transpose(0, 1).contiguous()


@torch.no_grad()
def average(image: torch.Tensor, texts: torch.Tensor, scale: float, by: str) -> torch.Tensor:
    """(N, E) pictures and (T, C, E) prompts, all unit vectors -> (N, C) probabilities.

    by: what is averaged over the templates, one of WAYS. Raises ValueError for another one.
    """
    if by not in WAYS:
        raise ValueError(f"by is one of {', '.join(WAYS)}; got {by!r}.")
    if by == "embeddings":
        texts = F.normalize(texts.mean(0, keepdim=True), dim=-1)
    total = torch.zeros(len(image), texts.shape[1], device=image.device)
    for rows in texts:  # one template at a time: (N, C) is all that is held
        logits = scale * image @ rows.T
        total += logits if by == "logits" else logits.softmax(-1)
    mean = total / len(texts)
    return mean.softmax(-1) if by == "logits" else mean


def prompt_ensemble(
    model: CLIP,
    tokenizer: Tokenizer,
    image: torch.Tensor,
    names: Sequence[str],
    templates: Sequence[str] | str,
    by: str = "embeddings",
) -> torch.Tensor:
    """Embedded pictures (N, E) -> the probability of each class, (N, C). See `average`."""
    texts = template_embeddings(model, tokenizer, names, templates)
    return average(image, texts, float(model.logit_scale.detach().exp()), by)


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
    scale = float(model.logit_scale.detach().exp())
    mean = average(embeddings, texts, scale, "probabilities")
    return count(task, top_classes(mean, 5).cpu(), forms)


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
