from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from clipedu.evaluation import embed_pictures, embed_texts
from clipedu.models import build
from clipedu.pairs import Icon, to_pictures
from clipedu_lessons.l05_zero_shot import retrieval
from clipedu_lessons.l05_zero_shot.retrieval import build_index, recall, search


def unit(n: int, seed: int = 0, width: int = 8) -> torch.Tensor:
    return F.normalize(torch.randn(n, width, generator=torch.Generator().manual_seed(seed)), dim=-1)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5), st.integers(1, 12))
def test_recall_is_what_sorting_says(n: int, chunk: int, seed: int, groups: int) -> None:
    image, text = unit(n, seed), unit(n, seed + 100)
    same = torch.arange(n) % groups
    found = recall(image, text, (1, 3), chunk=chunk, same=same)
    for a, b, shares in ((image, text, found.image_to_text), (text, image, found.text_to_image)):
        order = (a @ b.T).argsort(1, descending=True)  # the slow way: the whole matrix, sorted
        for k, share in shares.items():
            hits = [bool((same[order[i, :k]] == same[i]).any()) for i in range(n)]
            assert share == pytest.approx(np.mean(hits))
    assert str(found).count("R@1") == 3


def test_recall_of_one_perfect_and_one_blind_model() -> None:
    good = unit(50)
    assert recall(good, good).image_to_text[1] == 1
    blind = torch.ones(50, 4) / 2  # everything alike: ties must not count as found
    assert recall(blind, blind).text_to_image == {1: 0, 5: 0, 10: 0}


def test_chance_is_what_a_random_order_reaches() -> None:
    same = torch.arange(30) // 3
    expected = recall(unit(30), unit(30, 1), (5,), same=same).chance[5]
    rng = np.random.default_rng(0)
    hits = [bool((rng.permutation(30)[:5] < 3).any()) for _ in range(4000)]
    assert expected == pytest.approx(np.mean(hits), abs=0.03)
    assert recall(unit(20), unit(20)).chance == pytest.approx({1: 0.05, 5: 0.25, 10: 0.5})
    assert recall(unit(3), unit(3)).chance[10] == 1


def test_memory_stays_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 0
    original = torch.Tensor.masked_fill

    def watch(self: torch.Tensor, *args: object) -> torch.Tensor:
        nonlocal largest
        largest = max(largest, self.numel())
        return original(self, *args)

    monkeypatch.setattr(torch.Tensor, "masked_fill", watch)
    recall(unit(600), unit(600, 1), chunk=32)
    assert largest == 32 * 600


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": torch.ones(3, 8)}, r"\(N, E\)"),
        ({"image": torch.ones(0, 8), "text": torch.ones(0, 8)}, r"\(N, E\)"),
        ({"image": torch.full((4, 8), torch.nan)}, "NaN"),
        ({"ks": ()}, "ks are"),
        ({"ks": (0, 1)}, "ks are"),
        ({"chunk": 0}, "chunk"),
        ({"same": torch.zeros(3)}, r"shape \(4,\)"),
    ],
)
def test_recall_refuses(change: dict, message: str) -> None:
    arguments = {"image": unit(4), "text": unit(4, 1), **change}
    with pytest.raises(ValueError, match=message):
        recall(**arguments)


# -------------------- the search box
class Drawn:
    size = 32

    def __init__(self, n: int = 30) -> None:
        self.rgba = np.random.default_rng(0).integers(0, 256, (n, 32, 32, 4), dtype=np.uint8)
        families = ("mdi", "lucide")
        self.icons = [Icon(families[i % 2], "line", f"thing {i}", f"{i}.svg") for i in range(n)]


def test_search_is_the_sorted_similarities(model, tokenizer, tmp_path: Path) -> None:
    drawn = Drawn()
    index = build_index(model, drawn, tokenizer=tokenizer, folder=tmp_path, progress=False)
    every = embed_pictures(model, to_pictures(drawn.rgba))
    assert torch.allclose(index.embeddings, every, atol=1e-5)
    scores = every @ embed_texts(model, tokenizer, ["a red ball"])[0]
    hits = search(index, "  A red ball ", 5)
    assert [hit.row for hit in hits] == scores.argsort(descending=True)[:5].tolist()
    assert hits[0].score == pytest.approx(float(scores.max()), abs=1e-5)
    # a picture finds itself first, and a family can be asked for alone
    picture = to_pictures(drawn.rgba[7:8])[0]
    assert search(index, picture, 1)[0].row == 7
    found = search(index, picture, 99, families=["mdi"])
    assert len(found) == 15 and {hit.icon.family for hit in found} == {"mdi"}
    assert index.pictures([3, 4]).shape == (2, 3, 32, 32)


def test_an_index_is_kept_and_belongs_to_its_model(
    model, tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = Drawn(8)
    first = build_index(model, drawn, folder=tmp_path, progress=False)
    (file,) = tmp_path.iterdir()
    computed = []
    original = retrieval.embed_pictures
    monkeypatch.setattr(
        retrieval, "embed_pictures", lambda *a, **k: computed.append(1) or original(*a, **k)
    )
    again = build_index(model, drawn, folder=tmp_path, progress=False)
    assert torch.equal(first.embeddings, again.embeddings) and not computed
    other = build("tiny", seed=1, vocab_size=tokenizer.vocab_size)
    build_index(other, drawn, folder=tmp_path, progress=False)
    drawn.rgba[0, 0, 0] ^= 1  # one pixel
    build_index(model, drawn, folder=tmp_path, progress=False)
    assert len(list(tmp_path.iterdir())) == 3 and computed
    whole = file.read_bytes()
    file.unlink()  # a file that is open as a map must not be cut
    file.write_bytes(whole[:100])  # damaged: computed anew
    drawn.rgba[0, 0, 0] ^= 1
    mended = build_index(model, drawn, folder=tmp_path, progress=False)
    assert torch.equal(mended.embeddings, first.embeddings)


def test_search_refuses(model, tokenizer, tmp_path: Path) -> None:
    index = build_index(model, Drawn(4), folder=tmp_path, progress=False)
    with pytest.raises(ValueError, match="tokenizer"):
        search(index, "cat")
    index = build_index(model, Drawn(4), tokenizer=tokenizer, folder=tmp_path, progress=False)
    for query, k, families, message in (
        ("   ", 3, None, "empty"),
        ("cat", 0, None, "1 or more"),
        ("cat", 3, ["heroicons"], "no picture of heroicons"),
        (torch.rand(2, 3, 32, 32), 3, None, "one picture"),
        (torch.rand(3, 16, 16), 3, None, "16 px"),
        (torch.full((3, 32, 32), torch.nan), 3, None, "NaN"),
    ):
        with pytest.raises(ValueError, match=message):
            search(index, query, k, families=families)
    with pytest.raises(TypeError, match="int"):
        search(index, 7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="32 px"):
        big = Drawn(2)
        big.size = 64
        build_index(model, big, folder=tmp_path)
