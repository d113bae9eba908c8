from __future__ import annotations

import gzip
import importlib.util
import json
import random
import subprocess
import sys
import time
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clipedu.tokenizer import Tokenizer, row_ids
from clipedu.tokenizer import openai as openai_bpe

WORDS = ["a", "photo", "drawing", "of", "the", "red", "blue", "dog", "dogs", "cat", "house", "left"]


def captions(number: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 8))) for _ in range(number)]


@pytest.fixture(scope="module")
def trained() -> Tokenizer:
    texts = [*captions(300), "naïve café", "北京 北京", "ein Zug, zwei Züge!"]
    return Tokenizer.train(texts, 300)


# ---- the trained kind ---------------------------------------------------------------------------


def test_ids_are_bytes_then_merges_then_sot_and_eot(trained: Tokenizer) -> None:
    assert trained.vocab_size == 300 == 256 + len(trained.merges) + 2
    assert (trained.sot, trained.eot) == (298, 299)
    assert trained.vocabulary[:256] == [bytes([b]) for b in range(256)]
    assert trained.vocabulary[256] == trained.merges[0][0] + trained.merges[0][1]
    assert len(set(trained.vocabulary)) == trained.vocab_size


def test_frequent_words_become_one_token_and_carry_their_space(trained: Tokenizer) -> None:
    assert trained.tokens("the red dogs") == ["the", " red", " dogs"]
    assert trained.encode("dog") != trained.encode(" dog")
    assert trained.tokens("虎") == ["<0xE8>", "<0x99>", "<0x8E>"]


@given(text=st.text())
@settings(deadline=None, max_examples=300)
def test_any_text_comes_back_exactly_in_nfc(trained: Tokenizer, text: str) -> None:
    ids = trained.encode(text)
    assert trained.decode(ids) == unicodedata.normalize("NFC", text)
    assert all(0 <= i < trained.sot for i in ids)  # a text cannot forge SOT or EOT


@given(
    text=st.text(
        st.sampled_from(" \t\n\r\x0b\x85\xa0\u2028\u3000'sdltre1²½aé\u0301<|>"), max_size=30
    )
)
@settings(deadline=None, max_examples=300)
def test_odd_spaces_and_apostrophes_come_back_exactly(trained: Tokenizer, text: str) -> None:
    assert trained.decode(trained.encode(text)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("text", ["caf\u00e9", "\uac00\ub098", "\u1eaft", "\u00c5"])
def test_a_text_has_the_same_ids_in_every_normal_form(trained: Tokenizer, text: str) -> None:
    apart = unicodedata.normalize("NFD", text)
    assert apart != text and trained.encode(apart) == trained.encode(text)
    assert trained.tokens(apart) == trained.tokens(text)
    assert trained.encode("\u212b") == trained.encode("\u00c5")  # the unit of length, the letter
    one, other = (Tokenizer.train([x, "caf", x], 270) for x in (text, apart))
    assert one.merges == other.merges


@given(captions=st.lists(st.sampled_from(["", "a", "A", "a " * 9, "a " * 8, "e\u0301", "\u00e9"])))
@settings(deadline=None)
def test_row_ids_are_equal_where_rows_are(trained: Tokenizer, captions: list[str]) -> None:
    rows = trained([*captions, "x"], 8, truncate=True)
    ids = row_ids(rows)
    assert ids.dtype == torch.int64 and ids.shape == (len(rows),)
    assert torch.equal(ids[:, None] == ids, (rows[:, None] == rows).all(-1))
    firsts = [ids.tolist().index(i) for i in range(int(ids.max()) + 1)]
    assert firsts == sorted(firsts)  # numbered in the order in which they come


@pytest.mark.parametrize("text", ["<|endoftext|>", "<|startoftext|> a dog", "\x00", "👩‍👩‍👧", ""])
def test_special_names_and_emoji_are_plain_text(trained: Tokenizer, text: str) -> None:
    assert trained.decode(trained.encode(text)) == text
    assert trained.decode(trained(text, 64)[0]) == text


@given(before=st.text(max_size=5), half=st.integers(0xD800, 0xDFFF), after=st.text(max_size=5))
@settings(deadline=None)
def test_half_a_character_is_named(trained: Tokenizer, before: str, half: int, after: str) -> None:
    with pytest.raises(ValueError, match="lone surrogate"):
        trained.encode(before + chr(half) + after)


def test_a_surrogate_pair_written_as_two_halves_is_named_too(trained: Tokenizer) -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        trained.encode("\ud83d\ude00")
    with pytest.raises(ValueError, match="text 1 holds a lone surrogate"):
        Tokenizer.train(["a dog", "a \udc80"], 300)
    with pytest.raises(ValueError, match="caption 2 holds a lone surrogate"):
        trained(["a dog", "a cat", "a \udc80"])


def test_cached_words_give_the_same_ids(trained: Tokenizer) -> None:
    fresh = Tokenizer(trained.merges)
    for text in captions(50, seed=1):
        assert fresh.encode(text) == trained.encode(text) == fresh.encode(text)


def test_training_does_not_depend_on_the_order_of_texts() -> None:
    texts = captions(200)
    shuffled = random.Random(1).sample(texts, len(texts))
    assert Tokenizer.train(texts, 300).merges == Tokenizer.train(iter(shuffled), 300).merges


def test_running_out_of_pairs_is_said() -> None:
    with pytest.warns(UserWarning, match="not 5000"):
        tokenizer = Tokenizer.train(["a dog a dog"], 5000)
    assert tokenizer.vocab_size == 258 + len(tokenizer.merges) < 300
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Tokenizer.train(["a dog"], 258).merges == []


def test_thirty_thousand_captions_take_seconds() -> None:
    rng = random.Random(0)
    parts = [
        "ar",
        "ro",
        "cir",
        "cle",
        "sta",
        "ti",
        "on",
        "ing",
        "u",
        "phi",
        "lo",
        "ck",
        "mer",
        "sh",
    ]
    words = ["".join(rng.choices(parts, k=rng.randint(1, 4))) for _ in range(6000)]
    texts = [" ".join(rng.choices(words, k=8)) for _ in range(30_000)]
    start = time.process_time()
    tokenizer = Tokenizer.train(texts, 4096)
    assert time.process_time() - start < 10  # about 1 s; counting all pairs anew takes minutes
    assert tokenizer.vocab_size == 4096


@pytest.mark.parametrize(
    ("texts", "size", "error", "words"),
    [
        ("a dog", 300, TypeError, "one string"),
        (["a dog", 3], 300, TypeError, "text 1 is a int"),
        ([], 300, ValueError, "nothing to learn"),
        (["", ""], 300, ValueError, "nothing to learn"),
        (["a dog"], 257, ValueError, "258"),
    ],
)
def test_bad_training_input(texts: Any, size: int, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Tokenizer.train(texts, size)


# ---- rows for the text tower --------------------------------------------------------------------


def test_a_row_is_sot_ids_eot_zeros(trained: Tokenizer) -> None:
    rows = trained(["a dog", "the red house"], 16)
    assert rows.shape == (2, 16)
    assert rows.dtype == torch.int64
    for row, text in zip(rows.tolist(), ["a dog", "the red house"], strict=True):
        ids = [trained.sot, *trained.encode(text), trained.eot]
        assert row == ids + [0] * (16 - len(ids))
    assert trained.decode(rows[1]) == "the red house"
    assert rows.argmax(dim=1).tolist() == [row.index(trained.eot) for row in rows.tolist()]
    assert torch.equal(trained("a dog", 16), rows[:1])
    assert trained("a dog").shape == (1, 32)


def test_a_caption_that_just_fits(trained: Tokenizer) -> None:
    length = len(trained.encode("the red house")) + 2
    assert trained("the red house", length)[0, -1] == trained.eot
    with pytest.raises(ValueError, match="truncate=True"):
        trained("the red house", length - 1)


def test_a_caption_too_long_says_how_long(trained: Tokenizer) -> None:
    text = "the red house " * 20
    tokens = len(trained.encode(text)) + 2
    with pytest.raises(ValueError, match=rf"caption 1 has {tokens} tokens .* limit is 12.*the red"):
        trained(["a dog", text], 12)
    row = trained(["a dog", text], 12, truncate=True)[1]
    assert row.tolist() == [trained.sot, *trained.encode(text)[:10], trained.eot]


@pytest.mark.parametrize(
    ("texts", "length", "error", "words"),
    [
        ([], 16, ValueError, "no captions"),
        (["a", None], 16, TypeError, "caption 1 is a NoneType"),
        ([float("nan")], 16, TypeError, "caption 0 is a float"),
        (["a dog"], 1, ValueError, "need 2"),
    ],
)
def test_bad_captions(
    trained: Tokenizer, texts: Any, length: int, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        trained(texts, length)


def test_bad_ids(trained: Tokenizer) -> None:
    with pytest.raises(ValueError, match="id 300 is outside"):
        trained.decode([1, 300])
    with pytest.raises(ValueError, match="id -1 is outside"):
        trained.decode([-1])
    with pytest.raises(ValueError, match="one row"):
        trained.decode(trained(["a", "b"]))
    assert trained.decode([0xE5]) == "\ufffd"  # a byte that starts a character, alone


# ---- files --------------------------------------------------------------------------------------


def test_save_and_load(trained: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "new" / "tokenizer.json"
    trained.save(path)
    again = Tokenizer.load(path)
    assert again.to_dict() == trained.to_dict() == json.loads(path.read_text("utf-8"))
    assert again.merges == trained.merges
    assert again.encode("北京, a red dog") == trained.encode("北京, a red dog")
    assert [file.name for file in path.parent.iterdir()] == ["tokenizer.json"]
    path.write_text(path.read_text("utf-8"), "utf-8-sig")  # as an editor on Windows saves it
    assert Tokenizer.load(path).merges == trained.merges


def test_a_failed_save_leaves_the_old_file(
    trained: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "tokenizer.json"
    trained.save(path)
    before = path.read_bytes()

    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        Tokenizer(trained.merges[:3]).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: json.dumps(data)[:-40], "damaged"),
        (lambda data: json.dumps({**data, "format": "other"}), "format"),
        (lambda data: json.dumps([data]), "format"),
        (lambda data: json.dumps({**data, "merges": "abc"}), "merges"),
        (lambda data: json.dumps({**data, "kind": "words"}), "kind"),
        (lambda data: json.dumps({**data, "merges": ["a b c"]}), "merge 0 is 'a b c'"),
        (lambda data: json.dumps({**data, "merges": ["a "]}), "merge 0"),
        (lambda data: json.dumps({**data, "merges": ["a 語"]}), "merge 0"),
        (lambda data: json.dumps({**data, "merges": ["a b", "ab cd"]}), "merge 1 joins b'ab'"),
        (lambda data: "\udcff", "damaged"),
    ],
)
def test_a_damaged_file_is_named(
    trained: Tokenizer, tmp_path: Path, damage: Any, words: str
) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(damage(trained.to_dict()).encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=words) as caught:
        Tokenizer.load(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        Tokenizer.load(tmp_path / "nowhere.json")


@given(data=st.binary(min_size=1, max_size=8), more=st.binary(min_size=1, max_size=8))
@settings(deadline=None)
def test_any_merge_survives_as_text(data: bytes, more: bytes) -> None:
    (line,) = openai_bpe.write_merges([(data, more)])
    assert line.isprintable() and line.count(" ") == 1
    assert openai_bpe.read_merges([line]) == [(data, more)]


# ---- OpenAI's kind ------------------------------------------------------------------------------

ORACLE = {  # measured with openai/CLIP's own tokenizer
    "a diagram": [320, 22697],
    "a dog": [320, 1929],
    "a cat": [320, 2368],
    "Hello world!": [3306, 1002, 256],
    "it's 2021": [585, 568, 273, 271, 273, 272],
    "a photo of a golden retriever.": [320, 1125, 539, 320, 3878, 28394, 269],
    "naïve café 北京": [1097, 35689, 563, 15304, 161, 234, 245, 21078, 361],
    "1234 apples": [272, 273, 274, 275, 14032],
    "<|endoftext|>": [49407],
}


def openai_file() -> Path:
    try:
        return openai_bpe.packaged_file()
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def openai() -> Tokenizer:
    openai_file()
    return Tokenizer.openai()


@pytest.fixture(scope="module")
def original() -> Any:
    """OpenAI's own tokenizer, from its file: importing its package would need torchvision."""
    pytest.importorskip("ftfy", reason="OpenAI's own tokenizer needs ftfy")
    path = openai_file().with_name("simple_tokenizer.py")
    spec = importlib.util.spec_from_file_location("openai_simple_tokenizer", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SimpleTokenizer()


def test_openai_vocabulary(openai: Tokenizer) -> None:
    assert openai.vocab_size == 49408
    assert (openai.sot, openai.eot) == (49406, 49407)
    assert len(openai.merges) == 48894
    assert openai.vocabulary[0] == b"!"
    assert openai.vocabulary[256] == b"!</w>"
    assert openai.vocabulary[512] == b"in"


@pytest.mark.parametrize("text", ORACLE)
def test_openai_ids_on_the_oracle_strings(openai: Tokenizer, text: str) -> None:
    assert openai.encode(text) == ORACLE[text]
    ids = [49406, *ORACLE[text], 49407]
    assert openai(text).tolist() == [ids + [0] * (77 - len(ids))]


def test_openai_whole_vocabulary_equals_the_original(openai: Tokenizer, original: Any) -> None:
    letters = openai_bpe.printable_bytes()
    names = ["".join(letters[b] for b in symbol) for symbol in openai.vocabulary]
    assert {name: i for i, name in enumerate(names)} == original.encoder


@given(text=st.text())
@settings(deadline=None, max_examples=300)
def test_openai_ids_equal_the_original_on_any_text(
    openai: Tokenizer, original: Any, text: str
) -> None:
    assert openai.encode(text) == original.encode(text)


# curly apostrophe, fi ligature, long s, zero-width joiner, a colour code for terminals, ...
MIXED = "A dog it's 'S don\u2019t \ufb01 \u017f \u200d \x1b[0m 12 _x !!! </w>".split(" ")
MIXED += ["Ünïcode", "½", "©", "İ", "ã©", "北京", "😀"]
MIXED += ["  ", "\t\n", "&amp;amp;lt;", "<|endoftext|>"]


@given(parts=st.lists(st.sampled_from(MIXED), max_size=8), glue=st.sampled_from(["", " "]))
@settings(deadline=None, max_examples=300)
def test_openai_ids_equal_the_original_on_mixed_text(
    openai: Tokenizer, original: Any, parts: list[str], glue: str
) -> None:
    text = glue.join(parts)
    assert openai.encode(text) == original.encode(text)


def test_openai_pattern_ignores_case_even_for_a_long_s(openai: Tokenizer, original: Any) -> None:
    assert openai.encode("it'\u017f") == original.encode("it'\u017f")


def test_openai_decode_and_tokens(openai: Tokenizer) -> None:
    text = "A photo  of a Golden\nretriever."
    assert openai.decode(openai(text)[0]) == "a photo of a golden retriever ."
    assert openai.tokens("golden retriever") == ["golden</w>", "retriever</w>"]


def test_openai_saved_and_loaded(openai: Tokenizer, tmp_path: Path) -> None:
    openai.save(tmp_path / "openai.json")
    again = Tokenizer.load(tmp_path / "openai.json")
    assert again.vocabulary == openai.vocabulary
    assert all(again.encode(text) == ids for text, ids in ORACLE.items())


def test_openai_is_found_without_importing_it() -> None:
    openai_file()
    code = (
        "import sys; from clipedu.tokenizer import Tokenizer; Tokenizer.openai(); "
        "sys.exit('clip' in sys.modules or 'torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_openai_takes_a_path_to_the_file_packed_or_inflated(tmp_path: Path) -> None:
    packed = openai_file()
    inflated = tmp_path / "merges.txt"
    inflated.write_bytes(gzip.decompress(packed.read_bytes()))
    merges = openai_bpe.load_merges()
    assert openai_bpe.load_merges(packed) == merges == openai_bpe.load_merges(str(inflated))


def test_openai_refuses_another_file(tmp_path: Path) -> None:
    wrong = tmp_path / "merges.txt.gz"
    wrong.write_bytes(gzip.compress(b"#version\ni n\n"))
    with pytest.raises(ValueError, match="sha256"):
        Tokenizer.openai(wrong)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.gz"):
        Tokenizer.openai(tmp_path / "nowhere.gz")


def test_openai_package_missing_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps clip-anytorch"):
        Tokenizer.openai()


def test_without_ftfy_ascii_is_equal_and_the_rest_is_warned_about(
    openai: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_bpe, "_ftfy", lambda: None)
    openai_bpe._warn_without_ftfy.cache_clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text, ids in ORACLE.items():
            if text.isascii():
                assert openai.encode(text) == ids
    with pytest.warns(UserWarning, match="ftfy is not installed"):
        openai.encode("naïve")
    with warnings.catch_warnings():  # once is enough
        warnings.simplefilter("error")
        assert openai.encode("cafe\u0301") == openai.encode("caf\u00e9")
        assert openai.encode("naïve café 北京") == ORACLE["naïve café 北京"]
