"""From text to token ids and back: a byte-level BPE tokenizer (arXiv 2103.00020, section 2.4).

Text is first cut into words by a pattern, and merges never cross a word's edge: "dog." and "dog!"
share "dog". A word carries the space before it (" dog"). EOT has the largest id, so the text
encoder finds the end of a caption by `argmax`. Padding is id 0, which is also a real token; that is
harmless, because the encoder reads nothing after EOT.
"""

from __future__ import annotations

import json
import os
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import regex
import torch
from tqdm.auto import tqdm

from clipedu.files import write_whole
from clipedu.tokenizer import openai as openai_bpe
from clipedu.tokenizer.bpe import encode_word, train_steps

# GPT-2's pattern: every character of a text falls into exactly one word, spaces included.
_WORDS = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
_SPECIALS = ("<|startoftext|>", "<|endoftext|>")
_FORMAT = "clipedu tokenizer 1"
_CACHED_WORDS = 100_000  # captions repeat their words, so nearly all are looked up


class Tokenizer:
    """A byte-level BPE tokenizer. Make one with `train`, `openai`, `load` or `from_dict`.

    Ids of kind "trained": the 256 bytes, one for each of the `merges` in the order of learning, SOT
    and EOT; `decode(encode(x))` is x in NFC, so that an é of one character and of two is the same.
    Kind "openai" has the ids of the released CLIPs, and cleans the text first (lower case, single
    spaces), which cannot be undone. `vocabulary` maps ids to bytes; `sot` and `eot` are its last.
    """

    def __init__(self, merges: Iterable[tuple[bytes, bytes]], kind: str = "trained") -> None:
        if kind not in ("trained", "openai"):
            raise ValueError(f'the kind of tokenizer is {kind!r}; expected "trained" or "openai"')
        self.kind = kind
        self.merges = list(merges)
        if kind == "trained":
            symbols = [bytes([b]) for b in range(256)]
        else:
            symbols = [bytes([b]) for b in openai_bpe.printable_bytes()]
            symbols += [symbol + openai_bpe.WORD_END for symbol in symbols]
        self._ids = {symbol: i for i, symbol in enumerate(symbols)}
        for rank, (first, second) in enumerate(self.merges):
            if first not in self._ids or second not in self._ids:
                raise ValueError(
                    f"merge {rank} joins {first!r} and {second!r}: one is not made yet"
                )
            self._ids[first + second] = len(symbols)
            symbols.append(first + second)
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.vocabulary = [*symbols, *(special.encode() for special in _SPECIALS)]
        self.vocab_size = len(self.vocabulary)
        self.sot, self.eot = self.vocab_size - 2, self.vocab_size - 1
        self.context_length = 32 if kind == "trained" else 77
        self._cache: dict[str, tuple[int, ...]] = {}  # word -> its ids

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, *, progress: bool = False) -> Tokenizer:
        """Learn merges from texts until there are `vocab_size` ids, or no pair occurs twice.

        Raises TypeError for other than strings, ValueError for no texts or a vocab_size below 258.
        """
        if isinstance(texts, str):
            raise TypeError("train expects many texts, such as a list of captions; got one string")
        if vocab_size < 258:
            raise ValueError(f"vocab_size is {vocab_size}; 256 bytes, SOT and EOT alone need 258")
        counts: Counter[str] = Counter()
        for number, text in enumerate(tqdm(texts, "counting words", disable=not progress)):
            counts.update(_WORDS.findall(_normal_form(text, f"text {number}")))
        if not counts:
            raise ValueError("nothing to learn from: every text is empty, or there is none")
        words = {_single_bytes(word): times for word, times in counts.items()}
        steps = islice(train_steps(words), vocab_size - 258)
        bar = tqdm(steps, "merging pairs", total=vocab_size - 258, disable=not progress)
        tokenizer = cls(pair for pair, _ in bar)
        if tokenizer.vocab_size < vocab_size:
            found = f"these texts give {tokenizer.vocab_size} ids, not {vocab_size}, since no pair"
            fits = "`clipedu train` fits the model to that; elsewhere build it so."
            warnings.warn(f"{found} occurs twice any more. {fits}", stacklevel=2)
        return tokenizer

    @classmethod
    def openai(cls, path: str | os.PathLike[str] | None = None) -> Tokenizer:
        """OpenAI's CLIP tokenizer, id for id, by its merges file: `openai.load_merges(path)`."""
        return cls(openai_bpe.load_merges(path), kind="openai")

    def encode(self, text: str, name: str = "the text") -> list[int]:
        """The ids of a text, without SOT, EOT or padding. `name` is what its errors call it."""
        if self.kind == "openai" and isinstance(text, str):
            words = openai_bpe.WORDS.findall(openai_bpe.clean(text))
        else:
            words = _WORDS.findall(_normal_form(text, name))
        ids: list[int] = []
        for word in words:
            ids.extend(self._cache.get(word) or self._encode_word(word))
        return ids

    def _encode_word(self, word: str) -> tuple[int, ...]:
        symbols = _single_bytes(word)
        if self.kind == "openai":
            if word in _SPECIALS:  # written in a text, they are the special tokens
                return (self.sot + _SPECIALS.index(word),)
            symbols = (*symbols[:-1], symbols[-1] + openai_bpe.WORD_END)
        ids = tuple(self._ids[symbol] for symbol in encode_word(symbols, self._ranks))
        if len(self._cache) < _CACHED_WORDS:
            self._cache[word] = ids
        return ids

    def tokens(self, text: str) -> list[str]:
        """The pieces that a text is cut into, readable; part of a character shows as `<0xE5>`."""
        pieces = []
        for symbol in (self.vocabulary[i] for i in self.encode(text)):
            try:
                pieces.append(symbol.decode("utf-8"))
            except UnicodeDecodeError:
                pieces.append("".join(f"<0x{b:02X}>" for b in symbol))
        return pieces

    def __call__(
        self,
        texts: str | Sequence[str],
        context_length: int | None = None,
        *,
        truncate: bool = False,
    ) -> torch.Tensor:
        """N captions, or one -> rows for the text encoder, (N, L) int64: [SOT] ids [EOT] 0 0 ...

        context_length: L. truncate: cut the end off a caption that is too long, and keep EOT.
        Raises TypeError for no string, ValueError for no captions, or one that is too long.
        """
        length = self.context_length if context_length is None else context_length
        if length < 2:
            raise ValueError(f"context_length is {length}; SOT and EOT alone need 2")
        texts = [texts] if isinstance(texts, str) else texts
        if len(texts) == 0:
            raise ValueError("there are no captions; expected one string, or a list of strings")
        rows = np.zeros((len(texts), length), dtype=np.int64)
        for number, text in enumerate(texts):
            ids = [self.sot, *self.encode(text, f"caption {number}")]
            if len(ids) >= length and not truncate:
                raise ValueError(
                    f"caption {number} has {len(ids) + 1} tokens with SOT and EOT; the limit is "
                    f"{length}: raise context_length, or pass truncate=True. {text[:60]!r}"
                )
            ids = [*ids[: length - 1], self.eot]
            rows[number, : len(ids)] = ids
        return torch.from_numpy(rows)

    def decode(self, ids: Iterable[int] | torch.Tensor) -> str:
        """The text of some ids, or of one row: SOT is skipped, EOT ends it; ValueError for others.

        Ids that are part of a character show as U+FFFD.
        """
        if isinstance(ids, torch.Tensor):
            if ids.dim() != 1:
                raise ValueError(f"decode takes one row of ids; got shape {tuple(ids.shape)}")
            ids = ids.tolist()
        data = b""
        for i in ids:
            if not 0 <= i < self.vocab_size:
                raise ValueError(f"id {i} is outside the vocabulary of {self.vocab_size} ids")
            if i == self.eot:
                break
            data += self.vocabulary[i] if i != self.sot else b""
        if self.kind == "openai":
            data = data.replace(openai_bpe.WORD_END, b" ").rstrip(b" ")
        return data.decode("utf-8", errors="replace")

    def to_dict(self) -> dict[str, Any]:
        """Everything, as values that JSON can hold; `from_dict` undoes it."""
        lines = openai_bpe.write_merges(self.merges)
        return {"format": _FORMAT, "kind": self.kind, "merges": lines}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Tokenizer:
        """Undo `to_dict`. Raises ValueError for other data."""
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise ValueError(f'expected a dictionary with "format": "{_FORMAT}"')
        lines = data.get("merges")
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise ValueError('"merges" is missing or is not a list of text lines')
        return cls(openai_bpe.read_merges(lines), kind=data.get("kind", "missing"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write JSON; a failure leaves what was at `path` before."""
        write_whole(path, json.dumps(self.to_dict(), ensure_ascii=False, indent=0) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Tokenizer:
        """Read what `save` wrote. Raises FileNotFoundError, or ValueError for a damaged file."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8-sig")))
        except ValueError as error:  # bad JSON and bad UTF-8 are ValueErrors too
            raise ValueError(f"{path} is damaged or holds no tokenizer: {error}") from error

    def __repr__(self) -> str:
        return f"Tokenizer(kind={self.kind!r}, vocab_size={self.vocab_size})"


def row_ids(rows: torch.Tensor) -> torch.Tensor:
    """(N, L) rows -> (N,) int64, equal where rows are: captions that look alike to an encoder."""
    seen: dict[bytes, int] = {}
    return torch.tensor([seen.setdefault(row.tobytes(), len(seen)) for row in rows.cpu().numpy()])


def _normal_form(text: object, name: str) -> str:
    """The text in NFC: what looks the same is the same. Raises TypeError and ValueError."""
    if not isinstance(text, str):
        raise TypeError(f"{name} is a {type(text).__name__}; expected a string")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{name} holds a lone surrogate, {text[error.start]!r}: half a character. It usually "
            "comes from a file read with the wrong encoding: read it as UTF-8, or take it out."
        ) from None
    return unicodedata.normalize("NFC", text)


def _single_bytes(word: str) -> tuple[bytes, ...]:
    return tuple(bytes([b]) for b in word.encode("utf-8"))
