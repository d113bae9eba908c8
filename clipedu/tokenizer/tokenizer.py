"""From text to token ids and back: a byte-level BPE tokenizer (arXiv 2103.00020, section 2.4).

Two kinds, one class:
* `Tokenizer.train(texts, 4096)` learns its merges from your texts. Ids: 0..255 are the bytes, then
  one id for each merge, then SOT and EOT. It changes nothing in the text: `decode(encode(x)) == x`.
* `Tokenizer.openai()` has OpenAI's 48,894 merges and gives the ids that the released CLIP models
  were trained on. It cleans the text first (lower case, single spaces): that cannot be undone.

What to notice:
* Text is first cut into words by a pattern, and merges never cross a word's edge: "dog." and "dog!"
  share "dog". A word carries the space before it (" dog"), so the words put together are the text.
* EOT has the largest id: the text tower finds the end of a caption by `argmax`.
* Padding is id 0, which is also a real token. That is harmless: the tower reads nothing after EOT.

The algorithm itself, pair by pair, is in `bpe.py`; OpenAI's ways are in `openai.py`.
"""

from __future__ import annotations

import json
import os
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
_CACHE_LIMIT = 100_000  # captions repeat their words: nearly every word is looked up, not cut


class Tokenizer:
    """A byte-level BPE tokenizer. Make one with `train`, `openai`, `load` or `from_dict`.

    Attributes (to read, not to change):
        kind: "trained" or "openai".
        merges: the learned pairs, first learned first.
        vocabulary: id -> the bytes that it stands for.
        vocab_size: number of ids, SOT and EOT included.
        sot, eot: the ids of start and end of text: `vocab_size - 2` and `vocab_size - 1`.
        context_length: the default length of a row: 32, or 77 for OpenAI's.
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
                    f"merge {rank} joins {first!r} and {second!r}, but the merges before it do not "
                    "make both: the list of merges is damaged or out of order"
                )
            self._ids[first + second] = len(symbols)
            symbols.append(first + second)
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self.vocabulary = [*symbols, *(special.encode() for special in _SPECIALS)]
        self.vocab_size = len(self.vocabulary)
        self.sot, self.eot = self.vocab_size - 2, self.vocab_size - 1
        self.context_length = 32 if kind == "trained" else 77
        self._cache: dict[str, tuple[int, ...]] = {}
        if kind == "openai":  # there, the names of the specials in a text are the specials
            self._cache = {_SPECIALS[0]: (self.sot,), _SPECIALS[1]: (self.eot,)}

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, *, progress: bool = False) -> Tokenizer:
        """Learn merges from texts until there are `vocab_size` ids.

        Training stops early, with a warning, when no pair of symbols occurs twice: build a model
        with the tokenizer's own `vocab_size`, not with the number that you asked for.

        Raises:
            TypeError: texts is one string, or holds something that is no string.
            ValueError: vocab_size < 258 (256 bytes, SOT, EOT), no texts, or a text that is no
                valid Unicode.
        """
        if isinstance(texts, str):
            raise TypeError("train expects many texts, such as a list of captions; got one string")
        if vocab_size < 258:
            raise ValueError(f"vocab_size is {vocab_size}; 256 bytes, SOT and EOT alone need 258")
        words: Counter[str] = Counter()
        for number, text in enumerate(tqdm(texts, "counting words", disable=not progress)):
            if not isinstance(text, str):
                raise TypeError(f"text {number} is a {type(text).__name__}; expected a string")
            words.update(_WORDS.findall(text))
        if not words:
            raise ValueError("nothing to learn from: every text is empty, or there is none")
        cut = {_single_bytes(word): times for word, times in words.items()}
        wanted = vocab_size - 258
        steps = islice(train_steps(cut), wanted)
        steps = tqdm(steps, "merging pairs", total=wanted, disable=not progress)
        tokenizer = cls(merge.pair for merge in steps)
        if tokenizer.vocab_size < vocab_size:
            warnings.warn(
                f"no pair of symbols occurs twice any more: there are {tokenizer.vocab_size} ids, "
                f"not {vocab_size}. Build the model with the tokenizer's vocab_size.",
                stacklevel=2,
            )
        return tokenizer

    @classmethod
    def openai(cls, path: str | os.PathLike[str] | None = None) -> Tokenizer:
        """OpenAI's CLIP tokenizer, id for id: 49,408 ids, SOT 49406, EOT 49407.

        OpenAI repairs broken characters with the package ftfy before anything else. Here ftfy is
        optional: without it, plain ASCII text gets the same ids, and the first other text draws a
        warning that its ids may differ.

        Args:
            path: the merges file `bpe_simple_vocab_16e6.txt.gz`, or the same inflated. Without it,
                the file inside the optional package clip-anytorch is used, which is not imported.

        Raises FileNotFoundError when there is no such file or package, and ValueError when the
        file's sha256 is not that of OpenAI's file.
        """
        return cls(openai_bpe.load_merges(path), kind="openai")

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without SOT, EOT or padding.

        Raises:
            TypeError: text is no string.
            ValueError: text holds a lone surrogate (half a character), which is no valid Unicode.
        """
        if not isinstance(text, str):
            raise TypeError(f"expected a text as a string, got a {type(text).__name__}")
        if self.kind == "openai":
            words = openai_bpe.WORDS.findall(openai_bpe.clean(text))
        else:
            words = _WORDS.findall(text)
        ids: list[int] = []
        for word in words:
            known = self._cache.get(word)
            if known is None:
                known = self._encode_word(word)
                if len(self._cache) < _CACHE_LIMIT:
                    self._cache[word] = known
            ids.extend(known)
        return ids

    def _encode_word(self, word: str) -> tuple[int, ...]:
        symbols = _single_bytes(word)
        if self.kind == "openai":
            symbols = (*symbols[:-1], symbols[-1] + openai_bpe.WORD_END)
        return tuple(self._ids[symbol] for symbol in encode_word(symbols, self._ranks))

    def tokens(self, text: str) -> list[str]:
        """The pieces that a text is cut into, readable; part of a character shows as `<0xE5>`."""
        return [_readable(self.vocabulary[i]) for i in self.encode(text)]

    def __call__(
        self,
        texts: str | Sequence[str],
        context_length: int | None = None,
        *,
        truncate: bool = False,
    ) -> torch.Tensor:
        """Rows for the text tower: [SOT] ids [EOT] 0 0 ...

        Args:
            texts: N captions, or one.
            context_length: L, the length of a row, SOT and EOT included; 32 (OpenAI's: 77) if not
                given.
            truncate: cut the end off a caption that is too long. Its last id is still EOT, for
                that is where the tower reads the caption.

        Returns:
            (N, L) int64.

        Raises:
            TypeError: a caption is no string.
            ValueError: no captions, a caption too long, or context_length < 2.
        """
        length = self.context_length if context_length is None else context_length
        if length < 2:
            raise ValueError(f"context_length is {length}; SOT and EOT alone need 2")
        texts = [texts] if isinstance(texts, str) else texts
        if len(texts) == 0:
            raise ValueError("there are no captions; expected one string, or a list of strings")
        rows = np.zeros((len(texts), length), dtype=np.int64)
        for number, text in enumerate(texts):
            ids = [self.sot, *self.encode(text), self.eot]
            if len(ids) > length:
                if not truncate:
                    raise ValueError(
                        f"caption {number} has {len(ids)} tokens with SOT and EOT; the limit is "
                        f"{length}. Shorten it, raise context_length, or pass truncate=True, which "
                        f"cuts its end and keeps EOT. It begins: {text[:60]!r}"
                    )
                ids = [*ids[: length - 1], self.eot]
            rows[number, : len(ids)] = ids
        return torch.from_numpy(rows)

    def decode(self, ids: Iterable[int] | torch.Tensor) -> str:
        """The text of some ids. A whole row works too: SOT is passed over, EOT ends the text.

        The trained kind gives back exactly the text that was encoded; OpenAI's gives the cleaned
        words with a space after each. Ids that are part of a character show as U+FFFD.

        Raises ValueError for an id outside the vocabulary, and for more than one row.
        """
        if isinstance(ids, torch.Tensor):
            if ids.dim() != 1:
                raise ValueError(f"decode takes one row of ids; got shape {tuple(ids.shape)}")
            ids = ids.tolist()
        symbols: list[bytes] = []
        for i in ids:
            if not 0 <= i < self.vocab_size:
                raise ValueError(f"id {i} is outside the vocabulary of {self.vocab_size} ids")
            if i == self.eot:
                break
            if i != self.sot:
                symbols.append(self.vocabulary[i])
        data = b"".join(symbols)
        if self.kind == "openai":
            data = data.replace(openai_bpe.WORD_END, b" ").rstrip(b" ")
        return data.decode("utf-8", errors="replace")

    def to_dict(self) -> dict[str, Any]:
        """Everything, as values that JSON can hold; `from_dict` undoes it."""
        merges = openai_bpe.write_merges(self.merges)
        return {"format": _FORMAT, "kind": self.kind, "merges": merges}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Tokenizer:
        """Undo `to_dict`. Raises ValueError when data is not what `to_dict` gives."""
        if not isinstance(data, dict) or data.get("format") != _FORMAT:
            raise ValueError(f'expected a dictionary with "format": "{_FORMAT}"')
        merges = data.get("merges")
        if not isinstance(merges, list) or not all(isinstance(line, str) for line in merges):
            raise ValueError('"merges" is missing or is no list of text lines')
        return cls(openai_bpe.read_merges(merges), kind=data.get("kind", "missing"))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write JSON, whole or not at all: a failure leaves what was at `path` before."""
        write_whole(path, json.dumps(self.to_dict(), ensure_ascii=False, indent=0) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Tokenizer:
        """Read what `save` wrote. Raises FileNotFoundError, or ValueError for a damaged file."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no tokenizer at {path}") from None
        except ValueError as error:  # bad JSON and bad UTF-8 are ValueErrors too
            raise ValueError(f"{path} is damaged or holds no tokenizer: {error}") from error

    def __repr__(self) -> str:
        return f"Tokenizer(kind={self.kind!r}, vocab_size={self.vocab_size})"


def _single_bytes(word: str) -> tuple[bytes, ...]:
    try:
        data = word.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the text holds a lone surrogate, {word[error.start]!r}: half a character, which is "
            "no valid Unicode. It usually comes from a file read with the wrong encoding: read it "
            "as UTF-8, or take it out."
        ) from None
    return tuple(bytes([b]) for b in data)


def _readable(symbol: bytes) -> str:
    try:
        return symbol.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(f"<0x{b:02X}>" for b in symbol)
