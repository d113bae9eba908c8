"""Exercise 02.3: the parameters of a ViT."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from clipedu_classroom.spec import FunctionExercise, Misconception, whole


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
            "How does the encoder know where a patch was?",
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
            "What happens to the heads' outputs after they are joined?",
        ),
        Misconception(
            "the MLP is as wide as the encoder, not four times as wide",
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
