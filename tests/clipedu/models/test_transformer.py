from __future__ import annotations

import pytest
import torch
from torch import nn

from clipedu.models.transformer import (
    LayerNorm,
    MultiHeadAttention,
    QuickGELU,
    ResidualAttentionBlock,
    Transformer,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_layer_norm_keeps_the_dtype_and_computes_wide(dtype):
    x = (torch.randn(4, 64, generator=torch.Generator().manual_seed(0)) * 100 + 1000).to(dtype)
    norm = LayerNorm(64)
    out = norm.to(dtype)(x)
    assert out.dtype == dtype
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    expected = nn.functional.layer_norm(x.to(wide), (64,)).to(dtype)
    assert torch.equal(out, expected)


def test_layer_norm_sums_the_gradients_of_its_weights_wide():
    """torch's own kernel for bf16 input sums them in 16 bits, and is 2 % off over 256 tokens."""
    torch.manual_seed(0)
    norm, x = LayerNorm(192), (torch.randn(256, 192) * 3 + 1).bfloat16()
    direction = torch.randn(256, 192).bfloat16()
    parameters = norm.weight, norm.bias
    exact = [p.detach().double().requires_grad_() for p in parameters]
    wide = nn.functional.layer_norm(x.double(), (192,), *exact)
    expected = torch.autograd.grad(wide, exact, direction.double())
    narrow = nn.functional.layer_norm(x, (192,), *parameters)
    for out, low, high in ((norm(x), 0, 1e-5), (narrow, 0.005, 0.1)):
        for a, b in zip(torch.autograd.grad(out, parameters, direction), expected, strict=True):
            assert low <= (a - b).norm() / b.norm() < high


def test_layer_norm_of_fp16_does_not_overflow():
    # The squares of these numbers do not exist in fp16.
    x = torch.tensor([[30000.0, -30000.0, 1000.0, 0.0]], dtype=torch.float16)
    out = LayerNorm(4)(x)
    assert out.isfinite().all() and out.abs().max() > 1


def test_quick_gelu():
    x = torch.linspace(-4, 4, 9)
    expected = torch.tensor([float(v) / (1 + 2.718281828459045 ** (-1.702 * float(v))) for v in x])
    torch.testing.assert_close(QuickGELU()(x), expected)
    assert (QuickGELU()(x) - nn.functional.gelu(x)).abs().max() > 1e-3  # near, and not the same


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_torchs_with_the_same_weights(causal):
    torch.manual_seed(0)
    ours, theirs = MultiHeadAttention(24, 3), nn.MultiheadAttention(24, 3, batch_first=True)
    theirs.load_state_dict(ours.state_dict())  # strict: the names are the same
    x = torch.randn(2, 7, 24)
    mask = torch.full((7, 7), float("-inf")).triu(1) if causal else None
    expected, _ = theirs(x, x, x, attn_mask=mask, need_weights=False)
    torch.testing.assert_close(ours(x, causal=causal), expected, atol=1e-6, rtol=1e-5)


def test_attention_starts_like_torchs():
    torch.manual_seed(0)
    ours = MultiHeadAttention(256, 4)
    theirs = nn.MultiheadAttention(256, 4)
    for name, parameter in theirs.named_parameters():
        mine = ours.get_parameter(name)
        assert mine.std().item() == pytest.approx(parameter.std().item(), rel=0.02), name
        assert mine.abs().max().item() == pytest.approx(parameter.abs().max().item(), rel=0.02), (
            name
        )


def test_block_adds_two_branches():
    torch.manual_seed(0)
    block = ResidualAttentionBlock(16, 2, causal=False, activation="gelu")
    x = torch.randn(2, 5, 16)
    middle = x + block.attn(block.ln_1(x))
    expected = middle + block.mlp.c_proj(nn.functional.gelu(block.mlp.c_fc(block.ln_2(middle))))
    torch.testing.assert_close(block(x), expected)


def test_a_causal_transformer_does_not_see_the_future():
    torch.manual_seed(0)
    x = torch.randn(1, 6, 16)
    changed = x.clone()
    changed[:, 4] = torch.randn(16)  # adding a constant would be undone by the layer norm
    for causal in (True, False):
        model = Transformer(16, 2, 2, activation="quick_gelu", causal=causal)
        same = torch.isclose(model(x), model(changed)).all(dim=-1)[0]
        assert same[:4].all() == causal
        assert not same[4:].any()


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("causal", [False, True])
def test_one_position_is_what_the_whole_has_there(causal, recompute):
    """The last block computes the token that is read, and gives all weights the same gradients."""
    torch.manual_seed(0)
    model = Transformer(32, 2, 4, activation="gelu", causal=causal).double()
    model.recompute = recompute
    x = torch.randn(3, 7, 32, dtype=torch.float64, requires_grad=True)
    position, results = torch.tensor([0, 6, 3]), []
    for y in (model(x)[torch.arange(3), position], model(x, position)):
        results.append([y, *torch.autograd.grad(y.pow(2).sum(), [x, *model.parameters()])])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)
