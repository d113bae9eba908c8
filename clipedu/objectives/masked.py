"""Fill in the blanks: masked words of a caption, given the others and the picture.

ICMLM (Bulent Sariyildiz et al. 2020, arXiv 2008.01392) masks one concept of a caption. Ours, whose
captions have few words, masks each word with probability `share`, and at least one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clipedu.models import CLIPConfig, Embedded
from clipedu.objectives.captioning import word_loss
from clipedu.objectives.decoder import Decoder
from clipedu.objectives.image_model import ImageModel, is_word


def mask_words(tokens: Tensor, share: float) -> Tensor:
    """(B, L) -> (B, L) bool: the words to hide, of each caption at least one. SOT and EOT stay."""
    draw = torch.rand(tokens.shape, device=tokens.device).masked_fill(~is_word(tokens), 2.0)
    first = draw == draw.amin(dim=1, keepdim=True)
    return is_word(tokens) & ((draw < share) | first)


class ICMLM(ImageModel):
    """p(hidden words | the other words, picture), each hidden word by itself."""

    def __init__(self, config: CLIPConfig, *, share: float = 0.5) -> None:
        super().__init__(config)
        self.head = Decoder(config, config.vision.feature_width)
        self.share = share

    def forward(self, pictures: Tensor, tokens: Tensor) -> Embedded:
        """-> logits (T, V) for the T hidden words of the batch, and what they are, (T,)."""
        tokens = self.checked_tokens(tokens)
        hidden = mask_words(tokens, self.share)
        states = self._states(self.image_grid(pictures), tokens, hidden)
        return Embedded(self.head.logits(states[hidden]), tokens[hidden], self.logit_scale.exp())

    def loss(self, first: Tensor, second: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
        return word_loss(first, second)

    def caption_scores(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        """(N, M): all words hidden at once, so that the picture alone can tell."""
        tokens = self.checked_tokens(tokens)
        grid, lengths = self.image_grid(pictures), self.word_counts(tokens)
        scores = grid.new_empty(len(grid), len(tokens), dtype=torch.float32)
        for length in lengths.unique().tolist():  # captions of one length look alike: all [MASK]
            alike = lengths == length
            captions = tokens[alike]  # (m, L)
            one = captions[:1].expand(len(grid), -1)
            states = self._states(grid, one, is_word(one))[:, 1 : length + 1]  # (N, length, W)
            log_p = self.head.logits(states).float().log_softmax(-1)  # (N, length, V)
            words = captions[:, 1 : length + 1]  # (m, length)
            each = log_p[:, torch.arange(length, device=words.device), words]  # (N, m, length)
            scores[:, alike] = each.sum(-1)
        return scores

    def _states(self, grid: Tensor, tokens: Tensor, hidden: Tensor) -> Tensor:
        position = torch.arange(tokens.shape[1], device=tokens.device)
        seen = position <= tokens.argmax(dim=1, keepdim=True)  # (B, L): not the padding
        blank = tokens.masked_fill(hidden, self.config.text.vocab_size)
        return self.head(blank, grid, seen=seen)
