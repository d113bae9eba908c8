"""Augmentation: each change does what its name says, to the share of pictures that was asked."""

import dataclasses

import pytest
import torch

from clipedu.pairs import NONE, Augmentation, augment, ink


def black_disc(n=64, size=16):
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    disc = ((x - 7.5) ** 2 + (y - 7.5) ** 2 < 20).float()
    return disc.expand(n, 3, size, size).clone()


def changed(what, n=64, batch=None, **how):
    batch = black_disc(n) if batch is None else batch
    generator = torch.Generator().manual_seed(0)
    return 1 - augment(batch, generator, dataclasses.replace(NONE, **{what: 1.0, **how}))


def test_ink_is_black_on_white():
    rgba = torch.tensor(
        [[[[0, 0, 0, 255], [255, 255, 255, 255]], [[0, 0, 0, 0], [255, 0, 0, 128]]]]
    )
    found = ink(rgba.to(torch.uint8))[0]  # (3, 2, 2)
    assert found[:, 0, 0].tolist() == [1, 1, 1] and found[:, 0, 1].tolist() == [0, 0, 0]
    assert found[:, 1, 0].tolist() == [0, 0, 0]
    assert torch.allclose(found[:, 1, 1], torch.tensor([0, 128 / 255, 128 / 255]))


def test_nothing_asked_nothing_changed():
    batch = black_disc()
    assert torch.equal(augment(batch, torch.Generator(), NONE), 1 - batch)
    assert torch.equal(batch, black_disc())


def test_thicken_grows_thin_shrinks_outline_empties_the_middle():
    before = black_disc()
    thick, thin, outline = changed("thicken"), changed("thin"), changed("outline")
    assert (thick >= before).all() and thick.sum() > 1.2 * before.sum()
    assert (thin <= before).all() and 0.5 * before.sum() < thin.sum() < before.sum()
    assert outline[:, :, 7, 7].max() == 0 and outline.sum() > 0


def test_invert_shows_light_on_dark_but_leaves_colours():
    assert torch.equal(changed("invert"), 1 - black_disc())
    yellow = black_disc() * torch.tensor([0.0, 0.1, 0.9])[:, None, None]
    assert torch.allclose(changed("invert", batch=yellow), yellow)


def test_lines_keep_only_what_is_dark_in_every_colour():
    yellow = black_disc() * torch.tensor([0.0, 0.1, 0.9])[:, None, None]
    yellow[:, :, 7, 7] = 1.0  # a black dot
    left = changed("lines", batch=yellow)
    assert torch.allclose(left[:, :, 7, 7], torch.ones(64, 3)) and left.sum() == 64 * 3
    assert torch.equal(changed("lines"), black_disc())  # a black picture has no colour to lose


def test_flip_and_affine():
    half = black_disc()
    half[..., 8:] = 0
    assert torch.equal(changed("flip", batch=half), half.flip(-1))
    still = changed("affine", degrees=0, scale=0, shift=0, batch=half)
    assert torch.allclose(still, half, atol=1e-4)
    moved = changed("affine", degrees=0, scale=0, shift=0.25, batch=half)
    assert (moved - half).abs().amax((1, 2, 3)).gt(0.5).float().mean() > 0.8
    assert moved.flatten(1).std(0).max() > 0  # each picture by its own draw


@pytest.mark.parametrize("what", ["invert", "thicken", "thin", "outline"])
def test_a_share_is_that_share_of_the_pictures(what):
    n = 2000
    before = black_disc(n)
    found = changed(what, **{what: 0.3}, batch=before)
    share = (found - before).abs().amax((1, 2, 3)).gt(0).float().mean().item()
    assert abs(share - 0.3) < 0.04


def test_channels_of_black_pictures_stay_equal_and_the_seed_decides():
    how = Augmentation(outline=0.2, lines=0.5)
    mixed = black_disc()
    mixed[::2] *= torch.tensor([1.0, 0.2, 0.5])[:, None, None]
    one, again, other = (augment(mixed, torch.Generator().manual_seed(s), how) for s in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(one[1::2, 0], one[1::2, 2])
    assert 0 <= one.min() and one.max() <= 1
