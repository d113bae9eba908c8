from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipedu.pairs import to_model
from clipedu.tokenizer import Tokenizer
from clipedu.training import Feeder, TokenTable, World, same_captions
from clipedu.training.batches import facts_of

TOKENIZER = Tokenizer.train(["small red left", "large blue right"] * 3, 270)


@pytest.mark.parametrize("limit", [5, 1000])
def test_the_table_gives_what_the_tokenizer_gives(limit: int) -> None:
    table = TokenTable(TOKENIZER, 12, limit=limit)
    rng = np.random.default_rng(0)
    words = [f"small red {k}" for k in range(2000)] + ["a caption that is too long for 12 tokens"]
    for _ in range(40):
        captions = [words[k] for k in rng.integers(0, len(words), 64)]
        tokens, numbers = table(captions)
        assert tokens.dtype == torch.int64
        assert torch.equal(tokens, TOKENIZER(captions, 12, truncate=True))
        slow = [[a == b for b in captions] for a in captions]
        assert np.array_equal(numbers[:, None] == numbers[None], np.array(slow))


def test_a_caption_is_tokenized_once() -> None:
    calls = []

    class Counting:
        def __call__(self, texts: list[str], length: int, truncate: bool) -> torch.Tensor:
            calls.append(list(texts))
            return TOKENIZER(texts, length, truncate=truncate)

    table = TokenTable(Counting(), 12)  # type: ignore[arg-type]
    table(["a", "b", "a"])
    table(["b", "c"])
    assert calls == [["a", "b"], ["c"]]


@settings(deadline=None)  # the first example may meet a slow import
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_same_captions_is_none_only_when_all_differ(numbers: list[int]) -> None:
    same = same_captions(np.array(numbers))
    slow = torch.tensor([[a == b for b in numbers] for a in numbers])
    if len(set(numbers)) == len(numbers):
        assert same is None
    else:
        assert same is not None and torch.equal(same, slow)


def test_batches_made_ahead_are_the_same_batches(pairs, recipe) -> None:
    feeder = Feeder(pairs, TOKENIZER, recipe, 3, torch.device("cpu"))
    plain = list(feeder.batches(2, 7, ahead=False))
    ahead = list(feeder.batches(2, 7, ahead=True))
    assert len(plain) == len(ahead) == 5
    for one, other in zip(plain, ahead, strict=True):
        assert torch.equal(one.pictures, other.pictures)
        assert torch.equal(one.tokens, other.tokens)
    assert list(feeder.batches(7, 7, ahead=True)) == []


def test_a_batch_is_what_the_towers_take(pairs, recipe) -> None:
    batch = Feeder(pairs, TOKENIZER, recipe, 0, torch.device("cpu"))(4)
    pictures, captions = pairs.batch_at(4, 16, 0)
    assert torch.equal(batch.pictures, to_model(pictures))
    assert batch.pictures.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch.tokens, TOKENIZER(captions, recipe.context_length, truncate=True))
    assert batch.same is None


def test_facts_tell_one_data_set_from_another(fake_pairs) -> None:
    facts = facts_of(fake_pairs())
    assert facts == facts_of(fake_pairs())
    assert (facts["pairs"], facts["kind"]) == (40, "FakePairs")
    shorter, renamed, turned = fake_pairs(count=39), fake_pairs(), fake_pairs()
    renamed.icons[7] = dataclasses.replace(renamed.icons[7], name="small red lef")
    turned.icons.reverse()
    digests = [facts_of(some)["captions_sha256"] for some in (shorter, renamed, turned)]
    assert len({facts["captions_sha256"], *digests}) == 4

    class Texts(list):  # its words come from texts()
        def texts(self) -> list[str]:
            return list(self)

    parted, joined = facts_of(Texts(["ab", "c"])), facts_of(Texts(["a", "bc"]))
    assert parted["captions_sha256"] != joined["captions_sha256"]
    assert facts_of(Texts(["\ud800"]))["pairs"] == 1  # JSON may hold half a character
    assert facts_of([1, 2]) == {"pairs": 2, "kind": "list"}


class Twice:
    """The pairs of the other tests, where every caption comes twice; with or without `part_at`."""

    def __init__(self, pairs: Any, in_parts: bool) -> None:
        self.pairs = pairs
        if in_parts:
            self.part_at = self._part_at

    def batch_at(self, step: int, n: int, seed: int, how: Any) -> tuple[torch.Tensor, list[str]]:
        pictures, captions = self.pairs.batch_at(step, n, seed, how)
        return pictures, [captions[k // 2] for k in range(n)]

    def _part_at(self, step: int, n: int, seed: int, how: Any, part: slice) -> Any:
        pictures, captions = self.batch_at(step, n, seed, how)
        return pictures[part], captions


@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize("ranks", [2, 4])
def test_the_parts_of_the_ranks_are_the_batch(pairs, recipe, in_parts: bool, ranks: int) -> None:
    some, here = Twice(pairs, in_parts), torch.device("cpu")
    whole = Feeder(some, TOKENIZER, recipe, 0, here)(4)
    parts = [Feeder(some, TOKENIZER, recipe, 0, here, World(r, ranks))(4) for r in range(ranks)]
    assert torch.equal(torch.cat([part.pictures for part in parts]), whole.pictures)
    assert torch.equal(torch.cat([part.tokens for part in parts]), whole.tokens)
    numbers = torch.cat([part.same for part in parts])
    assert torch.equal(numbers[:, None] == numbers[None, :], whole.same)
    other = [Feeder(pairs, TOKENIZER, recipe, 0, here, World(r, ranks))(4) for r in range(ranks)]
    assert all(part.same is None for part in other)


def test_a_failure_in_the_background_reaches_the_caller(pairs, recipe) -> None:
    def broken(*args: object) -> None:
        raise OSError("the disk is gone")

    pairs.batch_at = broken
    feeder = Feeder(pairs, TOKENIZER, recipe, 0, torch.device("cpu"))
    with pytest.raises(OSError, match="the disk is gone"):
        next(feeder.batches(0, 3, ahead=True))
