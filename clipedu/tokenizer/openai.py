"""What is peculiar to OpenAI's tokenizer: its merges file, its cleaning, its words.

Text is repaired (ftfy), unescaped, lower-cased and single-spaced first. Words drop the space before
them; instead the last symbol of a word carries `</w>`. A number is cut into its digits, and the
names of the special tokens, written in a text, are the special tokens.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import html
import importlib.util
import os
import unicodedata
import warnings
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import regex

WORD_END = b"</w>"
WORDS = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+",
    regex.IGNORECASE,
)
_FILE = "bpe_simple_vocab_16e6.txt.gz"
_SHA256 = "67603cfda2e032ad77b5f8808af37789d590db664b26df8705d2bf8b3c553fc8"  # when inflated
_MERGES = 49152 - 256 - 2  # the file holds more merges than CLIP uses


def load_merges(path: str | os.PathLike[str] | None = None) -> list[tuple[bytes, bytes]]:
    """OpenAI's 48,894 merges, from `path`, packed or inflated, or the package clip-anytorch.

    Raises FileNotFoundError for no such file or package, ValueError for another file.
    """
    found = Path(path) if path is not None else packaged_file()
    data = found.read_bytes()
    try:
        data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        pass  # it is inflated already, or damaged
    if (digest := hashlib.sha256(data).hexdigest()) != _SHA256:
        raise ValueError(
            f"{found} is not OpenAI's {_FILE}, or is cut short: its sha256 is {digest}"
        )
    lines = data.decode("utf-8").split("\n")
    return read_merges(lines[1 : 1 + _MERGES])  # line 0 is a version


def packaged_file() -> Path:
    """OpenAI's file in the package clip-anytorch. Raises FileNotFoundError when it is missing."""
    spec = importlib.util.find_spec("clip")  # finds the package without running its code
    if spec and spec.origin and (path := Path(spec.origin).with_name(_FILE)).is_file():
        return path
    raise FileNotFoundError(
        f"OpenAI's {_FILE} was not found. Run `pip install --no-deps clip-anytorch`, which has it, "
        "or give the path of your own copy: Tokenizer.openai(path)."
    )


def clean(text: str) -> str:
    """Repair broken characters (by ftfy), undo HTML escapes twice, single spaces, lower case."""
    if fix_text := _ftfy():
        text = fix_text(text)
    elif not (text.isascii() and text.isprintable() and "&" not in text):
        _warn_without_ftfy()
        text = unicodedata.normalize("NFC", text)  # as ftfy does, too
    text = html.unescape(html.unescape(text)).strip()
    single_spaced: str = regex.sub(r"\s+", " ", text)  # not str.split: its spaces are others
    return single_spaced.strip().lower()


@functools.cache
def _ftfy() -> Callable[[str], str] | None:
    return importlib.import_module("ftfy").fix_text if importlib.util.find_spec("ftfy") else None


@functools.cache  # so that it is said once
def _warn_without_ftfy() -> None:
    warnings.warn(
        "ftfy is not installed, so the ids of text beyond plain ASCII may differ from OpenAI's. "
        "`pip install ftfy` makes them equal.",
        stacklevel=2,
    )


@functools.cache
def printable_bytes() -> dict[int, str]:
    """Byte -> a visible character, in the order of OpenAI's first 256 ids.

    Bytes that are printable in Latin-1 stay, and the other 68 become U+0100 and on: a space is "Ġ".
    """
    visible = [b for b in range(256) if 0x21 <= b <= 0x7E or (b >= 0xA1 and b != 0xAD)]
    hidden = [b for b in range(256) if b not in visible]
    return {b: chr(b) for b in visible} | {b: chr(0x100 + n) for n, b in enumerate(hidden)}


def write_merges(merges: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """Each merge as one line of printable text: (b" d", b"og") -> "Ġd og"."""
    letters = printable_bytes()
    return [" ".join("".join(letters[b] for b in part) for part in pair) for pair in merges]


def read_merges(lines: Iterable[str]) -> list[tuple[bytes, bytes]]:
    """Undo `write_merges`. Raises ValueError at a line that it cannot have written."""
    codes = {letter: b for b, letter in printable_bytes().items()}
    merges: list[tuple[bytes, bytes]] = []
    for rank, line in enumerate(lines):
        parts = line.split(" ")
        if len(parts) != 2 or not all(parts) or not all(c in codes for c in "".join(parts)):
            raise ValueError(f"merge {rank} is {line!r}; expected two symbols and a space between")
        first, second = (bytes(codes[c] for c in part) for part in parts)
        merges.append((first, second))
    return merges
