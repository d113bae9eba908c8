"""What widgets put into a page."""

from __future__ import annotations

import ipywidgets
import pytest
from matplotlib.figure import Figure

from clipedu_lessons.common.widgets import Explorer, picture_html, said_html, trouble_html


def test_alternative_text_is_escaped() -> None:
    figure = Figure(figsize=(1, 1))
    assert 'alt="a &quot;b&quot; &lt;c&gt;"' in picture_html(figure, 'a "b" <c>')


def test_words_in_a_page_are_no_code() -> None:
    assert "<b>x" not in said_html("<b>x") and 'role="status"' in said_html("x")
    assert "<i>" not in trouble_html("<i>") and 'role="alert"' in trouble_html("x")


class Named(Explorer):
    text = "a box with a name (it needs a running notebook)"

    def __init__(self) -> None:
        self.box = ipywidgets.Text(value="one")
        super().__init__([self.box])

    def draw(self) -> tuple[Figure | None, str]:
        name = self.box.value
        return (Figure(figsize=(1, 1)) if name else None), f"this is {name or 'nobody'}"


def test_picture_and_words_follow_a_control() -> None:
    widget = Named()
    assert 'alt="this is one"' in widget.picture.value and "this is one" in widget.words.value
    widget.box.value = ""
    assert widget.picture.value == "" and "nobody" in widget.words.value
    assert list(widget.children) == [widget.box, widget.picture, widget.words]
    assert repr(widget) == Named.text


def test_an_explorer_says_how_it_is_drawn() -> None:
    with pytest.raises(NotImplementedError):
        Explorer([])
