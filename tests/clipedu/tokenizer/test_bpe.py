from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipedu.tokenizer.bpe import count_pairs, encode_word, merge_pair, train_steps

WORDS = {tuple("low"): 5, tuple("lower"): 2, tuple("newest"): 6, tuple("widest"): 3}

# Few letters and short words: runs such as "aaaa", overlaps and ties are then common.
small_words = st.dictionaries(
    st.text("abc", min_size=1, max_size=9).map(tuple), st.integers(1, 5), min_size=1, max_size=12
)


def slow_steps(
    words: dict[tuple[str, ...], int], least: int = 2
) -> Iterator[tuple[tuple[str, str], int]]:
    """The definition: count everything, take the best, merge it everywhere, again."""
    cut = [(list(word), times) for word, times in words.items()]
    while True:
        counts: dict[tuple[str, str], int] = {}
        for word, times in cut:
            for a, b in pairwise(word):
                counts[a, b] = counts.get((a, b), 0) + times
        if not counts or max(counts.values()) < least:
            return
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        yield best, counts[best]
        for word, _ in cut:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == best:
                    word[i : i + 2] = [best[0] + best[1]]
                i += 1


def test_count_pairs_by_hand() -> None:
    counts = count_pairs(WORDS)
    assert counts["e", "s"] == 9  # newest 6, widest 3
    assert counts["l", "o"] == 7
    assert counts["w", "e"] == 8  # lower 2, newest 6
    assert ("t", "l") not in counts  # no pair crosses the edge of a word


@pytest.mark.parametrize(
    ("word", "pair", "merged"),
    [
        ("low", ("l", "o"), ("lo", "w")),
        ("aaa", ("a", "a"), ("aa", "a")),
        ("aaaa", ("a", "a"), ("aa", "aa")),
        ("banana", ("a", "n"), ("b", "an", "an", "a")),
        ("abc", ("c", "a"), ("a", "b", "c")),
        ("", ("a", "b"), ()),
    ],
)
def test_merge_pair_by_hand(word: str, pair: tuple[str, str], merged: tuple[str, ...]) -> None:
    assert merge_pair(tuple(word), pair) == merged


def test_merge_pair_works_on_bytes() -> None:
    assert merge_pair((b"\xe5", b"\x8c", b"\x97"), (b"\xe5", b"\x8c")) == (b"\xe5\x8c", b"\x97")


def test_first_merges_by_hand() -> None:
    first = list(islice(train_steps(WORDS), 3))
    # "es" and "st" both occur 9 times: the alphabet decides. Then "est" is whole in two merges.
    assert [(merge.symbol, merge.count) for merge in first] == [("es", 9), ("est", 9), ("lo", 7)]


def test_training_leaves_the_words_alone() -> None:
    before = dict(WORDS)
    list(train_steps(WORDS))
    assert before == WORDS


@given(words=small_words, least=st.integers(1, 4))
@settings(deadline=None)
def test_fast_training_equals_the_slow_definition(
    words: dict[tuple[str, ...], int], least: int
) -> None:
    assert list(train_steps(words, least=least)) == list(slow_steps(words, least))


def test_fast_training_equals_the_slow_definition_on_longer_texts() -> None:
    rng = random.Random(0)
    syllables = ["ba", "na", "ko", "st", "er", "ing", "a", "e", "xx"]
    words = Counter(tuple("".join(rng.choices(syllables, k=rng.randint(1, 5)))) for _ in range(600))
    fast = list(train_steps(words))
    assert fast == list(slow_steps(dict(words)))
    assert len(fast) > 100


@given(words=small_words)
@settings(deadline=None)
def test_a_known_word_is_cut_as_training_left_it(words: dict[tuple[str, ...], int]) -> None:
    merges = [pair for pair, _ in train_steps(words)]
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    assert len({a + b for a, b in merges}) == len(merges)  # no symbol is made twice
    for word in words:
        replayed = word
        for pair in merges:
            replayed = merge_pair(replayed, pair)
        assert encode_word(word, ranks) == replayed
        assert "".join(replayed) == "".join(word)


def test_encode_word_takes_the_earliest_merge_first() -> None:
    # Left to right would take "ab" first; it was learned later.
    assert encode_word(tuple("abc"), {("b", "c"): 0, ("a", "b"): 1}) == ("a", "bc")
    assert encode_word(("a",), {}) == ("a",)
    assert encode_word((), {}) == ()


def test_training_stops_at_pairs_seen_less_often_than_least() -> None:
    assert list(train_steps({tuple("abc"): 1})) == []
    once = list(train_steps({tuple("abc"): 1}, least=1))
    assert once == [(("a", "b"), 1), (("ab", "c"), 1)]
