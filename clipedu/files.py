"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: str | os.PathLike[str], text: str, *, errors: str = "strict") -> Path:
    """Writes UTF-8 text; makes the folder. A reader sees the old file or the new one, never a half.

    Args:
        errors: what happens to text that UTF-8 can't hold, as in :meth:`str.encode`.
    Raises OSError when it can't be written (UnicodeEncodeError when it can't be encoded); what was
    at `path` before stays.
    """
    target = Path(path)
    data = text.encode("utf-8", errors)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:60]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(draft, 0o644)  # mkstemp makes it private
        os.replace(draft, target)
    finally:
        Path(draft).unlink(missing_ok=True)  # it is there only after a failure
    return target
