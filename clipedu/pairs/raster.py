"""From SVG drawings to one memory-mapped array of pictures, drawn once and kept.

Notable:

* resvg draws on every core, up to eight; the whole set takes seconds (`clipedu data` says so);
* the cache is **written whole or not at all**: workers' pixels go to a temporary file beside the
  final one, which is renamed into place when the last byte is there. Two that draw at once, be
  they threads, processes or containers that share a folder, each write their own file and the
  later rename wins, with equal bytes. A killed drawing's file is removed a day later;
* its name carries a key made of the package versions, the renderer's version, the size and this
  file's format, so that a new version of a family can never be read under an old picture's index;
* a truncated or damaged file is noticed by size and checksum, and drawn again;
* pixels are plain RGBA, not composed on a background: what stands behind a picture is decided per
  batch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import io
import json
import os
import secrets
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from clipedu.device import cache_folder, keep_freed_memory
from clipedu.pairs.icons import FAMILIES, Icon, load_icons, package_versions

FORMAT = 1  # raise when the layout below, or how icons are read, changes
CHUNK = 256  # pictures a worker draws and sends at a time ...
CHUNK_BYTES = 1 << 20  # ... or fewer, when they are larger than 32 pixels
# A worker imports torch with the rest of clipedu: about 170 MB of its own, and seconds before its
# first picture. Sixty-four would need 11 GB; more than eight win little.
WORKERS = 8
DAY = 86_400  # seconds; a drawing that goes on writes far more often
SMALLEST, LARGEST = 8, 512  # pixels


@dataclass(frozen=True)
class Pictures:
    """Every icon and its pixels, in the same order.

    Attributes:
        icons: N records.
        rgba: (N, size, size, 4) uint8, memory-mapped, not premultiplied.
    """

    icons: list[Icon]
    rgba: np.ndarray
    size: int

    def __len__(self) -> int:
        return len(self.icons)

    def where(self, families: Sequence[str]) -> np.ndarray:
        """(n,) positions of the pictures of these families."""
        wanted = set(families)
        return np.array(
            [i for i, icon in enumerate(self.icons) if icon.family in wanted], dtype=np.int64
        )


class PictureCacheError(OSError):
    """The pictures could not be drawn or kept; the message says what to do."""


def render_svg(svg: str, size: int) -> np.ndarray:
    """Draws one SVG, centred in a square with its proportions kept.

    Returns: (size, size, 4) uint8 RGBA.
    Raises:
        ValueError: when the text is not an SVG that can be drawn, or the size is out of range.
    """
    import resvg_py
    from PIL import Image

    check_size(size)
    try:
        png = resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True)
    except Exception as error:  # resvg's own types differ between versions
        raise ValueError(
            f"This SVG can't be drawn ({error}). It starts with {svg[:60]!r}."
        ) from error
    drawn = np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))
    height, width = drawn.shape[:2]
    canvas = np.zeros((size, size, 4), np.uint8)
    top, left = (size - height) // 2, (size - width) // 2
    canvas[top : top + height, left : left + width] = drawn
    return canvas


def open_pictures(size: int = 32, *, progress: bool = True, folder: Path | None = None) -> Pictures:
    """All pictures at ``size`` pixels; draws them the first time, opens the cache afterwards.

    Raises:
        ValueError: for a size outside 8..512.
        ModuleNotFoundError: when a family's package is missing; names the ``pip install``.
        PictureCacheError: when drawing breaks off, or the disk is full or can't be written.
    """
    check_size(size)
    keep_freed_memory()  # whoever opens pictures will soon handle batches of them
    folder = Path(folder or cache_folder())
    pixels, index = cache_files(size, folder)
    icons = _read_index(pixels, index, size)
    if icons is None:
        _draw_all(size, pixels, index, progress)
        icons = _read_index(pixels, index, size)
        if icons is None:
            raise PictureCacheError(
                f"The pictures were drawn, but {pixels} can't be read back. Is the disk healthy? "
                "Set CLIPEDU_CACHE to a folder on another disk and try again."
            )
    return Pictures(icons, np.load(pixels, mmap_mode="r"), size)


def cache_files(size: int, folder: Path) -> tuple[Path, Path]:
    """The cache's two files: pixels (.npy) and index (.json)."""
    import resvg_py

    facts = [FORMAT, size, resvg_py.__version__, sorted(package_versions().items())]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    return folder / f"pictures-{size}-{key}.npy", folder / f"pictures-{size}-{key}.json"


def check_size(size: int) -> None:
    if not isinstance(size, int) or not SMALLEST <= size <= LARGEST:
        raise ValueError(
            f"A picture's size is a whole number from {SMALLEST} to {LARGEST} pixels, not {size!r}."
        )


def _read_index(pixels: Path, index: Path, size: int) -> list[Icon] | None:
    """The icons of a sound cache; None when there is none, or it is truncated or damaged."""
    try:
        facts = json.loads(index.read_text("utf-8"))
        if pixels.stat().st_size != facts["bytes"] or _checksum(pixels) != facts["crc32"]:
            return None
        return [_icon(row) for row in facts["icons"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _icon(row: dict[str, Any]) -> Icon:
    # JSON has no tuples.
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Icon(**fields)


def _checksum(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            crc = zlib.crc32(block, crc)
    return crc


def _draw_all(size: int, pixels: Path, index: Path, progress: bool) -> None:
    icons = load_icons()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (len(icons), size, size, 4)}
    )
    needed = len(icons) * size * size * 4 + len(header.getvalue())
    # Not the process's number: threads share one, and two containers may have the same.
    mine = secrets.token_hex(8)
    temporary = pixels.with_name(f"{pixels.name}.{mine}.partial")
    temporary_index = index.with_name(f"{index.name}.{mine}.partial")
    try:
        pixels.parent.mkdir(parents=True, exist_ok=True)
        _remove_orphans(pixels.parent)
        # Plain writes, not a memory map: on a full disk a map ends the process, a write raises an
        # error.
        with temporary.open("xb") as file:
            file.write(header.getvalue())
            crc = zlib.crc32(header.getvalue())
            with tqdm(
                total=len(icons),
                desc=f"drawing {size} px pictures",
                unit="picture",
                disable=not progress,
            ) as bar:
                for block in _drawn_blocks(len(icons), size):
                    file.write(block)
                    crc = zlib.crc32(block, crc)
                    bar.update(len(block) // (size * size * 4))
            file.flush()
            os.fsync(file.fileno())
        rows = [_slim(icon) for icon in icons]
        temporary_index.write_text(
            json.dumps({"bytes": needed, "crc32": crc, "icons": rows}), "utf-8"
        )
        os.replace(temporary, pixels)
        os.replace(temporary_index, index)
    except PictureCacheError:  # drawing broke off: the disk is not to blame
        raise
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        raise PictureCacheError(
            f"The pictures can't be kept in {pixels.parent}: {reason}. They need "
            f"{needed / 1e6:.0f} MB. Free some space, or set CLIPEDU_CACHE to another folder. "
            "Nothing half-written was left."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
        temporary_index.unlink(missing_ok=True)


def _remove_orphans(folder: Path) -> None:
    """Removes what killed drawings left. A file that is still written to is young."""
    for orphan in folder.glob("pictures-*.partial"):
        with contextlib.suppress(OSError):  # somebody else removed it, or it is not ours to remove
            if time.time() - orphan.stat().st_mtime > DAY:
                orphan.unlink()


def _slim(icon: Icon) -> dict:
    return {field: value for field, value in dataclasses.asdict(icon).items() if value}


def _drawn_blocks(count: int, size: int) -> Iterator[bytes]:
    """Pixels of pictures 0..count in order, drawn by a process for each core, WORKERS at most.

    Workers are plain child processes that write raw bytes to a pipe: nothing is pickled, and a
    student's script needs no ``if __name__ == "__main__"`` guard, which Windows and macOS would ask
    for with multiprocessing.
    """
    step = _chunk(size)
    chunks = [(start, min(start + step, count)) for start in range(0, count, step)]
    cores = max(1, min(_cores(), WORKERS, len(chunks)))
    code = "from clipedu.pairs.raster import _worker; _worker()"
    command = [sys.executable, "-c", code, str(size), str(cores)]
    root = str(Path(__file__).resolve().parents[2])  # found also when clipedu is not installed
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for k in range(cores):
            try:
                workers.append(subprocess.Popen(
                    [*command, str(k)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    env={**os.environ, "PYTHONPATH": path}))  # fmt: skip
            except OSError as error:
                raise PictureCacheError(
                    f"A drawing process can't be started: {error}. Close other programs, or end "
                    "some of your processes, and try again."
                ) from error
        for number, (start, stop) in enumerate(chunks):
            worker = workers[number % cores]
            assert worker.stdout is not None and worker.stderr is not None
            wanted = (stop - start) * size * size * 4
            block = worker.stdout.read(wanted)
            if len(block) != wanted:
                last = worker.stderr.read().decode(errors="replace").strip().splitlines()[-1:]
                raise PictureCacheError(
                    "A drawing process stopped early, and no pictures were kept. It said: "
                    f"{''.join(last) or 'nothing'}\n"
                    "If it said nothing, memory may have run out: close other programs and try "
                    "again. Else `clipedu doctor` says what is wrong with this machine."
                )
            yield block
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def _worker() -> None:
    """Draws every `cores`-th chunk and writes its raw RGBA to standard output."""
    size, cores, mine = (int(word) for word in sys.argv[1:4])
    icons = load_icons(list(FAMILIES))
    out, step = sys.stdout.buffer, _chunk(size)
    for start in range(mine * step, len(icons), cores * step):
        # The whole chunk is drawn before it is sent. A pipe holds few pictures, and is read when
        # its turn comes: sent one by one, most pictures would be drawn while all others wait.
        drawn = [render_svg(icon.svg(), size).tobytes() for icon in icons[start : start + step]]
        out.write(b"".join(drawn))
        out.flush()


def _chunk(size: int) -> int:
    """How many pictures of this size a worker sends at a time."""
    return max(1, min(CHUNK, CHUNK_BYTES // (size * size * 4)))


def _cores() -> int:
    """How many cores this process may use: a container or a queue may allow a few of many."""
    allowed = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(allowed(0)) if allowed else os.cpu_count() or 1
