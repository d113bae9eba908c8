"""A file from the network: resumed when it broke off, checked before it is used, never half.

Notable:
- what arrives goes to `NAME.part`; only a file whose SHA-256 is right gets its NAME, so that
  a file with a name is whole
- a connection that dies leaves the part, and the next call goes on from there, also where the
  server did not say how much was to come; a part that grew into something else is thrown away
- the checksum is of the *content*: packagers compress a gzip file anew, with other bytes outside
"""

from __future__ import annotations

import gzip
import hashlib
import os
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from tqdm.auto import tqdm

from clipedu.device import cache_folder

_BLOCK = 1 << 18
_TIMEOUT = 30  # seconds without a byte


class DownloadError(OSError):
    """The file could not be fetched; the message says what to do."""


@dataclass(frozen=True)
class Download:
    """name: its file name here; sha256: of the content (a `.gz` unzipped, a `.tar.gz` not).

    size: bytes on the way, where they never change: a server need not say how many it sends
    """

    name: str
    url: str
    sha256: str
    size: int | None = None

    @property
    def gzipped(self) -> bool:
        return self.name.endswith(".gz") and not self.name.endswith(".tar.gz")


def content_sha256(path: Path, *, gzipped: bool) -> str:
    """Checksum of a file's content. Raises OSError, EOFError or zlib.error for a broken gzip."""
    digest = hashlib.sha256()
    with gzip.open(path, "rb") if gzipped else path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def is_whole(path: Path, file: Download) -> bool:
    """Is this the file that `file` describes, to the last byte?"""
    try:
        return content_sha256(path, gzipped=file.gzipped) == file.sha256
    except (OSError, EOFError, zlib.error):
        return False


def find(file: Download, folders: Sequence[Path]) -> Path | None:
    """The first whole copy in these folders, or None; a broken one is passed by."""
    return next((path for f in folders if is_whole(path := Path(f) / file.name, file)), None)


def fetch(file: Download, folder: Path | None = None, *, progress: bool = True) -> Path:
    """Download into `folder` (default: `downloads` in the cache folder) unless it is there already.

    Returns the path of the whole file. Raises DownloadError when the network fails (what arrived
    stays, and calling again goes on from there) or when the checksum is wrong (nothing stays).
    """
    folder = Path(folder or cache_folder() / "downloads")
    folder.mkdir(parents=True, exist_ok=True)
    target, part = folder / file.name, folder / f"{file.name}.part"
    if is_whole(target, file):
        return target
    try:
        _receive(file, part, progress)
    except (OSError, HTTPException) as error:
        kept = part.stat().st_size if part.exists() else 0
        raise DownloadError(
            f"{file.name} could not be fetched from {file.url}: {error or type(error).__name__}. "
            f"{kept:,} bytes are kept; run the same again to go on from there, or put the file "
            f"into {folder} yourself."
        ) from error
    if not is_whole(part, file):
        part.unlink(missing_ok=True)
        raise DownloadError(
            f"{file.name} from {file.url} is not the file that was expected: its checksum is "
            f"wrong. It was deleted. Run the same again; if it stays wrong, the file at that "
            "address has changed, and must not be used."
        )
    os.replace(part, target)
    return target


def _receive(file: Download, part: Path, progress: bool) -> None:
    """Write what is missing to `part`. Raises OSError or HTTPException when the connection dies."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "clipedu"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(
            urllib.request.Request(file.url, headers=headers), timeout=_TIMEOUT
        )
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # "range not satisfiable": all of it is here already
            return
        raise
    with answer:
        if answer.status != 206:
            have = 0  # the server starts from the beginning
        elif not answer.headers.get("Content-Range", f"bytes {have}-").startswith(f"bytes {have}-"):
            part.unlink()  # two pieces that do not meet
            raise OSError("the server sent another part than the one that is missing")
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else file.size
        with (
            part.open("ab" if have else "wb") as out,
            tqdm(total=total, initial=have, unit="B", unit_scale=True, desc=file.name,
                 disable=not progress) as bar,
        ):  # fmt: skip
            while block := answer.read(_BLOCK):
                out.write(block)
                bar.update(len(block))
    if total is not None and part.stat().st_size < total:
        raise OSError(f"the connection ended after {part.stat().st_size:,} of {total:,} bytes")
