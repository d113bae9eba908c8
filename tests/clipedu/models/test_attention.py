from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from clipedu.models import transformer
from clipedu.models.transformer import attention, plain_attention, plain_is_faster


def _slow_attention(q, k, v, causal):
    """One query at a time, in the words of the definition."""
    out = torch.zeros(*q.shape[:-1], v.shape[-1], dtype=q.dtype)
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for i in range(q.shape[2]):
                seen = i + 1 if causal else k.shape[2]
                scores = torch.stack([q[b, h, i] @ k[b, h, j] for j in range(seen)])
                weights = torch.softmax(scores / q.shape[-1] ** 0.5, dim=0)
                out[b, h, i] = sum(w * v[b, h, j] for j, w in enumerate(weights))
    return out


def _qkv(*shape, seed=0, dtype=torch.float64, queries=None):
    generator = torch.Generator().manual_seed(seed)
    q_shape = (*shape[:2], queries or shape[2], shape[3])
    shapes = (q_shape, shape, shape)
    return [torch.randn(s, generator=generator, dtype=dtype).requires_grad_() for s in shapes]


@pytest.mark.parametrize("causal", [False, True])
def test_plain_attention_is_the_definition(causal):
    q, k, v = _qkv(2, 3, 5, 4)
    expected = _slow_attention(q.detach(), k.detach(), v.detach(), causal)
    torch.testing.assert_close(plain_attention(q, k, v, causal=causal).detach(), expected)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", [1, 7, 16, 300])
def test_both_paths_agree_in_values_and_gradients(length, causal):
    q, k, v = _qkv(2, 2, length, 8, seed=length)
    weights = torch.randn(2, 2, length, 8, dtype=torch.float64)
    plain = plain_attention(q, k, v, causal=causal)
    fused = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    torch.testing.assert_close(plain, fused)
    for one, other in zip(
        torch.autograd.grad((plain * weights).sum(), (q, k, v)),
        torch.autograd.grad((fused * weights).sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_one_query_over_many_keys():
    q, k, v = _qkv(3, 2, 17, 8, queries=1)
    expected = F.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(attention(q, k, v), expected)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bits_stay_16_bits_and_finite(dtype):
    q, k, v = (x.detach().to(dtype) for x in _qkv(2, 2, 12, 64))
    out = attention(q, k, v, causal=True)
    assert out.dtype == dtype
    expected = attention(q.double(), k.double(), v.double(), causal=True)
    torch.testing.assert_close(out.double(), expected, atol=0.02, rtol=0.02)
    # Unscaled, these scores would leave the range of fp16 (65504).
    assert (100 * q.float() @ (100 * k.float()).mT).abs().max() > 70_000
    assert attention(100 * q, 100 * k, v).isfinite().all()


def test_the_choice_follows_device_dtype_length_and_gradients():
    bf16, fp32 = torch.bfloat16, torch.float32
    assert plain_is_faster("cpu", bf16, 32, gradients=True)
    assert plain_is_faster("cpu", bf16, 512, gradients=True)
    assert not plain_is_faster("cpu", bf16, 512, gradients=False)
    assert plain_is_faster("cpu", fp32, 32, gradients=True)
    assert not plain_is_faster("cpu", fp32, 32, gradients=False)
    assert not plain_is_faster("cpu", fp32, 577, gradients=True)
    assert not plain_is_faster("cuda", bf16, 32, gradients=True)


@pytest.mark.parametrize(("length", "path"), [(16, "plain"), (500, "fused")])
def test_attention_takes_the_path_that_was_chosen(monkeypatch, length, path):
    taken = []
    monkeypatch.setattr(
        transformer, "plain_attention", lambda q, k, v, **_: taken.append("plain") or v
    )
    monkeypatch.setattr(
        transformer.F,
        "scaled_dot_product_attention",
        lambda q, k, v, **_: taken.append("fused"),
    )
    attention(*_qkv(1, 1, length, 4, dtype=torch.float32))
    assert taken == [path]
