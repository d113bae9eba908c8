from __future__ import annotations

import torch

from clipedu.models import VisionTransformer, ViTConfig


def _tower(**changes) -> VisionTransformer:
    torch.manual_seed(0)
    sizes = dict(resolution=16, patch=4, width=32, layers=2, heads=4) | changes
    return VisionTransformer(ViTConfig(**sizes), embed_dim=12)


def test_shapes():
    tower, pictures = _tower(), torch.randn(3, 3, 16, 16)
    assert tower(pictures).shape == (3, 12)
    assert tower.features(pictures).shape == (3, 32)
    torch.testing.assert_close(tower(pictures), tower.features(pictures) @ tower.proj)


def test_the_first_convolution_is_a_matrix_on_cut_out_patches():
    tower, pictures = _tower(), torch.randn(2, 3, 16, 16)
    cut = pictures.unfold(2, 4, 4).unfold(3, 4, 4)  # (B, 3, 4, 4, patch, patch)
    cut = cut.permute(0, 2, 3, 1, 4, 5).reshape(2, 16, 3 * 4 * 4)
    expected = cut @ tower.conv1.weight.flatten(1).T  # (B, patches, W)
    got = tower.conv1(pictures).flatten(2).transpose(1, 2)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-4)


def test_a_stem_of_convolutions_gives_as_many_tokens_as_patches_do():
    tower, pictures = _tower(stem="conv"), torch.randn(3, 3, 16, 16)
    shapes = [tuple(p.shape) for name, p in tower.stem.named_parameters() if p.ndim == 4]
    assert shapes == [(16, 3, 3, 3), (32, 16, 3, 3)]
    assert tower.conv1.weight.shape == (32, 32, 1, 1)
    assert tower.conv1(tower.stem(pictures)).shape == _tower().conv1(pictures).shape
    assert tower(pictures).shape == (3, 12)
    assert tower.positional_embedding.shape == _tower().positional_embedding.shape
    assert not any(name.startswith("stem") for name in _tower().state_dict())


def test_without_positions_the_order_of_the_patches_is_lost():
    tower, pictures = _tower().eval(), torch.randn(1, 3, 16, 16)
    swapped = pictures.clone()
    swapped[..., :4, :4], swapped[..., 8:12, 4:8] = (
        pictures[..., 8:12, 4:8],
        pictures[..., :4, :4],
    )
    with torch.no_grad():
        assert not torch.allclose(tower(pictures), tower(swapped), atol=1e-4)
        tower.positional_embedding.zero_()
        torch.testing.assert_close(tower(pictures), tower(swapped), atol=1e-5, rtol=1e-4)


def test_initial_values():
    tower = _tower(width=256, heads=4, resolution=64)
    for parameter in (tower.class_embedding, tower.positional_embedding, tower.proj):
        assert abs(parameter.std().item() * 256**0.5 - 1) < 0.15
    # blocks keep torch's defaults: a Linear is uniform in +-1/sqrt(inputs)
    fc = tower.transformer.resblocks[0].mlp.c_fc.weight
    assert 0.99 / 16 < fc.abs().max().item() <= 1 / 16
