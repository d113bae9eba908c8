"""The search box over captions: what it finds, in which order, and what it says."""

from __future__ import annotations

import numpy as np
import pytest

from clipedu.pairs import Icon
from clipedu_lessons.l00_pictures_and_words.caption_search import (
    SHOWN,
    CaptionSearch,
    find_icons,
    found_in_words,
    search_figure,
    words_of,
)

ICONS = [
    Icon("phosphor", "bold", "location", "a.svg"),
    Icon("phosphor", "bold", "black cat", "b.svg"),
    Icon("phosphor", "thin", "cat", "c.svg", tags=("pet", "whiskers")),
    Icon("phosphor", "bold", "cat", "d.svg", tags=("pet", "whiskers")),
    Icon("openmoji", "colour", "dog face", "e.svg", aliases=("dog",), categories=("cat lovers",)),
    Icon("mdi", "plain", "cat", "f.svg"),
]
RGBA = np.random.default_rng(0).integers(0, 256, (len(ICONS), 8, 8, 4), dtype=np.uint8)


def test_whole_words_are_found_names_first_and_one_of_each_drawing() -> None:
    found = find_icons(ICONS, "cat")
    assert found.rows == [2, 5, 1, 4]  # not location; one of phosphor's two; the category last
    assert found.pictures == 5


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("CAT", [2, 5, 1, 4]),
        ("cat pet", [2]),
        ("pet cat", [2]),
        ("cat, black!", [1]),
        ("bold cat", [3, 1]),
        ("dog", [4]),
        ("do", []),
        ("", []),
        (" , ", []),
    ],
)
def test_queries(query: str, rows: list[int]) -> None:
    assert find_icons(ICONS, query).rows == rows


def test_the_words_say_how_many_and_which() -> None:
    assert "1 drawing (1 picture)" in found_in_words(ICONS, find_icons(ICONS, "location"))
    said = found_in_words(ICONS, find_icons(ICONS, "cat"))
    assert "4 drawings (5 pictures)" in said and "dog face (OpenMoji)" in said
    assert "No picture" in found_in_words(ICONS, find_icons(ICONS, "zebra"))
    assert "Type" in found_in_words(ICONS, find_icons(ICONS, " "))


def test_the_figure_shows_each_find_and_no_more_than_fit() -> None:
    assert len(search_figure(ICONS, RGBA, find_icons(ICONS, "cat")).axes) == 4
    many = [Icon("mdi", "plain", f"cat {i}", f"{i}.svg") for i in range(40)]
    found = find_icons(many, "cat")
    assert len(search_figure(many, np.zeros((40, 8, 8, 4), np.uint8), found).axes) == SHOWN
    assert f"The first {SHOWN} are shown" in found_in_words(many, found)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing was found"):
        search_figure(ICONS, RGBA, find_icons(ICONS, "zebra"))
    with pytest.raises(ValueError, match="6 icons but 5"):
        search_figure(ICONS, RGBA[:5], find_icons(ICONS, "cat"))
    with pytest.raises(ValueError, match="6 icons but 5"):
        CaptionSearch(ICONS, RGBA[:5])


def test_typing_changes_picture_and_words() -> None:
    widget = CaptionSearch(ICONS, RGBA, "cat")
    first = widget.picture.value
    assert 'alt="“cat” finds 4' in first and 'role="status"' in widget.words.value
    widget.box.value = "dog"
    assert widget.picture.value != first and "dog face" in widget.words.value
    widget.box.value = "<b>"
    assert widget.picture.value == "" and "<b>" not in widget.words.value
    assert widget.box.description == "words" and widget.box.tooltip
    assert not widget.box.continuous_update
    assert "text box" in repr(widget)


def test_words_of_a_text() -> None:
    assert words_of("Wi-Fi, off (2)") == {"wi", "fi", "off", "2"}
