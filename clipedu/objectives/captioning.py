"""Predict the caption word by word: a language model that sees a picture, and VirTex.

The paper's first try (section 2.3): learn images by predicting the exact words of their captions.
VirTex (arXiv 2006.06666) reads the caption in both directions, with the same word embeddings.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu.models import CLIPConfig, Embedded
from clipedu.objectives.decoder import Decoder
from clipedu.objectives.image_model import ImageModel, is_word


def word_loss(logits: Tensor, words: Tensor) -> Tensor:
    """The mean of -ln p(word): logits (T, V) and the right words (T,) -> (). Flat logits: ln V."""
    return F.cross_entropy(logits.to(torch.promote_types(logits.dtype, torch.float32)), words)


def is_answered(tokens: Tensor) -> Tensor:
    """(B, L) -> (B, L - 1) bool: where the next token is a word or EOT."""
    position = torch.arange(tokens.shape[1] - 1, device=tokens.device)
    return position < tokens.argmax(dim=1, keepdim=True)


def reverse_words(tokens: Tensor) -> Tensor:
    """[SOT] a b c [EOT] 0 -> [SOT] c b a [EOT] 0; (B, L) both."""
    position = torch.arange(tokens.shape[1], device=tokens.device)
    mirrored = tokens.argmax(dim=1, keepdim=True) - position  # EOT and SOT change their positions
    return torch.where(is_word(tokens), tokens.gather(1, mirrored.clamp(min=0)), tokens)


class Captioner(ImageModel):
    """p(caption | picture) = product of p(next word | words before it, picture), EOT included."""

    directions = 1  # 2: VirTex

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        self.head = Decoder(config, config.vision.feature_width, self.directions)

    def forward(self, pictures: Tensor, tokens: Tensor) -> Embedded:
        """-> logits (T, V) for the T words and EOTs of the batch, and what they are, (T,)."""
        grid = self.image_grid(pictures)  # (B, P, W)
        parts = [self._predict(grid, read, k) for k, read in enumerate(self._readings(tokens))]
        logits, words = (torch.cat(part) for part in zip(*parts, strict=True))
        return Embedded(logits, words, self.logit_scale.exp())

    def loss(self, first: Tensor, second: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
        return word_loss(first, second)

    def caption_scores(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        """(N, M), of two directions the mean."""
        readings = self._readings(tokens)
        rows = is_answered(readings[0]).nonzero()[:, 0]  # the caption that each word belongs to
        scores = []
        for grid in self.image_grid(pictures).split(1):  # one picture, all captions
            total = grid.new_zeros(len(tokens), dtype=torch.float32)
            for k, read in enumerate(readings):
                logits, words = self._predict(grid, read, k)
                total.index_add_(0, rows, -F.cross_entropy(logits.float(), words, reduction="none"))
            scores.append(total / len(readings))
        return torch.stack(scores)

    def word_counts(self, tokens: Tensor) -> Tensor:
        return tokens.argmax(dim=1)  # with EOT

    def _readings(self, tokens: Tensor) -> list[Tensor]:
        tokens = self.checked_tokens(tokens)
        return [tokens, reverse_words(tokens)][: self.directions]

    def _predict(self, grid: Tensor, tokens: Tensor, direction: int) -> tuple[Tensor, Tensor]:
        asked = is_answered(tokens)  # (B, L - 1)
        states = self.head(tokens[:, :-1], grid, direction=direction)  # (B, L - 1, W)
        # Most positions are padding: the output layer, which is the widest, leaves them out.
        return self.head.logits(states[asked]), tokens[:, 1:][asked]


class VirTex(Captioner):
    """Captions forward and backward. The loss is the mean of both, where VirTex has their sum."""

    directions = 2
