"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}  # what is open already, whatever is behind it


def write_whole(
    path: str | os.PathLike[str], content: str | bytes, *, errors: str = "strict"
) -> Path:
    """Writes bytes, or text in UTF-8 (`errors` as in :meth:`str.encode`); returns `path`.

    A reader sees the old file or the new one, never a half. Makes the folder. A link stays, and the
    file that it points to is written. A device or a pipe is written to directly. Raises OSError or
    UnicodeEncodeError; what was at `path` before stays.
    """
    given = Path(path)
    data = content.encode("utf-8", errors) if isinstance(content, str) else content
    stream = _STREAMS.get(str(given))
    # Asked of the path as given: /proc/self/fd/3 may be a pipe, which has no path of its own.
    if stream or (given.exists() and not given.is_file()):
        sys.stdout.flush()  # what was printed comes first; `> file` must not lose it
        sys.stderr.flush()
        with open(stream or given, "wb", closefd=not stream) as file:
            file.write(data)
        return given
    with draft_of(given) as draft:
        draft.write_bytes(data)
    return given


@contextlib.contextmanager
def draft_of(path: str | os.PathLike[str], *, sync: bool = False) -> Iterator[Path]:
    """A new file to write in the block, at whose end it replaces `path`.

    sync: wait until the disk has it, or after a power cut there may be an empty file under the
    right name. Raises OSError; where the block fails, what was at `path` before stays.
    """
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:60]}.")
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        if sync:
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
        os.chmod(draft, 0o644)  # mkstemp makes it private
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)  # it is there only after a failure
