"""A search box over the words that people wrote beside their pictures.

A picture is found by whole words in anything that its captions can say: name, aliases, tags,
category, style (`cat` does not find *location*). A drawing in six line weights is found once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from clipedu.pairs import FAMILIES, Icon
from clipedu.plots import picture_grid
from clipedu_lessons.common.widgets import Explorer, text_box

SHOWN = 24  # three rows of eight: more would be too many to look at
WORD = re.compile(r"\w+")


class Found(NamedTuple):
    """What a search found. rows: positions in the icons searched, one for each family and name, the
    shortest name first. pictures: how many pictures that is, with all styles."""

    query: str
    rows: list[int]
    pictures: int


def words_of(text: str) -> set[str]:
    """The words of a text, in lower case, without punctuation.

    >>> sorted(words_of("Cloud, a kind of weather"))
    ['a', 'cloud', 'kind', 'of', 'weather']
    """
    return set(WORD.findall(text.lower()))


def icon_words(icon: Icon) -> set[str]:
    """Every word that a caption of this icon can hold."""
    texts = (icon.name, icon.style, *icon.aliases, *icon.tags, *icon.categories)
    return words_of(" ".join(texts))


def find_icons(icons: Sequence[Icon], query: str) -> Found:
    """The icons whose words include all words of the query. An empty query finds nothing.

    Pictures that have the query in their *name* come before those that have it in a tag only; then
    the shorter name comes first.
    """
    wanted = words_of(query)
    if not wanted:
        return Found(query, [], 0)
    rows = [i for i, icon in enumerate(icons) if wanted <= icon_words(icon)]
    first: dict[tuple[str, str], int] = {}
    for i in rows:
        first.setdefault((icons[i].family, icons[i].name), i)
    ranked = sorted(
        first.values(), key=lambda i: (not wanted <= words_of(icons[i].name), len(icons[i].name), i)
    )
    return Found(query, ranked, len(rows))


def found_in_words(icons: Sequence[Icon], found: Found) -> str:
    """The result of a search as text."""
    if not words_of(found.query):
        return "Type one or more words and press Enter."
    if not found.rows:
        return f"No picture has all the words of “{found.query}” beside it."
    names = [f"{icons[i].name} ({FAMILIES[icons[i].family].title})" for i in found.rows[:SHOWN]]
    drawings = f"{len(found.rows)} drawing" + "s" * (len(found.rows) != 1)
    pictures = f"{found.pictures} picture" + "s" * (found.pictures != 1)
    more = f" The first {SHOWN} are shown." if len(found.rows) > SHOWN else ""
    return f"“{found.query}” finds {drawings} ({pictures}).{more} {'; '.join(names)}."


def search_figure(icons: Sequence[Icon], rgba: np.ndarray, found: Found) -> Figure:
    """What was found, as a grid; each picture above its name and its family.

    rgba: (n, S, S, 4) uint8, aligned with the icons.
    Raises ValueError when nothing was found, or when pictures and icons are not equally many.
    """
    _check_aligned(icons, rgba)
    if not found.rows:
        raise ValueError(f"nothing was found for {found.query!r}: there is no picture to draw")
    rows = found.rows[:SHOWN]
    titles = [f"{icons[i].name} ({FAMILIES[icons[i].family].title})" for i in rows]
    return picture_grid(np.asarray(rgba[rows]), titles)


class CaptionSearch(Explorer):
    """A text `box` above the pictures that have all of its words in their captions.

    icons, rgba: aligned, such as `pairs.icons` and `pairs.rgba` of a PairSet.
    Raises ValueError when they are not equally many.
    """

    text = "caption search: a text box over all captions (it needs a running notebook)"

    def __init__(self, icons: Sequence[Icon], rgba: np.ndarray, query: str = "") -> None:
        _check_aligned(icons, rgba)
        self.icons, self.rgba = list(icons), rgba
        self.box = text_box("words", query, "type one or more words and press Enter")
        super().__init__([self.box])

    def draw(self) -> tuple[Figure | None, str]:
        found = find_icons(self.icons, self.box.value.strip())
        figure = search_figure(self.icons, self.rgba, found) if found.rows else None
        return figure, found_in_words(self.icons, found)


def _check_aligned(icons: Sequence[Icon], rgba: np.ndarray) -> None:
    if len(icons) != len(rgba):
        raise ValueError(f"{len(icons)} icons but {len(rgba)} pictures: give those that belong")
