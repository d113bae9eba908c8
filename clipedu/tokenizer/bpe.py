"""Byte-pair encoding (BPE), the algorithm: which pieces shall a text be cut into?

Start with single symbols, merge the most frequent pair of neighbors everywhere, and repeat: in the
end frequent words are one symbol and rare words a few (Sennrich et al., arXiv 1508.07909). Symbols
are `str` by hand, `bytes` in `clipedu.tokenizer`: of only 256, so that no text is ever unknown.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

Symbol = TypeVar("Symbol", str, bytes)


class Merge(NamedTuple, Generic[Symbol]):
    """One learned rule: `pair` becomes one symbol; `count` is how often it occurred."""

    pair: tuple[Symbol, Symbol]
    count: int  # type: ignore[assignment]  # it hides tuple's method of this name

    @property
    def symbol(self) -> Symbol:
        return self.pair[0] + self.pair[1]


def count_pairs(words: Mapping[tuple[Symbol, ...], int]) -> Counter[tuple[Symbol, Symbol]]:
    """Count pairs of neighbors in words: tuples of symbols, with the times that each occurs."""
    counts: Counter[tuple[Symbol, Symbol]] = Counter()
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
    return counts


def merge_pair(symbols: tuple[Symbol, ...], pair: tuple[Symbol, Symbol]) -> tuple[Symbol, ...]:
    """Join every occurrence of `pair`, left to right: ("l","o","w"), ("l","o") -> ("lo","w")."""
    first, second = pair
    merged: list[Symbol] = []
    i = 0
    while i < len(symbols):
        if i + 1 < len(symbols) and symbols[i] == first and symbols[i + 1] == second:
            merged.append(first + second)
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return tuple(merged)


def train_steps(
    words: Mapping[tuple[Symbol, ...], int], *, least: int = 2
) -> Iterator[Merge[Symbol]]:
    """Learn merges, one at a time: the most frequent pair, of ties the alphabetically first.

    It touches only the words that hold the merged pair; the obvious version, which counts anew for
    each merge, is in the tests. It stops when the best pair occurs less often than `least`: a pair
    seen once saves nothing. `words` stay: to watch them grow, apply `merge_pair` to them.
    """
    cut = list(words)  # cut[w]: word number w in its current symbols
    times = list(words.values())
    counts = count_pairs(words)
    holders: defaultdict[tuple[Symbol, Symbol], set[int]] = defaultdict(set)  # pair -> words
    for w, word in enumerate(cut):
        for pair in pairwise(word):
            holders[pair].add(w)
    # The heap gives the best pair. Its entries are never updated: whenever a count changes, a new
    # entry goes in, and an outdated entry is dropped when it comes out.
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)

    while heap:
        negative, best = heapq.heappop(heap)
        if -negative != counts[best]:
            continue
        if counts[best] < least:
            return
        yield Merge(best, counts[best])
        changed: set[tuple[Symbol, Symbol]] = set()
        for w in holders.pop(best):
            old, new = cut[w], merge_pair(cut[w], best)
            if new == old:  # the pair was here once, and an earlier merge took it apart
                continue
            for pair in pairwise(old):
                counts[pair] -= times[w]
            for pair in pairwise(new):
                counts[pair] += times[w]
                holders[pair].add(w)
            changed.update(pairwise(old), pairwise(new))
            cut[w] = new
        for pair in changed:
            if counts[pair] > 0:
                heapq.heappush(heap, (-counts[pair], pair))


def encode_word(
    symbols: tuple[Symbol, ...], ranks: Mapping[tuple[Symbol, Symbol], int]
) -> tuple[Symbol, ...]:
    """Cut one word, given as single symbols, by the earliest merge first: training's own order.

    ranks: merge -> its rank in the order of learning (0 was first).
    """
    while len(symbols) > 1:
        best = min(pairwise(symbols), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        symbols = merge_pair(symbols, best)
    return symbols
