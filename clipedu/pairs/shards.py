"""Pairs in tar shards, in the layout that img2dataset writes and WebDataset readers know.

00000.tar holds 000000000.png, .txt and .json, and so on; 00000_stats.json counts its samples. Each
shard is read once from end to end, which finds the good samples; then any step's batch is known.
The webdataset library reads a stream: a run could resume only by reading all that came before.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from tqdm.auto import tqdm

from clipedu.numbers import check_whole, is_whole
from clipedu.pairs.augment import NONE, Augmentation, apply_params, draw_params, ink
from clipedu.pairs.batches import PairSet, batch_generator
from clipedu.pairs.captions import caption
from clipedu.pairs.clean import Source, clean_caption, rgba_picture
from clipedu.pairs.icons import FAMILIES, HELD_OUT_FAMILIES

PICTURES = ("jpg", "jpeg", "png", "webp")
#: Why a sample is left out; "lost": it was counted, or is in a shard that can't be read to its end.
REASONS = ("lost", "no picture", "broken picture", "no caption", "name twice")
OUR_FILES = re.compile(r"\d{5,}(\.tar|_stats\.json)")
SHARD_NAME = re.compile(r"[^.].*\.(tar(\.(gz|bz2|xz|zst))?|tgz|tbz2?|txz)", re.IGNORECASE)
#: Of a sample: ending -> offset and length of each file that ends so.
Files = dict[str, list[tuple[int, int]]]


class Sample(NamedTuple):
    """A good sample: its picture has `length` bytes at `offset` of the shard."""

    key: str
    captions: tuple[str, ...]  # one is drawn each time that the picture is in a batch
    shard: Path
    offset: int
    length: int
    size: int

    @property
    def picture(self) -> np.ndarray:
        """(size, size, 4) uint8 RGBA, the middle square; OSError, ValueError: the file changed."""
        with self.shard.open("rb") as shard:
            return middle_square(read_at(shard, self.offset, self.length), self.size)


def middle_square(source: Source, size: int) -> np.ndarray:
    """A picture -> (size, size, 4) uint8 RGBA. Raises what `rgba_picture` raises."""
    whole = rgba_picture(source, size, draft=4 * size)
    return np.asarray(ImageOps.fit(whole, (size, size), Image.Resampling.BICUBIC))


class ShardPairs:
    """Pairs from tar shards; a data set for :func:`clipedu.training.train`.

    `role` is "held_out" where any picture is of a held-out family, else "train".
    """

    def __init__(self, size: int, *, look: bool = True) -> None:
        self.look = look  # at each picture; else a broken one is found when it is needed
        self.size = size  # pixels along a side that pictures are cropped and scaled to
        self.role: Literal["train", "held_out"] = "train"
        self.shards: list[Path] = []
        self.samples: list[Sample] = []  # the good ones, in the order of the shards
        self.skipped: Counter[str] = Counter()  # by reason; of a shard with a fault at least one
        self.notes: list[str] = []  # faults of shards, and the first sample skipped for a reason
        self.bad: list[tuple[str, str, str, int]] = []  # all of them: name, reason, why, how many

    def add_shard(self, path: Path) -> None:
        """Adds the good samples of a tar file, counts the others, and notes what is wrong."""
        self.shards.append(path)
        good, bad, packed = len(self), self.skipped.total(), 0
        try:
            with path.open("rb") as file:
                samples, fault, packed = _scan(file)
                for key, files in samples.items():
                    self._add_sample(path, file, key, files)
        except OSError as error:  # it is a folder, or may not be read
            fault = error.strerror or str(error)
        good, bad = len(self) - good, self.skipped.total() - bad
        written = _count_written(path)
        lost = written - good - bad if written else max(packed, bool(fault) and not bad)
        if lost > 0:
            self.skipped["lost"] += lost
        if fault or lost > 0:
            self.bad.append((path.name, "lost", fault or "fewer than were written", max(0, lost)))
        if fault:
            self.notes.append(f"{path.name}: {fault}")

    def _add_sample(self, path: Path, file: BinaryIO, key: str, files: Files) -> None:
        data = {ending: read_at(file, *places[0]) for ending, places in files.items()}
        if twice := max(map(len, files.values())) - 1:
            self.skipped["name twice"] += twice
            self.bad.append((f"{path.name}/{key}", "name twice", "the first is taken", twice))
        reason, ending = "no picture", next((e for e in PICTURES if e in data), "")
        try:
            if not ending:
                raise ValueError(f"its files end in .{', .'.join(files)}")
            reason = "no caption"
            words, family = _captions(data)
            reason = "broken picture"
            if self.look:
                rgba_picture(data[ending], self.size)
        except (TypeError, ValueError) as error:
            if not self.skipped[reason]:
                self.notes.append(f"{reason}, such as {key!r} in {path.name}: {error}")
            self.skipped[reason] += 1
            self.bad.append((f"{path.name}/{key}", reason, str(error), 1))
            return
        self.samples.append(Sample(key, words, path, *files[ending][0], self.size))
        if family in HELD_OUT_FAMILIES:  # the course's own shards name it
            self.role = "held_out"

    def __len__(self) -> int:
        return len(self.samples)

    largest_batch = property(__len__, doc="Pairs that one batch can hold.")

    def __getitem__(self, row: int) -> Sample:
        return self.samples[row]

    def texts(self) -> list[str]:
        """Every caption: what a tokenizer learns from."""
        return [words for sample in self.samples for words in sample.captions]

    def report(self) -> str:
        """How many samples there are, what was left out and why."""
        told = ", ".join(f"{self.skipped[r]:,} {r}" for r in REASONS if self.skipped[r])
        rest = f"{self.skipped.total():,} skipped ({told})" if told else "none skipped"
        more = [f"and {len(self.notes) - 9:,} more"] * (len(self.notes) > 9)
        lines = [f"{len(self):,} pairs in {len(self.shards):,} shards; {rest}."]
        return "\n  ".join(lines + self.notes[:9] + more)

    def rows_at(self, step: int, n: int, seed: int) -> np.ndarray:
        """(n,) rows of this step: each epoch is a shuffle of all, and a batch may be of two."""
        check_whole("pairs in a batch", n)
        first, start = divmod(step * n, len(self))  # epoch, and how far into it
        epochs = range(first, first + (start + n - 1) // len(self) + 1)
        orders = [np.random.default_rng((seed, k)).permutation(len(self)) for k in epochs]
        return np.concatenate(orders)[start : start + n]

    def batch_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation = NONE
    ) -> tuple[Tensor, list[str]]:
        """The batch of this step: (n, 3, S, S) float pictures in 0..1 and n captions."""
        return self.part_at(step, n, seed, augmentation, slice(0, n))

    def part_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation, part: slice
    ) -> tuple[Tensor, list[str]]:
        """One rank's part of the batch: the pictures of these positions, and all n captions."""
        rows = self.rows_at(step, n, seed)
        rgba = np.stack([self[row].picture for row in rows[part]])
        params = draw_params(n, batch_generator(seed, step), augmentation).take(part)
        pictures = apply_params(ink(torch.from_numpy(rgba)), params, augmentation)
        draws = np.random.default_rng((seed, step, 5)).random(n)  # the same on every rank
        captions = [self[row].captions for row in rows]
        chosen = [c[int(len(c) * u)] for c, u in zip(captions, draws, strict=True)]
        return pictures, chosen


def open_shards(folder: str | Path, size: int = 32, *, progress: bool = True) -> ShardPairs:
    """Reads every shard of a folder once and keeps where its good samples are.

    Raises FileNotFoundError for no .tar file, ValueError for not one good sample in all of them.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.glob("*") if SHARD_NAME.fullmatch(path.name))
    if not files:
        what = "no .tar file in it" if folder.is_dir() else "no such folder"
        raise FileNotFoundError(
            f"{folder}: {what}. `clipedu data shard --out {folder}` writes the course's pairs."
        )
    pairs = ShardPairs(size)
    for path in tqdm(files, "reading shards", disable=not progress or len(files) < 3):
        pairs.add_shard(path)
    if not len(pairs):
        raise ValueError(f"There is no good sample in {folder}: {pairs.report()}")
    return pairs


def _scan(file: BinaryIO) -> tuple[dict[str, Files], str, int]:
    """By key the files that are whole in a shard; its fault; and how many samples are packed."""
    found: dict[str, Files] = {}
    fault, end, length = "", 0, file.seek(0, io.SEEK_END)
    for member, following in _members(file, "r:"):
        if _holds_bytes(file, end, member.offset):
            fault = f"damaged at byte {end:,}"
        end = following
        key, ending = _split(member.name)
        if key and member.isreg() and member.offset_data + member.size <= length:
            places = found.setdefault(key, {}).setdefault(ending, [])
            places.append((member.offset_data, member.size))
    if not end and (not length or _holds_bytes(file, 0, length)):
        packed = len({_split(member.name)[0] for member, _ in _members(file, "r:*")})
        return {}, "packed: unpack it, then it can be read" if packed else "no tar file", packed
    if 0 < end > length - tarfile.BLOCKSIZE:  # a tar ends with blocks of zeros
        fault = "cut off"
    elif _holds_bytes(file, end, length):
        fault = f"damaged at byte {end:,}"
    return found, fault, 0


def _members(file: BinaryIO, mode: Any) -> Iterator[tuple[tarfile.TarInfo, int]]:
    """Each member, and where the next begins: past damaged bytes, and in tars that were joined."""
    file.seek(0)
    with contextlib.suppress(Exception):  # tarfile raises whatever damaged bytes lead it to
        with tarfile.open(fileobj=file, mode=mode, ignore_zeros=mode == "r:") as tar:
            for member in tar:
                yield member, tar.offset


def _holds_bytes(file: BinaryIO, start: int, stop: int) -> bool:
    """Whether any byte there is not zero."""
    return bool(read_at(file, start, max(0, stop - start)).strip(b"\0"))


def read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _split(name: str) -> tuple[str, str]:
    """A file's key, with its folder, and its ending; no key for a hidden file, such as ._1.png."""
    folder, slash, base = name.rpartition("/")
    stem, _, ending = base.partition(".")
    return (folder + slash + stem if stem else ""), ending.lower()


def _captions(data: dict[str, bytes]) -> tuple[tuple[str, ...], Any]:
    """A sample's captions (.txt, else .json) and family; TypeError or ValueError for no words.

    Several are in the list "captions" of the .json, where an import puts them.
    """
    about: Any = None
    with contextlib.suppress(ValueError, RecursionError):  # not UTF-8, not JSON
        about = json.loads(data.get("json", b"{}"))
    about = about if isinstance(about, dict) else {}
    told = about.get("caption")
    if "txt" not in data and told is None:
        raise ValueError(f"its files end in .{', .'.join(data)}")
    words = clean_caption(data.get("txt", told))
    # img2dataset writes str(caption) as .txt: an empty cell of a table becomes the word "nan"
    if "caption" in about and not isinstance(told, str) and words == str(told):
        raise TypeError(f"the caption {told!r} is no text")
    several = about.get("captions")
    more = map(clean_caption, several) if isinstance(several, list) else ()
    return tuple(dict.fromkeys([words, *more])), about.get("family")


def _count_written(path: Path) -> int:
    """How many samples the shard was written with; 0 if the file beside it does not say."""
    try:
        count = json.loads(path.with_name(f"{path.stem}_stats.json").read_bytes())["successes"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0
    return count if is_whole(count) else 0


def write_shards(
    pairs: PairSet,
    folder: str | Path,
    *,
    per_shard: int = 1000,
    seed: int = 0,
    overwrite: bool = False,
    progress: bool = True,
) -> list[Path]:
    """Writes pairs in img2dataset's layout, and returns the .tar files.

    Samples are shuffled, and each gets one of its captions; the .json keeps all its words. The same
    pairs and seed make the same bytes. Either all shards are there or none is new. Raises
    FileExistsError for a folder that holds shards or another .tar.
    """
    check_whole("per_shard", per_shard)
    check_whole("seed", seed, least=0)
    folder = Path(folder)
    tars = sorted(folder.glob("*.tar"))
    old = [path for path in [*tars, *folder.glob("*_stats.json")] if OUR_FILES.fullmatch(path.name)]
    if old and not overwrite:
        what = f"{folder} holds {len(old)} files of shards already. Choose another folder, or "
        raise FileExistsError(f"{what}write over them with overwrite=True (--overwrite).")
    if others := [path.name for path in tars if path not in old]:
        what = f"{folder} holds {others[0]}, which is no shard of ours and would be read as one."
        raise FileExistsError(f"{what} Choose another folder.")
    order = np.random.default_rng(seed).permutation(len(pairs))
    digits = max(4, len(str(per_shard - 1)))
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".shards.") as temporary:
        draft = Path(temporary)
        starts = range(0, len(order), per_shard)
        for number, start in enumerate(tqdm(starts, "writing shards", disable=not progress)):
            rows = order[start : start + per_shard].tolist()
            keys = [f"{number:05d}{position:0{digits}d}" for position in range(len(rows))]
            samples = (_sample(pairs, *each, seed) for each in zip(rows, keys, strict=True))
            (draft / f"{number:05d}.tar").write_bytes(pack_shard(samples))
            text = shard_stats(len(rows), len(rows))
            (draft / f"{number:05d}_stats.json").write_text(text, "utf-8")
        for path in old:  # only now: what was there stays until all of the new is written
            path.unlink()
        written = [path.replace(folder / path.name) for path in sorted(draft.iterdir())]
    return [path for path in written if path.suffix == ".tar"]


def _sample(pairs: PairSet, row: int, key: str, seed: int) -> tuple[str, dict[str, bytes]]:
    icon = pairs.icons[row]
    words = caption(icon, np.random.default_rng((seed, row)))
    picture = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pairs.rgba[row])).save(picture, "png")
    about: dict[str, Any] = dict(caption=words, key=key, status="success", error_message=None)
    about |= dict.fromkeys(("width", "height", "original_width", "original_height"), pairs.size)
    about["sha256"] = hashlib.sha256(picture.getvalue()).hexdigest()
    for field in ("family", "style", "name", "aliases", "tags", "categories"):
        about[field] = getattr(icon, field)
    about["license"] = FAMILIES[icon.family].license
    text = json.dumps(about, ensure_ascii=False, indent=1)
    return key, {"png": picture.getvalue(), "txt": words.encode(), "json": text.encode()}


def pack_shard(samples: Iterable[tuple[str, dict[str, bytes]]]) -> bytes:
    """(key, ending -> content) of each sample -> a tar file; the same samples, the same bytes."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key, files in samples:
            for ending, content in files.items():
                member = tarfile.TarInfo(f"{key}.{ending}")  # with no time and no owner
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return data.getvalue()


def shard_stats(count: int, good: int, **more: Any) -> str:
    """The text of a shard's NNNNN_stats.json: of `count` pictures so many are in it."""
    bad = count - good
    stats = dict(count=count, successes=good, failed_to_download=0, failed_to_resize=bad)
    return json.dumps({**stats, "status_dict": {"success": good}, **more}, indent=1) + "\n"
