"""The student's own file and model, in later lessons."""

from __future__ import annotations

import pytest
import torch

from clipedu.models import build
from clipedu.training.checkpoint import CheckpointError
from clipedu_classroom import my_clip
from clipedu_lessons.common.mine import load_my_clip, save_mine, use


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(my_clip, "folder", lambda: tmp_path)
    return tmp_path


def test_without_a_file_it_is_the_course_s(capsys):
    module = load_my_clip()
    assert "This is solutions/my_clip.py" in capsys.readouterr().out
    assert module.CLIP.__module__ == "my_clip_of_this_course"


def test_the_student_s_file_is_loaded_anew(own_folder, capsys):
    parts, header = my_clip.course_parts(), my_clip.course_header()
    file = own_folder / "my_clip.py"
    file.write_text(my_clip.render(header, parts.values()))
    load_my_clip()
    words = f"0 of {len(parts)} parts are in it; the others are imported from clipedu."
    assert words in capsys.readouterr().out
    file.write_text(file.read_text() + "\nmine = 7\n")
    assert load_my_clip().mine == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [("x = (", "line 1: SyntaxError"), ("\nimport nothing_at_all", "line 2: ModuleNotFoundError")],
)
def test_a_broken_file_is_a_sentence(own_folder, text, words):
    (own_folder / "my_clip.py").write_text(text)
    with pytest.raises(ImportError, match=words) as raised:
        load_my_clip()
    assert "my_clip_versions/" in str(raised.value)


def test_a_trained_model_is_kept_and_used(own_folder):
    with pytest.raises(FileNotFoundError, match="Run lesson 04 to its end"):
        use("mine")
    module = my_clip.load(my_clip.complete(), "a_clip", "a_clip.py")
    tokenizer = module.Tokenizer([(b"a", b"b"), (b"ab", b"c")])
    config = module.CLIPConfig(
        32, module.ViTConfig(32, 8, 32, 1, 2), module.TextConfig(tokenizer.vocab_size, 8, 32, 2, 1)
    )
    torch.manual_seed(0)
    mine = module.CLIP(config).eval()
    path = save_mine(mine, tokenizer)
    assert [item.name for item in own_folder.iterdir()] == [path.name]
    model, words = use("mine")
    assert words.encode("abc ab") == tokenizer.encode("abc ab")
    tokens, pictures = words(["abc", "ab"], 8), torch.rand(2, 3, 32, 32)
    assert torch.equal(tokens, tokenizer(["abc", "ab"], 8))
    with torch.no_grad():
        for got, want in zip(model(pictures, tokens), mine(pictures, tokens), strict=True):
            torch.testing.assert_close(got, want, rtol=0, atol=1e-6)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match="another model's tokenizer"):
        save_mine(mine, module.Tokenizer([]))
    assert path.read_bytes() == before


def test_the_shipped_model_is_the_default():
    model, tokenizer = use()
    assert not model.training and tokenizer.vocab_size == model.config.text.vocab_size
    with pytest.raises(FileNotFoundError, match="There is no trained model"):
        use("yours")


def test_the_library_s_model_can_be_kept_too(tokenizer):
    model = build("laptop_vit_stem", seed=0, vocab_size=tokenizer.vocab_size)
    save_mine(model, tokenizer)
    again = use("mine")[0].state_dict()
    assert all(torch.equal(again[name], value) for name, value in model.state_dict().items())
