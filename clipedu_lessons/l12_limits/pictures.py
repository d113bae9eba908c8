"""Pictures that this lesson draws: equal ink, two icons in one picture, a word across an icon."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from clipedu.evaluation.tasks.drawn import WORD_FONTS, word_picture
from clipedu.plots import font_folder

SHAPES = ("circle", "square", "triangle")
FINE = 4  # drawn so many times as large, then averaged


def shape_mask(shape: str, size: int) -> np.ndarray:
    """(size, size) bool: a circle, a square or a triangle. Raises ValueError for another shape."""
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    if shape == "circle":
        return (x - 0.5) ** 2 + (y - 0.5) ** 2 <= 0.25
    if shape == "square":
        return np.ones((size, size), dtype=bool)
    if shape == "triangle":
        return np.abs(x - 0.5) <= y / 2
    raise ValueError(f"A shape is one of {', '.join(SHAPES)}; got {shape!r}.")


def count_pictures(
    each: int = 60, *, equal_ink: bool = True, size: int = 32, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """One to eight shapes on a 3 x 3 grid: pictures (8 * each, 3, size, size), labels 0 to 7.

    equal_ink: together the shapes of a picture are as large as the one of a picture with one, so
    the amount of black says nothing about how many there are; otherwise all shapes are alike.
    """
    rng = np.random.default_rng(seed)
    labels = torch.arange(8).repeat_interleave(each)
    cell, pictures = FINE * size // 3, []
    for label in labels.tolist():
        shape = SHAPES[int(rng.integers(3))]
        full = {"square": 1.0, "circle": np.pi / 4, "triangle": 0.5}[shape]
        area = rng.uniform(0.2, 0.4) * cell**2  # of all shapes together, or of each one
        side = round(float(np.sqrt(area / full / ((label + 1) if equal_ink else 1))))
        sheet = np.ones((FINE * size, FINE * size), dtype=np.float32)
        for index in rng.permutation(9)[: label + 1]:
            top, left = (
                int(k) * cell + int(rng.integers(1, cell - side)) for k in divmod(index, 3)
            )
            sheet[top : top + side, left : left + side][shape_mask(shape, side)] = 0
        pictures.append(torch.from_numpy(sheet))
    fine = F.avg_pool2d(torch.stack(pictures)[:, None], FINE)
    return fine.expand(-1, 3, -1, -1).contiguous(), labels


def side_by_side(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(N, 3, 32, 32) twice -> one picture each: both at half size, on white."""
    half = [F.avg_pool2d(x, 2) for x in (left, right)]
    return F.pad(torch.cat(half, 3), (0, 0, left.shape[2] // 4, left.shape[2] // 4), value=1.0)


def with_word(
    pictures: torch.Tensor, words: list[str], *, scrambled: bool = False, rows: int = 10
) -> torch.Tensor:
    """Each picture with its word printed across its last `rows` rows.

    scrambled: the columns of the printed word in random order, the same ink without the word
    """
    size, found = pictures.shape[-1], pictures.clone()
    font = font_folder() / WORD_FONTS[0]
    for k, word in enumerate(words):
        sheet = torch.from_numpy(word_picture(word, font, size)).float()
        top = (size - rows) // 2
        strip = sheet[top : top + rows]
        if scrambled:
            strip = strip[:, torch.randperm(size, generator=torch.Generator().manual_seed(k))]
        found[k, :, size - rows :] = strip
    return found
