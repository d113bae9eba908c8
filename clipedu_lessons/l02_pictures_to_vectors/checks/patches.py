"""Lesson 02: shapes by hand, and a picture cut into patches."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, Property, ValueExercise, whole

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


def _split_wrongly(pictures: Tensor, p: int) -> Tensor:
    b, c, h, w = pictures.shape
    x = pictures.reshape(b, c, p, h // p, p, w // p)
    return x.permute(0, 3, 5, 1, 2, 4).reshape(b, -1, c * p * p)


def _square(pictures: Tensor, p: int) -> Tensor:
    side = min(pictures.shape[2:])
    return patchify(pictures[..., :side, :side], p)


def _pictures_mixed(pictures: Tensor, p: int) -> Tensor:
    b, c, h, w = pictures.shape
    x = pictures.reshape(b, c, h // p, p, w // p, p).permute(2, 4, 0, 1, 3, 5)
    return x.reshape(b, -1, c * p * p)


def _pictures(generator: torch.Generator) -> dict[str, Any]:
    p = whole(generator, 2, 3)
    rows = whole(generator, 2, 3)
    columns = rows + whole(generator, 1, 2)
    size = (whole(generator, 2, 3), 3, rows * p, columns * p)
    return {"pictures": torch.randn(size, generator=generator), "p": p}


SHAPES_OF = ValueExercise(
    id="02.1",
    name=tuple(SHAPES),
    expected=tuple(SHAPES.values()),
    misconceptions=(
        Misconception(
            "the patches along one side are counted, not those of the whole picture",
            lambda v: v[0] == 14,
            "A picture has two sides.",
        ),
        Misconception(
            "the size of a patch is given for the number of patches",
            lambda v: v[0] == 16,
            "The 16 in ViT-B/16 is the side of a patch, in pixels.",
        ),
        Misconception(
            "the pixels of a patch are counted, not the patches",
            lambda v: v[0] == 256,
            "How many patches of 16 x 16 pixels cover the picture?",
        ),
        Misconception(
            "the patches are as large as those of ViT-B/32",
            lambda v: v[0] == 49,
            "What does the number behind the stroke say?",
        ),
        Misconception(
            "the class token is counted as a patch",
            lambda v: v[0] == 197,
            "The class token is no part of the picture.",
        ),
        Misconception(
            "the class token is forgotten",
            lambda v: v[1] == 196,
            "Which token does the tower read at the end?",
        ),
        Misconception(
            "the three channels of a patch are forgotten",
            lambda v: v[2] == 256,
            "What does one pixel consist of?",
        ),
        Misconception(
            "one row of a patch is counted, not the whole patch",
            lambda v: v[2] in (16, 48),
            "A patch has two sides, and each pixel three numbers.",
        ),
        Misconception(
            "only four halvings of the ResNet are counted",
            lambda v: v[3] == 14,
            "Count the halvings in the stem once more: a convolution and a pooling.",
        ),
        Misconception(
            "halvings of the ResNet are missing: the map is that of an earlier stage",
            lambda v: v[3] in (28, 56, 112),
            "Go on to the last stage, halving by halving.",
        ),
        Misconception(
            "the mean token is counted as a place of the map",
            lambda v: v[4] == 50,
            "Attention pooling adds it; the map does not have it.",
        ),
        Misconception(
            "the channels of the map are counted, too",
            lambda v: v[4] == 49 * 2048,
            "A place holds one vector, however long it is.",
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
        Misconception(
            "the sides are split the wrong way round: first into pixels, then into patches",
            _split_wrongly,
            "Neighbouring pixels lie in the same patch: which of the two new axes runs faster?",
        ),
        Misconception(
            "the pictures are taken for square",
            _square,
            "Height and width give two numbers of patches.",
        ),
        Misconception(
            "windows are cut and flattened with the channels still in front",
            lambda pictures, p: (
                pictures.unfold(2, p, p)
                .unfold(3, p, p)
                .reshape(len(pictures), -1, pictures.shape[1] * p * p)
            ),
            "A patch takes its numbers from all channels; which axes must stand together?",
        ),
        Misconception(
            "the channels are averaged away",
            lambda pictures, p: patchify(pictures.mean(dim=1, keepdim=True), p),
            "A pixel has three numbers, and all of them stay.",
        ),
        Misconception(
            "patches of several pictures are mixed",
            _pictures_mixed,
            "Which axis must stay in front?",
        ),
        Misconception(
            "the channels are moved behind the pixels and the picture is cut into rows",
            lambda pictures, p: pictures.permute(0, 2, 3, 1).reshape(
                len(pictures), -1, pictures.shape[1] * p * p
            ),
            "Draw one of your patches: is it a square of the picture?",
        ),
        Misconception(
            "the patches of all pictures stand in one list",
            lambda pictures, p: patchify(pictures, p).flatten(0, 1),
            "The batch stays the first axis.",
        ),
    ),
)
