"""An image encoder and a head: the base of all objectives that have no text encoder."""

from __future__ import annotations

import torch
from torch import Tensor

from clipedu.models import CLIP, CLIPConfig
from clipedu.models.clip import check_tokens, trim_padding


class ImageModel(CLIP):
    """A CLIP with something else in place of its text encoder; the image encoder starts the same.

    `forward(pictures, tokens)` returns what `loss` compares, and the logit scale as a third.
    """

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        del self.text
        self.logit_scale.requires_grad_(False)

    def loss(self, first: Tensor, second: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
        """The two outputs of `forward`, the scale and the caption ids of the batch -> ()."""
        raise NotImplementedError

    def encode_text(self, tokens: Tensor, *, normalize: bool = False) -> Tensor:
        """Raises ValueError: there is no text encoder."""
        raise ValueError(
            "This model was trained without a text encoder, so it embeds no sentence. Ask a "
            "`clip`, `siglip` or `convirt`, or score captions with `zero_shot` or `class_scores`."
        )

    def caption_scores(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        """ln p(caption | picture): (N, 3, R, R) and (M, L) -> (N, M), summed over the words.

        Raises ValueError for a model that has seen no words.
        """
        raise ValueError(
            "This model was trained on pictures alone and knows no words, so it has no zero-shot "
            "answer. Use a linear probe on its features."
        )

    def word_counts(self, tokens: Tensor) -> Tensor:
        """How many terms `caption_scores` adds up for each caption: (M, L) -> (M,) int64."""
        return is_word(tokens).sum(dim=1)

    def features_of(self, pictures: Tensor) -> Tensor:
        """(B, 3, R, R) -> (B, W), before the projection; `image_features` with gradients."""
        return self.visual.features(self._checked(pictures))

    def checked_tokens(self, tokens: Tensor) -> Tensor:
        """(B, L) -> the same without columns of padding. Raises what `encode_text` of CLIP does."""
        check_tokens(tokens, self.config.text)
        return trim_padding(tokens)


def is_word(tokens: Tensor) -> Tensor:
    """[SOT] words [EOT] 0 0 ... (B, L) -> (B, L) bool: the words, without SOT, EOT and padding."""
    position = torch.arange(tokens.shape[1], device=tokens.device)
    return (position > 0) & (position < tokens.argmax(dim=1, keepdim=True))
