"""Lesson 05 in a real JupyterLab: widgets changed by mouse, keys and finger, and seen to change.

`make test-browser` runs this; plain pytest does not.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

PAD = "canvas.clipedu-pad"


def picture_file(size: tuple[int, int], mode: str = "RGB") -> dict[str, Any]:
    file = io.BytesIO()
    picture = Image.new(mode, size, 255 if mode == "L" else "white")
    picture.paste(0 if mode == "L" else "black", (size[0] // 4, 0, size[0] // 2, size[1]))
    picture.save(file, "PNG")
    return {"name": "mine.png", "mimeType": "image/png", "buffer": file.getvalue()}


def at(box: dict[str, float], x: float, y: float) -> tuple[float, float]:
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


@pytest.fixture(scope="module")
def lesson(run_lesson: Callable[[str, str], Any]) -> Any:
    return run_lesson("05_zero_shot", "DrawingBoard(")


def test_the_playground_follows_keys(lesson: Any) -> None:
    output = lesson.output("PromptPlayground(")
    picture, words = output.locator("img").last, output.locator("[role=status]").last
    templates = output.get_by_label("templates")

    def ask(text: str) -> None:
        templates.fill(text)
        templates.press("Tab")

    lesson.changes(picture, lambda: ask("a {} in the rain"))
    lesson.says(words, "in the rain")
    choice = output.get_by_label("picture")
    lesson.changes(picture, lambda: choice.select_option("umbrella"))
    ask("no place for a name")
    lesson.says(output.locator("[role=alert]"), "no {} in it")
    ask("{}")
    lesson.says(words, "The text encoder reads “cat”")


def test_the_search_box_finds_by_words_and_by_a_picture(lesson: Any) -> None:
    output = lesson.output("SearchBox(index")
    picture, words = output.locator("img").last, output.locator("[role=status]").last
    box = output.get_by_label("words")

    def type_words() -> None:
        box.fill("a house")
        box.press("Enter")

    lesson.changes(picture, type_words)
    lesson.says(words, "“a house”: of 43,0")
    lesson.changes(picture, lambda: output.get_by_label("more like").select_option(index=3))
    lesson.says(words, "Like ")
    lesson.changes(picture, lambda: output.get_by_label("in", exact=True).select_option("Lucide"))


def test_the_mouse_draws_and_the_model_answers(lesson: Any) -> None:
    output, page = lesson.output("DrawingBoard("), lesson.page
    words, pad = output.locator("[role=status]").last, output.locator(PAD)
    output.get_by_role("button", name="Clear").press("Enter")
    lesson.says(words, "Nothing is drawn yet")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()

    def draw(start: tuple[float, float], end: tuple[float, float]) -> None:
        page.mouse.move(*at(box, *start))
        page.mouse.down()
        page.mouse.move(*at(box, *end), steps=8)
        page.mouse.up()

    draw((0.5, 0.1), (0.5, 0.9))
    lesson.says(words, "the model ranks")  # the words are set last, so the picture stands
    picture = output.locator("img").last
    # One stroke at a time, each waited for: an answer still under way would pass for the next one.
    one = picture.get_attribute("src")
    lesson.changes(picture, lambda: draw((0.1, 0.5), (0.9, 0.5)))
    back = lesson.changes(picture, lambda: output.get_by_role("button", name="Undo").click())
    assert back == one


def test_the_keyboard_draws_without_moving_the_notebook(lesson: Any) -> None:
    output, page = lesson.output("DrawingBoard("), lesson.page
    words, pad = output.locator("[role=status]").last, output.locator(PAD)
    output.get_by_role("button", name="Clear").click()
    lesson.says(words, "Nothing is drawn yet")
    cells = page.locator(".jp-Cell").count()

    def draw_a_line() -> None:
        pad.focus()
        for key in (" ", *["ArrowRight"] * 6, *["ArrowDown"] * 4, " "):
            page.keyboard.press(key)

    draw_a_line()
    lesson.says(words, "the model ranks")
    said = output.locator(".clipedu-said").inner_text()
    assert said == "Pen up at 18 across, 16 down, of 24."
    page.keyboard.press("Delete")
    lesson.says(words, "Nothing is drawn yet")
    assert page.locator(".jp-Cell").count() == cells  # d d would delete one


def test_a_finger_draws(lesson: Any) -> None:
    output, page = lesson.output("DrawingBoard("), lesson.page
    words, pad = output.locator("[role=status]").last, output.locator(PAD)
    output.get_by_role("button", name="Clear").click()
    lesson.says(words, "Nothing is drawn yet")
    pad.scroll_into_view_if_needed()
    box, fingers = pad.bounding_box(), page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [dict(zip("xy", at(box, *point), strict=True)) for point in points]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def draw() -> None:
        touch("touchStart", (0.2, 0.2))
        for k in range(1, 9):
            touch("touchMove", (0.2 + 0.07 * k, 0.2 + 0.07 * k))
        touch("touchEnd")

    draw()
    lesson.says(words, "the model ranks")


def test_files_of_every_size(lesson: Any) -> None:
    output = lesson.output("DrawingBoard(")
    picture = output.locator("img").last

    def open_file(file: dict[str, Any]) -> None:
        with lesson.page.expect_file_chooser() as asked:
            output.get_by_role("button", name="Open a picture").click()
        asked.value.set_files(file)

    lesson.changes(picture, lambda: open_file(picture_file((5000, 4000), "L")))
    open_file(picture_file((1, 1)))
    lesson.says(output.locator("[role=alert]"), "1 x 1 pixels")


def test_controls_have_names(lesson: Any) -> None:
    output = lesson.output("DrawingBoard(")
    assert output.get_by_label("sample").count() == 1
    assert output.get_by_text("pen", exact=True).count() == 1  # a slider has its name beside it
    pad = output.locator(PAD)
    assert pad.get_attribute("aria-label") and pad.get_attribute("tabindex") == "0"
    described = str(pad.get_attribute("aria-describedby"))
    assert "arrows move the pen" in output.locator(f"#{described}").inner_text()
