"""The way of a caption: its data against tokenizer and tower, its figure, its text box."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from clipedu.models import CLIP, build
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.l01_words_to_vectors.caption_path import (
    CaptionExplorer,
    caption_path,
    every_position,
    path_figure,
    path_in_words,
)

OTHERS = ["red", "a star", "a tree", "mouse", "a red mouse", "in a <tree>"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["a red star in a tree", "a red mouse"] * 5, 270)


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> CLIP:
    return build("tiny", seed=0, vocab_size=tokenizer.vocab_size)


def test_every_stage_is_the_library_s(model: CLIP, tokenizer: Tokenizer) -> None:
    path = caption_path(model, tokenizer, "a red star")
    row = tokenizer("a red star")
    assert list(path.ids) == row[0, : len(path.ids)].tolist()
    assert path.pieces[0] == "[SOT]" and path.pieces[-1] == "[EOT]"
    assert "".join(path.pieces[1:-1]) == "a red star"
    assert path.looked_up.shape == (len(path.ids), model.config.text.width)
    assert torch.equal(path.looked_up[-1], model.text.token_embedding.weight[tokenizer.eot])
    want = model.encode_text(row, normalize=True)[0].detach()
    torch.testing.assert_close(path.vector, want)


def test_the_figure_shows_pieces_and_ids(model: CLIP, tokenizer: Tokenizer) -> None:
    path = caption_path(model, tokenizer, "a $red$ star")
    figure = path_figure(path)
    figure.savefig(io.BytesIO(), format="png")  # a dollar sign is no formula
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert f"id {tokenizer.eot}" in texts and "[EOT]" in texts
    assert len(figure.axes) == 3
    picture = np.zeros((8, 8, 4), dtype=np.uint8)
    assert len(path_figure(path, picture).axes) == 4


def test_words_say_each_stage(model: CLIP, tokenizer: Tokenizer) -> None:
    said = path_in_words(caption_path(model, tokenizer, "a red star"))
    assert "'a red star'" in said and "32 numbers" in said


def test_too_many_tokens_to_draw_are_refused(model: CLIP, tokenizer: Tokenizer) -> None:
    path = caption_path(model, tokenizer, "q" * 20)
    with pytest.raises(ValueError, match="too many to draw"):
        path_figure(path)


def test_typing_shows_the_nearest(model: CLIP, tokenizer: Tokenizer) -> None:
    explorer = CaptionExplorer(model, tokenizer, OTHERS, "a red star")
    before = explorer.picture.value
    explorer.box.value = "a tree"
    assert explorer.picture.value != before
    assert "<li>a tree (1.00)</li>" in explorer.nearest.value, "a caption is nearest to itself"
    assert explorer.nearest.value.count("<li>") == 5
    explorer.box.value = "in a <tree>"
    assert "in a &lt;tree&gt;" in explorer.nearest.value and "<tree>" not in explorer.nearest.value


@pytest.mark.parametrize(
    ("typed", "answer"), [("  ", "Type a caption"), ("q" * 40, "the limit"), ("q" * 20, "too many")]
)
def test_a_mistake_is_answered_in_words(
    model: CLIP, tokenizer: Tokenizer, typed: str, answer: str
) -> None:
    explorer = CaptionExplorer(model, tokenizer, OTHERS, "a red star")
    before = explorer.picture.value
    explorer.box.value = typed
    assert answer in explorer.nearest.value
    assert explorer.picture.value == before


def test_the_box_has_a_name(model: CLIP, tokenizer: Tokenizer) -> None:
    explorer = CaptionExplorer(model, tokenizer, OTHERS)
    assert explorer.box.description and explorer.box.tooltip
    assert "alt=" in explorer.picture.value
    assert len(repr(explorer)) < 110


def test_at_eot_every_position_has_the_embedding(model: CLIP, tokenizer: Tokenizer) -> None:
    tokens = tokenizer(["a red star", "a house"], 9)
    found = every_position(model, tokens)[range(2), tokens.argmax(dim=1)]
    torch.testing.assert_close(found, model.encode_text(tokens), atol=1e-5, rtol=1e-4)
    assert every_position(model, tokens, causal=False).shape == (2, 9, model.config.embed_dim)
