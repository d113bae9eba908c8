"""What is peculiar to OpenAI's tokenizer: its merges file, its cleaning, its words.

`clipedu.tokenizer.Tokenizer.openai()` puts these together with the same BPE as every other
tokenizer here. Known by its effects on openai/CLIP's `simple_tokenizer.py`: the ids are equal.

What differs from a tokenizer that you train:
* the text is repaired (ftfy), unescaped, made lower case and single-spaced first;
* words drop the space before them; instead the last symbol of a word carries `</w>`;
* a number is cut into its digits;
* the names of the special tokens, written in a text, are the special tokens.
"""

from __future__ import annotations

import functools
import gzip
import hashlib
import html
import importlib.util
import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import regex

WORD_END = b"</w>"
WORDS = regex.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+",
    regex.IGNORECASE,
)
_FILE = "bpe_simple_vocab_16e6.txt.gz"
_SHA256 = {
    ".gz": "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a",
    "inflated": "67603cfda2e032ad77b5f8808af37789d590db664b26df8705d2bf8b3c553fc8",
}
_MERGES = 49152 - 256 - 2  # the file holds more merges than CLIP uses


def load_merges(path: str | os.PathLike[str] | None = None) -> list[tuple[bytes, bytes]]:
    """Read OpenAI's 48,894 merges from `path`, or from the installed package clip-anytorch.

    Raises:
        FileNotFoundError: there is no such file, or the package is not installed.
        ValueError: the file's sha256 is not that of OpenAI's file.
    """
    found = Path(path) if path is not None else _packaged_file()
    if not found.is_file():
        raise FileNotFoundError(f"there is no file {found}; expected OpenAI's {_FILE}")
    data = found.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest not in _SHA256.values():
        raise ValueError(
            f"{found} is not OpenAI's {_FILE}: its sha256 is {digest}, expected {_SHA256['.gz']} "
            f"({_SHA256['inflated']} when inflated). It may be cut short: get it again."
        )
    text = (data if digest == _SHA256["inflated"] else gzip.decompress(data)).decode("utf-8")
    return read_merges(text.split("\n")[1 : 1 + _MERGES])  # line 0 is a version


def _packaged_file() -> Path:
    spec = importlib.util.find_spec("clip")  # finds the package's folder without running its code
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    raise FileNotFoundError(
        f"OpenAI's merges file {_FILE} was not found. Install the optional package that carries "
        "it, `pip install --no-deps clip-anytorch`, or pass the path of your own copy: "
        "Tokenizer.openai(path)."
    )


def clean(text: str) -> str:
    """Repair broken characters, undo HTML escapes twice, make single spaces and lower case.

    The repair needs the optional package ftfy. Without it, plain ASCII text comes out the same;
    at the first text that may not, a warning says so.
    """
    fix_text = _ftfy()
    if fix_text is not None:
        text = fix_text(text)
    elif not (text.isascii() and text.isprintable() and "&" not in text):
        _warn_without_ftfy()
    text = html.unescape(html.unescape(text))
    single_spaced: str = regex.sub(r"\s+", " ", text.strip())
    return single_spaced.strip().lower()


@functools.cache
def _ftfy() -> Callable[[str], str] | None:
    try:
        from ftfy import fix_text
    except ImportError:
        return None
    return fix_text


@functools.cache  # so that it is said once
def _warn_without_ftfy() -> None:
    warnings.warn(
        "ftfy is not installed: OpenAI's repair of broken characters is left out, and the ids of "
        "text beyond plain ASCII may differ from OpenAI's. `pip install ftfy` makes them equal.",
        stacklevel=2,
    )


@functools.cache
def printable_bytes() -> dict[int, str]:
    """Byte -> a character that can be seen, in the order of OpenAI's first 256 ids.

    Merges are kept in text files, where a raw byte may be a space or no character at all. So the
    bytes that are printable in Latin-1 stand for themselves, and the other 68 for the characters
    from U+0100 on: a space is "Ġ".
    """
    seen = [b for b in range(256) if 0x21 <= b <= 0x7E or (b >= 0xA1 and b != 0xAD)]
    hidden = [b for b in range(256) if b not in seen]
    return {b: chr(b) for b in seen} | {b: chr(0x100 + n) for n, b in enumerate(hidden)}


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
