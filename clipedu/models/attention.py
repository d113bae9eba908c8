"""Attention in three lines, and which way of computing it is fastest where it runs.

Both ways give the same numbers; ``benchmarks/attention.py`` measures them. The choice is made from device, dtype,
length and whether gradients are wanted, never from the data, and it comes with its reason.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class AttentionChoice(NamedTuple):
    path: Literal["plain", "fused"]
    reason: str


# On a CPU in bf16 or fp16, the fused backward is slower than three plain operations up to this many keys.
PLAIN_UP_TO = 256


def choose_attention(
    device: torch.device | str, dtype: torch.dtype, length: int, *, gradients: bool
) -> AttentionChoice:
    """Which path :func:`attention` takes for ``length`` keys, and why."""
    kind = torch.device(device).type
    if kind != "cpu":
        return AttentionChoice("fused", f"on {kind} the fused kernel never writes the L x L scores")
    if dtype not in (torch.bfloat16, torch.float16):
        return AttentionChoice("fused", f"on a CPU in {dtype} the fused kernel is as fast or faster")
    if not gradients:
        return AttentionChoice("fused", "without gradients only the forward runs, and the fused one is fast")
    if length > PLAIN_UP_TO:
        return AttentionChoice("fused", f"more than {PLAIN_UP_TO} keys: the L x L scores would not stay in cache")
    return AttentionChoice("plain", f"on a CPU in {dtype} the fused backward is slow at short lengths")


def plain_attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(D)) v, as it is written on paper. Shapes as in :func:`attention`."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # (B, H, Lq, Lk)
    if causal:  # word i sees words 0..i: everything above the diagonal is out
        scores = scores.masked_fill(_future(scores), float("-inf"))
    return scores.softmax(dim=-1) @ v  # (B, H, Lq, D)


def _future(scores: Tensor) -> Tensor:
    """(Lq, Lk) bool, True where key j comes after query i."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)


def attention(q: Tensor, k: Tensor, v: Tensor, *, causal: bool = False) -> Tensor:
    """Scaled dot-product attention by the fastest exact path.

    q (B, H, Lq, D), k and v (B, H, Lk, D) -> (B, H, Lq, D): B in the batch, H heads, D channels a head.
    ``causal`` hides from every query the keys after it (needs Lq == Lk).
    """
    gradients = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad or v.requires_grad)
    if choose_attention(q.device, q.dtype, k.shape[-2], gradients=gradients).path == "plain":
        return plain_attention(q, k, v, causal=causal)
    return F.scaled_dot_product_attention(q, k, v, is_causal=causal)
