"""An explorer of the similarity matrix: N pictures against N captions, read by row or by column.

Along a row a picture chooses a caption, down a column a caption chooses a picture. A choice is
marked by shape, not by colour: a circle where it is right, a cross where it is wrong.
"""

from __future__ import annotations

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
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.widgets import LIST_KEYS, Explorer

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
    matrices: Matrix | Sequence[Matrix], captions: Sequence[str], pictures: Tensor | None = None
) -> Figure:
    """One matrix, or several side by side, with the choices marked; `pictures`, (N, 3, S, S) in
    0..1, are drawn before the rows.

    Raises ValueError when captions or pictures are not N.
    """
    matrices = [matrices] if isinstance(matrices, Matrix) else matrices
    n = len(matrices[0].chosen)
    if len(captions) != n or (pictures is not None and len(pictures) != n):
        raise ValueError(f"the matrix has {n} rows; give {n} captions and as many pictures")
    cell = 0.62 if n <= 8 else 0.42
    figure = new_figure((2.6 + cell * n) * len(matrices), 1.7 + cell * n)
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    for matrix, axes in zip(matrices, panels, strict=True):
        _draw_matrix(axes, matrix, captions, pictures)
    return figure


def both_ways_figure(
    image: Tensor, text: Tensor, scale: float, captions: Sequence[str], pictures: Tensor | None
) -> Figure:
    """The same batch read along the rows, left, and down the columns, right. Arguments and errors
    as those of `similarity_matrix` and `matrix_figure`."""
    matrices = [similarity_matrix(image, text, scale, view) for view in ("rows", "columns")]
    return matrix_figure(matrices, captions, pictures)


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


class SimilarityExplorer(Explorer):
    """Look at batches of any size up to 16 out of M pairs.

    image, text: (M, E), rows of length 1. captions: M. pictures: (M, 3, S, S) float in 0..1.
    Controls: `pairs`, `first`, `scale`, `view`.
    Raises ValueError when there are fewer than two pairs, or the numbers differ.
    """

    text = "similarity explorer: pairs, scale and view (it needs a running notebook)"

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
        self.embeddings, self.captions, self.pictures = (image, text), captions, pictures
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
            value=min(scale, 100.0),  # a learned scale of 100 may round to a little more
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
        super().__init__([self.pairs, self.first, self.scale, self.view])

    def draw(self) -> tuple[Figure, str]:
        count = min(self.pairs.value, len(self.captions))
        start = min(self.first.value, len(self.captions) - count)
        part = slice(start, start + count)
        image, text = (rows[part] for rows in self.embeddings)
        matrix = similarity_matrix(image, text, self.scale.value, self.view.value)
        pictures = None if self.pictures is None else self.pictures[part]
        captions = self.captions[part]
        return matrix_figure(matrix, captions, pictures), matrix_in_words(matrix, captions)
