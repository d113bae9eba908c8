"""The parts of `my_clip.py`: right answers in unusual forms pass, and slow ones are told apart."""

from __future__ import annotations

import pytest

from clipedu_classroom import specs
from clipedu_classroom.judge import report_here

HEAP = """
import heapq

def train_steps(words, *, least=2):
    cut, counts, holders = list(words), Counter(), defaultdict(set)
    times = list(words.values())
    for w, word in enumerate(cut):
        for pair in pairwise(word):
            counts[pair] += times[w]
            holders[pair].add(w)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    while heap:
        negative, best = heapq.heappop(heap)
        if -negative != counts[best]:
            continue
        if -negative < least:
            return
        yield best, -negative
        changed = set()
        for w in holders.pop(best):
            old, new = cut[w], merge_pair(cut[w], best)
            for pair in pairwise(old):
                counts[pair] -= times[w]
            for pair in pairwise(new):
                counts[pair] += times[w]
                holders[pair].add(w)
            changed.update(pairwise(old), pairwise(new))
            cut[w] = new
        for pair in changed:
            if counts[pair]:
                heapq.heappush(heap, (-counts[pair], pair))
"""
LIST = """
def train_steps(words, *, least=2):
    counts, holders, cut = Counter(), defaultdict(set), {word: word for word in words}
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
            holders[pair].add(word)
    found = []
    while counts:
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[best] < least:
            break
        found.append([best, counts[best]])
        for word in holders[best]:
            for pair in pairwise(cut[word]):
                counts[pair] -= words[word]
            cut[word] = merge_pair(cut[word], best)
            for pair in pairwise(cut[word]):
                counts[pair] += words[word]
                holders[pair].add(word)
        counts = +counts
    return found
"""
ALL_WORDS = """
def train_steps(words, *, least=2):
    counts, cut = Counter(), {word: word for word in words}
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
    while counts:
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        if counts[best] < least:
            return
        yield best, counts[best]
        for word, old in cut.items():
            new = merge_pair(old, best)
            if new != old:
                for pair in pairwise(old):
                    counts[pair] -= words[word]
                for pair in pairwise(new):
                    counts[pair] += words[word]
                cut[word] = new
        counts = +counts
"""
FUSED = """
def plain_attention(q, k, v, *, causal=False):
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
"""
EINSUM = """
def plain_attention(q, k, v, causal=False):
    scores = torch.einsum("...id,...jd->...ij", q, k) * q.shape[-1] ** -0.5
    if causal:
        scores = scores + torch.full(scores.shape[-2:], float("-inf")).triu(1)
    return torch.einsum("...ij,...jd->...id", F.softmax(scores, dim=-1), v)
"""
SLICES = """
class MultiHeadAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x, *, causal=False):
        w, b, width = self.in_proj_weight, self.in_proj_bias, x.shape[-1]
        q = F.linear(x, w[:width], b[:width])
        k = F.linear(x, w[width : 2 * width], b[width : 2 * width])
        v = F.linear(x, w[2 * width :], b[2 * width :])
        parts = [y.chunk(self.heads, dim=-1) for y in (q, k, v)]
        found = [plain_attention(*head, causal=causal) for head in zip(*parts)]
        return self.out_proj(torch.cat(found, dim=-1))
"""
SWITCH = """
class MLP(nn.Module):
    def __init__(self, width, activation):
        super().__init__()
        self.c_fc = nn.Linear(width, width * 4)
        self.c_proj = nn.Linear(width * 4, width)
        self.act = nn.GELU() if activation == "gelu" else lambda x: x / (1 + (-1.702 * x).exp())

    def forward(self, x):
        return self.c_proj(self.act(self.c_fc(x)))
"""
LOOP = """
class TextTransformer(nn.Module):
    def __init__(self, config, embed_dim, activation="quick_gelu"):
        super().__init__()
        width = config.width
        self.transformer = Transformer(
            width, config.layers, config.heads, activation=activation, causal=True
        )
        self.token_embedding = nn.Embedding(config.vocab_size, width)
        self.positional_embedding = nn.Parameter(torch.randn(config.context_length, width))
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, embed_dim))

    def forward(self, tokens):
        x = self.token_embedding(tokens)
        x = x + self.positional_embedding[None, : x.shape[1]]
        x = self.ln_final(self.transformer(x))
        rows = [row[ids.argmax()] @ self.text_projection for row, ids in zip(x, tokens)]
        return torch.stack(rows)
"""
RIGHT = [("01.7", HEAP), ("01.10", FUSED), ("01.10", EINSUM), ("01.11", SLICES)]
RIGHT += [("01.12", SWITCH), ("01.14", LOOP)]


@pytest.mark.parametrize(("key", "source"), RIGHT)
def test_right_answers_of_other_forms_pass(key: str, source: str) -> None:
    report = report_here(specs.find(key), source)
    assert report.passed, report.message


SLOW = [(ALL_WORDS, "every word is visited at each merge"), (LIST, "all merges are made before")]


@pytest.mark.parametrize(("source", "diagnosis"), SLOW)
def test_slow_versions_are_told_apart(source: str, diagnosis: str) -> None:
    assert report_here(specs.find("01.7"), source).diagnosis.startswith(diagnosis)
