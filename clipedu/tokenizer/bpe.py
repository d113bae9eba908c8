"""Byte-pair encoding (BPE), the algorithm: which pieces shall a text be cut into?

Start with single symbols. Count the neighbouring pairs, glue the most frequent pair together
everywhere, and repeat. After a few thousand merges, frequent words are one symbol and rare words
are a few (Sennrich et al., arXiv 1508.07909; CLIP, arXiv 2103.00020, section 2.4).

    count_pairs   how often does each pair of neighbours occur?
    merge_pair    glue one pair together in one word
    train_steps   the two above, repeated: yields one merge at a time
    encode_word   cut a new word with the merges that were learned

What to notice:
* A symbol is `str` or `bytes`, so that gluing is `+`. By hand you use letters; `clipedu.tokenizer`
  uses UTF-8 bytes, of which there are only 256: no text in any language is ever unknown.
* `train_steps` is exact, and fast because it touches only the words that hold the merged pair. The
  obvious version, which counts everything again for each merge, is in the tests, where both must
  give the same merges.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

Symbol = TypeVar("Symbol", str, bytes)


@dataclass(frozen=True)
class Merge(Generic[Symbol]):
    """One learned rule: `pair` becomes one symbol; `count` is how often it stood in the texts."""

    pair: tuple[Symbol, Symbol]
    count: int

    @property
    def symbol(self) -> Symbol:
        return self.pair[0] + self.pair[1]


def count_pairs(words: Mapping[tuple[Symbol, ...], int]) -> Counter[tuple[Symbol, Symbol]]:
    """Count neighbouring pairs over all words.

    Args:
        words: each distinct word as a tuple of symbols, with the number of times it occurs.
    """
    counts: Counter[tuple[Symbol, Symbol]] = Counter()
    for word, times in words.items():
        for pair in pairwise(word):
            counts[pair] += times
    return counts


def merge_pair(symbols: tuple[Symbol, ...], pair: tuple[Symbol, Symbol]) -> tuple[Symbol, ...]:
    """Glue every occurrence of `pair`, left to right: ("l","o","w"), ("l","o") -> ("lo","w")."""
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
    """Learn merges, one at a time: the most frequent pair, of equals the alphabetically first.

    Args:
        words: each distinct word as a tuple of symbols, with the number of times it occurs. It is
            not changed: to watch the words grow, apply `merge_pair(word, merge.pair)` to them as
            the merges arrive.
        least: stop when the best pair occurs less often than this. Merging a pair that was seen
            once saves nothing.
    """
    cut = list(words)  # cut[w]: the word number w, cut into today's symbols
    times = list(words.values())
    counts = count_pairs(words)
    holders: defaultdict[tuple[Symbol, Symbol], set[int]] = defaultdict(set)  # pair -> words
    for w, word in enumerate(cut):
        for pair in pairwise(word):
            holders[pair].add(w)
    # The heap hands out the best pair. Its entries are never mended: whenever a count changes, a
    # new entry goes in, and an entry that is no longer true is thrown away when it comes out.
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
                changed.add(pair)
            for pair in pairwise(new):
                counts[pair] += times[w]
                changed.add(pair)
                holders[pair].add(w)
            cut[w] = new
        for pair in changed:
            if counts[pair] > 0:
                heapq.heappush(heap, (-counts[pair], pair))


def encode_word(
    symbols: tuple[Symbol, ...], ranks: Mapping[tuple[Symbol, Symbol], int]
) -> tuple[Symbol, ...]:
    """Cut one word as training would have: the earliest-learned merge that fits, then the next.

    Args:
        symbols: the word as single symbols.
        ranks: merge -> its place in the order of learning (0 was first).
    """
    while len(symbols) > 1:
        best = min(pairwise(symbols), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        symbols = merge_pair(symbols, best)
    return symbols
