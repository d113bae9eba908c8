"""Lesson 02: attention pooling."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from clipedu.classroom.spec import FunctionExercise, Misconception, Property, whole


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
    if position_on == "first":  # before the mean is taken
        places = places + position[1:]
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
    answers = tokens if mean_key else tokens[:, 1:]
    wq, wk, wv = (
        w.T if transposed or name in plain else w for name, w in (("q", wq), ("k", wk), ("v", wv))
    )
    q, k, v = question @ wq.T, answers @ wk.T, answers @ wv.T
    if values == "keys":
        k, v = v, k
    elif values == "tokens":
        v = answers
    if interleaved:
        q, k, v = (x.unflatten(-1, (-1, heads)).permute(0, 3, 1, 2) for x in (q, k, v))
    else:
        q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    if result == "cut":  # the heads are cut out of the rows, without moving an axis
        k, v = (x.transpose(1, 2).reshape(b, heads, -1, c // heads) for x in (k, v))
    divisor = {"head": (c // heads) ** 0.5, "width": c**0.5, "none": 1.0, "square": c // heads}
    divisor |= {"times": (c // heads) ** -0.5, "count": heads**0.5}
    scores = q @ k.transpose(-2, -1) / divisor[scale]  # (B, H, 1, L)
    out = (scores if softmax is None else scores.softmax(dim=softmax)) @ v  # (B, H, 1, C/H)
    if interleaved and result == "blocks":
        return out.flatten(1)
    if result == "mean":
        return out.mean(dim=1).flatten(1)
    if result == "one row":
        return out.flatten(1)[:, None]
    if interleaved:
        return out[:, :, 0].transpose(1, 2).reshape(b, c)
    if result == "mixed":
        return out[:, :, 0].transpose(1, 2).reshape(b, c)
    if result == "kept":
        return out.flatten(2).transpose(1, 2).reshape(b, 1, c) if heads == 1 else out[:, :, 0]
    if result == "added":
        return out.flatten(1) + tokens[:, 0]
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
        Misconception("all heads are treated as one", _one_head, "Each head has its own softmax."),
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
        Misconception(
            "the heads take turns along the channels and are joined one after the other",
            _pool(interleaved=True, result="blocks"),
            "A head is a run of neighbouring channels: (heads, D) and not (D, heads).",
        ),
        Misconception(
            "the heads are cut out by a reshape that moves no axis",
            _pool(result="cut"),
            "Split the channels first, into (heads, D); then transpose tokens and heads.",
        ),
        Misconception(
            "the heads are averaged, not joined", _pool(result="mean"), "C numbers come back."
        ),
        Misconception(
            "the axis of the question stays in the result",
            _pool(result="one row"),
            "One token asked: its axis can go.",
        ),
        Misconception(
            "keys and values are swapped", _pool(values="keys"), "Which of the two is weighed?"
        ),
        Misconception(
            "the tokens themselves are weighed, not their values",
            _pool(values="tokens"),
            "What is wv for?",
        ),
        Misconception(
            "the softmax is missing", _pool(softmax=None), "The weights of one question sum to 1."
        ),
        Misconception(
            "the map is reshaped into places without moving its channels",
            _pool(places_by="reshape"),
            "A token holds the channels of one place.",
        ),
        Misconception(
            "the places run down the columns, not along the rows",
            _pool(places_by="columns"),
            "position counts the places row by row.",
        ),
        Misconception(
            "the mean stands behind the places, not before them",
            _pool(first="place"),
            "Which row of position belongs to the mean?",
        ),
        Misconception(
            "the maximum over the places asks, not the mean",
            _pool(first="largest"),
            "Step 1 asks for the mean.",
        ),
        *(
            Misconception(
                f"one of the weight matrices is not transposed: w{name}",
                _pool(plain=name),
                "nn.Linear computes x @ weight.T, for each of the three.",
            )
            for name in "qkv"
        ),
        Misconception(
            "the scores are multiplied by the root of the head's width",
            _pool(scale="times"),
            "Long dot products must become smaller.",
        ),
        Misconception(
            "the scores are divided by the root of the number of heads",
            _pool(scale="count"),
            "How many numbers does one dot product add up?",
        ),
        Misconception(
            "only the mean gets a position",
            _pool(position_on="mean"),
            "position has a row for each place, too.",
        ),
        Misconception(
            "the first token is added to the answer",
            _pool(result="added"),
            "There is no shortcut around this attention.",
        ),
    ),
)
