"""From a PairSet to what a training step takes: pictures, token rows, and which captions are equal.

Notable:

* batch k depends on (seed, k) alone, so a resumed run needs no place in a stream;
* a caption is tokenized once; after that its row is looked up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from clipedu.pairs import Augmentation, all_captions, to_model
from clipedu.tokenizer import Tokenizer
from clipedu.training.distributed import World
from clipedu.training.recipe import Recipe


class Pairs(Protocol):
    """What training needs of a data set; :class:`clipedu.pairs.PairSet` is one.

    Its words are `icons` or, of pairs that have captions only, the method `texts()`.
    """

    def __len__(self) -> int: ...

    def batch_at(self, step: int, n: int, seed: int, how: Augmentation) -> tuple[Tensor, list[str]]:
        """(n, 3, S, S) float pictures in 0..1 and n captions: the same for the same arguments."""
        ...


def texts_of(pairs: Any) -> list[str]:
    """What a tokenizer learns from: all captions that these pairs may have."""
    return pairs.texts() if hasattr(pairs, "texts") else all_captions(pairs.icons)


def facts_of(pairs: Any) -> dict[str, Any]:
    """What tells these pairs from others: how many, of what kind, and a digest of their words.

    A run that goes on must have the same, or its batches would be others. Pairs that come with a
    tokenizer need no words of their own, and then there is no digest.
    """
    facts: dict[str, Any] = {"pairs": len(pairs), "kind": type(pairs).__name__}
    if hasattr(pairs, "texts") or hasattr(pairs, "icons"):
        digest = hashlib.sha256()
        for text in texts_of(pairs):
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        facts["captions_sha256"] = digest.hexdigest()[:16]
    return facts


class Batch(NamedTuple):
    """pictures (B, 3, S, S) for the image tower, tokens (B, L) int64, and which captions are equal.

    same: (B, B) bool; or (B,) int64, numbers that are equal where captions are, where no such
    matrix should exist (tiled and sharded losses); or None where no two captions are equal.
    Of a run on W ranks, each rank has B / W pairs.
    """

    pictures: Tensor
    tokens: Tensor
    same: Tensor | None


class TokenTable:
    """Token rows of every caption met so far: (captions, L) in one array.

    Encoding 512 captions takes some 10 ms, looking them up 0.1 ms. Captions come from templates, so
    most return. The table starts anew when it holds `limit` of them, or an endless stream of
    captions would fill the memory.
    """

    def __init__(self, tokenizer: Tokenizer, context_length: int, limit: int = 200_000) -> None:
        self.tokenizer = tokenizer
        self.context_length = context_length
        self.limit = limit
        self._row: dict[str, int] = {}
        self._table = np.zeros((1024, context_length), np.int32)

    def __call__(self, captions: Sequence[str]) -> tuple[Tensor, np.ndarray]:
        """n captions -> tokens (n, L) int64, and (n,) numbers that are equal where captions are."""
        if len(self._row) + len(captions) > self.limit:
            self._row.clear()
        new = list(dict.fromkeys(caption for caption in captions if caption not in self._row))
        if new:
            rows = self.tokenizer(new, self.context_length, truncate=True).numpy()
            start, end = len(self._row), len(self._row) + len(new)
            while end > len(self._table):
                self._table = np.concatenate((self._table, np.zeros_like(self._table)))
            self._table[start:end] = rows
            self._row.update(zip(new, range(start, end), strict=True))
        index = np.fromiter((self._row[caption] for caption in captions), np.int64, len(captions))
        return torch.from_numpy(self._table[index].astype(np.int64)), index


class Feeder:
    """Makes the batch of any step: `feeder(k)`; in a world of several ranks, this rank's part.

    The parts are those of the one batch that a single process would have. With a method
    `part_at(step, n, seed, how, rows)` of `pairs` (the course's pairs and shards have it) a rank
    makes the pictures of its rows only; without it, the whole batch, of which it keeps its part.
    All n captions come to every rank, to find equal ones; it encodes its own.
    """

    def __init__(
        self,
        pairs: Pairs,
        tokenizer: Tokenizer,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        world: World | None = None,
    ) -> None:
        self.world = world or World()
        self.part = self.world.part(recipe.batch_size)
        self.pairs, self.recipe, self.seed, self.device = pairs, recipe, seed, device
        self.tokens = TokenTable(tokenizer, recipe.context_length)

    def __call__(self, step: int) -> Batch:
        recipe = self.recipe
        asked = (step, recipe.batch_size, self.seed, recipe.augmentation)
        part_at = getattr(self.pairs, "part_at", None)
        if self.world.size == 1:
            pictures, captions = self.pairs.batch_at(*asked)
        elif part_at is not None:
            pictures, captions = part_at(*asked, self.part)
        else:
            pictures, captions = self.pairs.batch_at(*asked)
            pictures = pictures[self.part]
        tokens = self.tokens(captions[self.part])[0]
        numbers = number_captions(captions)  # alike on all ranks, which know all captions
        pictures = to_model(pictures).contiguous(memory_format=torch.channels_last)
        same = None
        if recipe.mask_same_captions and self.world.size == 1 and not recipe.execution.tile:
            same = same_captions(numbers)
        elif recipe.mask_same_captions and len(np.unique(numbers)) < len(numbers):
            same = torch.from_numpy(numbers[self.part])
        return Batch(
            pictures.to(self.device, non_blocking=True),
            tokens.to(self.device, non_blocking=True),
            None if same is None else same.to(self.device),
        )

    def batches(self, start: int, stop: int, *, ahead: bool) -> Generator[Batch, None, None]:
        """The batches of steps start..stop-1; `ahead`: the next is made while one is in use."""
        if not ahead:
            yield from map(self, range(start, stop))
            return
        with ThreadPoolExecutor(1, "clipedu-batches") as worker:
            coming = worker.submit(self, start) if start < stop else None
            for step in range(start, stop):
                assert coming is not None
                batch = coming.result()
                coming = worker.submit(self, step + 1) if step + 1 < stop else None
                yield batch


def number_captions(captions: Sequence[str]) -> np.ndarray:
    """(n,) int64: equal numbers for equal captions, in the order in which they come."""
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(caption, len(seen)) for caption in captions], np.int64)


def same_captions(numbers: np.ndarray) -> Tensor | None:
    """(n, n) bool, True where two captions are equal; None where no two are, as is usual."""
    if len(np.unique(numbers)) == len(numbers):
        return None
    return torch.from_numpy(numbers[:, None] == numbers[None, :])
