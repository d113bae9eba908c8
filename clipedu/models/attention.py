"""Attention in three lines, and which way of computing it is fastest where it runs.

Both ways give the same numbers up to rounding. The choice depends on device, dtype, length and
whether gradients are wanted, never on the data, and comes with its reason;
``benchmarks/attention.py`` measures it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class AttentionChoice(NamedTuple):
    path: Literal["plain", "fused"]
    reason: str


def plain_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(D)) v, as it is written on paper. Shapes as in :func:`attention`."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # (B, H, Lq, Lk)
    if causal:
        scores = scores.masked_fill(_future(scores), float("-inf"))
    return scores.softmax(dim=-1) @ v  # (B, H, Lq, D)


def _future(scores: Tensor) -> Tensor:
    """(Lq, Lk) bool, True where key j comes after query i: everything above the diagonal."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)


# The longest sequence for which plain attention is faster on a CPU, by (16-bit numbers, gradients).
PLAIN_UP_TO = {(True, True): 512, (True, False): 256, (False, True): 64, (False, False): 0}


def choose_attention(
    device: torch.device | str, dtype: torch.dtype, length: int, *, gradients: bool
) -> AttentionChoice:
    """Which path :func:`attention` takes for ``length`` keys, and why.

    Measured on one core of an x86-64 with bf16 instructions (``benchmarks/attention.json``). In
    bf16 with a backward, at 16 to 64 tokens, plain attention takes less than a fifth of the time
    of torch's fused kernel; in fp32 the two are close. For long sequences the L x L scores outgrow
    the cache, and the fused kernel, which never writes them down, wins.
    """
    kind = torch.device(device).type
    if kind != "cpu":
        return AttentionChoice("fused", f"on {kind} the fused kernel never writes the L x L scores")
    use = f"on a CPU in {str(dtype).removeprefix('torch.')}, {'with' if gradients else 'without'}"
    limit = PLAIN_UP_TO[dtype in (torch.bfloat16, torch.float16), gradients]
    if length <= limit:
        reason = f"{use} gradients, plain operations are faster up to {limit} keys"
        return AttentionChoice("plain", reason)
    return AttentionChoice("fused", f"{use} gradients, the fused kernel wins above {limit} keys")


def attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """Scaled dot-product attention by the fastest exact path.

    q (B, H, Lq, D), k and v (B, H, Lk, D) -> (B, H, Lq, D): B in the batch, H heads, D channels a
    head. ``causal`` hides from every query the keys after it (Lq and Lk must be equal).
    """
    gradients = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    if choose_attention(q.device, q.dtype, k.shape[-2], gradients=gradients).path == "plain":
        return plain_attention(q, k, v, causal=causal)
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
