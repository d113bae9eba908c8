"""Lesson 02, pictures to vectors: shapes, patches, parameters, blur pooling, attention pooling."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from clipedu.classroom.spec import FunctionExercise, Misconception, Property, ValueExercise


def _whole(generator: torch.Generator, low: int, high: int) -> int:
    """A random whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


# 02.1 shapes

SHAPES = {"patches": 196, "tokens": 197, "numbers_per_patch": 768, "map_side": 7, "map_places": 49}

# 02.2 patchify


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
    p = _whole(generator, 2, 3)
    rows = _whole(generator, 2, 3)
    columns = rows + _whole(generator, 1, 2)
    size = (_whole(generator, 2, 3), 3, rows * p, columns * p)
    return {"pictures": torch.randn(size, generator=generator), "p": p}


# 02.3 parameters of a ViT


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
    def wrong(resolution: int, patch: int, width: int, layers: int, embed_dim: int) -> int:
        return _vit(resolution, patch, width, layers, embed_dim, **changes)  # type: ignore[arg-type]

    return wrong


def _one_block(resolution: int, patch: int, width: int, layers: int, embed_dim: int) -> int:
    return vit_parameters(resolution, patch, width, 1, embed_dim)


def _vit_sizes(generator: torch.Generator) -> dict[str, Any]:
    patch = _whole(generator, 2, 16)
    return {
        "resolution": patch * _whole(generator, 3, 12),
        "patch": patch,
        "width": 64 * _whole(generator, 1, 12),
        "layers": _whole(generator, 2, 24),
        "embed_dim": 96 + 32 * _whole(generator, 0, 20),
    }


# 02.4 blur pooling


def _blurred(
    x: Tensor,
    weights: tuple[float, ...] = (0.25, 0.5, 0.25),
    *,
    mode: str = "replicate",
    step: int = 2,
    start: int = 0,
    rows: bool = True,
    columns: bool = True,
) -> Tensor:
    """Zhang's triangle blur, then every ``step``-th place from ``start``."""
    n = len(weights) // 2
    padded = F.pad(x, (n, n, n, n), mode=mode)
    h, w = x.shape[-2:]
    if rows:
        padded = sum(k * padded[..., i : i + h, :] for i, k in enumerate(weights))  # type: ignore[assignment]
    else:
        padded = padded[..., n : n + h, :]
    if columns:
        padded = sum(k * padded[..., i : i + w] for i, k in enumerate(weights))  # type: ignore[assignment]
    else:
        padded = padded[..., n : n + w]
    return padded[..., start::step, start::step]


def blur_pool(x: Tensor) -> Tensor:
    return _blurred(x)


def _blur(**changes: Any) -> Any:
    def wrong(x: Tensor) -> Tensor:
        return _blurred(x, **changes)

    return wrong


def _maps(generator: torch.Generator) -> dict[str, Any]:
    rows, columns = 2 * _whole(generator, 2, 4), 2 * _whole(generator, 5, 6)
    size = (_whole(generator, 2, 3), _whole(generator, 2, 4), rows, columns)
    return {"x": torch.randn(size, generator=generator) + 1}


def _channels_mixed(x: Tensor) -> Tensor:
    return _blurred(x).sum(dim=1, keepdim=True).expand(-1, x.shape[1], -1, -1)


# 02.5 attention pooling


def _attention_pool(
    grid: Tensor,
    position: Tensor,
    wq: Tensor,
    wk: Tensor,
    wv: Tensor,
    heads: int,
    *,
    scale: str = "head",
    mean_key: bool = True,
    asks: str = "mean",
    position_on: str = "tokens",
    transposed: bool = False,
    softmax: int = -1,
    interleaved: bool = False,
    result: str = "heads",
) -> Tensor:
    """Attention pooling, each of whose steps a misconception can change."""
    b, c = grid.shape[:2]
    places = grid.flatten(2).transpose(1, 2)  # (B, places, C)
    if position_on == "first":  # before the mean is taken
        places = places + position[1:]
    mean = places.mean(dim=1, keepdim=True)
    tokens = torch.cat([mean, places], dim=1)
    if position_on == "tokens":
        tokens = tokens + position
    elif position_on == "places":
        tokens = torch.cat([mean, places + position[1:]], dim=1)
    if asks == "last":
        question = tokens[:, -1:]
    else:
        question = tokens[:, 1:2] if asks == "corner" else tokens[:, :1]
    answers = tokens if mean_key else tokens[:, 1:]
    wq, wk, wv = (w.T if transposed else w for w in (wq, wk, wv))
    q, k, v = question @ wq.T, answers @ wk.T, answers @ wv.T
    if interleaved:
        q, k, v = (x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2) for x in (q, k, v))
    else:
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    divisor = {"head": (c // heads) ** 0.5, "width": c**0.5, "none": 1.0, "square": c // heads}
    scores = q @ k.transpose(-2, -1) / divisor[scale]  # (B, H, 1, L)
    out = scores.softmax(dim=softmax) @ v  # (B, H, 1, C/H)
    if interleaved:
        return out[:, :, 0].transpose(1, 2).reshape(b, c)
    if result == "mixed":
        return out[:, :, 0].transpose(1, 2).reshape(b, c)
    if result == "kept":
        return out.flatten(2).transpose(1, 2).reshape(b, 1, c) if heads == 1 else out[:, :, 0]
    return out.flatten(1)


def attention_pool(
    grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
) -> Tensor:
    return _attention_pool(grid, position, wq, wk, wv, heads)


def _pool(**changes: Any) -> Any:
    def wrong(
        grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
    ) -> Tensor:
        return _attention_pool(grid, position, wq, wk, wv, heads, **changes)

    return wrong


def _one_head(
    grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
) -> Tensor:
    return _attention_pool(grid, position, wq, wk, wv, 1)


def _plain_mean(
    grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
) -> Tensor:
    return grid.mean(dim=(2, 3))


def _all_ask(
    grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
) -> Tensor:
    """Every token asks, and the mean of all the answers is returned."""
    places = grid.flatten(2).transpose(1, 2)
    tokens = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1) + position
    q, k, v = ((tokens @ w.T).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (wq, wk, wv))
    weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1)
    return (weights @ v).transpose(1, 2).flatten(2).mean(dim=1)


def _pool_inputs(generator: torch.Generator) -> dict[str, Any]:
    heads = _whole(generator, 2, 3)
    channels = heads * _whole(generator, 4, 5)
    rows, columns = _whole(generator, 2, 3), _whole(generator, 4, 5)
    size = (_whole(generator, 2, 3), channels, rows, columns)
    draw = {"grid": torch.randn(size, generator=generator) + 0.5}
    draw["position"] = torch.randn(rows * columns + 1, channels, generator=generator)
    for name in ("wq", "wk", "wv"):
        draw[name] = torch.randn(channels, channels, generator=generator) / channels**0.5
    return {**draw, "heads": heads}


def _big_scores(generator: torch.Generator) -> dict[str, Any]:
    inputs = _pool_inputs(generator)
    return {**inputs, "grid": 300 * inputs["grid"]}


def _one_picture(generator: torch.Generator) -> dict[str, Any]:
    inputs = _pool_inputs(generator)
    return {**inputs, "grid": inputs["grid"][:1]}


EXERCISES = [
    ValueExercise(
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
    ),
    FunctionExercise(
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
    ),
    FunctionExercise(
        id="02.3",
        name="vit_parameters",
        reference=vit_parameters,
        inputs=_vit_sizes,
        trials=4,
        misconceptions=(
            Misconception(
                "one of the class token's two vectors is forgotten: its own or its position",
                _count(class_token=0),
                "What stands in front of the patches?",
            ),
            Misconception(
                "the class token's two vectors, or a layer norm outside the blocks, are forgotten",
                _count(class_token=0, class_place=0),
                "What stands in front of the patches?",
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
                "the layer norms before and after the blocks are forgotten",
                _count(outer_norms=0),
                "ln_pre and ln_post learn something too.",
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
                "the attention's output matrix is forgotten",
                _count(attention=3, attention_bias=3),
                "What happens to the heads' answers after they are joined?",
            ),
            Misconception(
                "the MLP's biases are forgotten",
                _count(mlp_bias=0),
                "A linear layer has a weight and a bias.",
            ),
            Misconception(
                "all biases inside the blocks are forgotten",
                _count(attention_bias=0, mlp_bias=0),
                "A linear layer has a weight and a bias.",
            ),
            Misconception(
                "one layer of the MLP is forgotten",
                _count(mlp=4, mlp_bias=4),
                "The MLP widens, and comes back.",
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
        ),
    ),
    FunctionExercise(
        id="02.4",
        name="blur_pool",
        reference=blur_pool,
        inputs=_maps,
        gradient=("x",),
        properties=(
            Property(
                "the result changes when rows and columns swap roles",
                lambda f, x: (f(x.transpose(2, 3)), f(x).transpose(2, 3)),
            ),
            Property(
                "the result changes when channels are blurred together or apart",
                lambda f, x: (f(x)[:, :1], f(x[:, :1])),
            ),
        ),
        extremes={
            "an even grey": lambda g: {"x": torch.full((1, 2, 6, 4), 0.5)},
            "a map of two by two": lambda g: {"x": torch.randn(2, 3, 2, 2, generator=g)},
            "sides of odd length": lambda g: {"x": torch.randn(1, 2, 5, 7, generator=g)},
        },
        misconceptions=(
            Misconception(
                "every second place is kept without any blur",
                lambda x: x[..., ::2, ::2],
                "What do the skipped places add?",
            ),
            Misconception(
                "the mean of two by two is taken, not the triangle blur",
                lambda x: F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False),
                "The triangle is three places wide and centred on the one that is kept.",
            ),
            Misconception(
                "the maximum of two by two is taken",
                lambda x: F.max_pool2d(x, 2, ceil_mode=True),
                "A maximum is no blur.",
            ),
            Misconception(
                "the weights do not add up to one",
                _blur(weights=(1, 2, 1)),
                "What should become of an even grey?",
            ),
            Misconception(
                "the weights are divided by four once, not for each direction",
                lambda x: 4 * _blurred(x),
                "What should become of an even grey?",
            ),
            Misconception(
                "three equal weights are used, not 1, 2, 1",
                _blur(weights=(1 / 3, 1 / 3, 1 / 3)),
                "The middle counts twice.",
            ),
            Misconception(
                "the edges are padded with zeros",
                _blur(mode="constant"),
                "What happens to an even grey at its border?",
            ),
            Misconception(
                "the edges are mirrored, not repeated",
                lambda x: _blur(mode="reflect")(x) if min(x.shape[-2:]) > 1 else x,
                "Which value stands next to the first one?",
            ),
            Misconception(
                "the blur runs along the rows only",
                _blur(rows=False),
                "A picture has two directions.",
            ),
            Misconception(
                "the blur runs down the columns only",
                _blur(columns=False),
                "A picture has two directions.",
            ),
            Misconception(
                "the blur comes after the places were skipped",
                lambda x: _blurred(x[..., ::2, ::2], step=1),
                "What was skipped cannot be blurred in later.",
            ),
            Misconception(
                "nothing is skipped after the blur",
                _blur(step=1),
                "The result shall be half as high and half as wide.",
            ),
            Misconception(
                "the skipping starts at the second place",
                _blur(start=1),
                "Which places are kept: 0, 2, 4 or 1, 3, 5?",
            ),
            Misconception(
                "the channels are added together",
                _channels_mixed,
                "Each channel is blurred by itself: groups in conv2d.",
            ),
        ),
    ),
    FunctionExercise(
        id="02.5",
        name="attention_pool",
        reference=attention_pool,
        inputs=_pool_inputs,
        gradient=("grid", "wq"),
        tolerance=1e-6,
        extremes={"very large features": _big_scores, "one picture": _one_picture},
        properties=(
            Property(
                "the result changes when other pictures are in the batch",
                lambda f, grid, *rest: (f(grid, *rest)[:1], f(grid[:1], *rest)),
            ),
        ),
        misconceptions=(
            Misconception(
                "the plain mean is returned, without any attention",
                _plain_mean,
                "Which places should count more?",
            ),
            Misconception("the scores are not scaled", _pool(scale="none"), "What divides q k?"),
            Misconception(
                "the scores are scaled by the whole width, not by a head's",
                _pool(scale="width"),
                "How many numbers does one dot product add up?",
            ),
            Misconception(
                "the scores are divided by the head's width, not by its root",
                _pool(scale="square"),
                "What is the spread of a sum of D products?",
            ),
            Misconception(
                "the mean is not among the tokens that answer",
                _pool(mean_key=False),
                "How many tokens get a weight?",
            ),
            Misconception(
                "the first place asks, not the mean",
                _pool(asks="corner"),
                "Which token stands first?",
            ),
            Misconception(
                "the last token asks, not the mean",
                _pool(asks="last"),
                "Which token stands first?",
            ),
            Misconception(
                "the positions are not added",
                _pool(position_on="none"),
                "How does the pooling know where a place was?",
            ),
            Misconception(
                "the mean gets no position",
                _pool(position_on="places"),
                "position has one row more than there are places.",
            ),
            Misconception(
                "the positions are added before the mean is taken",
                _pool(position_on="first"),
                "In which order do mean and positions come?",
            ),
            Misconception(
                "the weight matrices are not transposed",
                _pool(transposed=True),
                "nn.Linear computes x @ weight.T.",
            ),
            Misconception(
                "the softmax does not run over the tokens",
                _pool(softmax=1),
                "The weights of one question add up to one.",
            ),
            Misconception(
                "all heads are treated as one", _one_head, "Each head has its own softmax."
            ),
            Misconception(
                "the heads take turns along the channels",
                _pool(interleaved=True),
                "A head is a run of neighbouring channels.",
            ),
            Misconception(
                "the heads are joined in the wrong order",
                _pool(result="mixed"),
                "First all channels of head one, then those of head two.",
            ),
            Misconception("the heads are not joined", _pool(result="kept"), "One row per picture."),
            Misconception(
                "every token asks and the answers are averaged",
                _all_ask,
                "Only one question is needed: whose?",
            ),
        ),
    ),
]
