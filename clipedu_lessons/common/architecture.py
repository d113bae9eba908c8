"""The course's architecture figures: all of CLIP, its encoders, a block, attention, the matrix.

Each function returns a figure and the words that describe it, for `show(*clip_figure("loss"))`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon

from clipedu.models import CLIPConfig, ResNetConfig
from clipedu_lessons.common.diagram import (
    CAPTIONS,
    DARK,
    DOTS,
    INK,
    LEFT,
    PICTURES,
    SIDE,
    THINGS,
    WIDE,
    arrow,
    arrows_down,
    box,
    canvas,
    cell,
    code,
    label,
    logits,
    mark,
    places,
    shape,
    stage,
    thing,
    vectors,
)

LOGITS = r"$z_{ij} = s\ u_i \cdot v_j$"
Drawn = tuple[Figure, str]

PARTS: dict[str, tuple] = {  # of CLIP: where "you are here" is written, and frames (x, y, w, h)
    "pictures": ((0.74, 2.45), (0.28, 2.66, 0.67, 1.95)),
    "captions": ((6.6, 0.33), (2.33, 0.17, 3.6, 0.32)),
    "tokenizer": ((6.6, 0.92), (3.15, 0.77, 2.8, 0.3)),
    "text encoder": ((6.6, 1.65), (3.15, 1.35, 2.8, 0.6)),
    "image encoder": ((1.73, 4.82), (1.12, 2.9, 1.05, 1.68)),
    "embeddings": ((2.48, 2.2), (2.55, 2.94, 0.46, 1.6), (3.2, 2.28, 2.7, 0.3)),
    "logits": ((4.55, 2.73), (3.15, 2.9, 2.8, 1.68)),
    "loss": ((6.77, 4.77), (6.22, 2.9, 1.1, 1.68), (3.15, 4.97, 2.8, 0.5), (6.22, 4.97, 1.1, 0.5)),
    "training step": ((1.42, 0.7), (0.4, 0.95, 2.05, 0.8)),
}


def clip_figure(here: str | None = None) -> Drawn:
    """Two encoders, the matrix of logits, the loss, the step (Figures 1 and 3 of the paper).

    here: one of PARTS, marked "you are here". Raises ValueError for another name.
    """
    if here is not None and here not in PARTS:
        raise ValueError(f"the figure has no part {here!r}; its parts are {', '.join(PARTS)}")
    figure, axes = canvas(7.4, 5.95)
    x, y, w, h = 3.15, 2.9, 0.7, 0.42  # the matrix and its cells
    right, bottom = x + 4 * w, y + 4 * h
    for k, name in enumerate(("star", "cloud", DOTS, "heart")):
        column, row = x + (k + 0.5) * w, y + (k + 0.5) * h
        if name == DOTS:
            label(axes, column, 0.33, DOTS, fontsize=12)
            label(axes, 0.61, row, "⋮", fontsize=12)
            continue
        cell(axes, (column - 0.32, 0.18, 0.64, 0.3), f"a {name}", fontsize=9)
        thing(axes, name, 0.43, row - 0.18, 0.36)
        for start, end in ((0.48, 0.77), (1.07, 1.35), (1.95, 2.28)):
            arrow(axes, (column, start), (column, end))
        arrow(axes, (0.79, row), (1.12, row))
        arrow(axes, (2.17, row), (2.55, row))
    box(axes, (x, 0.77, 4 * w, 0.3), "tokenizer", color=CAPTIONS)
    text = [(x, 1.35), (right, 1.35), (right - 0.15, 1.95), (x + 0.15, 1.95)]
    image = [(1.12, y), (2.17, y + 0.15), (2.17, bottom - 0.15), (1.12, bottom)]
    for corners, color in ((text, CAPTIONS), (image, PICTURES)):
        axes.add_patch(Polygon(corners, fc=color, ec=INK, lw=1.1, joinstyle="round"))
    label(axes, x + 2 * w, 1.65, "text encoder", fontsize=10, weight="bold")
    label(axes, 1.645, y + 2 * h, "image\nencoder", fontsize=10, weight="bold")
    logits(axes, (x, y), (w, h), ("1", "2", DOTS, "N"), above=0.62)
    for name, at, row, side in (
        ("captions", 2.98, 0.33, "right"),
        ("pictures", 0.61, 2.73, "center"),
        ("embeddings", 2.98, 2.43, "right"),
        ("logits", x + 0.02, bottom + 0.17, "left"),
    ):
        label(axes, at, row, name, weight="bold", ha=side)
    label(axes, x + 0.5, bottom + 0.17, LOGITS, ha="left")
    for at, row, sizes in (
        (right + 0.33, 1.21, "NL"),
        (right + 0.33, 2.43, "NE"),
        (0.7, bottom + 0.17, "N3RR"),
        (2.78, bottom + 0.17, "NE"),
        (4.87, bottom + 0.17, "NN"),
    ):
        shape(axes, at, row, *sizes)
    box(axes, (6.22, y, 1.1, 4 * h), "each row", "cross-entropy:\nwhich of the\nN captions?")
    question = "cross-entropy: which of the N pictures?"
    box(axes, (x, bottom + 0.39, 4 * w, 0.5), "each column", question)
    box(axes, (6.22, bottom + 0.39, 1.1, 0.5), "loss", "their mean")
    arrow(axes, (right, y + 2 * h), (6.22, y + 2 * h))
    arrow(axes, (right - w / 2, bottom), (right - w / 2, bottom + 0.39))
    arrow(axes, (6.77, bottom), (6.77, bottom + 0.39))
    arrow(axes, (right, bottom + 0.64), (6.22, bottom + 0.64))
    step = "changes the weights of\nboth encoders, and $s$"
    box(axes, (0.4, 0.95, 2.05, 0.8), "training step", step)
    low = bottom + 1.14
    way = [(6.77, low - 0.25), (6.77, low), (0.15, low), (0.15, 1.35), (0.4, 1.35)]
    arrow(axes, *way, dashed=True)
    arrow(axes, (2.45, 1.65), (x + 0.07, 1.65), dashed=True)
    arrow(axes, (1.645, 1.75), (1.645, y + 0.08), dashed=True)
    label(axes, 1.6, low - 0.14, "backward: the gradient of the loss")
    words = (
        "The image encoder turns N pictures into embeddings u; tokenizer and text encoder turn "
        "their N captions into embeddings v. The N x N matrix of logits, z = s u . v, compares "
        "every picture with every caption; the right pairs are on its diagonal. The loss is the "
        "mean of the cross-entropies of the rows (which caption?) and of the columns (which "
        "picture?), and a training step changes both encoders and s by its gradient."
    )
    if here is not None:
        mark(axes, *PARTS[here])
        words += f" Marked “you are here”: {here}."
    return figure, words


def _encoder_end(
    axes: Axes, y: float, config: Any, embed: int, length: int, names: Sequence[str], read: int
) -> str:
    """What both encoders share, from the tokens to the embedding; returns the words for it."""
    causal, width, heads = read > 0, config.width, config.heads
    color = CAPTIONS if causal else PICTURES
    y = vectors(axes, y, names, color)
    shape(axes, SIDE, y - 0.18, "B", length, width, ha="left")
    many = "1 block" if config.layers == 1 else f"{config.layers} blocks"
    sees = (
        "causal: a token sees itself and those before it" if causal else "a token sees all tokens"
    )
    note = f"{heads} heads of {width // heads}; {sees}"
    y = stage(axes, arrows_down(axes, y, names), many, note, color, "transformer", config.layers)
    y = vectors(axes, y, names, color, read)
    shape(axes, SIDE, y - 0.18, "B", length, width, ha="left")
    x = places(names)[read]
    arrow(axes, (x, y), (x, y + 0.32))
    label(axes, x + 0.14, y + 0.14, f"only {names[read]} is read", ha="left")
    shape(axes, SIDE, y + 0.14, "B", width, ha="left")
    title, note = "LayerNorm and projection", f"times a matrix, {width} x {embed}"
    weights = "ln_final\ntext_projection" if causal else "ln_post\nproj"
    y = stage(axes, y + 0.32, title, note, color, weights)
    arrow(axes, (x, y), (x, y + 0.24))
    start = max(LEFT, x - 0.8)
    for part in range(8):
        cell(axes, (start + 0.2 * part, y + 0.24, 0.2, 0.2), color=color)
    text = f"embedding, normalized to ${'v' if causal else 'u'}$"
    at, side = (start - 0.1, "right") if causal else (start + 1.7, "left")
    label(axes, at, y + 0.34, text, ha=side)
    shape(axes, SIDE, y + 0.34, "B", embed, ha="left")
    kind = "causal heads" if causal else "heads"
    return (
        f"{many} with {heads} {kind} of {width // heads} numbers keep the shape (B, {length}, "
        f"{width}). Only the vector of {names[read]} is read: LayerNorm and a {width} x {embed} "
        f"matrix make the embedding of it, (B, {embed})."
    )


def text_encoder_figure(config: CLIPConfig) -> Drawn:
    """From a caption to its embedding, with the shape at each stage (section 2.4).

    Raises ValueError for a bag of words ("cbow"), which has no transformer.
    """
    text, length = config.text, config.text.context_length
    if text.kind != "transformer":
        raise ValueError(f"this draws a transformer, but the text encoder is {text.kind!r}")
    figure, axes = canvas(7.2, 5.65)
    middle, names = LEFT + WIDE / 2, ("[SOT]", "a", "red", "star", "[EOT]", "0", DOTS)
    cell(axes, (middle - 0.55, 0.1, 1.1, 0.28), "“a red star”")
    label(axes, SIDE, 0.24, "B captions", ha="left")
    arrow(axes, (middle, 0.38), (middle, 0.6))
    note = f"cuts the text into tokens and pads with 0 to {length}"
    y = arrows_down(axes, stage(axes, 0.6, "tokenizer", note, CAPTIONS), names)
    *before, last = places(names)
    for x, name in zip(before, names, strict=False):
        cell(axes, (x - 0.27, y, 0.54, 0.28), name, fontsize=9)
    label(axes, last, y + 0.14, DOTS, fontsize=12)
    shape(axes, SIDE, y + 0.14, "B", length, ha="left")
    note = f"a vector for the token, one of {text.vocab_size:,}, plus one for the position"
    tables = "token_embedding\npositional_embedding"
    y = stage(axes, arrows_down(axes, y + 0.28, names), "embedding", note, CAPTIONS, tables)
    words = (
        f"The text encoder, from top to bottom: the tokenizer turns a caption into {length} token "
        f"ids, [SOT], the pieces of the caption, [EOT] and padding, shape (B, {length}). Each of "
        f"the {text.vocab_size:,} tokens has a vector of {text.width} numbers, to which one for "
        "the position is added. "
    )
    return figure, words + _encoder_end(axes, y, text, config.embed_dim, length, names, read=4)


def image_encoder_figure(config: CLIPConfig) -> Drawn:
    """From a picture to its embedding, with the shape at each stage (section 2.4).

    Raises ValueError for a ResNet, which has neither patches nor a class token.
    """
    vision = config.vision
    if isinstance(vision, ResNetConfig):
        raise ValueError(
            "this draws a Vision Transformer, but the image encoder of this config is a ResNet; "
            "take a config such as PRESETS['laptop_vit_stem'] or PRESETS['ViT-B/32']"
        )
    pixels, patch, width = vision.resolution, vision.patch, vision.width
    side, middle = pixels // patch, LEFT + WIDE / 2
    figure, axes = canvas(7.2, 5.9)
    thing(axes, "star", middle - 0.4, 0.1, 0.8)
    shape(axes, SIDE, 0.5, "B", 3, pixels, pixels, ha="left")
    arrow(axes, (middle, 0.9), (middle, 1.12))
    if vision.stem == "conv":
        how, halvings = "a convolutional stem", int(math.log2(patch))
        sides = [pixels // 2**k for k in range(halvings + 1)]
        channels = [3, *(width // 2**k for k in reversed(range(halvings)))]
        note = f"{halvings} x (convolution 3 x 3 of stride 2, batch norm, ReLU), then 1 x 1\n"
        note += f"side {' → '.join(map(str, sides))}, channels {' → '.join(map(str, channels))}"
        y = stage(axes, 1.12, "convolutional stem", note, PICTURES, "stem\nconv1")
    else:
        how = "one convolution"
        lines: dict[str, Any] = {"color": "#999999", "lw": 0.7}
        for at in np.arange(1, side) * 0.8 / side:
            axes.vlines(middle - 0.4 + at, 0.1, 0.9, **lines)
            axes.hlines(0.1 + at, middle - 0.4, middle + 0.4, **lines)
        note = f"one convolution {patch} x {patch} of stride {patch}:\n"
        note += f"the 3 x {patch} x {patch} numbers of a patch become {width}"
        y = stage(axes, 1.12, "patch embedding", note, PICTURES, "conv1")
    arrow(axes, (middle, y), (middle, y + 0.28))
    label(axes, middle + 0.14, y + 0.13, f"a grid of {side} x {side} vectors", ha="left")
    shape(axes, SIDE, y + 0.13, "B", width, side, side, ha="left")
    note = f"the grid as a row of {side**2}, a class token first; plus positions; LayerNorm"
    weights = "class_embedding\npositional_embedding\nln_pre"
    y = stage(axes, y + 0.28, "tokens", note, PICTURES, weights)
    words = (
        f"The image encoder, from top to bottom: {how} turns a picture, "
        f"(B, 3, {pixels}, {pixels}), into a grid of {side} x {side} vectors of {width} numbers. "
        f"They become a row of {side**2} tokens, with a class token [CLS] before them and "
        "positions added. "
    )
    names = ("[CLS]", "1", "2", "3", DOTS, f"{side**2}")
    end = _encoder_end(axes, y, vision, config.embed_dim, side**2 + 1, names, read=0)
    return figure, words + end


def block_figure(width: int, heads: int) -> Drawn:
    """A residual attention block: two branches, each added to the stream."""
    figure, axes = canvas(5.7, 4.85)
    stream, left, wide = 0.85, 1.75, 3.0
    middle, side = left + wide / 2, left + wide + 0.15
    shape(axes, stream, 0.17, "B", "L", width)
    label(axes, stream + 0.65, 0.17, "the residual stream", ha="left")
    attention = f"{heads} heads of {width // heads} numbers:\ntokens look at each other"
    mlp = f"{width} → {4 * width}, GELU, {4 * width} → {width}:\neach token by itself"
    y = 0.3
    for part, norm, name, note in (
        ("attn", "ln_1", "attention", attention),
        ("mlp", "ln_2", "MLP", mlp),
    ):
        plus = y + 1.9
        arrow(axes, (stream, y), (stream, plus - 0.12))
        arrow(axes, (stream, y + 0.3), (left, y + 0.3))
        box(axes, (left, y + 0.13, wide, 0.34), "LayerNorm")
        code(axes, side, y + 0.3, norm)
        arrow(axes, (middle, y + 0.47), (middle, y + 0.8))
        shape(axes, middle + 0.12, y + 0.62, "B", "L", width, ha="left")
        box(axes, (left, y + 0.8, wide, 0.72), name, note)
        code(axes, side, y + 1.16, part)
        arrow(axes, (middle, y + 1.52), (middle, plus), (stream + 0.12, plus))
        axes.add_patch(Circle((stream, plus), 0.12, fc="white", ec=INK, lw=1.2, zorder=2))
        axes.vlines(stream, plus - 0.07, plus + 0.07, color=INK, zorder=3)
        axes.hlines(plus, stream - 0.07, stream + 0.07, color=INK, zorder=3)
        y = plus + 0.12
    arrow(axes, (stream, y), (stream, y + 0.22))
    shape(axes, stream, y + 0.36, "B", "L", width)
    words = (
        f"A residual attention block. The stream, (B, L, {width}), runs straight down, and two "
        f"branches leave it and are added to it. The first is LayerNorm and attention, {heads} "
        f"heads of {width // heads}, in which tokens look at each other; the second is LayerNorm "
        f"and an MLP, {width} to {4 * width}, GELU, and back, for each token by itself."
    )
    return figure, words


def attention_figure(heads: int) -> Drawn:
    """Multi-head self-attention as shapes: cut into heads, weigh, join."""
    figure, axes = canvas(7.3, 4.95)

    def sheet(x: float, y: float, name: str, strips: int = 1) -> None:
        """An (L, W) matrix under its name; if it is cut into heads, the first one is dark."""
        label(axes, x + 0.5, y - 0.13, name)
        for k in range(strips):
            first = k == 0 and name not in ("tokens x", "result")
            cell(axes, (x + k / strips, y, 1 / strips, 0.8), color=DARK if first else "white")
        shape(axes, x + 0.5, y + 0.94, "B", "L", "W")

    sheet(0.2, 0.4, "tokens x")
    arrow(axes, (1.3, 0.8), (2.3, 0.8))
    label(axes, 1.78, 0.65, "in_proj")
    box(axes, (2.3, 0.08, 4.9, 1.72), "")
    for x, name in ((2.5, "queries"), (4.25, "keys"), (6, "values")):
        sheet(x, 0.4, name, heads)
    strips = "1 strip" if heads == 1 else f"{heads} strips"
    label(axes, 4.75, 1.62, f"each cut into H = {strips} of D = W/H numbers, one a head")
    y = 2.45
    label(axes, 0.2, y - 0.32, f"head 1 of {heads}", ha="left", weight="bold", fontsize=10)
    label(axes, 1.35, y - 0.32, "for one of the B sequences", ha="left")
    cell(axes, (0.5, y, 0.24, 0.8), "$q$", DARK)
    cell(axes, (1.2, y + 0.28, 0.8, 0.24), "$k^T$", DARK)
    arrow(axes, (2.1, y + 0.4), (3.4, y + 0.4))
    label(axes, 2.7, y + 0.24, r"divide by $\sqrt{D}$,")
    label(axes, 2.7, y + 0.56, "softmax per row")
    label(axes, 3.9, y - 0.13, "weights")
    weights = np.exp(np.random.default_rng(3).normal(size=(5, 5)))
    weights /= weights.sum(axis=1, keepdims=True)
    for i, j in np.ndindex(5, 5):
        shade = str(1 - 0.85 * weights[i, j])
        cell(axes, (3.5 + 0.16 * j, y + 0.16 * i, 0.16, 0.16), color=shade)
    cell(axes, (4.85, y, 0.24, 0.8), "$v$", DARK)
    cell(axes, (5.65, y, 0.24, 0.8), color=DARK)
    for x, sign in ((0.97, "×"), (4.58, "×"), (5.37, "=")):
        label(axes, x, y + 0.4, sign, fontsize=11)
    for x, sizes in ((0.62, "LD"), (1.6, "DL"), (3.9, "LL"), (4.97, "LD")):
        shape(axes, x, y + 0.94, *sizes)
    shape(axes, 5.97, y + 0.66, "L", "D", ha="left")
    x, y = 5.77 - 0.5 / heads, 3.85  # the first strip is beneath the head's result
    arrow(axes, (5.77, 3.25), (5.77, y))
    sheet(x, y, "", heads)
    label(axes, 5.9, y - 0.2, "heads side by side", ha="left")
    arrow(axes, (x, y + 0.4), (3.55, y + 0.4))
    label(axes, (x + 3.55) / 2, y + 0.25, "out_proj")
    sheet(2.55, y, "result")
    if heads > 1:
        others = "the other head does" if heads == 2 else f"the other {heads - 1} heads do"
        label(axes, 0.2, y + 0.32, others, ha="left")
        label(axes, 0.2, y + 0.48, "the same, each with its strips", ha="left")
    words = (
        "Multi-head attention: one matrix makes queries, keys and values of the tokens, each "
        f"(B, L, W), cut into {heads} heads of D = W/{heads} numbers. In every head, q times k "
        "transposed, divided by the root of D, gives L x L scores; softmax makes weights of each "
        "row, and weights times v gives (L, D). The results of the heads, side by side, are "
        "(B, L, W) again and pass through a last matrix."
    )
    return figure, words


def matrix_figure(n: int = 4) -> Drawn:
    """The logits of n pairs: a row asks for a caption, a column for a picture.

    Raises ValueError unless n is 2 to 6.
    """
    if not 2 <= n <= len(THINGS):
        raise ValueError(f"the figure has room for 2 to {len(THINGS)} pairs, not {n}")
    w, h, x, y = 0.62, 0.45, 1.4, 1.0
    right, bottom, names = x + n * w, y + n * h, list(THINGS)[:n]
    figure, axes = canvas(right + 2.15, bottom + 1.1)
    logits(axes, (x, y), (w, h), [str(k + 1) for k in range(n)], first=True)
    for k, name in enumerate(names):
        column, row = x + (k + 0.5) * w, y + (k + 0.5) * h
        thing(axes, name, 0.15, row - 0.18, 0.36)
        arrow(axes, (0.51, row), (x - 0.6, row))
        label(axes, column, 0.17, f"a {name}")
        arrow(axes, (column, 0.3), (column, y - 0.42))
    label(axes, x - 0.15, 0.74, LOGITS, ha="right", fontsize=10)
    loss = r"$-\ln\ \dfrac{e^{z_{11}}}{e^{z_{11}} + %s e^{z_{%s}}}$"
    dots = r"\cdots + " if n > 2 else ""
    how: dict[str, Any] = {"ha": "left"}
    arrow(axes, (right, y + h / 2), (right + 0.3, y + h / 2))
    label(axes, right + 0.38, y + h / 2, "row 1: which caption?", **how)
    label(axes, right + 0.38, y + h / 2 + 0.4, loss % (dots, f"1{n}"), fontsize=11, **how)
    arrow(axes, (x + w / 2, bottom), (x + w / 2, bottom + 0.3))
    label(axes, x, bottom + 0.45, "column 1: which picture?", **how)
    label(axes, x, bottom + 0.83, loss % (dots, f"{n}1"), fontsize=11, **how)
    words = (
        f"A {n} x {n} matrix of logits z: a row for each picture, {', '.join(names)}, and a column "
        f"for each caption; the {n} right pairs are on the dark diagonal. Row 1 asks which of the "
        f"{n} captions belongs to picture 1, column 1 which of the {n} pictures belongs to caption "
        "1; the loss of each is minus the logarithm of the softmax at the right pair."
    )
    return figure, words
