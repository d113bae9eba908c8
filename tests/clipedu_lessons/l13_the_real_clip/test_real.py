"""Which model the lesson asks, and that its three files hold the same one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from clipedu.models.weights import load_clip, read_weights
from clipedu_lessons.common.mine import load_my_clip
from clipedu_lessons.l13_the_real_clip import real
from clipedu_lessons.l13_the_real_clip.real import (
    FILE,
    as_input,
    find_weights,
    open_clip_or_stand_in,
    openai_code,
    own_config,
    own_photographs,
    sample_photographs,
    small_clip,
    write_three,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_three(small_clip(), tmp_path_factory.mktemp("three"))


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No real weights anywhere; the course's folder is `tmp_path`."""
    monkeypatch.delenv("CLIPEDU_CLIP", raising=False)
    monkeypatch.setattr(real, "course_root", lambda: tmp_path)
    monkeypatch.setattr(real, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path


def test_the_three_files_hold_the_same_model(files: dict[str, Path]) -> None:
    assert list(files) == ["OpenAI", "open_clip", "Hugging Face"]
    state = small_clip().state_dict()
    for form, path in files.items():
        weights = read_weights(path)
        assert (weights.source, weights.config) == (form, small_clip().config)
        assert all(torch.equal(weights.tensors[name], state[name]) for name in state)


def test_no_tensor_of_the_stand_in_is_constant() -> None:
    for name, tensor in small_clip().state_dict().items():
        assert name == "logit_scale" or tensor.std() > 0.01, name


def test_weights_are_found_in_the_course_s_folder_then_in_the_downloads(
    nothing_here: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, Path]
) -> None:
    assert find_weights() is None
    (nothing_here / "cache" / "downloads").mkdir(parents=True)
    downloaded = nothing_here / "cache" / "downloads" / FILE
    downloaded.write_bytes(b"")
    assert find_weights() == downloaded
    (nothing_here / FILE).write_bytes(b"")
    assert find_weights() == nothing_here / FILE
    monkeypatch.setenv("CLIPEDU_CLIP", str(files["OpenAI"]))
    assert find_weights() == files["OpenAI"]
    assert find_weights(files["Hugging Face"]) == files["Hugging Face"]
    with pytest.raises(FileNotFoundError, match="no file or folder nowhere"):
        find_weights("nowhere")


def test_each_output_says_which_model_answers(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = open_clip_or_stand_in(None, files["OpenAI"])
    assert not asked.real and "random weights" in asked.who
    monkeypatch.setattr(real, "openai_tokenizer", lambda: asked.tokenizer)
    loaded = open_clip_or_stand_in(files["open_clip"], files["OpenAI"])
    assert loaded.real and loaded.who == "[real weights: a CLIP, 1 million parameters]"
    monkeypatch.setattr(real, "openai_tokenizer", lambda: None)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps clip-anytorch"):
        open_clip_or_stand_in(files["open_clip"], files["OpenAI"])
    assert open_clip_or_stand_in(None, files["OpenAI"]).tokenizer.vocab_size == 4096


def test_openai_s_program_computes_the_same() -> None:
    model = small_clip()
    theirs = openai_code(model)
    if theirs is None:
        pytest.skip("clip-anytorch is not installed; pip install --no-deps clip-anytorch")
    pictures = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(theirs.encode_image(pictures), model.encode_image(pictures))


def test_my_clip_takes_the_weights(files: dict[str, Path]) -> None:
    model, my_clip = load_clip(files["OpenAI"]), load_my_clip()
    with torch.device("meta"):
        mine = my_clip.CLIP(own_config(my_clip, model.config)).eval()
    mine.load_state_dict(model.state_dict(), assign=True)
    pictures = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    tokens = torch.tensor([[1, 5, 999, 0], [4, 2, 6, 999]])
    with torch.no_grad():
        for ours, theirs in zip(mine(pictures, tokens), model(pictures, tokens), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_photographs_of_scikit_learn_and_one_s_own(nothing_here: Path) -> None:
    photographs = sample_photographs()
    assert [photograph.size for photograph in photographs] == [(640, 427), (640, 427)]
    assert own_photographs() == []
    (nothing_here / "my_photos").mkdir()
    Image.new("RGB", (30, 20)).save(nothing_here / "my_photos" / "b.JPG", "JPEG")
    (nothing_here / "my_photos" / "notes.txt").write_text("not a picture")
    (found,) = own_photographs()
    assert found.name == "b.JPG"
    assert as_input([photographs[0], found], 32).shape == (2, 3, 32, 32)
