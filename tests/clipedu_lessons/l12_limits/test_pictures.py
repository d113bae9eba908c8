"""Equal ink, two icons in one picture, a word across an icon; and maps of the evidence."""

import pytest
import torch

from clipedu.evaluation import embed_pictures
from clipedu.models import build
from clipedu.models.config import ViTConfig
from clipedu_lessons.l12_limits.figures import shares_figure
from clipedu_lessons.l12_limits.heat import patch_map
from clipedu_lessons.l12_limits.pictures import (
    count_pictures,
    shape_mask,
    side_by_side,
    with_word,
)


def test_ink_is_equal_and_shapes_are_counted():
    for equal in (True, False):
        pictures, labels = count_pictures(12, equal_ink=equal)
        ink = (1 - pictures.mean(1)).sum((1, 2))
        mean = torch.stack([ink[labels == k].mean() for k in range(8)])
        assert pictures.shape == (96, 3, 32, 32) and labels.bincount().tolist() == [12] * 8
        assert (mean[7] / mean[0] < 1.4) if equal else (mean[7] / mean[0] > 5)
    with pytest.raises(ValueError, match="'star'"):
        shape_mask("star", 8)


def test_two_pictures_share_one():
    left, right = torch.zeros(2, 3, 32, 32), torch.full((2, 3, 32, 32), 0.5)
    both = side_by_side(left, right)
    assert both.shape == (2, 3, 32, 32)
    assert both[0, 0, 16].tolist() == [0.0] * 16 + [0.5] * 16 and both[:, :, :8].min() == 1


def test_a_scramble_has_the_ink_of_its_word():
    pictures = torch.rand(2, 3, 32, 32)
    word, scramble = (with_word(pictures, ["bus", "key"], scrambled=s) for s in (False, True))
    assert torch.equal(word[:, :, :22], pictures[:, :, :22])
    assert not torch.equal(word, scramble)
    torch.testing.assert_close(word.sum((1, 2, 3)), scramble.sum((1, 2, 3)))
    torch.testing.assert_close(
        word.sort(dim=3).values[:, :, 22:], scramble.sort(dim=3).values[:, :, 22:]
    )


def test_maps_have_a_number_for_each_patch_and_hear_the_text():
    model = build("laptop_vit_stem", seed=0, vocab_size=300)
    assert isinstance(model.config.vision, ViTConfig)
    pictures = torch.rand(3, 3, 32, 32)
    texts = torch.nn.functional.normalize(torch.randn(3, model.config.embed_dim), dim=1)
    for kind in ("values", "outputs"):
        found = patch_map(model, pictures, texts, kind)
        assert found.shape == (3, 4, 4) and found.abs().max() <= 1
        torch.testing.assert_close(patch_map(model, pictures, -texts, kind), -found)
    grid = model.eval().image_grid(2 * pictures - 1)[:, 1:] @ model.visual.proj
    cosines = torch.nn.functional.cosine_similarity(grid, texts[:, None], dim=-1)
    torch.testing.assert_close(found.flatten(1), cosines, atol=1e-4, rtol=0)
    assert len(embed_pictures(model, pictures)) == 3  # no hook is left
    with pytest.raises(ValueError, match="'heat'"):
        patch_map(model, pictures, texts, "heat")


def test_shares_are_drawn_with_their_intervals():
    figure, words = shares_figure({"a": (0.5, 0.4, 0.6), "b": (1.0, 0.9, 1.0)}, chance=0.25)
    assert "a 50%; b 100%" in words
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["a", "b"]
