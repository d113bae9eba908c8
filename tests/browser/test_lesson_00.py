"""Lesson 00 in a real JupyterLab: drawing board and search. `make test-browser` runs this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(scope="module")
def lesson(run_lesson: Callable[[str, str], Any]) -> Any:
    return run_lesson("00_pictures_and_words", "CaptionSearch(pairs.icons")


def test_the_caption_search_answers_typed_words(lesson: Any) -> None:
    output = lesson.output("CaptionSearch(pairs.icons")
    picture, box = output.locator("img").last, output.get_by_label("words")

    def type_words() -> None:
        box.fill("umbrella")
        box.press("Enter")

    lesson.changes(picture, type_words)
    assert "umbrella" in str(picture.get_attribute("alt"))
    lesson.says(output.locator("[role=status]").last, "“umbrella” finds")


def test_the_board_names_the_drawing_among_typed_words(lesson: Any) -> None:
    output = lesson.output("DrawingBoard(")
    words, box = output.locator("[role=status]").last, output.get_by_label("names")
    lesson.says(words, "Of 8 classes the model ranks")
    box.fill("umbrella, a sad robot")
    box.press("Enter")
    lesson.says(words, "Of 2 classes the model ranks")
    lesson.changes(
        output.locator("img").last,
        lambda: output.get_by_label("sample").select_option("clock"),
    )
