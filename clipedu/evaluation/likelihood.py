"""Zero-shot without a text encoder: which class would make the likeliest caption?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from clipedu.evaluation.embedding import encode_pictures
from clipedu.evaluation.prompts import prompts_for
from clipedu.objectives import ImageModel
from clipedu.tokenizer import Tokenizer


def class_scores(
    model: ImageModel,
    tokenizer: Tokenizer,
    pictures: torch.Tensor,
    class_names: Sequence[str],
    templates: Sequence[str] | str = "{}",
    *,
    per_token: bool = False,
    **options: Any,
) -> torch.Tensor:
    """ln p(caption of the class | picture): pictures (N, 3, R, R) in 0..1 -> (N, C), CPU.

    Of several templates the mean. A sum over words gets lower with each word, so it favors short
    names; per_token divides it by the number of words.
    options: preprocess, batch_size, progress of `encode_pictures`. Raises what that and
    `prompts_for` raise, and ValueError for a model that has seen no words.
    """
    prompts = prompts_for(class_names, templates)  # C lists of T
    flat = [prompt for of_class in prompts for prompt in of_class]
    tokens = tokenizer(flat, model.config.text.context_length, truncate=True)
    tokens = tokens.to(model.logit_scale.device)

    def scores(batch: torch.Tensor) -> torch.Tensor:
        return model.caption_scores(batch, tokens)

    each = encode_pictures(model, pictures, scores, **options)  # (N, C * T)
    if per_token:
        each = each / model.word_counts(tokens)
    return each.unflatten(1, (len(prompts), -1)).mean(2).cpu()
