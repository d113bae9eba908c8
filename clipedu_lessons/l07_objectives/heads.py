"""The nine heads in one figure: what each objective puts on the same image encoder."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clipedu_lessons.common.diagram import (
    CAPTIONS,
    DARK,
    PICTURES,
    arrow,
    box,
    canvas,
    cell,
    label,
    thing,
)

WIDE, TALL = 3.2, 2.02  # of a panel, in inches
READS = {"all": "all patches", "one": "one vector"}

#: Title; what the head reads of the picture; the head and a note; the words that go in; the words
#: that it is asked for; the initial loss by hand.
WORD_PANELS = (
    ("caption LM", "all", "decoder", "each word sees\nthose before it",
     "SOT a star", "a star EOT", "ln V a word"),
    ("VirTex", "all", "two decoders", "forward, and the\ncaption backward",
     "SOT star a", "star a EOT", "ln V a word"),
    ("ICMLM", "all", "decoder", "each word sees\nall the others",
     "SOT a ? EOT", "star", "ln V a blank"),
    ("bag of words", "one", "linear, (W, V)", "softmax over\nall V words",
     "", "a star", "ln V a word"),
    ("visual n-grams", "one", "linear, (W, V + G)", "phrases of one to\nthree words, mixed",
     "", "a a·star", "count phrases"),
)  # fmt: skip
PAIR_PANELS = (
    ("ConVIRT", "then linear,\nReLU, linear", "text encoder,\nlinear, ReLU, linear",
     "rows weigh 3/4,\ncolumns 1/4", "ln N"),
    ("CLIP", "then linear", "text encoder,\nlinear", "rows and columns\nweigh the same", "ln N"),
    ("SigLIP", "then linear", "text encoder,\nlinear", "each entry:\na pair, yes or no?",
     "ln N + 1"),
    ("SimCLR", "then linear,\nReLU, linear", "the same encoder,\na second view",
     "which view shows\nthe same picture?", "ln (2N - 1)"),
)  # fmt: skip


def heads_figure() -> tuple[Figure, str]:
    """A panel for each objective: the image encoder at the left, what is added, what is asked."""
    figure, axes = canvas(3 * WIDE + 0.1, 3 * TALL + 0.1)
    for k, panel in enumerate(WORD_PANELS):
        x, y = 0.1 + WIDE * (k % 3), 0.1 + TALL * (k // 3)
        _panel(axes, x, y, panel[0], panel[6])
        _word_head(axes, x, y, *panel[1:6])
    for k, pairs in enumerate(PAIR_PANELS, start=5):
        x, y = 0.1 + WIDE * (k % 3), 0.1 + TALL * (k // 3)
        _panel(axes, x, y, pairs[0], pairs[4])
        _pair_head(axes, x, y, *pairs[1:4], second_view=pairs[0] == "SimCLR")
    words = (
        "Nine panels, each with the same image encoder and another head. Caption LM, VirTex and "
        "ICMLM: a decoder attends to all patches and predicts words: the next one, the next one in "
        "both directions, the masked ones. Bag of words and visual n-grams: a linear layer on one "
        "vector scores words, or phrases. ConVIRT, CLIP and SigLIP: a text encoder, projections "
        "and an N by N matrix of similarities. SimCLR: a second view in place of text."
    )
    return figure, words


def _panel(axes: Axes, x: float, y: float, title: str, initial: str) -> None:
    cell(axes, (x, y, WIDE - 0.1, TALL - 0.1), color="white")
    label(axes, x + 0.1, y + 0.16, title, ha="left", weight="bold", fontsize=10)
    label(axes, x + WIDE - 0.2, y + 0.16, f"at first: {initial}", ha="right")


def _image_encoder(axes: Axes, x: float, y: float, thing_name: str = "star") -> None:
    thing(axes, thing_name, x + 0.1, y + 0.95, 0.32)
    arrow(axes, (x + 0.42, y + 1.11), (x + 0.6, y + 1.11))
    box(axes, (x + 0.6, y + 0.8, 0.66, 0.62), "image", "encoder", PICTURES)


def _word_head(
    axes: Axes, x: float, y: float, reads: str, name: str, note: str, given: str, asked: str
) -> None:
    _image_encoder(axes, x, y)
    arrow(axes, (x + 1.26, y + 1.11), (x + 1.6, y + 1.11))
    label(axes, x + 0.93, y + 1.56, READS[reads])
    box(axes, (x + 1.6, y + 0.74, 1.4, 0.74), name, note)
    for words, top, up in ((asked, 0.32, True), (given, 1.62, False)):
        shown = words.split()
        for k, word in enumerate(shown):
            wide = 1.4 / len(shown)
            frame = (x + 1.6 + k * wide + 0.02, y + top, wide - 0.04, 0.22)
            hidden = word == "?"
            cell(axes, frame, word, DARK if hidden else CAPTIONS, fontsize=8)
        if shown:
            middle = x + 2.3
            ends = ((0.74, 0.54), (1.62, 1.48))[not up]
            arrow(axes, (middle, y + ends[0]), (middle, y + ends[1]))


def _pair_head(
    axes: Axes, x: float, y: float, image: str, text: str, note: str, *, second_view: bool
) -> None:
    _image_encoder(axes, x, y)
    arrow(axes, (x + 1.26, y + 1.11), (x + 1.95, y + 1.11))
    for k, line in enumerate(image.split("\n")):
        label(axes, x + 0.1, y + 1.58 + 0.16 * k, line, ha="left")
    side = 0.2
    for i in range(3):
        for j in range(3):
            frame = (x + 1.95 + side * j, y + 0.8 + side * i, side, side)
            cell(axes, frame, color=DARK if i == j else "white")
    lines = text.split("\n")
    if second_view:
        thing(axes, "star", x + 1.45, y + 0.36, 0.26)
    for k, line in enumerate(lines):
        label(axes, x + 1.8, y + 0.4 + 0.16 * k, line, ha="left")
    arrow(axes, (x + 2.25, y + 0.64), (x + 2.25, y + 0.8))
    for k, line in enumerate(note.split("\n")):
        label(axes, x + 2.25, y + 1.55 + 0.16 * k, line)
