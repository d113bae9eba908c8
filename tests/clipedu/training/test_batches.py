from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from clipedu.pairs import to_model
from clipedu.tokenizer import Tokenizer
from clipedu.training import Feeder, Pairs, TokenTable, World
from clipedu.training.batches import dataset_fingerprint

TOKENIZER = Tokenizer.train(["small red left", "large blue right"] * 3, 270)


@pytest.mark.parametrize("limit", [5, 1000])
def test_the_table_gives_what_the_tokenizer_gives(limit: int) -> None:
    table = TokenTable(TOKENIZER, 12, limit=limit)
    rng = np.random.default_rng(0)
    words = [f"small red {k}" for k in range(2000)] + ["a caption that is too long for 12 tokens"]
    for _ in range(40):
        captions = [words[k] for k in rng.integers(0, len(words), 64)]
        tokens = table(captions)
        assert tokens.dtype == torch.int64
        assert torch.equal(tokens, TOKENIZER(captions, 12, truncate=True))


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
    assert batch.false_negative_ids is None


def test_facts_tell_one_data_set_from_another(fake_pairs) -> None:
    facts = dataset_fingerprint(fake_pairs())
    assert facts == dataset_fingerprint(fake_pairs())
    assert (facts["pairs"], facts["kind"]) == (40, "FakePairs")
    shorter, renamed, turned = fake_pairs(count=39), fake_pairs(), fake_pairs()
    renamed.icons[7] = renamed.icons[7]._replace(name="small red lef")
    turned.icons.reverse()
    digests = [dataset_fingerprint(some)["captions_sha256"] for some in (shorter, renamed, turned)]
    assert len({facts["captions_sha256"], *digests}) == 4

    class Texts(Pairs):
        def __init__(self, *words: str) -> None:
            self.words = list(words)

        def __len__(self) -> int:
            return 2

        def texts(self) -> list[str]:
            return self.words

    parted, joined = dataset_fingerprint(Texts("ab", "c")), dataset_fingerprint(Texts("a", "bc"))
    assert parted["captions_sha256"] != joined["captions_sha256"]
    assert dataset_fingerprint(Texts("\ud800"))["pairs"] == 2  # JSON may hold half a character
    assert dataset_fingerprint(Texts()) == {"pairs": 2, "kind": "Texts"}


class Twice(Pairs):
    """The pairs of the other tests, where every caption comes twice."""

    def __init__(self, pairs: Any) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def batch_at(self, step: int, n: int, seed: int, how: Any) -> tuple[torch.Tensor, list[str]]:
        pictures, captions = self.pairs.batch_at(step, n, seed, how)
        return pictures, [captions[k // 2] for k in range(n)]


class InParts(Twice):
    """They make a rank's part themselves."""

    def part_at(self, step: int, n: int, seed: int, how: Any, part: slice) -> Any:
        pictures, captions = self.batch_at(step, n, seed, how)
        return pictures[part], captions


@pytest.mark.parametrize("kind", [Twice, InParts])
@pytest.mark.parametrize("ranks", [2, 4])
def test_the_parts_of_the_ranks_are_the_batch(pairs, recipe, kind: Any, ranks: int) -> None:
    some, cpu = kind(pairs), torch.device("cpu")
    whole = Feeder(some, TOKENIZER, recipe, 0, cpu)(4)
    parts = [Feeder(some, TOKENIZER, recipe, 0, cpu, World(r, ranks))(4) for r in range(ranks)]
    assert torch.equal(torch.cat([part.pictures for part in parts]), whole.pictures)
    assert torch.equal(torch.cat([part.tokens for part in parts]), whole.tokens)
    assert whole.false_negative_ids.tolist() == [k // 2 for k in range(recipe.batch_size)]
    ids = torch.cat([part.false_negative_ids for part in parts])
    assert torch.equal(ids, whole.false_negative_ids)
    other = [Feeder(pairs, TOKENIZER, recipe, 0, cpu, World(r, ranks))(4) for r in range(ranks)]
    assert all(part.false_negative_ids is None for part in other)


class Written(Twice):
    """The same pictures under captions that a person wrote."""

    def __init__(self, pairs: Any, words: list[str]) -> None:
        self.pairs, self.words = pairs, words

    def batch_at(self, step: int, n: int, seed: int, how: Any) -> tuple[torch.Tensor, list[str]]:
        return self.pairs.batch_at(step, n, seed, how)[0], self.words


@pytest.mark.parametrize("ranks", [1, 2])
def test_captions_that_are_equal_as_tokens_are_no_negatives(pairs, recipe, ranks: int) -> None:
    n, cpu = recipe.batch_size, torch.device("cpu")
    start = "a small red thing on the left that goes on and on " * 2
    words = [start + "red", start + "blue", "caf\u00e9", "cafe\u0301", "CAF\u00c9"]
    words += [str(k) for k in range(n - 6)] + [start + "left"]
    feeders = [
        Feeder(Written(pairs, words), TOKENIZER, recipe, 0, cpu, World(r, ranks))
        for r in range(ranks)
    ]
    with pytest.warns(UserWarning, match=f"3 of the {n} captions of batch 4") as told:
        batches = [feeder(4) for feeder in feeders] + [feeder(5) for feeder in feeders]
    assert len([x for x in told if "captions of batch" in str(x.message)]) == 1
    ids = torch.cat([batch.false_negative_ids for batch in batches[:ranks]])
    tokens = torch.cat([batch.tokens for batch in batches[:ranks]])
    assert torch.equal(ids[:, None] == ids, (tokens[:, None] == tokens).all(-1))
    assert ids[0] == ids[1] == ids[-1] and ids[2] == ids[3] != ids[4]


def test_a_failure_in_the_background_reaches_the_caller(pairs, recipe) -> None:
    def broken(*args: object) -> None:
        raise OSError("the disk is gone")

    pairs.batch_at = broken
    feeder = Feeder(pairs, TOKENIZER, recipe, 0, torch.device("cpu"))
    with pytest.raises(OSError, match="the disk is gone"):
        next(feeder.batches(0, 3, ahead=True))
