"""The way of a picture through a tower, and the attention of its pooling."""

from __future__ import annotations

import pytest
import torch

from clipedu.models import build
from clipedu.pairs import to_model
from clipedu_lessons.l02_pictures_to_vectors.picture_path import (
    looking_figure,
    picture_path,
    picture_path_figure,
    pooling_weights,
)

PICTURES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_the_path_ends_in_the_models_embedding() -> None:
    model = build("tiny", seed=0).eval()
    path = picture_path(model, PICTURES[0])
    expected = model.encode_image(to_model(PICTURES[:1]), normalize=True)[0]
    torch.testing.assert_close(path.vector, expected.detach())
    assert path.features.shape == (32, 8, 8)
    assert len(picture_path_figure(path, 8).axes) == 1 + 16 + 8 + 1


def test_a_patch_must_divide_the_picture() -> None:
    path = picture_path(build("tiny", seed=0).eval(), PICTURES[0])
    with pytest.raises(ValueError, match="evenly"):
        picture_path_figure(path, 5)


@torch.no_grad()
def test_weights_gather_what_the_pooling_gathers() -> None:
    model = build("tiny", seed=0).eval()
    pool = model.visual.attnpool
    weights = pooling_weights(model, PICTURES)
    assert weights.shape == (2, 2, 8, 8)
    shares = weights.flatten(2)  # (N, H, places); the rest of 1 is the mean's
    grid = model.visual.feature_map(to_model(PICTURES)).flatten(2).transpose(1, 2)
    tokens = torch.cat([grid.mean(1, keepdim=True), grid], 1) + pool.positional_embedding
    values = pool.v_proj(tokens).unflatten(-1, (2, -1)).transpose(1, 2)  # (N, H, 1 + places, D)
    all_shares = torch.cat([1 - shares.sum(-1, keepdim=True), shares], dim=-1)
    gathered = (all_shares[:, :, None] @ values).flatten(1)
    torch.testing.assert_close(gathered, model.image_features(to_model(PICTURES)))


def test_a_vit_has_no_attention_pooling() -> None:
    model = build("laptop_vit", seed=0)
    with pytest.raises(ValueError, match="attention pooling"):
        pooling_weights(model, PICTURES)
    with pytest.raises(ValueError, match="feature map"):
        picture_path(model, PICTURES[0])


def test_looking_needs_one_map_and_title_per_picture() -> None:
    maps = torch.full((2, 2, 2), 0.25)
    assert len(looking_figure(PICTURES, maps, ["a", "b"]).axes) == 4
    with pytest.raises(ValueError, match="one title per picture"):
        looking_figure(PICTURES, maps, ["a"])
