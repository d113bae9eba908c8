"""Pairs in tar shards, in the layout that img2dataset writes and WebDataset readers know.

    00000.tar          000000000.png  000000000.txt  000000000.json  000000001.png ...
    00000_stats.json   how many samples the shard was written with

Notable:

* tar files need no library but Python's own. Each shard is read once from end to end, every
  picture decoded; after that it is known which samples are good and where they lie;
* so the batch of any step is known without a place in a stream: a run that was broken off in the
  middle of an epoch goes on with the next pair, also with another number of ranks or workers;
* a bad sample (cut off, broken picture, no caption) is skipped and counted, never guessed at;
* the course's own shards name each picture's family, so held-out ones are known here too.

This is for shards on a disk that this machine can read. A bucket far away wants a stream, which the
webdataset library reads from the same files.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from clipedu.pairs.augment import NONE, Augmentation, change, draw_luck, ink
from clipedu.pairs.clean import in_8_bits
from clipedu.pairs.icons import HELD_OUT_FAMILIES

PICTURES = ("jpg", "jpeg", "png", "webp")
#: Why a sample is left out.
REASONS = ("cut off", "no picture", "broken picture", "no caption", "name twice")


class Sample(NamedTuple):
    """key: its name in the shard; picture: (S, S, 4) uint8 RGBA; caption."""

    key: str
    picture: np.ndarray
    caption: str


@dataclass
class _Shard:
    """Where the good samples of a tar file lie, and why others are left out."""

    path: Path
    keys: list[str] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)  # of the picture: offset, bytes
    captions: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    held_out: bool = False  # whether a good sample is of a held-out family


class ShardPairs:
    """Pairs from tar shards; a data set for :func:`clipedu.training.train` and for torch's loaders.

    Attributes:
        size: pixels along a side that pictures are cut and scaled to.
        role: "held_out" where any picture is of a held-out family, else "train".
        skipped: how many samples are left out, by reason. Of a shard that is cut off, those that
            its _stats.json counts and the file no longer holds are in it too.
    """

    def __init__(self, shards: Sequence[_Shard], size: int) -> None:
        self.size = size
        self.shards = list(shards)
        self.role = "held_out" if any(shard.held_out for shard in shards) else "train"
        self.skipped: Counter[str] = sum((shard.skipped for shard in shards), Counter())
        self._first = np.cumsum([0] + [len(shard.keys) for shard in shards])

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, row: int) -> Sample:
        """The good sample of this row. Raises IndexError, or OSError when the file has changed."""
        if not 0 <= row < len(self):
            raise IndexError(f"There are {len(self)} samples, from 0; not {row}.")
        number = int(np.searchsorted(self._first, row, side="right")) - 1
        shard, place = self.shards[number], row - int(self._first[number])
        offset, count = shard.places[place]
        with shard.path.open("rb") as file:
            file.seek(offset)
            data = file.read(count)
        return Sample(shard.keys[place], _square(data, self.size), shard.captions[place])

    def texts(self) -> list[str]:
        """Every caption: what a tokenizer learns from."""
        return [caption for shard in self.shards for caption in shard.captions]

    def report(self) -> str:
        """How many samples there are and what was left out, in a sentence."""
        told = ", ".join(f"{self.skipped[r]:,} {r}" for r in REASONS if self.skipped[r])
        total = sum(self.skipped.values())
        rest = f"{total:,} skipped ({told})" if total else "none skipped"
        return f"{len(self):,} pairs in {len(self.shards):,} shards; {rest}."

    def rows_at(self, step: int, n: int, seed: int) -> np.ndarray:
        """(n,) rows of the batch of this step.

        Each epoch is a shuffle of its own, of all rows: every row once, also where a batch begins
        in one epoch and ends in the next. Raises ValueError for an n below 1.
        """
        if n < 1:
            raise ValueError(f"A batch holds 1 pair or more, not {n}.")
        places = np.arange(step * n, (step + 1) * n)
        epochs = places // len(self)
        rows = np.empty(n, np.int64)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            order = np.random.default_rng((seed, int(epoch))).permutation(len(self))
            rows[here] = order[places[here] % len(self)]
        return rows

    def batch_at(
        self, step: int, n: int, seed: int, how: Augmentation = NONE
    ) -> tuple[torch.Tensor, list[str]]:
        """The batch of this step: (n, 3, S, S) float pictures in 0..1 and n captions."""
        return self.part_at(step, n, seed, how, slice(0, n))

    def part_at(
        self, step: int, n: int, seed: int, how: Augmentation, part: slice
    ) -> tuple[torch.Tensor, list[str]]:
        """One rank's part of the batch: the pictures of these places, and all n captions.

        Only its own pictures are read. What is done to a picture depends on its place in the whole
        batch, so that parts together are the batch.
        """
        rows = self.rows_at(step, n, seed)
        rgba = np.stack([self[int(row)].picture for row in rows[part]])
        mixed = np.random.SeedSequence((seed, step, 2)).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(mixed >> np.uint64(1)))
        pictures = change(ink(torch.from_numpy(rgba)), draw_luck(n, generator, how).of(part), how)
        return pictures, [self._caption(int(row)) for row in rows]

    def epoch(
        self, epoch: int = 0, *, seed: int = 0, part: int = 0, parts: int = 1, start: int = 0
    ) -> Iterator[Sample]:
        """An epoch's samples in their order, without those before `start`.

        With `parts`, each reader (rank times workers, plus worker) gets every `parts`-th: together
        they read each sample once. `start` counts the samples that all of them have read, so a run
        may go on with another number of readers. Raises ValueError unless 0 <= part < parts.
        """
        if not 0 <= part < parts:
            raise ValueError(f"part must be from 0 to {parts - 1}, not {part}.")
        order = np.random.default_rng((seed, epoch)).permutation(len(self))
        for row in order[start + part :: parts]:
            yield self[int(row)]

    def _caption(self, row: int) -> str:
        number = int(np.searchsorted(self._first, row, side="right")) - 1
        return self.shards[number].captions[row - int(self._first[number])]


def open_shards(folder: str | Path, size: int = 32, *, progress: bool = True) -> ShardPairs:
    """Reads every shard of a folder once and keeps where its good samples lie.

    Raises:
        FileNotFoundError: no folder, or no .tar file in it.
        ValueError: not one good sample in all of them; says what was wrong with them.
    """
    folder = Path(folder)
    files = sorted(folder.glob("*.tar"))
    if not files:
        what = "no .tar file in it" if folder.is_dir() else "no such folder"
        raise FileNotFoundError(
            f"{folder}: {what}. `clipedu data shard --out {folder}` writes the course's pairs as "
            "shards; img2dataset writes your own."
        )
    quiet = not progress or len(files) < 3
    bar = tqdm(files, desc="reading shards", unit="shard", disable=quiet)
    pairs = ShardPairs([_scan(path) for path in bar], size)
    if not len(pairs):
        raise ValueError(f"There is no good sample in {folder}: {pairs.report()}")
    return pairs


def _scan(path: Path) -> _Shard:
    shard = _Shard(path)
    groups: dict[str, dict[str, tuple[int, int]]] = {}
    with path.open("rb") as file:
        for name, place in _members(path):
            place_in, slash, base = name.rpartition("/")
            stem, _, kind = base.partition(".")
            key = place_in + slash + stem  # two folders may use one number for two samples
            parts = groups.setdefault(key, {})
            if kind.lower() in parts:
                shard.skipped["name twice"] += 1
                continue
            parts[kind.lower()] = place
        for key, parts in groups.items():
            _keep(shard, key, {kind: _read(file, *place) for kind, place in parts.items()}, parts)
    written = _written(path)
    known = len(shard.keys) + sum(shard.skipped.values())
    if written is not None and written > known:
        shard.skipped["cut off"] += written - known
    return shard


def _members(path: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name, and offset and bytes, of each file that is wholly there; the last one may not be."""
    length = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isreg() and member.offset_data + member.size <= length:
                    yield member.name, (member.offset_data, member.size)
    except (tarfile.TarError, EOFError, OSError):
        return  # what came before is good; what is missing, the count tells


def _keep(
    shard: _Shard, key: str, data: dict[str, bytes], places: dict[str, tuple[int, int]]
) -> None:
    """Adds a sample to the shard, or to what is skipped."""
    kind = next((kind for kind in PICTURES if kind in data), None)
    facts = _facts_of(data)
    caption = _caption_of(data, facts)
    if kind is None:
        # a sample that ends the file without its picture was cut off; another never had one
        shard.skipped["no picture"] += 1
    elif not caption:
        shard.skipped["no caption"] += 1
    elif not _decodes(data[kind]):
        shard.skipped["broken picture"] += 1
    else:
        shard.keys.append(key)
        shard.places.append(places[kind])
        shard.captions.append(caption)
        shard.held_out |= facts.get("family") in HELD_OUT_FAMILIES


def _facts_of(data: dict[str, bytes]) -> dict[str, Any]:
    """What the .json file says; empty where there is none, or none that can be read."""
    try:
        facts = json.loads(data.get("json", b"{}"))
    except ValueError:  # not UTF-8, not JSON
        return {}
    return facts if isinstance(facts, dict) else {}


def _caption_of(data: dict[str, bytes], facts: dict[str, Any]) -> str:
    """The words of the .txt file, or of the .json file's "caption"; empty where there are none."""
    if "txt" not in data:
        return str(facts.get("caption") or "").strip()
    try:
        return data["txt"].decode("utf-8").strip()
    except ValueError:  # not UTF-8
        return ""


def _decodes(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            in_8_bits(picture)
    except Exception:  # Pillow raises whatever the broken bytes lead it to
        return False
    return True


def _read(file: Any, offset: int, count: int) -> bytes:
    file.seek(offset)
    return file.read(count)


def _written(path: Path) -> int | None:
    """How many samples the shard was written with, if the file beside it says so."""
    try:
        facts = json.loads(path.with_name(f"{path.stem}_stats.json").read_text("utf-8"))
        return int(facts["successes"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _square(data: bytes, size: int) -> np.ndarray:
    """(size, size, 4) uint8: the middle square of a picture, scaled."""
    with Image.open(io.BytesIO(data)) as opened:
        picture = in_8_bits(opened).convert("RGBA")
    if picture.size != (size, size):
        side = min(picture.size)
        left, top = ((length - side) // 2 for length in picture.size)
        box = (left, top, left + side, top + side)
        # with colours multiplied by alpha, what is transparent does not bleed into what is not
        scaled = picture.convert("RGBa").resize((size, size), Image.Resampling.BICUBIC, box)
        picture = scaled.convert("RGBA")
    return np.asarray(picture)
