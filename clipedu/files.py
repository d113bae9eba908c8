"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}  # what is open already, whatever is behind it


def write_whole(
    path: str | os.PathLike[str], content: str | bytes, *, errors: str = "strict"
) -> Path:
    """Writes bytes, or text in UTF-8: a reader sees the old file or the new one, never a half.

    Makes the folder. A link stays, and the file that it points to is written. What is there and is
    no file, as /dev/null or a pipe, is written to directly: a new file would take its place.

    Args:
        errors: what happens to text that UTF-8 can't hold, as in :meth:`str.encode`.
    Returns `path`. Raises OSError when it can't be written (UnicodeEncodeError when it can't be
    encoded); what was at `path` before stays.
    """
    given = Path(path)
    data = content.encode("utf-8", errors) if isinstance(content, str) else content
    if str(given) in _STREAMS:  # after what was printed; `> file` must not lose that
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        with open(_STREAMS[str(given)], "wb", closefd=False) as file:
            file.write(data)
        return given
    # Asked of the path as given: /proc/self/fd/3 may be a pipe, which has no path of its own.
    if given.exists() and not given.is_file():
        with given.open("wb") as file:
            file.write(data)
        return given
    target = Path(os.path.realpath(given))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:60]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(draft, 0o644)  # mkstemp makes it private
        os.replace(draft, target)
    finally:
        Path(draft).unlink(missing_ok=True)  # it is there only after a failure
    return given
