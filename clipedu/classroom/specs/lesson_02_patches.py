"""Lesson 02: shapes by hand, and a picture cut into patches."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu.classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole

SHAPES = {"patches": 196, "tokens": 197, "numbers_per_patch": 768, "map_side": 7, "map_places": 49}


def patchify(pictures: Tensor, p: int) -> Tensor:
    b, c, h, w = pictures.shape
    x = pictures.reshape(b, c, h // p, p, w // p, p)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(b, -1, c * p * p)


def _patchify(order: tuple[int, ...]) -> Any:
    """Patches whose six axes (b, c, row, y, column, x) end in another order."""

    def wrong(pictures: Tensor, p: int) -> Tensor:
        b, c, h, w = pictures.shape
        x = pictures.reshape(b, c, h // p, p, w // p, p).permute(*order)
        return x.reshape(b, (h // p) * (w // p), c * p * p)

    return wrong


def _reshape_only(pictures: Tensor, p: int) -> Tensor:
    b, c, h, w = pictures.shape
    return pictures.reshape(b, (h // p) * (w // p), c * p * p)


def _unfolded(pictures: Tensor, p: int) -> Tensor:
    return F.unfold(pictures, p, stride=p)


def _unfolded_reshaped(pictures: Tensor, p: int) -> Tensor:
    return _reshape_of(_unfolded(pictures, p))


def _reshape_of(columns: Tensor) -> Tensor:
    return columns.reshape(columns.shape[0], columns.shape[2], columns.shape[1])


def _overlapping(pictures: Tensor, p: int) -> Tensor:
    return F.unfold(pictures, p, stride=1).transpose(1, 2)


def _first_channel(pictures: Tensor, p: int) -> Tensor:
    return patchify(pictures[:, :1], p)


def _grid_kept(pictures: Tensor, p: int) -> Tensor:
    b, c, h, w = pictures.shape
    return patchify(pictures, p).reshape(b, h // p, w // p, c * p * p)


def _not_flat(pictures: Tensor, p: int) -> Tensor:
    b, c, _, _ = pictures.shape
    return patchify(pictures, p).reshape(b, -1, c, p, p)


def _p_by_p_patches(pictures: Tensor, p: int) -> Tensor:
    """A p x p grid of big pieces, where pieces of p x p pixels were asked for."""
    b, c, h, w = pictures.shape
    x = pictures.reshape(b, c, p, h // p, p, w // p)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(b, p * p, -1)


def _pictures(generator: torch.Generator) -> dict[str, Any]:
    p = whole(generator, 2, 3)
    rows = whole(generator, 2, 3)
    columns = rows + whole(generator, 1, 2)
    size = (whole(generator, 2, 3), 3, rows * p, columns * p)
    return {"pictures": torch.randn(size, generator=generator), "p": p}


SHAPES_OF = ValueExercise(
    id="02.1",
    name="shapes",
    expected=SHAPES,
    misconceptions=(
        Misconception(
            "the class token is forgotten",
            {"tokens": 196},
            "Which token does the tower read at the end?",
        ),
        Misconception(
            "the patches along one side are counted, not those of the whole picture",
            {"patches": 14, "tokens": 15},
            "A picture has two sides.",
        ),
        Misconception(
            "the three channels of a patch are forgotten",
            {"numbers_per_patch": 256},
            "What does one pixel consist of?",
        ),
        Misconception(
            "only four halvings of the ResNet are counted",
            {"map_side": 14, "map_places": 196},
            "Count the halvings in the stem once more: a convolution and a pooling.",
        ),
        Misconception(
            "the class token is counted as a patch",
            {"patches": 197},
            "The class token is no part of the picture.",
        ),
        Misconception(
            "the mean token is counted as a place of the map",
            {"map_places": 50},
            "Attention pooling adds it; the map does not have it.",
        ),
    ),
)

PATCHIFY = FunctionExercise(
    id="02.2",
    name="patchify",
    reference=patchify,
    inputs=_pictures,
    gradient=("pictures",),
    properties=(
        Property(
            "the result changes when other pictures are in the batch",
            lambda f, pictures, p: (f(pictures, p)[:1], f(pictures[:1], p)),
        ),
    ),
    extremes={
        "a patch as large as the picture": lambda g: {
            "pictures": torch.randn(2, 3, 4, 4, generator=g),
            "p": 4,
        },
        "patches of one pixel": lambda g: {
            "pictures": torch.randn(2, 3, 2, 3, generator=g),
            "p": 1,
        },
        "a picture of one channel": lambda g: {
            "pictures": torch.randn(1, 1, 4, 6, generator=g),
            "p": 2,
        },
    },
    misconceptions=(
        Misconception(
            "the picture is reshaped without moving its axes",
            _reshape_only,
            "Draw one of your patches: is it a square of the picture?",
        ),
        Misconception(
            "the channels come last in a patch, not first",
            _patchify((0, 2, 4, 3, 5, 1)),
            "In which order does the convolution's weight hold a patch?",
        ),
        Misconception(
            "the patches run down the columns, not along the rows",
            _patchify((0, 4, 2, 1, 3, 5)),
            "Which patch is the second one?",
        ),
        Misconception(
            "each patch is transposed",
            _patchify((0, 2, 4, 1, 5, 3)),
            "Inside a patch, which axis comes first?",
        ),
        Misconception(
            "the patches run down the columns and each patch is transposed",
            _patchify((0, 4, 2, 1, 5, 3)),
            "You swapped height and width somewhere.",
        ),
        Misconception(
            "the axes are permuted so that pixels are spread over patches",
            _patchify((0, 3, 5, 1, 2, 4)),
            "Which two axes number the patches, and which the pixels inside one?",
        ),
        Misconception(
            "patches and their numbers have swapped axes",
            _unfolded,
            "What does F.unfold return, and in which order?",
        ),
        Misconception(
            "swapped axes are reshaped instead of transposed",
            _unfolded_reshaped,
            "reshape never moves a number; transpose does.",
        ),
        Misconception("the patches overlap", _overlapping, "How far does the window step?"),
        Misconception(
            "only the first channel is cut", _first_channel, "A pixel has three numbers."
        ),
        Misconception(
            "the grid of patches is not flattened", _grid_kept, "The patches are one row."
        ),
        Misconception(
            "the numbers of a patch are not flattened", _not_flat, "A patch is one row too."
        ),
        Misconception(
            "the picture is cut into p x p pieces, not into pieces of p x p pixels",
            _p_by_p_patches,
            "Is p a number of patches or a number of pixels?",
        ),
    ),
)
