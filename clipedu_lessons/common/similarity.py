"""An explorer of the similarity matrix: N pictures against N captions, read by row or by column.

Notable:
* one matrix has two readings: along a row a picture chooses a caption, down a column a caption
  chooses a picture. The explorer switches between them;
* what was chosen is marked by shape, not by colour: a circle where the choice is right, a cross
  where it is wrong;
* any embeddings will do: an untrained model's, a trained one's, or numbers made by hand.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import ipywidgets
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from clipedu.objectives import info_nce, similarity_logits
from clipedu.plots import DPI, use_style
from clipedu_lessons.common.circles import (
    circle_figure as circle_figure,  # lesson 03 asks here for it
)
from clipedu_lessons.l01_words_to_vectors.bpe_widget import LIST_KEYS, picture_html

VIEWS = {
    "cosines": "the cosines",
    "rows": "each picture chooses a caption (rows)",
    "columns": "each caption chooses a picture (columns)",
}


class Matrix(NamedTuple):
    """values (N, N): cosines, or probabilities along rows or columns. chosen (N,): the column that
    row i prefers (view "columns": the row that column i prefers). right: how many chose well."""

    view: str
    values: Tensor
    chosen: Tensor
    right: int
    loss: float


def similarity_matrix(image: Tensor, text: Tensor, scale: float, view: str = "rows") -> Matrix:
    """Read one batch of embeddings, (N, E) each, rows of length 1.

    For cosines the choices are those of the rows. Raises ValueError for an unknown view and, as
    `info_nce`, for embeddings that don't fit.
    """
    if view not in VIEWS:
        raise ValueError(f"no view {view!r}; there are: {', '.join(VIEWS)}")
    if len(image) < 2:
        raise ValueError("give at least two pairs: one alone has nothing to be told apart from")
    loss = info_nce(image, text, scale).item()
    cosines = similarity_logits(image, text, 1.0)  # (N, N)
    chosen = cosines.argmax(dim=0 if view == "columns" else 1)  # (N,)
    values = cosines
    if view != "cosines":
        values = (scale * cosines).softmax(dim=0 if view == "columns" else 1)
    right = int((chosen == torch.arange(len(image))).sum())
    return Matrix(view, values, chosen, right, loss)


def matrix_in_words(matrix: Matrix, captions: Sequence[str]) -> str:
    """How many choose well, the loss beside ln N, and the first few wrong choices by name."""
    n = len(matrix.chosen)
    who, what = ("captions", "picture") if matrix.view == "columns" else ("pictures", "caption")
    said = f"{matrix.right} of {n} {who} choose their own {what}; loss {matrix.loss:.3f}"
    said += f" (guessing: ln {n} = {math.log(n):.3f})."
    wrong = [(i, j) for i, j in enumerate(matrix.chosen.tolist()) if i != j]
    if wrong:
        named = "; ".join(f"'{captions[i]}' takes that of '{captions[j]}'" for i, j in wrong[:3])
        said += f" Wrong: {named}{', and more' if len(wrong) > 3 else ''}."
    return said


def matrix_figure(
    matrix: Matrix, captions: Sequence[str], pictures: Tensor | None = None
) -> Figure:
    """The matrix with its choices marked; `pictures`, (N, 3, S, S) in 0..1, stand before the rows.

    Raises ValueError when captions or pictures are not N.
    """
    return _matrices_figure([matrix], captions, pictures)


def both_ways_figure(
    image: Tensor, text: Tensor, scale: float, captions: Sequence[str], pictures: Tensor | None
) -> Figure:
    """The same batch read along the rows, left, and down the columns, right. Arguments and errors
    as those of `similarity_matrix` and `matrix_figure`."""
    matrices = [similarity_matrix(image, text, scale, view) for view in ("rows", "columns")]
    return _matrices_figure(matrices, captions, pictures)


def _matrices_figure(
    matrices: Sequence[Matrix], captions: Sequence[str], pictures: Tensor | None
) -> Figure:
    n = len(matrices[0].chosen)
    if len(captions) != n or (pictures is not None and len(pictures) != n):
        raise ValueError(f"the matrix has {n} rows; give {n} captions and as many pictures")
    use_style()
    cell = 0.62 if n <= 8 else 0.42
    figure = Figure(figsize=((2.6 + cell * n) * len(matrices), 1.7 + cell * n), dpi=DPI)
    for matrix, axes in zip(
        matrices, figure.subplots(1, len(matrices), squeeze=False)[0], strict=True
    ):
        _draw_matrix(axes, matrix, captions, pictures)
    return figure


def _draw_matrix(
    axes: Axes, matrix: Matrix, captions: Sequence[str], pictures: Tensor | None
) -> None:
    n, low = len(captions), -1 if matrix.view == "cosines" else 0
    values = matrix.values.detach().numpy()
    axes.imshow(values, vmin=low, vmax=1, cmap="Greys")
    ink = [["white" if value > (low + 1.2) / 2 else "black" for value in row] for row in values]
    for i in range(n if n <= 8 else 0):
        for j in range(n):
            number = f"{float(values[i, j]):.2f}"
            axes.text(j, i + 0.12, number, ha="center", va="center", color=ink[i][j], fontsize=8)
    for i, choice in enumerate(matrix.chosen.tolist()):
        row, column = (choice, i) if matrix.view == "columns" else (i, choice)
        axes.plot(
            [column],
            [row - (0.27 if n <= 8 else 0)],
            linestyle="",
            marker="o" if i == choice else "x",
            markevery=1,
            markersize=8,
            markeredgewidth=1.6,
            markeredgecolor=ink[row][column],
            markerfacecolor="none",
        )
    short = [textwrap.shorten(caption, 22, placeholder=" ...") for caption in captions]
    axes.set_xticks(range(n), short, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(n), short if pictures is None else [""] * n, fontsize=8)
    if pictures is not None:
        for i, picture in enumerate(pictures):
            box = axes.inset_axes((-0.95 / n, 1 - (i + 0.95) / n, 0.9 / n, 0.9 / n))
            box.imshow(picture.permute(1, 2, 0).clamp(0, 1).numpy(), interpolation="nearest")
            box.set_axis_off()
    axes.tick_params(length=0)
    axes.set_xlabel("captions")
    axes.set_ylabel("pictures")
    if pictures is not None:
        axes.yaxis.set_label_coords(-1 / n - 0.03, 0.5)  # before the pictures
    axes.grid(visible=False)
    axes.set_title(f"{VIEWS[matrix.view]}\ncircle: right choice, cross: wrong choice", fontsize=9)


class SimilarityExplorer(ipywidgets.VBox):
    """Controls `pairs`, `first`, `scale` and `view`; `picture` and `words` follow them."""

    def __init__(
        self,
        image: Tensor,
        text: Tensor,
        captions: Sequence[str],
        pictures: Tensor | None = None,
        scale: float = 1 / 0.07,
    ) -> None:
        total = len(captions)
        if not 2 <= total == len(image) == len(text):
            raise ValueError(f"{len(image)} pictures, {len(text)} texts, {total} captions: not N")
        self.image, self.text, self.captions, self.pictures = image, text, captions, pictures
        self.pairs = ipywidgets.IntSlider(
            value=min(6, total),
            min=2,
            max=min(16, total),
            description="pairs",
            tooltip="how many pairs the batch holds",
            continuous_update=False,
        )
        self.first = ipywidgets.IntSlider(
            value=0,
            min=0,
            max=total - 2,
            description="first pair",
            tooltip="where in the list the batch starts: another batch",
            continuous_update=False,
        )
        self.scale = ipywidgets.FloatLogSlider(
            value=scale,
            base=10,
            min=0,
            max=2,
            step=0.05,
            readout_format=".1f",
            description="logit scale",
            tooltip="what cosines are multiplied by before the softmax",
            continuous_update=False,
        )
        self.view = ipywidgets.Dropdown(
            options=[(words, view) for view, words in VIEWS.items()],
            value="rows",
            description="show",
            tooltip=f"the cosines, or the probabilities of one of the two readings {LIST_KEYS}",
        )
        self.picture = ipywidgets.HTML()
        self.words = ipywidgets.HTML()
        controls = [self.pairs, self.first, self.scale, self.view]
        for control in controls:
            control.observe(self._draw, names="value")
        super().__init__([*controls, self.picture, self.words])
        self._draw()

    def _draw(self, _change: object = None) -> None:
        count = min(self.pairs.value, len(self.captions))
        start = min(self.first.value, len(self.captions) - count)
        part = slice(start, start + count)
        captions = self.captions[part]
        matrix = similarity_matrix(
            self.image[part], self.text[part], self.scale.value, self.view.value
        )
        said = matrix_in_words(matrix, captions)
        pictures = None if self.pictures is None else self.pictures[part]
        self.picture.value = picture_html(matrix_figure(matrix, captions, pictures), said)
        self.words.value = f'<p role="status">{html.escape(said)}</p>'

    def __repr__(self) -> str:
        return "similarity explorer: pairs, scale and view (it needs a running notebook)"


def similarity_explorer(
    image: Tensor,
    text: Tensor,
    captions: Sequence[str],
    pictures: Tensor | None = None,
    scale: float = 1 / 0.07,
) -> SimilarityExplorer:
    """Look at batches of any size up to 16 out of M pairs.

    image, text: (M, E), rows of length 1. captions: M. pictures: (M, 3, S, S) float in 0..1.
    Raises ValueError when there are fewer than two pairs, or the numbers differ.
    """
    return SimilarityExplorer(image, text, captions, pictures, scale)
