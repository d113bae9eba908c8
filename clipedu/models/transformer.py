"""The transformer of both encoders, and the text encoders: this transformer, or a bag of words.

Pre-norm residual blocks of attention and an MLP (paper section 2.4). The names of the submodules
are those of openai/CLIP: a name here is a key of its released weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clipedu.device import is_accelerator
from clipedu.models.config import TextConfig
from clipedu.models.recompute import run_blocks

# The longest sequence for which plain attention is faster on a CPU, by (16-bit numbers, gradients).
# In bf16 with a backward it takes less than a fifth of the fused kernel's time at 16 to 64 tokens;
# for long ones the L x L scores outgrow the cache. Measured by benchmarks/attention.py.
PLAIN_UP_TO = {(True, True): 512, (True, False): 256, (False, True): 64, (False, False): 0}


def plain_attention(
    q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False, seen: Tensor | None = None
) -> Tensor:
    """softmax(q k^T / sqrt(D)) v, as it is written on paper. Shapes as in :func:`attention`."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # (B, H, Lq, Lk)
    if causal:  # key j comes after query i everywhere above the diagonal
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if seen is not None:
        scores = scores.masked_fill(~seen, float("-inf"))
    return scores.softmax(dim=-1) @ v  # (B, H, Lq, D)


def plain_is_faster(
    device: torch.device | str, dtype: torch.dtype, length: int, *, gradients: bool
) -> bool:
    """Whether plain attention over ``length`` keys beats torch's fused kernel; never on a GPU."""
    half = dtype in (torch.bfloat16, torch.float16)
    return not is_accelerator(device) and length <= PLAIN_UP_TO[half, gradients]


def attention(
    q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False, seen: Tensor | None = None
) -> Tensor:
    """Scaled dot-product attention by the faster of two ways, equal up to rounding.

    q (B, H, Lq, D), k and v (B, H, Lk, D) -> (B, H, Lq, D): H heads of D channels. ``causal`` hides
    from every query the keys after it (Lq and Lk must be equal); without it, ``seen`` may say which
    keys a query sees: bool, broadcast to (B, H, Lq, Lk).
    """
    gradients = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    if plain_is_faster(q.device, q.dtype, k.shape[-2], gradients=gradients):
        return plain_attention(q, k, v, causal=causal, seen=seen)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen, is_causal=causal)


class LayerNorm(nn.LayerNorm):
    """Layer norm computed in fp32 and cast back: 16 bits lose too much of a mean and a variance.

    torch's kernel for bf16 input sums the weights' gradients in 16 bits: 6 % off over 4,352 tokens.
    """

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


def at_position(x: Tensor, position: Tensor) -> Tensor:
    """One token of each row: (B, L, ...) and (B,) -> (B, ...)."""
    return x[torch.arange(x.shape[0], device=x.device), position]


class MultiHeadAttention(nn.Module):
    """Self-attention, (B, L, W) -> (B, L, W), with one matrix for queries, keys and values.

    Parameters and initial values are those of ``torch.nn.MultiheadAttention``. With ``position``,
    see :class:`ResidualAttentionBlock`, one token of each row asks: (B, L, W) -> (B, W). Without
    it, ``seen`` is that of :func:`attention`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        x: Tensor,
        *,
        causal: bool = False,
        position: Tensor | None = None,
        seen: Tensor | None = None,
    ) -> Tensor:
        weight, bias, heads = self.in_proj_weight, self.in_proj_bias, self.heads
        if position is None:
            q, k, v = split_heads(F.linear(x, weight, bias), 3, heads)  # each (B, H, L, W/H)
            x = attention(q, k, v, causal=causal, seen=seen).transpose(1, 2)
        else:
            width, key = x.shape[2], torch.arange(x.shape[1], device=x.device)
            query = at_position(x, position).unsqueeze(1)  # (B, 1, W)
            (q,) = split_heads(F.linear(query, weight[:width], bias[:width]), 1, heads)
            k, v = split_heads(F.linear(x, weight[width:], bias[width:]), 2, heads)
            seen = (key <= position[:, None])[:, None, None] if causal else None
            x = attention(q, k, v, seen=seen).squeeze(2)
        return self.out_proj(x.flatten(-2))  # (B, L, W) or (B, W)


def split_heads(x: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    """(B, L, parts * W) -> for each part (B, H, L, W/H).

    One copy of them all: a product of matrices that lie apart in memory would copy each of them.
    """
    x = x.unflatten(-1, (parts, heads, -1))  # (B, L, parts, H, W/H)
    return x.permute(2, 0, 3, 1, 4).contiguous().unbind(0)


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
    """Adds to the stream x (B, L, W): attention mixes tokens, the MLP works on each by itself.

    ``position`` (B,) names the one token of each row that will be read, in the last block of an
    encoder: (B, L, W) -> (B, W). The others give it keys and values, and go no further.
    """

    def __init__(self, width: int, heads: int, *, causal: bool, activation: str) -> None:
        super().__init__()
        self.causal = causal
        self.attn = MultiHeadAttention(width, heads)
        self.ln_1 = LayerNorm(width)
        self.mlp = MLP(width, activation)
        self.ln_2 = LayerNorm(width)

    def forward(self, x: Tensor, position: Tensor | None = None) -> Tensor:
        mixed = self.attn(self.ln_1(x), causal=self.causal, position=position)
        x = mixed + (x if position is None else at_position(x, position))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """``layers`` residual attention blocks: (B, L, W) -> (B, L, W), or (B, W) at a ``position``."""

    def __init__(
        self, width: int, layers: int, heads: int, *, activation: str, causal: bool = False
    ) -> None:
        super().__init__()
        self.recompute = False  # see clipedu.models.recompute
        self.resblocks = nn.Sequential()
        for _ in range(layers):
            block = ResidualAttentionBlock(width, heads, causal=causal, activation=activation)
            self.resblocks.append(block)

    def forward(self, x: Tensor, position: Tensor | None = None) -> Tensor:
        if position is None:
            return run_blocks(self.resblocks, x, recompute=self.recompute)
        x = run_blocks(self.resblocks[:-1], x, recompute=self.recompute)
        return run_blocks(self.resblocks[-1:], x, position, recompute=self.recompute)


class TextTransformer(nn.Module):
    """Tokens (B, L), L up to the context length -> embeddings (B, E), not normalized.

    Tokens are [SOT] words [EOT] and padding. EOT is the largest id, so ``argmax`` finds it. It
    needs no padding mask, as with causal attention it sees only the tokens before it.
    """

    def __init__(self, config: TextConfig, embed_dim: int, activation: str = "quick_gelu") -> None:
        super().__init__()
        width, layers, heads = config.width, config.layers, config.heads
        self.transformer = Transformer(width, layers, heads, activation=activation, causal=True)
        self.token_embedding = nn.Embedding(config.vocab_size, width)
        self.positional_embedding = nn.Parameter(torch.empty(config.context_length, width))
        self.ln_final = LayerNorm(width)
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))
        # The standard deviations of openai/CLIP; biases keep torch's defaults.
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.positional_embedding, std=0.01)
        nn.init.normal_(self.text_projection, std=width**-0.5)
        # The stream is a sum of 2 * layers branches, so the last matrix of each starts smaller.
        branch = width**-0.5 * (2 * layers) ** -0.5
        for block in self.transformer.resblocks:
            assert isinstance(block, ResidualAttentionBlock)
            nn.init.normal_(block.attn.in_proj_weight, std=width**-0.5)
            nn.init.normal_(block.attn.out_proj.weight, std=branch)
            nn.init.normal_(block.mlp.c_fc.weight, std=(2 * width) ** -0.5)
            nn.init.normal_(block.mlp.c_proj.weight, std=branch)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.token_embedding(tokens)  # (B, L, W)
        x = x + self.positional_embedding[: tokens.shape[1]]
        eot = tokens.argmax(dim=-1)  # (B,), the only position that has seen the whole caption
        x = self.transformer(x, eot)  # (B, W)
        return self.ln_final(x) @ self.text_projection


class CBOW(nn.Module):
    """Continuous bag of words: tokens (B, L) -> embeddings (B, E), not normalized.

    The mean of the token embeddings from SOT to EOT, projected: words without their order.
    """

    def __init__(self, config: TextConfig, embed_dim: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocab_size, config.width)
        self.text_projection = nn.Parameter(torch.empty(config.width, embed_dim))
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        nn.init.normal_(self.text_projection, std=config.width**-0.5)

    def forward(self, tokens: Tensor) -> Tensor:
        eot = tokens.argmax(dim=-1, keepdim=True)  # (B, 1)
        position = torch.arange(tokens.shape[1], device=tokens.device)  # (L,)
        weight = (position <= eot) / (eot + 1)  # (B, L), 1/n for each of n words, 0 for padding
        x = self.token_embedding(tokens)  # (B, L, W)
        x = (weight.to(x.dtype).unsqueeze(1) @ x).squeeze(1)  # (B, W)
        return x @ self.text_projection
