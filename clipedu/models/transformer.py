"""The transformer that both towers share: pre-norm residual blocks of attention and an MLP.

The names of the submodules are those of openai/CLIP: a name here is a key of its released weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.models.attention import attention
from clipedu.models.recompute import recomputed


class LayerNorm(nn.LayerNorm):
    """Layer norm computed in fp32 and cast back: 16 bits lose too much of a mean and a variance."""

    def forward(self, input: Tensor) -> Tensor:
        wide = torch.promote_types(input.dtype, torch.float32)
        weight, bias = self.weight.to(wide), self.bias.to(wide)
        x = F.layer_norm(input.to(wide), self.normalized_shape, weight, bias, self.eps)
        return x.to(input.dtype)


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x), the approximation of GELU in every weight that OpenAI released."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, type[nn.Module]] = {"quick_gelu": QuickGELU, "gelu": nn.GELU}


class MultiHeadAttention(nn.Module):
    """Self-attention, (B, L, W) -> (B, L, W), with one matrix for queries, keys and values.

    Parameters and initial values are those of ``torch.nn.MultiheadAttention``.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, *, causal: bool = False) -> Tensor:
        batch, length, width = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias)  # (B, L, 3W)
        qkv = qkv.view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # each (B, H, L, W/H)
        x = attention(q, k, v, causal=causal)
        return self.out_proj(x.transpose(1, 2).reshape(batch, length, width))  # (B, L, W)


class MLP(nn.Module):
    """Two layers on every token by itself, four times wider inside: (B, L, W) -> (B, L, W)."""

    def __init__(self, width: int, activation: str) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.gelu = ACTIVATIONS[activation]()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(self.gelu(self.c_fc(x)))


class ResidualAttentionBlock(nn.Module):
    """Two branches are added to the stream x: attention moves words, the MLP works on each."""

    def __init__(self, width: int, heads: int, *, causal: bool, activation: str) -> None:
        super().__init__()
        self.causal = causal
        self.attn = MultiHeadAttention(width, heads)
        self.ln_1 = LayerNorm(width)
        self.mlp = MLP(width, activation)
        self.ln_2 = LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x), causal=self.causal)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """``layers`` residual attention blocks: (B, L, W) -> (B, L, W)."""

    def __init__(
        self, width: int, layers: int, heads: int, *, activation: str, causal: bool = False
    ) -> None:
        super().__init__()
        self.recompute = False  # in training: forget the insides of blocks, compute them again
        self.resblocks = nn.Sequential()
        for _ in range(layers):
            block = ResidualAttentionBlock(width, heads, causal=causal, activation=activation)
            self.resblocks.append(block)

    def forward(self, x: Tensor) -> Tensor:
        if not self.recompute:
            return self.resblocks(x)
        for block in self.resblocks:
            x = recomputed(block, x)
        return x
