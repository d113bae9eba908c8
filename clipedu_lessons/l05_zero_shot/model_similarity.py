"""The similarity explorer on a real model: pictures and the sentences of your choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from clipedu.evaluation import embed_pictures, embed_texts
from clipedu_lessons.common.similarity import Matrix, SimilarityExplorer, similarity_matrix

if TYPE_CHECKING:
    from clipedu.models import CLIP
    from clipedu.tokenizer import Tokenizer


def model_matrix(
    model: CLIP,
    tokenizer: Tokenizer,
    pictures: torch.Tensor,
    captions: Sequence[str],
    view: str = "rows",
) -> Matrix:
    """N pictures (N, 3, R, R), 0..1, against N captions, at the scale that the model learned.

    Raises ValueError as `embed_pictures`, `embed_texts` and `similarity_matrix` do.
    """
    image, text, scale = _embedded(model, tokenizer, pictures, captions)
    return similarity_matrix(image, text, scale, view)


def model_explorer(
    model: CLIP, tokenizer: Tokenizer, pictures: torch.Tensor, captions: Sequence[str]
) -> SimilarityExplorer:
    """The explorer of lesson 03, with what a trained model makes of these pairs. Arguments and
    errors as those of `model_matrix`."""
    image, text, scale = _embedded(model, tokenizer, pictures, captions)
    return SimilarityExplorer(image, text, list(captions), pictures, min(scale, 100.0))


def _embedded(
    model: CLIP, tokenizer: Tokenizer, pictures: torch.Tensor, captions: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor, float]:
    if len(pictures) != len(captions):
        raise ValueError(f"{len(pictures)} pictures but {len(captions)} captions: give pairs.")
    image = embed_pictures(model, pictures).cpu()  # (N, E)
    text = embed_texts(model, tokenizer, list(captions), truncate=True).cpu()  # (N, E)
    return image, text, float(model.logit_scale.detach().exp())
