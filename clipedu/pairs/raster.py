"""From SVG drawings to one memory-mapped array of pictures, drawn once and kept.

The cache is written whole or not at all. Two processes that draw at once each write their own file;
the later rename wins, with equal bytes. A cache's name has a key of all package versions, so pixels
never meet another version's words. Pixels are plain RGBA: what is behind them is decided per batch.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import joblib
import numpy as np
from PIL import Image
from tqdm.auto import tqdm

from clipedu.device import cache_folder, keep_freed_memory
from clipedu.files import draft_of, write_whole
from clipedu.numbers import is_whole
from clipedu.pairs.icons import TABLER, Icon, load_icons, package_versions

FORMAT = 4  # raise when the files' layout, or how icons are read, changes
CHUNK, CHUNK_BYTES = 256, 1 << 20  # a worker draws so many pictures at a time, or so many bytes
WORKERS = 8  # each imports torch with the rest of clipedu: 170 MB, and seconds before it draws
DAY = 86_400  # seconds; a drawing in progress writes far more often
SMALLEST, LARGEST = 8, 512  # pixels
MANY_WORDS = ("aliases", "tags", "categories")  # tuples in an icon, lines of one text in the index


@dataclass(frozen=True)
class Pictures:
    """Every icon and its pixels, in the same order."""

    icons: list[Icon]
    rgba: np.ndarray  # (N, size, size, 4) uint8, memory-mapped, not premultiplied
    size: int

    def __len__(self) -> int:
        return len(self.icons)

    def where(self, families: Sequence[str]) -> np.ndarray:
        """(n,) indices of the pictures of these families."""
        rows = [i for i, icon in enumerate(self.icons) if icon.family in families]
        return np.array(rows, dtype=np.int64)

    def only(self, families: Sequence[str]) -> Pictures:
        """The pictures of these families, in memory."""
        rows = self.where(families)
        return Pictures([self.icons[i] for i in rows], self.rgba[rows], self.size)


class PictureCacheError(OSError):
    """The pictures could not be drawn or kept; the message says what to do."""


def check_size(size: int) -> None:
    """Raises ValueError unless it is a whole number of pixels from 8 to 512."""
    if not is_whole(size) or not SMALLEST <= size <= LARGEST:
        raise ValueError(
            f"A picture's size is a whole number from {SMALLEST} to {LARGEST} pixels, not {size!r}."
        )


def render_svg(svg: str, size: int) -> np.ndarray:
    """Draws an SVG in the middle of a square: (size, size, 4) uint8 RGBA; ValueError for others."""
    import resvg_py

    check_size(size)
    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    except Exception as error:  # resvg's own types differ between versions
        raise ValueError(f"This SVG can't be drawn ({error}). It starts {svg[:60]!r}.") from error
    drawn = np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))
    height, width = drawn.shape[:2]
    canvas = np.zeros((size, size, 4), np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    canvas[top : top + height, left : left + width] = drawn
    return canvas


def open_pictures(size: int = 32, *, progress: bool = True, folder: Path | None = None) -> Pictures:
    """All pictures at `size` pixels; draws them the first time, opens the cache afterwards.

    Raises ValueError for a size outside 8..512, ModuleNotFoundError when a family's package is
    missing, PictureCacheError when drawing breaks off, or the disk is full or can't be written.
    """
    check_size(size)
    keep_freed_memory()  # whoever opens pictures will soon handle batches of them
    pixels, index = cache_files(size, Path(folder or cache_folder()))
    icons = _read_index(pixels, index)
    if icons is None:
        _draw_all(size, pixels, index, progress)
        icons = _read_index(pixels, index)
    if icons is None:
        raise PictureCacheError(
            f"{pixels} can't be read back. Set CLIPEDU_CACHE to a folder on another disk."
        )
    return Pictures(icons, np.load(pixels, mmap_mode="r"), size)


def cache_files(size: int, folder: Path) -> tuple[Path, Path]:
    """The cache's two files: pixels (.npy) and index (.json)."""
    import resvg_py

    tabler = zlib.crc32(TABLER.read_bytes())
    facts = [FORMAT, size, resvg_py.__version__, tabler, sorted(package_versions().items())]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    return folder / f"pictures-{size}-{key}.npy", folder / f"pictures-{size}-{key}.json"


def _read_index(pixels: Path, index: Path) -> list[Icon] | None:
    """The icons of a sound cache; None when there is none, or it is truncated or damaged."""
    try:
        facts = json.loads(index.read_text("utf-8"))
        if _checksum(pixels) != facts["crc32"]:
            return None
        columns = [facts["icons"][name] for name in Icon._fields]
        for i, name in enumerate(Icon._fields):
            if name in MANY_WORDS:
                columns[i] = [tuple(text.split("\n")) if text else () for text in columns[i]]
        return list(map(Icon._make, zip(*columns, strict=True)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _columns(icons: Sequence[Icon]) -> dict[str, list[str]]:
    """Field -> the value of every icon: six times as fast to read back as an object for each."""
    columns = {name: [getattr(icon, name) for icon in icons] for name in Icon._fields}
    return columns | {name: ["\n".join(words) for words in columns[name]] for name in MANY_WORDS}


def _checksum(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            crc = zlib.crc32(block, crc)
    return crc


def _draw_all(size: int, pixels: Path, index: Path, progress: bool) -> None:
    icons = load_icons()
    _remove_orphans(pixels.parent)
    bar = tqdm(total=len(icons), desc=f"drawing {size} px pictures", disable=not progress)
    drawn: list[Icon] = []  # without those that show nothing
    done = 0
    try:
        with bar, draft_of(pixels, sync=True) as draft:
            # Plain writes, not a memory map: on a full disk a map ends the process, these raise.
            with draft.open("wb") as file:
                _write_header(file, len(icons), size)
                for block in _drawn_blocks(icons, size):
                    pictures = np.frombuffer(block, np.uint8).reshape(-1, size, size, 4)
                    shown = pictures[..., 3].any((1, 2))
                    drawn += [icons[done + i] for i in np.flatnonzero(shown)]
                    file.write(pictures[shown].tobytes())
                    bar.update(len(pictures))
                    done += len(pictures)
                file.seek(0)
                _write_header(file, len(drawn), size)
            checksum = _checksum(draft)
        blank = len(icons) - len(drawn)
        facts = {"crc32": checksum, "blank": blank, "icons": _columns(drawn)}
        write_whole(index, json.dumps(facts))
    except PictureCacheError:  # drawing broke off: the disk is not to blame
        raise
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        raise PictureCacheError(
            f"The pictures can't be kept in {pixels.parent}: {reason}. They need "
            f"{len(icons) * size * size * 4 / 1e6:.0f} MB. Free some space, or set CLIPEDU_CACHE "
            "to another folder. Nothing half-written was left."
        ) from error


def _write_header(file: BinaryIO, count: int, size: int) -> None:
    """The start of a .npy file: padded to 128 bytes, whatever the count."""
    layout = {"descr": "|u1", "fortran_order": False, "shape": (count, size, size, 4)}
    np.lib.format.write_array_header_1_0(file, layout)


def _remove_orphans(folder: Path) -> None:
    """Removes what drawings that were killed left. A file that is still written to is young."""
    for orphan in folder.glob(".pictures-*"):
        with contextlib.suppress(OSError):  # somebody else removed it, or it is not ours to remove
            if time.time() - orphan.stat().st_mtime > DAY:
                orphan.unlink()


def _drawn_blocks(icons: Sequence[Icon], size: int) -> Iterator[bytes]:
    """The icons' pixels in order, drawn by a process for each core: resvg holds Python's lock."""
    step = max(1, min(CHUNK, CHUNK_BYTES // (size * size * 4)))
    chunks = (icons[start : start + step] for start in range(0, len(icons), step))
    workers = min(WORKERS, joblib.cpu_count())
    # Workers wait 10 seconds for more to draw, not the usual five minutes.
    parallel = joblib.Parallel(workers, return_as="generator", idle_worker_timeout=10)
    try:
        yield from parallel(joblib.delayed(_draw)(chunk, size) for chunk in chunks)
    except Exception as error:
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise PictureCacheError(
            f"Drawing stopped early, and no pictures were kept. It said: {said}\nMemory may have "
            "run out: close other programs and try again, or ask `clipedu doctor`."
        ) from error


def _draw(icons: Sequence[Icon], size: int) -> bytes:
    return b"".join(render_svg(icon.svg(), size).tobytes() for icon in icons)
