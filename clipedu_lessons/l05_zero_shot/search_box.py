"""A search box over all pictures of the course: by what the model sees, not by what is written.

You can ask with words, with one of the pictures that were found, or with a picture file: one space
holds both, so one search serves all three. Of a drawing in six line weights the best is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
import torch
from matplotlib.figure import Figure

from clipedu.pairs import FAMILIES, clean_picture
from clipedu.plots import picture_grid
from clipedu_lessons.common.widgets import (
    picture_html,
    picture_upload,
    said_html,
    text_box,
    trouble_html,
)
from clipedu_lessons.l05_zero_shot.retrieval import Hit, PictureIndex, search

SHOWN = 16  # two rows of eight
STYLES = 8  # a drawing comes in at most so many styles


def find_drawings(
    index: PictureIndex,
    query: str | torch.Tensor,
    k: int = SHOWN,
    *,
    families: Sequence[str] | None = None,
) -> list[Hit]:
    """The k most similar drawings, best first, each family and name once.

    query: words, or a picture (3, S, S) in 0..1. Raises what `search` raises.
    """
    first: dict[tuple[str, str], Hit] = {}
    for hit in search(index, query, k * STYLES, families=families):
        first.setdefault((hit.icon.family, hit.icon.name), hit)
    return list(first.values())[:k]


def hits_figure(index: PictureIndex, hits: Sequence[Hit]) -> Figure:
    """What was found, each picture above its name, its family and its similarity.

    Raises ValueError when nothing was found.
    """
    if not hits:
        raise ValueError("There is nothing to draw: the search found no picture.")
    titles = [f"{hit_name(hit)} {hit.score:.2f}" for hit in hits]
    return picture_grid(index.pictures([hit.row for hit in hits]), titles)


def hit_name(hit: Hit) -> str:
    return f"{hit.icon.name} ({FAMILIES[hit.icon.family].title})"


def hits_words(asked: str, hits: Sequence[Hit], total: int) -> str:
    """The result as text: what was asked, among how many, and the first five."""
    first = "; ".join(hit_name(hit) for hit in hits[:5])
    return f"{asked}: of {total:,} pictures the most similar are {first}."


class SearchBox(ipywidgets.VBox):
    """Words to pictures and picture to pictures, over an index from `build_index`.

    Controls: `box` (words), `like` (one of the pictures found), `file`, `family`.
    Raises ValueError when the index has no tokenizer: words could not be asked.
    """

    def __init__(self, index: PictureIndex, query: str = "") -> None:
        if index.tokenizer is None:
            raise ValueError("To search with words, give build_index the model's tokenizer.")
        self.index = index
        self.box = text_box("words", query, "type what the picture shows and press Enter")
        self.like = ipywidgets.Dropdown(
            options=[("", None)],
            description="more like",
            tooltip="choose one of the pictures that were found: search with the picture itself",
        )
        present = {icon.family for icon in index.icons}
        families = [(FAMILIES[key].title, key) for key in FAMILIES if key in present]
        self.family = ipywidgets.Dropdown(
            options=[("all families", None), *families],
            description="in",
            tooltip="search all pictures, or one family's",
        )
        self.file = picture_upload("search with a picture of your own; it stays on this machine")
        self.picture, self.words = ipywidgets.HTML(), ipywidgets.HTML()
        self._query: tuple[str, str | torch.Tensor] = ("", "")
        self._filling = False
        self.box.observe(self._words_typed, names="value")
        self.like.observe(self._like_chosen, names="value")
        self.family.observe(self._search, names="value")
        self.file.observe(self._file_opened, names="value")
        choices = ipywidgets.HBox([self.like, self.family, self.file])
        super().__init__([self.box, choices, self.words, self.picture])
        self._words_typed()

    def _words_typed(self, _change: object = None) -> None:
        text = self.box.value.strip()
        if not text:
            self.picture.value, self.words.value = "", said_html("Type words and press Enter.")
            return
        self._query = f"“{text}”", text
        self._search()

    def _like_chosen(self, _change: object) -> None:
        hit: Hit | None = self.like.value
        if hit is None or self._filling:
            return
        self._query = f"Like {hit_name(hit)}", self.index.pictures([hit.row])[0]
        self._search()

    def _file_opened(self, _change: object) -> None:
        if not self.file.value:
            return
        given = self.file.value[0]
        try:
            size = self.index.model.config.vision.resolution
            self._query = f"Like {given['name']}", clean_picture(given["content"], size)
        except (TypeError, ValueError) as problem:
            self.picture.value = ""
            self.words.value = trouble_html(f"{given['name']}: {problem}")
        else:
            self._search()
        self.file.value = ()  # so that the same file can be opened again

    def _search(self, _change: object = None) -> None:
        asked, query = self._query
        if not asked:
            return
        family = self.family.value
        try:
            hits = find_drawings(self.index, query, families=None if family is None else [family])
        except ValueError as problem:
            self.picture.value, self.words.value = "", trouble_html(str(problem))
            return
        total = len(self.index)
        if family is not None:
            total = sum(icon.family == family for icon in self.index.icons)
        said = hits_words(asked, hits, total)
        self.picture.value = picture_html(hits_figure(self.index, hits), said)
        self.words.value = said_html(said)
        self._filling = True
        self.like.options = [("", None), *((hit_name(hit), hit) for hit in hits)]
        self.like.value = None
        self._filling = False

    def __repr__(self) -> str:
        return "search box: asks with words or a picture (it needs a running notebook)"
