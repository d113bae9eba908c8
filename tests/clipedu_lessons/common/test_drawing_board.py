"""The drawing board: by strokes, samples and files, as the browser would send them."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import clipedu_lessons.common.drawing_board as drawing
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.drawing_board import DrawingBoard, rank_picture
from clipedu_lessons.common.strokes import SAMPLES, draw_strokes

LINE = [[[2.0, 2.0], [20.0, 20.0]]]


@pytest.fixture
def board(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer, class_names: list[str]
) -> DrawingBoard:
    board = DrawingBoard(shipped_model, shipped_tokenizer, class_names)
    assert board.names not in board.children
    return board


def given(content: bytes, name: str = "mine.png") -> tuple[dict[str, Any], ...]:
    file = {"name": name, "type": "image/png", "size": len(content)}
    return ({**file, "content": memoryview(content), "last_modified": datetime.now(UTC)},)


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_an_empty_board_says_so_and_asks_nothing(board: DrawingBoard, monkeypatch: Any) -> None:
    monkeypatch.setattr(drawing, "rank_picture", lambda *_: pytest.fail("the model was asked"))
    assert "Nothing is drawn yet" in board.words.value and board.picture.value == ""
    board.pad.value = [[]]
    assert "Nothing is drawn yet" in board.words.value


def test_a_stroke_is_ranked_and_the_next_changes_the_answer(board: DrawingBoard) -> None:
    board.pad.value = LINE
    picture, words = board.picture.value, board.words.value
    assert "Of 8 classes" in words and "data:image/png" in picture and 'alt="Of 8' in picture
    board.pad.value = LINE + SAMPLES["star"]
    assert board.picture.value != picture and board.words.value != words


def test_the_answer_is_that_of_the_pure_function(
    board: DrawingBoard, shipped_model: CLIP, shipped_tokenizer: Tokenizer, class_names: list[str]
) -> None:
    board.sample.value = "clock"
    first = rank_picture(
        shipped_model, shipped_tokenizer, draw_strokes(SAMPLES["clock"]), class_names
    )[0]
    assert board.pad.value == SAMPLES["clock"] and f"ranks {first.name} " in board.words.value


def test_drawing_on_a_sample_leaves_the_sample(board: DrawingBoard) -> None:
    board.sample.value = "star"
    board.pad.value = [*board.pad.value, *LINE]
    assert board.sample.value == "" and len(board.pad.value) == 2


def test_names_can_be_typed(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer, class_names: list[str]
) -> None:
    board = DrawingBoard(
        shipped_model, shipped_tokenizer, class_names, sample="umbrella", typed=True
    )
    assert board.names in board.children and "Of 8 classes" in board.words.value
    board.names.value = "umbrella, a sad robot,"
    assert "Of 2 classes" in board.words.value and "a sad robot" in board.words.value
    board.names.value = " , "
    assert 'role="alert"' in board.words.value and board.picture.value == ""
    board.names.value = "umbrella, umbrella"
    assert "more than once" in board.words.value


def test_undo_and_clear(board: DrawingBoard) -> None:
    board.sample.value = "house"
    board.undo.click()
    assert board.pad.value == SAMPLES["house"][:-1]
    board.clear.click()
    assert board.pad.value == [] and "Nothing is drawn yet" in board.words.value
    board.undo.click()
    assert board.pad.value == []


def test_the_pen_is_the_pad_s(board: DrawingBoard) -> None:
    board.pad.value = LINE
    thin = board.picture.value
    board.pen.value = 5.0
    assert board.pad.pen == 5.0 and board.picture.value != thin


def test_a_file_takes_the_place_of_the_drawing(board: DrawingBoard) -> None:
    board.pad.value = LINE
    drawn = board.picture.value
    board.file.value = given(png(Image.linear_gradient("L")))
    assert board.pad.value == [] and "Of 8 classes" in board.words.value
    assert board.picture.value not in ("", drawn)
    board.pad.value = LINE  # and a stroke that of the file
    assert board.picture.value == drawn
    board.file.value = given(png(Image.linear_gradient("L")))
    board.clear.click()
    assert "Nothing is drawn yet" in board.words.value and board.file.value == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GIF89a but no more", "mine.png: "),
        (b"", "empty"),
        (png(Image.new("RGB", (1, 1))), "1 x 1 pixels"),
        (png(Image.new("RGBA", (64, 64))), "one color everywhere"),  # transparent: white paper
    ],
    ids="broken empty tiny transparent".split(),
)
def test_a_file_that_shows_nothing(board: DrawingBoard, content: bytes, words: str) -> None:
    board.pad.value = LINE
    board.file.value = given(content)
    assert words in board.words.value and 'role="alert"' in board.words.value
    assert board.picture.value == ""


def test_what_a_broken_page_could_send(board: DrawingBoard) -> None:
    board.pad.value = [[[1.0, float("nan")]]]
    assert "two numbers" in board.words.value
    board.pad.value = LINE
    assert "Of 8 classes" in board.words.value


def test_blank_paper_is_no_picture(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer, class_names: list[str]
) -> None:
    with pytest.raises(ValueError, match="nothing on it"):
        rank_picture(shipped_model, shipped_tokenizer, torch.ones(3, 32, 32), class_names)


def test_what_is_refused(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer, class_names: list[str]
) -> None:
    with pytest.raises(ValueError, match="no sample 'ship'; there are: umbrella"):
        DrawingBoard(shipped_model, shipped_tokenizer, class_names, sample="ship")
    with pytest.raises(ValueError, match="empty"):
        DrawingBoard(shipped_model, shipped_tokenizer, [])
    with pytest.raises(ValueError, match="more than once"):
        DrawingBoard(shipped_model, shipped_tokenizer, ["a", "a"])


def test_a_start_with_a_sample(
    shipped_model: CLIP, shipped_tokenizer: Tokenizer, class_names: list[str]
) -> None:
    board = DrawingBoard(shipped_model, shipped_tokenizer, class_names, sample="key")
    assert board.sample.value == "key" and "Of 8 classes" in board.words.value
    assert len(board.pad.value) == len(SAMPLES["key"])


def test_controls_are_labelled(board: DrawingBoard) -> None:
    for control in (board.pen, board.sample, board.undo, board.clear, board.file):
        assert control.description and control.tooltip
    assert board.pad.label and "running notebook" in repr(board) + repr(board.pad)
    script = Path(drawing.__file__).with_name("drawing_pad.js").read_text("utf-8")
    for need in ("tabIndex", "aria-label", "role", "keydown", "pointerdown", "pointercancel"):
        assert need in script
