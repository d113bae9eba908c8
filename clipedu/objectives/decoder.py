"""A small transformer that reads words and looks at a picture: the head of three objectives.

Each block has attention among the words, then cross-attention, in which every word asks all parts
of the picture, then an MLP. Width, heads and layers are those of the config's text encoder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.models import CLIPConfig
from clipedu.models.transformer import LayerNorm, ResidualAttentionBlock, attention, split_heads


class CrossAttention(nn.Module):
    """Words (B, L, W) ask the parts of their picture (B, P, W): -> (B, L, W).

    One picture (1, P, W) may answer many captions.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (
            nn.Linear(width, width) for _ in range(4)
        )

    def forward(self, x: Tensor, image: Tensor) -> Tensor:
        (q,) = split_heads(self.q_proj(x), 1, self.heads)  # (B, H, L, W/H)
        (k,) = split_heads(self.k_proj(image), 1, self.heads)  # (B, H, P, W/H)
        (v,) = split_heads(self.v_proj(image), 1, self.heads)
        k, v = (y.expand(len(q), -1, -1, -1) for y in (k, v))
        return self.out_proj(attention(q, k, v).transpose(1, 2).flatten(-2))


class DecoderBlock(ResidualAttentionBlock):
    """(B, L, W) and a picture (B, P, W) -> (B, L, W)."""

    def __init__(self, width: int, heads: int, activation: str) -> None:
        super().__init__(width, heads, causal=True, activation=activation)
        self.cross = CrossAttention(width, heads)
        self.ln_cross = LayerNorm(width)

    def read(self, x: Tensor, image: Tensor, seen: Tensor | None) -> Tensor:
        """seen: which tokens all others see, (B, 1, 1, L) bool; None: each those before it."""
        x = x + self.attn(self.ln_1(x), causal=seen is None, seen=seen)
        x = x + self.cross(self.ln_cross(x), image)
        return x + self.mlp(self.ln_2(x))


class Decoder(nn.Module):
    """Tokens (B, L) and a grid of image features (B, P, image_width) -> states, and logits.

    The words' embeddings are also the output layer's weights. One more embedding than there are
    tokens: id V is [MASK], which is read and never predicted. directions: stacks of blocks that
    share all but the blocks.
    """

    def __init__(self, config: CLIPConfig, image_width: int, directions: int = 1) -> None:
        super().__init__()
        text = config.text
        self.token_embedding = nn.Embedding(text.vocab_size + 1, text.width)
        self.positional_embedding = nn.Parameter(torch.empty(text.context_length, text.width))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        self.image_proj = nn.Linear(image_width, text.width)
        self.stacks = nn.ModuleList(
            nn.ModuleList(
                DecoderBlock(text.width, text.heads, config.activation) for _ in range(text.layers)
            )
            for _ in range(directions)
        )
        self.ln_final = LayerNorm(text.width)
        self.bias = nn.Parameter(torch.zeros(text.vocab_size))

    def forward(
        self, tokens: Tensor, grid: Tensor, *, direction: int = 0, seen: Tensor | None = None
    ) -> Tensor:
        """(B, L), (B, P, image_width) -> states (B, L, W), which :meth:`logits` turns into words.

        Each token sees itself and those before it, or with `seen` (B, L) bool, all of these.
        """
        x = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        image = self.image_proj(grid)
        seen = None if seen is None else seen[:, None, None]  # (B, 1, 1, L)
        for block in self.stacks[direction]:  # type: ignore[attr-defined]
            x = block.read(x, image, seen)
        return self.ln_final(x)

    def logits(self, states: Tensor) -> Tensor:
        """States (..., W) -> a logit for each of the V tokens (..., V)."""
        return F.linear(states, self.token_embedding.weight[: len(self.bias)], self.bias)
