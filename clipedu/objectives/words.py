"""Predict which words the caption has, in any order: Joulin et al. 2016 (arXiv 1511.02251)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipedu.models import CLIPConfig, Embedded
from clipedu.objectives.image_model import ImageModel, is_word


def bag_of_words(tokens: Tensor, vocab_size: int) -> Tensor:
    """(B, L) -> (B, V) float: 1 for each word that the caption has, however often, else 0."""
    bag = torch.zeros(len(tokens), vocab_size + 1, device=tokens.device)
    words = tokens.masked_fill(~is_word(tokens), vocab_size)  # the rest into a column of its own
    return bag.scatter_(1, words, 1.0)[:, :vocab_size]


def bag_loss(logits: Tensor, bag: Tensor) -> Tensor:
    """The multi-class logistic loss: the mean over captions of the mean of -ln p over their words.

    logits, bag: (B, V). Of the two losses that Joulin et al. consider it is the softmax over all
    words; the other asks for each word, yes or no. With flat logits it is ln V.
    """
    share = bag / bag.sum(dim=1, keepdim=True).clamp(min=1)  # 1/k for each of k words
    wide = torch.promote_types(logits.dtype, torch.float32)
    return -(share * logits.to(wide).log_softmax(dim=1)).sum(dim=1).mean()


class BagOfWords(ImageModel):
    """p(word | picture): a linear layer on the features of the image encoder, and a softmax."""

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        self.word_embedding = nn.Linear(config.vision.feature_width, config.text.vocab_size)
        nn.init.normal_(self.word_embedding.weight, std=0.02)
        nn.init.zeros_(self.word_embedding.bias)

    def forward(self, pictures: Tensor, tokens: Tensor) -> Embedded:
        """-> logits (B, V) and bags (B, V)."""
        bag = bag_of_words(self.checked_tokens(tokens), self.config.text.vocab_size)
        logits = self.word_embedding(self.features_of(pictures))
        return Embedded(logits, bag, self.logit_scale.exp())

    def loss(self, first: Tensor, second: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
        return bag_loss(first, second)

    def caption_scores(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        logits = self.word_embedding(self.features_of(pictures)).float()
        return logits.log_softmax(dim=1) @ bag_of_words(tokens, logits.shape[1]).T

    def word_counts(self, tokens: Tensor) -> Tensor:
        return bag_of_words(tokens, self.config.text.vocab_size).sum(dim=1).long()
