"""The rungs of the ladder, the lookup by words, and the figure with intervals."""

from __future__ import annotations

import pytest

from clipedu.pairs import HELD_OUT_FAMILIES, load_icons
from clipedu_lessons.common.records import read_record
from clipedu_lessons.l05_zero_shot import ladder


@pytest.mark.parametrize(
    ("name", "rung"),
    [
        ("Umbrella", "read"),
        ("tree pine", "read"),  # as "pine tree": the order does not make a name new
        ("flask round", "read"),  # inside "flask round bottom"
        ("book headphones", "phrase"),
        ("popsicle", "word"),
    ],
)
def test_rungs(name: str, rung: str) -> None:
    assert ladder.rung(name) == rung


def test_no_rung_is_empty() -> None:
    for family in HELD_OUT_FAMILIES:
        found = {ladder.rung(icon.name) for icon in load_icons([family])}
        assert found == set(ladder.RUNGS)


def test_closest_names_share_most_words() -> None:
    names = ["cat", "cat face", "dog house", "house"]
    found = ladder.closest_names(["black cat face", "house", "umbrella", "house"], names)
    assert found.tolist() == [1, 3, -1, 3]


def test_shorter_names_lack_one_word_of_a_new_phrase() -> None:
    pairs = ladder.shorter_names(["book headphones", "book", "headphones", "umbrella", "popsicle"])
    assert pairs == [("book headphones", "book"), ("book headphones", "headphones")]


def test_other_words_were_read_and_name_no_other_icon() -> None:
    rows = read_record("read_words")
    names = {icon.name.lower() for icon in load_icons(["font_awesome"])}
    assert len(rows) == len({row["name"] for row in rows}) >= 60
    for row in rows:
        assert row["name"] in names and ladder.rung(row["name"]) == "word", row
        assert row["other"] not in names and ladder.rung(row["other"]) != "word", row


def test_the_figure_shows_intervals_and_rivals() -> None:
    rows = [("a", 0.5, (0.4, 0.6)), ("b", 0.25, (0.2, 0.35))]
    figure = ladder.interval_figure(rows, {"chance": [0.1, 0.05]}, groups=(1,))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    model, chance = axes.containers[0][0], axes.lines[-1]
    assert list(model.get_xdata()) == [50, 25]
    assert list(chance.get_xdata()) == [10, 5]
    above, below = model.get_ydata()
    assert above - below == pytest.approx(1.6)  # the gap between groups
