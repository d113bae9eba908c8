from __future__ import annotations

import pytest
import torch
from torch import nn

from clipedu.models import ModifiedResNet, ResNetConfig
from clipedu.models.resnet import AttentionPool2d, BasicBlock, Bottleneck

SMALL = ResNetConfig(32, layers=(1, 1, 1), width=8, heads=2, stem="small", block="basic")
PAPER = ResNetConfig(64, layers=(1, 2, 1, 1), width=8, heads=4)


@pytest.mark.parametrize(
    ("config", "side"),
    [
        (SMALL, 8),
        (ResNetConfig(32, (1, 1, 1), 8, 2, "half", "basic"), 4),
        (ResNetConfig(32, (2, 1), 8, 2, "half", "bottleneck"), 8),
        (PAPER, 2),
    ],
)
def test_shapes(config, side):
    torch.manual_seed(0)
    tower = ModifiedResNet(config, embed_dim=12)
    pictures = torch.randn(2, 3, config.resolution, config.resolution)
    assert tower.feature_map(pictures).shape == (2, config.feature_width, side, side)
    assert tower.features(pictures).shape == (2, config.feature_width)
    assert tower(pictures).shape == (2, 12)


@pytest.mark.parametrize("config", [SMALL, PAPER])
def test_every_block_starts_as_its_shortcut(config):
    tower = ModifiedResNet(config, embed_dim=12)
    last = "bn2" if config.block == "basic" else "bn3"
    blocks = [m for m in tower.modules() if isinstance(m, BasicBlock | Bottleneck)]
    assert len(blocks) == sum(config.layers)
    for block in blocks:
        assert not getattr(block, last).weight.any()
        x = torch.rand(2, block.conv1.in_channels, 8, 8)
        shortcut = x if block.downsample is None else block.downsample(x)
        torch.testing.assert_close(block(x), shortcut.relu())


def test_bottleneck_never_skips_a_pixel():
    """Each pixel reaches the output even with stride 2; a strided 1x1 would drop three of four."""
    torch.manual_seed(0)
    block = Bottleneck(4, 4, stride=2).eval()
    nn.init.ones_(block.bn3.weight)
    x = torch.rand(1, 4, 8, 8, requires_grad=True)
    for branch in (block.downsample(x), block.bn3(block.conv3(block.avgpool(x)))):
        (gradient,) = torch.autograd.grad(branch.pow(2).sum(), x)
        assert (gradient.abs().sum(dim=1) > 0).all()


def test_attention_pool_equals_torchs_attention():
    torch.manual_seed(0)
    pool = AttentionPool2d(3, 16, 4, 10)
    x = torch.randn(2, 16, 3, 3)
    reference = nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(
            torch.cat([pool.q_proj.weight, pool.k_proj.weight, pool.v_proj.weight])
        )
        reference.in_proj_bias.copy_(
            torch.cat([pool.q_proj.bias, pool.k_proj.bias, pool.v_proj.bias])
        )
        reference.out_proj.weight.copy_(torch.eye(16))
        places = x.flatten(2).transpose(1, 2)
        places = torch.cat([places.mean(1, keepdim=True), places], dim=1)
        places = places + pool.positional_embedding
        expected = reference(places, places, places)[0][:, 0]
    torch.testing.assert_close(pool.features(x), expected)
    torch.testing.assert_close(pool(x), pool.c_proj(expected))


def test_initial_values_of_the_attention_pool():
    torch.manual_seed(0)
    pool = AttentionPool2d(7, 256, 4, 512)
    for layer in (pool.q_proj, pool.k_proj, pool.v_proj, pool.c_proj):
        assert layer.weight.std().item() == pytest.approx(256**-0.5, rel=0.03)
    assert pool.positional_embedding.std().item() == pytest.approx(256**-0.5, rel=0.03)
    assert pool.positional_embedding.shape == (50, 256)


def test_memory_format_of_the_input_changes_nothing():
    torch.manual_seed(0)
    tower = ModifiedResNet(SMALL, embed_dim=12).eval()
    pictures = torch.randn(2, 3, 32, 32)
    last = pictures.contiguous(memory_format=torch.channels_last)
    assert torch.equal(tower(pictures), tower(last))
    # weights stay as they are, because a file of weights wants them contiguous
    assert all(p.is_contiguous() for p in tower.parameters())
