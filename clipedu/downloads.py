"""A file from the network: checked before it is used, and never half a file under its name.

A download that breaks off is kept as NAME.part and resumed. The checksum is of the *content*:
packagers compress a gzip file anew, with other bytes outside.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pooch
from filelock import FileLock

from clipedu.device import cache_folder


class DownloadError(OSError):
    """The file could not be fetched; the message says what to do."""


@dataclass(frozen=True)
class Download:
    """A file at `url`. sha256: of its content (a `.gz` unzipped, a `.tar.gz` not); size: bytes.

    In place of a SHA-256, with 64 digits, there may be the 40 of git's id of a file.
    """

    url: str
    sha256: str
    size: int | None = None

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


def is_whole(path: Path, file: Download) -> bool:
    """Whether this is the file that `file` describes, to the last byte."""
    zipped = file.name.endswith(".gz") and not file.name.endswith(".tar.gz")
    try:
        if file.size is not None and path.stat().st_size != file.size:
            return False
        with gzip.open(path) if zipped else path.open("rb") as content:
            digest = hashlib.sha256()
            if len(file.sha256) == 40:
                digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size)
            return hashlib.file_digest(content, lambda: digest).hexdigest() == file.sha256
    except (OSError, EOFError, zlib.error):  # missing, or a gzip that is cut off or broken
        return False


def find(file: Download, folders: Sequence[Path]) -> Path | None:
    """The first whole copy in these folders, or None; a broken copy is skipped."""
    return next((path for f in folders if is_whole(path := Path(f) / file.name, file)), None)


def fetch(file: Download, folder: Path | None = None, *, progress: bool = True) -> Path:
    """Download into `folder` (default: `downloads` in the cache) unless it is there already.

    Of several processes that want the same file one fetches it and the others wait. Returns the
    path. Raises DownloadError when the network fails, the disk is full or the checksum is wrong; a
    part that is still good is kept and resumed next time.
    """
    folder = Path(folder or cache_folder() / "downloads")
    folder.mkdir(parents=True, exist_ok=True)
    target, part = folder / file.name, folder / f"{file.name}.part"
    if is_whole(target, file):
        return target
    with FileLock(folder / f".{file.name}.lock"):  # the system unlocks it when a process dies
        if is_whole(target, file):  # another process fetched it meanwhile
            return target
        resumed = part.exists()
        problem = _append(file, part, progress)
        if problem and resumed and not part.exists():  # the part was no beginning of this file
            problem = _append(file, part, progress)
        if not problem:
            return part.replace(target)
    raise DownloadError(
        f"{file.name} could not be fetched from {file.url}: {problem}. Run the same again, or put "
        f"the file {file.name} into {folder} yourself (sha256 {file.sha256})."
    )


def _append(file: Download, part: Path, progress: bool) -> str:
    """Fetch what `part` lacks, and remove it if it is complete and wrong; "" or what went wrong."""
    start = part.stat().st_size if part.exists() else 0
    free, size = shutil.disk_usage(part.parent).free, file.size or 0
    if size - start > free:
        need = f"it needs {(size - start) / 1e6:.0f} MB more"
        return f"{need}, and the disk has {free / 1e6:.0f} MB free"
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        with part.open("ab") as content:
            download = pooch.HTTPDownloader(progressbar=progress, headers=headers)
            download(file.url, content, None)
    except OSError as error:  # as all errors of requests are
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status == 416 or part.stat().st_size == 0:  # 416: nothing follows this part
            part.unlink()
        return str(error) or type(error).__name__
    if (arrived := part.stat().st_size) < size:
        return f"it broke off after {arrived:,} of {size:,} bytes"
    if is_whole(part, file):
        return ""
    part.unlink()
    return "its checksum is wrong, so it was deleted"
