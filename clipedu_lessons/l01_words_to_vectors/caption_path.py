"""The way of a caption through the text encoder: pieces, ids, a vector for each, one for all.

`caption_path` is the data, `path_figure` the picture, `CaptionExplorer` a text box for captions of
your own, with the nearest of some given captions beneath.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from clipedu.evaluation import embed_texts
from clipedu.models import CLIP
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.widgets import picture_html, said_html, text_box

ROWS = 24  # of a token's numbers, how many are drawn
MOST_TOKENS = 12


@dataclass(frozen=True)
class CaptionPath:
    """What a caption is at each stage: L pieces, L ids, (L, W) looked-up vectors, (E,) unit length.

    Pieces and ids include SOT and EOT.
    """

    caption: str
    pieces: tuple[str, ...]
    ids: tuple[int, ...]
    looked_up: Tensor
    vector: Tensor


@torch.no_grad()
def caption_path(model: CLIP, tokenizer: Tokenizer, caption: str) -> CaptionPath:
    """Follow one caption through the encoder. Raises ValueError for a caption that is too long."""
    ids = (tokenizer.sot, *tokenizer.encode(caption), tokenizer.eot)
    pieces = ("[SOT]", *tokenizer.tokens(caption), "[EOT]")
    vector = embed_texts(model, tokenizer, [caption])[0].cpu()
    table = model.text.token_embedding.weight
    looked_up = table[torch.tensor(ids, device=table.device)].cpu()
    return CaptionPath(caption, pieces, ids, looked_up, vector)


@torch.no_grad()
def every_position(model: CLIP, tokens: Tensor, causal: bool = True) -> Tensor:
    """(B, L) ids -> (B, L, E): at each position what the embedding would be, were it read there.

    causal: False takes the mask away.
    """
    text: Any = model.text
    x = text.token_embedding(tokens) + text.positional_embedding[: tokens.shape[1]]
    for block in text.transformer.resblocks:
        x = x + block.attn(block.ln_1(x), causal=causal)
        x = x + block.mlp(block.ln_2(x))
    vectors: Tensor = text.ln_final(x) @ text.text_projection
    return vectors


def path_in_words(path: CaptionPath) -> str:
    """What the figure of a path shows, as text."""
    inner = ", ".join(f"'{piece}'" for piece in path.pieces[1:-1])
    return (
        f"The caption '{path.caption}' is cut into {inner}, framed by start and end; each of the "
        f"{len(path.ids)} tokens has an id and is looked up as a column of "
        f"{path.looked_up.shape[1]} numbers; the encoder makes one vector of {len(path.vector)} "
        "numbers of them."
    )


def path_figure(path: CaptionPath, picture: np.ndarray | None = None) -> Figure:
    """Three floors: pieces with their ids, a column of numbers for each, the caption's vector.

    picture: (S, S, 4) uint8, drawn at the left, if the caption belongs to one.
    Raises ValueError for a caption of more than 12 tokens.
    """
    count = len(path.ids)
    if count > MOST_TOKENS:
        raise ValueError(f"{count} tokens are too many to draw; at most {MOST_TOKENS}")
    figure = new_figure(8.0, 4.6)
    grid = figure.add_gridspec(3, 6, height_ratios=(1.0, 2.4, 0.55))
    left = 0
    if picture is not None:
        left = 1
        beside = figure.add_subplot(grid[1, 0])
        beside.imshow(picture)
        beside.set_axis_off()
    top, middle, bottom = (figure.add_subplot(grid[row, left:]) for row in range(3))
    top.set_xlim(-0.5, count - 0.5)
    top.set_ylim(0, 1)
    for i, (piece, number) in enumerate(zip(path.pieces, path.ids, strict=True)):
        top.add_patch(Rectangle((i - 0.45, 0.5), 0.9, 0.42, fill=False, linewidth=1.2))
        text = piece.replace(" ", "␣")
        top.text(i, 0.71, text, ha="center", va="center", family="monospace").set_parse_math(False)
        top.text(i, 0.22, f"id {number}", ha="center", va="center", fontsize=9)
    title = f"1. “{path.caption}” in pieces (␣ is a space), each with its id"
    top.set_title(title, loc="left").set_parse_math(False)
    top.set_axis_off()
    columns = path.looked_up[:, :ROWS].T  # (ROWS, L)
    middle.imshow(_scaled(columns), aspect="auto", cmap="Greys", vmin=-1, vmax=1)
    for i in range(1, count):
        middle.axvline(i - 0.5, color="white", linewidth=8)
    middle.set_title(
        f"2. each id is looked up: a column of {path.looked_up.shape[1]} numbers "
        f"(the first {ROWS} drawn)",
        loc="left",
    )
    bottom.imshow(_scaled(path.vector[None]), aspect="auto", cmap="Greys", vmin=-1, vmax=1)
    bottom.set_title(
        f"3. the encoder makes one vector: {len(path.vector)} numbers, length 1", loc="left"
    )
    for axes in (middle, bottom):
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(False)
    return figure


def _scaled(numbers: Tensor) -> np.ndarray:
    """Into -1..1, so that two standard deviations reach the ends."""
    return (numbers / (2 * numbers.std(unbiased=False) + 1e-12)).clamp(-1, 1).numpy()


class CaptionExplorer(ipywidgets.VBox):
    """Type a caption in `box`: see its way through the encoder and the nearest of `captions`.

    `picture` and `nearest`, HTML, follow the box. A mistake is answered in words and loses nothing.
    """

    def __init__(
        self,
        model: CLIP,
        tokenizer: Tokenizer,
        captions: Sequence[str],
        start: str = "a red apple",
    ) -> None:
        self.model, self.tokenizer, self.captions = model, tokenizer, list(captions)
        self.embedded = embed_texts(model, tokenizer, self.captions).cpu()  # (N, E)
        self.box = text_box("caption", start, "type a caption and press Enter")
        self.picture, self.nearest = ipywidgets.HTML(), ipywidgets.HTML()
        self.box.observe(self.update, names="value")
        super().__init__([self.box, self.picture, self.nearest])
        self.update()

    def update(self, _change: object = None) -> None:
        """Follows the caption in the box."""
        caption = self.box.value.strip()
        if not caption:
            self.nearest.value = said_html("Type a caption and press Enter.")
            return
        try:
            path = caption_path(self.model, self.tokenizer, caption)
            drawing = picture_html(path_figure(path), path_in_words(path))
        except ValueError as error:
            self.nearest.value = said_html(str(error))
            return
        self.picture.value = drawing
        cosine = self.embedded @ path.vector  # (N,)
        best = cosine.topk(min(5, len(cosine)))
        items = "".join(
            f"<li>{html.escape(self.captions[i])} ({value:.2f})</li>"
            for value, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        )
        self.nearest.value = (
            f'<div role="status">Nearest of {len(cosine)} captions (cosine): <ol>{items}</ol></div>'
        )

    def __repr__(self) -> str:
        return "caption explorer: a box to type captions in (in a running notebook)"
