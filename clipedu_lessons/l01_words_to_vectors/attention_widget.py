"""An explorer of attention heads: who looks at whom, as a matrix with its numbers.

A head is a pair (queries, keys), both (L, D): small integers chosen by hand, or what a trained text
encoder computes for a caption (`tower_heads`). A hidden cell is hatched: it is not a weight of 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import ipywidgets
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn.functional import linear

from clipedu.models import CLIP, TextTransformer
from clipedu.tokenizer import Tokenizer
from clipedu_lessons.common.figures import new_figure
from clipedu_lessons.common.widgets import LIST_KEYS, Explorer

Head = tuple[Tensor, Tensor]


class Heads(NamedTuple):
    """labels: one for each of L tokens. heads: name -> queries and keys, each (L, D)."""

    labels: list[str]
    heads: dict[str, Head]


def head_weights(
    queries: Tensor, keys: Tensor, *, temperature: float = 1.0, causal: bool = True
) -> Tensor:
    """(L, D) queries and keys -> (L, L) weights; row i says how much token i takes from each token.

    causal: token i may not look at the tokens after it.
    Raises ValueError for shapes that don't fit, or a temperature that is not above 0.
    """
    if queries.ndim != 2 or queries.shape != keys.shape:
        raise ValueError(
            "queries and keys are (tokens, channels) tensors of one shape; got "
            f"{tuple(queries.shape)} and {tuple(keys.shape)}"
        )
    if not temperature > 0:
        raise ValueError(f"the temperature is {temperature}; it must be above 0")
    scores = queries @ keys.T / queries.shape[1] ** 0.5 / temperature  # (L, L)
    if causal:
        future = torch.ones_like(scores, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(future, float("-inf"))
    return scores.softmax(dim=1)


@torch.no_grad()
def tower_heads(model: CLIP, tokenizer: Tokenizer, caption: str) -> Heads:
    """Queries and keys of every head of a transformer text tower, for one caption.

    Raises ValueError for a tower without attention (CBOW), or a caption that is too long.
    """
    tower = model.text
    if not isinstance(tower, TextTransformer):
        raise ValueError("this model's text tower is a bag of words (CBOW): it has no attention")
    labels = ["[SOT]", *tokenizer.tokens(caption), "[EOT]"]
    tokens = tokenizer(caption, model.config.text.context_length)[:, : len(labels)]
    tokens = tokens.to(tower.positional_embedding.device)
    x = tower.token_embedding(tokens) + tower.positional_embedding[: len(labels)]  # (1, L, W)
    heads: dict[str, Head] = {}
    for layer, block in enumerate(tower.transformer.resblocks, 1):
        attn: Any = block.attn
        norm: Any = block.ln_1
        qkv = linear(norm(x), attn.in_proj_weight, attn.in_proj_bias)[0]  # (L, 3W)
        queries, keys, _ = qkv.view(len(labels), 3, attn.heads, -1).permute(1, 2, 0, 3)  # (H, L, D)
        for number, (q, k) in enumerate(zip(queries, keys, strict=True), 1):
            heads[f"block {layer}, head {number}"] = (q, k)
        x = block(x)
    return Heads(labels, heads)


def weights_in_words(weights: Tensor, labels: Sequence[str], *, causal: bool = True) -> str:
    """Where each token looks most, as text."""
    parts = []
    for label, row in zip(labels, weights.tolist(), strict=True):
        most = max(row)
        seen = [other.strip() for other, w in zip(labels, row, strict=True) if w > most - 0.005]
        parts.append(f"{label.strip()} at {' and '.join(seen)} ({most:.2f})")
    hidden = "Later tokens are hidden" if causal else "Nothing is hidden"
    return f"{hidden}. Each token looks most: {', '.join(parts)}."


def weights_figure(
    weights: Tensor, labels: Sequence[str], *, causal: bool = True, title: str = ""
) -> Figure:
    """(L, L) weights as a numbered matrix: a row for each token that asks, a column for each that
    is looked at. Raises ValueError when labels and weights don't fit.
    """
    count = len(labels)
    if weights.shape != (count, count):
        raise ValueError(f"{count} labels, but weights of shape {tuple(weights.shape)}")
    cell = 0.72 if count <= 8 else 0.56
    figure = new_figure(1.9 + cell * count, 1.3 + cell * count)
    axes = figure.subplots()
    axes.imshow(weights.detach().cpu().numpy(), vmin=0, vmax=1, cmap="Greys")
    for i in range(count):
        for j in range(count):
            if causal and j > i:
                cover = Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor="white", edgecolor="#999999")
                cover.set(hatch="////", linewidth=0)
                axes.add_patch(cover)
                continue
            value = float(weights[i, j])
            colour = "white" if value > 0.55 else "black"
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(count), labels, rotation=30 if count > 5 else 0)
    axes.set_yticks(range(count), labels)
    axes.set_xlabel("token that is looked at" + (" (hatched: hidden)" if causal else ""))
    axes.set_ylabel("token that asks")
    axes.grid(False)
    if title:
        axes.set_title(title)
    return figure


class AttentionExplorer(Explorer):
    """Heads under a temperature and with or without the causal mask.

    labels: L tokens, four to eight read best. heads: name -> (queries, keys), each (L, D).
    Controls: `head` (where there are several), `temperature`, `mask`.
    """

    text = "attention explorer: temperature and mask (in a running notebook)"

    def __init__(self, labels: Sequence[str], heads: Mapping[str, Head]) -> None:
        if not heads:
            raise ValueError("give at least one head, as name -> (queries, keys)")
        self.labels, self.heads = list(labels), dict(heads)
        self.head = ipywidgets.Dropdown(
            options=list(self.heads),
            description="head",
            tooltip=f"which attention head to look at {LIST_KEYS}",
        )
        self.temperature = ipywidgets.FloatLogSlider(
            value=1,
            base=10,
            min=-1,
            max=1,
            step=0.25,
            readout_format=".2f",
            description="temperature",
            style={"description_width": "initial"},  # the usual width cuts the word
            tooltip="divides the scores; below 1 the weights sharpen, above 1 they even out",
            continuous_update=False,
        )
        self.mask = ipywidgets.Checkbox(
            value=True, description="hide later tokens", tooltip="the causal mask, on or off"
        )
        controls = [self.head, self.temperature, self.mask]
        super().__init__(controls, controls if len(self.heads) > 1 else controls[1:])

    def draw(self) -> tuple[Figure, str]:
        causal, heat = self.mask.value, self.temperature.value
        queries, keys = self.heads[self.head.value]
        weights = head_weights(queries, keys, temperature=heat, causal=causal)
        title = f"{self.head.value}, temperature {heat:.2f}"
        figure = weights_figure(weights, self.labels, causal=causal, title=title)
        return figure, weights_in_words(weights, self.labels, causal=causal)
