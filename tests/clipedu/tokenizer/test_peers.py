"""10,000 random texts through OpenAI's, open_clip's and our tokenizer; transformers' differs."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from clipedu.tokenizer import Tokenizer
from clipedu.tokenizer.openai import packaged_file

PARTS = [
    *"abcxyzABCXYZ0123456789 \t\n.,;:!?'\"-_/\\()[]{}<>|@#$%^&*~`+=",
    *"éüßñçøåœæÉÜŁğİıſﬁ½²①Ⅷ٣४",
    *"北京日本語한국어Привет😀👩‍🚀🇩🇪❤️",
    *"\u00a0\u2003\u200b\u0301\u00ad\ufeff",
    "the", "dog", "photo", "'s", "'RE", "n't", "&amp;", "&lt;b&gt;", "&amp;quot;", "Ã©", "â€™",
    "<|startoftext|>", "<|endoftext|>", "<|ENDOFTEXT|>", "a photo of a ", "running", "  ",
]  # fmt: skip


def texts(count: int, parts: list[str] = PARTS) -> list[str]:
    rng = random.Random(0)
    return ["".join(rng.choices(parts, k=rng.randint(0, 14))) for _ in range(count)]


@pytest.fixture(scope="module")
def ours(openai) -> Tokenizer:
    pytest.importorskip("ftfy")
    return Tokenizer.openai()


@pytest.mark.filterwarnings("ignore")
def test_equal_to_openai_on_10_000_texts(ours, openai) -> None:
    theirs = openai("simple_tokenizer").SimpleTokenizer(str(packaged_file()))
    for text in texts(10_000):
        assert ours.encode(text) == theirs.encode(text), repr(text)


@pytest.mark.filterwarnings("ignore")
def test_equal_to_open_clip_on_10_000_texts(ours, open_clip) -> None:
    """Its special tokens have other names: OpenAI's, written in a text, are plain text to it."""
    theirs = open_clip("tokenizer").SimpleTokenizer(str(packaged_file()))
    special = PARTS.index("<|startoftext|>")
    plain = [part for k, part in enumerate(PARTS) if k not in range(special, special + 3)]
    for text in texts(10_000, plain):
        assert ours.encode(text) == theirs.encode(text), repr(text)
    assert ours.encode("<|endoftext|>") == [49407] != theirs.encode("<|endoftext|>")
    assert theirs.encode("<end_of_text>") == [49407]


#: What transformers does otherwise, each with a text that shows it.
DIFFERENCES = {
    "HTML escapes stay": "salt &amp; pepper",
    "broken encodings stay": "cafÃ©",
    "curly quotes stay": "it’s",
    "ligatures stay": "ﬁsh",
    "full width stays": "ＡＢ",
}
SAME = ["a photo of a dog", "Hello World!", "it's 2021", "naïve café 北京", "cafe\u0301s", "😀 ok"]


@pytest.mark.filterwarnings("ignore")
def test_where_transformers_differs(ours, tmp_path: Path) -> None:
    """It has no ftfy and no HTML unescaping; on clean text the ids are equal."""
    transformers = pytest.importorskip("transformers")
    lines = gzip.decompress(packaged_file().read_bytes()).decode().split("\n")
    (tmp_path / "merges.txt").write_text("\n".join(lines[1 : 49152 - 256 - 2 + 1]))
    vocabulary = {ours_token: i for i, ours_token in enumerate(_names(lines))}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    theirs = transformers.CLIPTokenizer.from_pretrained(tmp_path)

    def ids(text: str) -> list[int]:
        return theirs(text)["input_ids"][1:-1]

    for text in SAME:
        assert ids(text) == ours.encode(text), text
    for kind, text in DIFFERENCES.items():
        assert ids(text) != ours.encode(text), kind


def _names(lines: list[str]) -> list[str]:
    from clipedu.tokenizer.openai import printable_bytes

    letters = list(printable_bytes().values())
    merges = ["".join(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]
    special = ["<|startoftext|>", "<|endoftext|>"]
    return [*letters, *(f"{letter}</w>" for letter in letters), *merges, *special]
