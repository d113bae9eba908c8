"""Visual N-Grams (Li et al. 2017, arXiv 1612.09161): predict phrases, smoothed by shorter ones.

A dictionary holds the phrases of up to three words that captions use often, each with a vector that
is compared with the picture. The probability of a word mixes what the picture says of phrases of
three, two and one word that end there (Jelinek-Mercer smoothing), so a phrase that is not in the
dictionary still has one.
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor, nn

from clipedu.models import CLIPConfig, Embedded
from clipedu.objectives.image_model import ImageModel, is_word

LONGEST = 3


def count_ngrams(tokens: Tensor, *, least: int = 50) -> Tensor:
    """The n-grams of 2 or 3 words that come at least `least` times in captions (N, L).

    -> (G, 3) int64, pairs with -1 in front. Single words are not listed: all tokens are known.
    """
    counts: Counter[tuple[int, ...]] = Counter()
    for row in tokens.tolist():
        words = row[1 : row.index(max(row))]
        for n in range(2, LONGEST + 1):
            counts.update(zip(*(words[k:] for k in range(n)), strict=False))
    kept = sorted(ngram for ngram, times in counts.items() if times >= least)
    rows = [(-1,) * (LONGEST - len(ngram)) + ngram for ngram in kept]
    return torch.tensor(rows, dtype=torch.int64).reshape(-1, LONGEST)


def jelinek_mercer(observed: Tensor, known: Tensor, lam: float, vocab_size: int) -> Tensor:
    """p_n(word) = lam * observed_n + (1 - lam) * p_{n-1}(word), with p_0 = 1 / V.

    observed: (n, ...), of n-grams of 1 to n words that end in the word, p(word | words before it)
        by the dictionary, 0 for one that it lacks; known: (n, ...) bool, whether the dictionary has
        any n-gram with those words before it; if not, p_n = p_{n-1}, so that p still adds up to 1.
    Returns (...), probabilities.
    """
    p = torch.full_like(observed[0], 1 / vocab_size)
    for of_n, has_context in zip(observed, known, strict=True):
        p = torch.where(has_context, lam * of_n + (1 - lam) * p, p)
    return p


class VisualNGrams(ImageModel):
    """p(caption | picture) = product of the words' smoothed probabilities. lam: of each order.

    ngrams: the dictionary, of `count_ngrams`; without it, single words only.
    """

    ngrams: Tensor
    group: Tensor

    def __init__(
        self, config: CLIPConfig, *, ngrams: Tensor | None = None, lam: float = 0.5
    ) -> None:
        super().__init__(config)
        ngrams = torch.empty(0, LONGEST, dtype=torch.int64) if ngrams is None else ngrams
        self.lam, words = lam, config.text.vocab_size
        self.ngram_embedding = nn.Linear(config.vision.feature_width, words + len(ngrams))
        nn.init.normal_(self.ngram_embedding.weight, std=0.02)
        nn.init.zeros_(self.ngram_embedding.bias)
        self.register_buffer("ngrams", ngrams)
        phrases = [tuple(word for word in row if word >= 0) for row in ngrams.tolist()]
        self.index = {
            phrase: k for k, phrase in enumerate([*((w,) for w in range(words)), *phrases])
        }
        self.contexts: dict[tuple[int, ...], int] = {}  # beginnings, numbered
        group = [self.contexts.setdefault(p[:-1], len(self.contexts)) for p in phrases]
        self.register_buffer("group", torch.tensor(group, dtype=torch.int64), persistent=False)

    def log_conditional(self, pictures: Tensor) -> Tensor:
        """(B, 3, R, R) -> (B, V + G): ln p(last word | words before it) of each n-gram.

        A softmax over the dictionary's n-grams that begin alike. (Li et al. divide probabilities of
        the n-gram and its beginning, from one softmax over all, which need not add up to 1.)
        """
        scores = self.ngram_embedding(self.features_of(pictures))
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        words, phrases = scores.split([self.config.text.vocab_size, len(self.group)], dim=1)
        group = self.group.expand(len(scores), -1)  # (B, G)
        top = phrases.new_full((len(scores), len(self.contexts)), -torch.inf)
        top = top.scatter_reduce(1, group, phrases.detach(), "amax")  # (B, contexts)
        shifted = phrases - top.gather(1, group)
        total = torch.zeros_like(top).scatter_add(1, group, shifted.exp())
        return torch.cat([words.log_softmax(1), shifted - total.log().gather(1, group)], dim=1)

    def look_up(self, tokens: Tensor) -> Tensor:
        """Captions (B, L) -> (3, B, L) int64: the index of the n-gram of n words that ends there.

        -1 where the dictionary has others with this beginning, -2 where it does not know that.
        """
        found = torch.full((LONGEST, *tokens.shape), -2)
        for b, row in enumerate(tokens.tolist()):
            for t in range(1, row.index(max(row))):
                for n in range(1, min(t, LONGEST) + 1):
                    ngram = tuple(row[t - n + 1 : t + 1])
                    if n == 1 or ngram[:-1] in self.contexts:
                        found[n - 1, b, t] = self.index.get(ngram, -1)
        return found.to(tokens.device)

    def forward(self, pictures: Tensor, tokens: Tensor) -> Embedded:
        """-> ln p of the T words of the batch (T,), and what they are (T,)."""
        tokens = self.checked_tokens(tokens)
        log_p = self.log_conditional(pictures)  # (B, V + G)
        at, words = self.look_up(tokens), is_word(tokens)  # (3, B, L), (B, L)
        p = self._mix(torch.stack([log_p.gather(1, of_n.clamp(min=0)) for of_n in at]), at)
        return Embedded(p[words].log(), tokens[words], self.logit_scale.exp())

    def loss(self, first: Tensor, second: Tensor, scale: Tensor, ids: Tensor | None) -> Tensor:
        """The mean of -ln p. With flat scores it follows from the counts of the dictionary."""
        return -first.mean()

    def caption_scores(self, pictures: Tensor, tokens: Tensor) -> Tensor:
        at, words = self.look_up(tokens), is_word(tokens)  # (3, M, L), (M, L)
        p = [self._mix(log_p[at.clamp(min=0)], at) for log_p in self.log_conditional(pictures)]
        return torch.where(words, torch.stack(p).log(), 0.0).sum(dim=2)  # (N, M, L) -> (N, M)

    def _mix(self, log_p: Tensor, at: Tensor) -> Tensor:
        observed = log_p.exp() * (at >= 0)
        return jelinek_mercer(observed, at >= -1, self.lam, self.config.text.vocab_size)
