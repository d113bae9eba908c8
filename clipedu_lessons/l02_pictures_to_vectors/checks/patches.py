"""Exercises 02.1 to 02.3: shapes by hand, patches, and the parameters of a ViT."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, ValueExercise, whole
from clipedu_lessons.common.checking import alone

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


def _first_channel(pictures: Tensor, p: int) -> Tensor:
    return patchify(pictures[:, :1], p)


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
            "the mean token is counted as a position of the map",
            lambda v: v[4] == 50,
            "Attention pooling adds it; the map does not have it.",
        ),
        Misconception(
            "the channels of the map are counted, too",
            lambda v: v[4] == 49 * 2048,
            "A position holds one vector, however long it is.",
        ),
    ),
)


PATCHIFY = FunctionExercise(
    id="02.2",
    name="patchify",
    reference=patchify,
    inputs=_pictures,
    gradient=("pictures",),
    properties=(alone("the result changes when other pictures are in the batch", 0),),
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
            "only the first channel is cut", _first_channel, "A pixel has three numbers."
        ),
        Misconception(
            "the channels are averaged away",
            lambda pictures, p: patchify(pictures.mean(dim=1, keepdim=True), p),
            "A pixel has three numbers, and all of them stay.",
        ),
        Misconception(
            "the channels are moved behind the pixels and the picture is cut into rows",
            lambda pictures, p: pictures.permute(0, 2, 3, 1).reshape(
                len(pictures), -1, pictures.shape[1] * p * p
            ),
            "Draw one of your patches: is it a square of the picture?",
        ),
        Misconception(
            "the patches of all pictures are in one list",
            lambda pictures, p: patchify(pictures, p).flatten(0, 1),
            "The batch stays the first axis.",
        ),
    ),
)


def _vit(
    resolution: int,
    patch: int,
    width: int,
    layers: int,
    embed_dim: int,
    *,
    channels: int = 3,
    conv_bias: int = 0,
    class_token: int = 1,
    class_place: int = 1,
    outer_norms: float = 2,
    inner_norms: float = 2,
    attention: int = 4,
    attention_bias: int = 4,
    mlp: int = 8,
    mlp_bias: int = 5,
    projection: int = 1,
    sides: int = 2,
    positions: int = 1,
) -> int:
    """The count, term by term, each of which a misconception can change."""
    places = (resolution // patch) ** sides + class_place
    norm = 2 * width
    block = (
        inner_norms * norm
        + attention * width**2
        + attention_bias * width
        + mlp * width**2
        + mlp_bias * width
    )
    return int(
        channels * patch**2 * width
        + conv_bias * width
        + class_token * width
        + positions * places * width
        + outer_norms * norm
        + layers * block
        + projection * width * embed_dim
    )


def vit_parameters(resolution: int, patch: int, width: int, layers: int, embed_dim: int) -> int:
    return _vit(resolution, patch, width, layers, embed_dim)


def _count(**changes: float) -> Any:
    return partial(_vit, **changes)  # type: ignore[arg-type]


def _one_block(resolution: int, patch: int, width: int, layers: int, embed_dim: int) -> int:
    return vit_parameters(resolution, patch, width, 1, embed_dim)


def _vit_sizes(generator: torch.Generator) -> dict[str, Any]:
    patch = whole(generator, 2, 16)
    return {
        "resolution": patch * whole(generator, 3, 12),
        "patch": patch,
        "width": 64 * whole(generator, 1, 12),
        "layers": whole(generator, 2, 24),
        "embed_dim": 96 + 32 * whole(generator, 0, 20),
    }


PARAMETERS = FunctionExercise(
    id="02.3",
    name="vit_parameters",
    reference=vit_parameters,
    inputs=_vit_sizes,
    trials=4,
    misconceptions=(
        Misconception(
            "the class token's two vectors, or a layer norm outside the blocks, are forgotten",
            _count(class_token=0, class_place=0),
            "Which token comes before the patches?",
        ),
        Misconception(
            "the positional embeddings are forgotten",
            _count(positions=0),
            "How does the tower know where a patch was?",
        ),
        Misconception(
            "the patch convolution is given a bias",
            _count(conv_bias=1),
            "Read the arguments of conv1.",
        ),
        Misconception(
            "the three channels of a patch are forgotten",
            _count(channels=1),
            "How many numbers has a patch?",
        ),
        Misconception(
            "the patches along one side are counted, not those of the whole picture",
            _count(sides=1),
            "A picture has two sides.",
        ),
        Misconception(
            "the layer norms or the attention's biases inside the blocks are forgotten",
            _count(inner_norms=0),
            "A block has two layer norms, and each of its linear layers has a bias.",
        ),
        Misconception(
            "a layer norm is counted as one vector, not as a scale and a shift",
            _count(inner_norms=1, outer_norms=1),
            "Print the parameters of one nn.LayerNorm.",
        ),
        Misconception(
            "the MLP's biases are forgotten",
            _count(mlp_bias=0),
            "A linear layer has a weight and a bias.",
        ),
        Misconception(
            "one layer of the MLP is forgotten",
            _count(mlp=4, mlp_bias=4),
            "The MLP widens, and comes back.",
        ),
        Misconception(
            "one matrix is counted in the attention, not four",
            _count(attention=1, attention_bias=1),
            "Queries, keys and values have a matrix each, and so has the output.",
        ),
        Misconception(
            "one matrix of the MLP is forgotten, but not its bias",
            _count(mlp=4),
            "The MLP goes up to four times the width and back down.",
        ),
        Misconception(
            "both biases of the MLP are counted four times as wide",
            _count(mlp_bias=8),
            "How wide is what the second layer of the MLP returns?",
        ),
        Misconception(
            "the final projection is forgotten",
            _count(projection=0),
            "How does a vector of the width become one of embed_dim?",
        ),
        Misconception("one block is counted, not all of them", _one_block, "What is `layers`?"),
        Misconception(
            "queries, keys and values share one matrix",
            _count(attention=2, attention_bias=2),
            "Each of the three has a matrix of its own.",
        ),
        Misconception(
            "one layer norm is counted in a block, not two",
            _count(inner_norms=1),
            "One comes before the attention, one before the MLP.",
        ),
        Misconception(
            "all biases are forgotten, those of the layer norms too",
            _count(attention_bias=0, mlp_bias=0, inner_norms=1, outer_norms=1),
            "A linear layer has a weight and a bias, a layer norm a scale and a shift.",
        ),
        Misconception(
            "the attention's output matrix has its bias only",
            _count(attention=3),
            "What happens to the heads' answers after they are joined?",
        ),
        Misconception(
            "the MLP is as wide as the tower, not four times as wide",
            _count(mlp=2, mlp_bias=2),
            "How wide is the MLP inside?",
        ),
        Misconception(
            "one bias of width w is forgotten in each block",
            _count(attention_bias=3),
            "Four layers have a bias: w -> 3w, w -> w, w -> 4w and 4w -> w.",
        ),
    ),
)
