"""From pairs to what a training step takes: pictures, token rows, and which captions are equal.

Batch k depends on (seed, k) alone, so a resumed run needs no position in a stream.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from clipedu.objectives import one_sentence
from clipedu.pairs import NONE, Augmentation, augment, to_model
from clipedu.pairs.batches import batch_generator
from clipedu.pairs.clean import openai_standardize
from clipedu.tokenizer import Tokenizer, row_ids
from clipedu.training.parallel import World
from clipedu.training.recipe import Recipe


class Pairs(Protocol):
    """What training needs of a data set, such as COCO; `clipedu.pairs.PairSet` is one.

    Write a subclass with `__len__`, `batch_at` and, unless `train` gets a tokenizer, `texts`; the
    other members have answers that are right for most data.
    """

    role: Literal["train", "held_out"] = "train"  # held out: no model may learn from them

    def __len__(self) -> int:
        """How many pairs there are."""

    def batch_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation, /
    ) -> tuple[Tensor, list[str]]:
        """(n, 3, S, S) float pictures in 0..1 and n captions: the same for the same arguments."""

    def texts(self) -> list[str]:
        """All captions that there may be, in a fixed order: what a tokenizer learns from."""
        return []

    @property
    def largest_batch(self) -> int:
        """Pairs that one batch can hold."""
        return len(self)

    def part_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation, part: slice, /
    ) -> tuple[Tensor, list[str]]:
        """`batch_at` for one of several processes: the pictures of these rows, and all n captions.

        Faster where it makes these pictures only.
        """
        pictures, captions = self.batch_at(step, n, seed, augmentation)
        return pictures[part], captions


def dataset_fingerprint(pairs: Pairs) -> dict[str, Any]:
    """What tells these pairs from others: how many, of what kind, and a digest of their captions.

    A resumed run must find the same, or its batches would be others.
    """
    facts: dict[str, Any] = {"pairs": len(pairs), "kind": type(pairs).__name__}
    if texts := pairs.texts():
        digest = hashlib.sha256()
        for text in texts:
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        facts["captions_sha256"] = digest.hexdigest()[:16]
    return facts


class Batch(NamedTuple):
    """pictures (B, 3, S, S) as the model sees them; tokens (B, L) int64; caption ids (B,) int64.

    Ids are equal where rows of tokens are; None where no two are. Each of W ranks has B / W pairs.
    """

    pictures: Tensor
    tokens: Tensor
    false_negative_ids: Tensor | None


class TokenTable:
    """Captions -> token rows, each caption tokenized once: most captions return.

    The table starts anew when it holds `limit` captions, or an endless stream would fill memory.
    """

    def __init__(self, tokenizer: Tokenizer, context_length: int, limit: int = 200_000) -> None:
        self.tokenizer, self.context_length, self.limit = tokenizer, context_length, limit
        self._rows: dict[str, np.ndarray] = {}

    def __call__(self, captions: Sequence[str]) -> Tensor:
        """n captions -> (n, L) int64."""
        if len(self._rows) + len(captions) > self.limit:
            self._rows.clear()
        new = list(dict.fromkeys(caption for caption in captions if caption not in self._rows))
        if new:
            rows = self.tokenizer(new, self.context_length, truncate=True)
            self._rows.update(zip(new, rows.numpy().astype(np.int32), strict=True))
        return torch.from_numpy(np.stack([self._rows[c] for c in captions]).astype(np.int64))


def two_views(pictures: Tensor, random: torch.Generator, how: Augmentation) -> Tensor:
    """(N, 3, S, S) pictures in 0..1 -> (2N, 3, S, S): each changed in two ways, for "simclr"."""
    return torch.cat([augment(1 - pictures, random, how) for _ in range(2)])


#: What the image encoder sees of pictures in 0..1, by the recipe's `pixels`.
PIXELS = {"course": to_model, "openai": openai_standardize}


class Feeder:
    """Makes the batch of any step: `feeder(k)`; of several ranks, this rank's part of it."""

    def __init__(
        self,
        pairs: Pairs,
        tokenizer: Tokenizer,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        world: World | None = None,
    ) -> None:
        self.pairs, self.recipe, self.seed, self.device = pairs, recipe, seed, device
        self.world = world or World()
        self.part = self.world.local_slice(recipe.batch_size)
        self.tokens = TokenTable(tokenizer, recipe.context_length)
        self.warned = False

    def __call__(self, step: int) -> Batch:
        recipe = self.recipe
        augmentation = NONE if recipe.objective == "simclr" else recipe.augmentation
        wanted = (step, recipe.batch_size, self.seed, augmentation)
        if self.world.size == 1:
            pictures, captions = self.pairs.batch_at(*wanted)
        else:
            pictures, captions = self.pairs.part_at(*wanted, self.part)
        if recipe.objective == "convirt":
            draws = np.random.default_rng((self.seed, step, 4))
            captions = [one_sentence(caption, draws) for caption in captions]
        tokens, ids = self.tokens(captions), None  # of all ranks: equal captions may be on two
        if self.recipe.mask_same_captions:
            found = row_ids(tokens)
            if found.max() + 1 < len(found):
                ids = found[self.part].to(self.device, non_blocking=True)
        if not self.warned and self.world.is_main_process:
            self._warn_of_cuts(step, captions, tokens)
        if recipe.objective == "simclr":
            pictures = two_views(pictures, batch_generator(self.seed, step), recipe.augmentation)
        pictures = PIXELS[self.recipe.pixels](pictures).contiguous(
            memory_format=torch.channels_last
        )
        tokens = tokens[self.part]
        return Batch(
            pictures.to(self.device, non_blocking=True),
            tokens.to(self.device, non_blocking=True),
            ids,
        )

    def _warn_of_cuts(self, step: int, captions: Sequence[str], tokens: Tensor) -> None:
        """Says once how many captions of a batch are longer than a row of tokens."""
        tokenizer, limit = self.tokens.tokenizer, self.tokens.context_length
        full = [k for k, last in enumerate(tokens[:, -1].tolist()) if last == tokenizer.eot]
        cut = sum(len(tokenizer.encode(captions[k])) + 2 > limit for k in full)
        if cut:
            self.warned = True
            warnings.warn(
                f"{cut} of the {len(captions)} captions of batch {step} have more than {limit} "
                "tokens and are cut there; those with the same beginning count as equal.",
                stacklevel=2,
            )

    def batches(self, start: int, stop: int, *, ahead: bool) -> Generator[Batch, None, None]:
        """The batches of steps start..stop-1; `ahead`: the next is made while one is in use."""
        if not ahead or start >= stop:
            yield from map(self, range(start, stop))
            return
        with ThreadPoolExecutor(1, "clipedu-batches") as worker:
            coming = worker.submit(self, start)
            for step in range(start + 1, stop + 1):
                batch = coming.result()
                if step < stop:
                    coming = worker.submit(self, step)
                yield batch
