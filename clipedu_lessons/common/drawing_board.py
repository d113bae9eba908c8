"""Draw a picture, and the model ranks it after each stroke.

Strokes travel to Python, not pixels: they become an SVG for the renderer that drew the training
pictures. Who cannot draw has the keyboard on the pad, a sample, or a picture file. An empty pad is
not shown to the model, which would rank white paper too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import torch
import traitlets

from clipedu.evaluation import Ranked, classify
from clipedu.models import CLIP
from clipedu.pairs import clean_picture
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.ranked import ranked_figure, ranked_words
from clipedu_lessons.common.strokes import SAMPLES, draw_strokes, is_blank
from clipedu_lessons.common.widgets import (
    picture_html,
    picture_upload,
    said_html,
    text_box,
    trouble_html,
)

HERE = Path(__file__).parent
EMPTY = (
    "Nothing is drawn yet. Draw in the square with mouse, pen, finger or keys, choose a sample, or "
    "open a picture file."
)
BLANK = "This picture has one color everywhere: there is nothing on it to name."


def rank_picture(
    model: CLIP,
    tokenizer: Tokenizer,
    picture: torch.Tensor,
    class_names: Sequence[str],
    templates: Sequence[str] | str = "icon",
) -> list[Ranked]:
    """What the model takes one picture (3, R, R), 0..1, for: all classes, best first.

    Raises ValueError for a picture on which nothing is drawn, and what `classify` raises.
    """
    if is_blank(picture):
        raise ValueError(BLANK)
    return classify(model, tokenizer, picture, class_names, templates)[0]


class DrawingPad(anywidget.AnyWidget):
    """The canvas. `value`: strokes, lists of [x, y] in a square of 24 x 24 units; `pen`: width of a
    line in the same units."""

    _esm = HERE / "drawing_pad.js"
    _css = HERE / "drawing_pad.css"
    value: Any = traitlets.List().tag(sync=True)
    pen = traitlets.Float(2.0).tag(sync=True)
    label = traitlets.Unicode("Draw here").tag(sync=True)

    def __repr__(self) -> str:
        return "drawing pad (it needs a running notebook)"


class DrawingBoard(ipywidgets.VBox):
    """A pad to draw on; after each stroke the model ranks the drawing among `class_names`.

    sample: a drawing to start from, a name in `SAMPLES`, or nothing. `pad.value` holds the strokes;
    buttons `undo` and `clear`, choices `sample` and `pen`, and `file` for a picture from outside.
    typed: show `names` too, a line in which the class names can be changed.
    Raises ValueError for an unknown sample; for class names and templates what `classify` raises.
    """

    def __init__(
        self,
        model: CLIP,
        tokenizer: Tokenizer,
        class_names: Sequence[str],
        templates: Sequence[str] | str = "icon",
        sample: str = "",
        *,
        typed: bool = False,
    ) -> None:
        if sample and sample not in SAMPLES:
            raise ValueError(f"There is no sample {sample!r}; there are: {', '.join(SAMPLES)}.")
        rank_picture(model, tokenizer, draw_strokes(SAMPLES["star"]), class_names, templates)
        self.model, self.tokenizer = model, tokenizer
        self.class_names, self.templates = list(class_names), templates
        about = "class names between commas; press Enter"
        self.names = text_box("names", ", ".join(class_names), about)
        self._from_file: torch.Tensor | None = None
        self.pad = DrawingPad(value=SAMPLES.get(sample, []))
        self.pen = ipywidgets.FloatSlider(
            value=2.0,
            min=0.5,
            max=5.0,
            step=0.5,
            description="pen",
            tooltip="width of a line, where the square is 24 wide; icons are drawn with 1 to 2",
            continuous_update=False,
        )
        self.sample = ipywidgets.Dropdown(
            options=[("none", ""), *((name, name) for name in SAMPLES)],
            value=sample,
            description="sample",
            tooltip="a drawing to start from",
        )
        self.undo = ipywidgets.Button(description="Undo", tooltip="take the last stroke back")
        self.clear = ipywidgets.Button(description="Clear", tooltip="an empty sheet")
        self.file = picture_upload("a picture file of your own; it stays on this machine")
        self.picture, self.words = ipywidgets.HTML(), ipywidgets.HTML()
        self.names.observe(self._names_typed, names="value")
        self.pad.observe(self._strokes_changed, names="value")
        self.pen.observe(self._pen_changed, names="value")
        self.sample.observe(self._sample_chosen, names="value")
        self.undo.on_click(lambda _button: self._take_back())
        self.clear.on_click(lambda _button: self._clear())
        self.file.observe(self._file_opened, names="value")
        buttons = ipywidgets.HBox([self.undo, self.clear, self.file])
        controls = ipywidgets.VBox([self.sample, self.pen, buttons, self.words, self.picture])
        above = [self.names] if typed else []
        super().__init__([*above, ipywidgets.HBox([self.pad, controls])])
        self._answer()

    def _names_typed(self, _change: object) -> None:
        given = (name.strip() for name in self.names.value.split(","))
        self.class_names = [name for name in given if name]
        self._answer()

    def _strokes_changed(self, _change: object) -> None:
        if self.pad.value:
            self._from_file = None
        if not self.pad.value or self.pad.value != SAMPLES.get(self.sample.value):
            self.sample.value = ""
        self._answer()

    def _pen_changed(self, _change: object) -> None:
        self.pad.pen = self.pen.value
        self._answer()

    def _sample_chosen(self, change: dict[str, str]) -> None:
        if change["new"]:
            self.pad.value = SAMPLES[change["new"]]

    def _take_back(self) -> None:
        self.pad.value = self.pad.value[:-1]

    def _clear(self) -> None:
        self._from_file = None
        self.pad.value = []
        self._answer()  # also where the pad was empty and a file's picture was shown

    def _file_opened(self, _change: object) -> None:
        if not self.file.value:
            return
        given = self.file.value[0]
        try:
            size = self.model.config.vision.resolution
            self._from_file = clean_picture(given["content"], size)
        except (TypeError, ValueError) as problem:
            self._from_file = None
            self.picture.value = ""
            self.words.value = trouble_html(f"{given['name']}: {problem}")
        else:
            self.pad.value = []
            self._answer()
        self.file.value = ()  # so that the same file can be opened again

    def _answer(self) -> None:
        if self._from_file is None and not any(self.pad.value):
            self.picture.value, self.words.value = "", said_html(EMPTY)
            return
        try:
            picture = self._from_file
            if picture is None:
                size = self.model.config.vision.resolution
                picture = draw_strokes(self.pad.value, size, self.pad.pen)
            ranking = rank_picture(
                self.model, self.tokenizer, picture, self.class_names, self.templates
            )
        except ValueError as problem:
            self.picture.value, self.words.value = "", trouble_html(str(problem))
            return
        said = ranked_words(ranking)
        self.picture.value = picture_html(ranked_figure(picture, ranking), said)
        self.words.value = said_html(said)

    def __repr__(self) -> str:
        return "drawing board: draw, and the model ranks it (it needs a running notebook)"
