"""Exercise 02.5: attention pooling."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from clipedu_classroom.spec import FunctionExercise, Misconception, whole
from clipedu_lessons.common.checking import alone


def _attention_pool(
    grid: Tensor,
    position: Tensor,
    wq: Tensor,
    wk: Tensor,
    wv: Tensor,
    heads: int,
    *,
    scale: str = "head",
    asks: str = "mean",
    position_on: str = "tokens",
    softmax: int | None = -1,
    interleaved: bool = False,
    result: str = "heads",
    places_by: str = "rows",
    first: str = "mean",
    values: str = "v",
    plain: str = "",
) -> Tensor:
    """Attention pooling, each of whose steps a misconception can change."""
    b, c = grid.shape[:2]
    places = grid.flatten(2).transpose(1, 2)  # (B, places, C)
    if places_by == "columns":
        places = grid.transpose(2, 3).flatten(2).transpose(1, 2)
    elif places_by == "reshape":
        places = grid.reshape(b, -1, c)
    mean = places.mean(dim=1, keepdim=True)
    if first == "largest":
        mean = places.amax(dim=1, keepdim=True)
    tokens = torch.cat([places, mean] if first == "place" else [mean, places], dim=1)
    if position_on == "tokens":
        tokens = tokens + position
    elif position_on == "places":
        tokens = torch.cat([mean, places + position[1:]], dim=1)
    elif position_on == "mean":
        tokens = torch.cat([mean + position[0], places], dim=1)
    if asks == "last":
        question = tokens[:, -1:]
    else:
        question = tokens[:, 1:2] if asks == "corner" else tokens[:, :1]
    wq, wk, wv = (w.T if name == plain else w for name, w in (("q", wq), ("k", wk), ("v", wv)))
    q, k, v = question @ wq.T, tokens @ wk.T, tokens @ wv.T
    if values == "keys":
        k, v = v, k
    elif values == "tokens":
        v = tokens
    if interleaved:
        q, k, v = (x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2) for x in (q, k, v))
    else:
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    if result == "cut":  # the heads are cut out of the rows, without moving an axis
        k, v = (x.transpose(1, 2).reshape(b, heads, -1, c // heads) for x in (k, v))
    divisor = {"head": (c // heads) ** 0.5, "none": 1.0, "square": c // heads}
    divisor |= {"times": (c // heads) ** -0.5, "count": heads**0.5}
    scores = q @ k.transpose(-2, -1) / divisor[scale]  # (B, H, 1, L)
    out = (scores if softmax is None else scores.softmax(dim=softmax)) @ v  # (B, H, 1, C/H)
    if interleaved and result == "blocks":
        return out.flatten(1)
    if result == "mean":
        return out.mean(dim=1).flatten(1)
    if result == "one row":
        return out.flatten(1)[:, None]
    if interleaved or result == "mixed":
        return out[:, :, 0].transpose(1, 2).reshape(b, c)
    if result == "kept":
        return out[:, :, 0]
    if result == "added":
        return out.flatten(1) + tokens[:, 0]
    return out.flatten(1)


def attention_pool(
    grid: Tensor, position: Tensor, wq: Tensor, wk: Tensor, wv: Tensor, heads: int
) -> Tensor:
    return _attention_pool(grid, position, wq, wk, wv, heads)


def pool_with(**changes: Any) -> Any:
    return partial(_attention_pool, **changes)


def _pool_inputs(generator: torch.Generator) -> dict[str, Any]:
    heads = whole(generator, 2, 3)
    channels = heads * whole(generator, 4, 5)
    rows, columns = whole(generator, 2, 3), whole(generator, 4, 5)
    size = (whole(generator, 2, 3), channels, rows, columns)
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


POOL = FunctionExercise(
    id="02.5",
    name="attention_pool",
    reference=attention_pool,
    inputs=_pool_inputs,
    gradient=("grid", "wq"),
    tolerance=1e-6,
    extremes={"very large features": _big_scores, "one picture": _one_picture},
    properties=(alone("the result changes when other pictures are in the batch", 0),),
    misconceptions=(
        Misconception("the scores are not scaled", pool_with(scale="none"), "What divides q k?"),
        Misconception(
            "the scores are divided by the head's width, not by its root",
            pool_with(scale="square"),
            "What is the spread of a sum of D products?",
        ),
        Misconception(
            "the first position is the query, not the mean",
            pool_with(asks="corner"),
            "Which token comes first?",
        ),
        Misconception(
            "the last token is the query, not the mean",
            pool_with(asks="last"),
            "Which token comes first?",
        ),
        Misconception(
            "the mean gets no position",
            pool_with(position_on="places"),
            "position has one row more than the map has positions.",
        ),
        Misconception(
            "the softmax does not run over the tokens",
            pool_with(softmax=1),
            "The weights of one query add up to one.",
        ),
        Misconception(
            "the heads take turns along the channels",
            pool_with(interleaved=True),
            "A head is a run of neighbouring channels.",
        ),
        Misconception(
            "the heads are joined in the wrong order",
            pool_with(result="mixed"),
            "First all channels of head one, then those of head two.",
        ),
        Misconception("the heads are not joined", pool_with(result="kept"), "One row per picture."),
        Misconception(
            "the heads take turns along the channels and are joined one after the other",
            pool_with(interleaved=True, result="blocks"),
            "A head is a run of neighbouring channels: (heads, D) and not (D, heads).",
        ),
        Misconception(
            "the heads are cut out by a reshape that moves no axis",
            pool_with(result="cut"),
            "Split the channels first, into (heads, D); then transpose tokens and heads.",
        ),
        Misconception(
            "the heads are averaged, not joined", pool_with(result="mean"), "C numbers come back."
        ),
        Misconception(
            "the axis of the query stays in the result",
            pool_with(result="one row"),
            "There is one query: its axis can go.",
        ),
        Misconception(
            "keys and values are swapped", pool_with(values="keys"), "Which of the two is summed?"
        ),
        Misconception(
            "the tokens themselves are summed, not their values",
            pool_with(values="tokens"),
            "What is wv for?",
        ),
        Misconception(
            "the softmax is missing",
            pool_with(softmax=None),
            "The weights of one query sum to 1.",
        ),
        Misconception(
            "the map is reshaped into positions without moving its channels",
            pool_with(places_by="reshape"),
            "A token holds the channels of one position.",
        ),
        Misconception(
            "the positions run down the columns, not along the rows",
            pool_with(places_by="columns"),
            "position counts the map row by row.",
        ),
        Misconception(
            "the mean comes after the positions, not before them",
            pool_with(first="place"),
            "Which row of position belongs to the mean?",
        ),
        Misconception(
            "the maximum over the positions is the query, not the mean",
            pool_with(first="largest"),
            "Step 1 takes the mean.",
        ),
        *(
            Misconception(
                f"one of the weight matrices is not transposed: w{name}",
                pool_with(plain=name),
                "nn.Linear computes x @ weight.T, for each of the three.",
            )
            for name in "qkv"
        ),
        Misconception(
            "the scores are multiplied by the root of the head's width",
            pool_with(scale="times"),
            "Long dot products must become smaller.",
        ),
        Misconception(
            "the scores are divided by the root of the number of heads",
            pool_with(scale="count"),
            "How many numbers does one dot product add up?",
        ),
        Misconception(
            "only the mean gets a position",
            pool_with(position_on="mean"),
            "position has a row for each position of the map, too.",
        ),
        Misconception(
            "the first token is added to the result",
            pool_with(result="added"),
            "There is no shortcut around this attention.",
        ),
    ),
)
