"""Augmentation: each change does what its name says, to the share of pictures that was asked."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F

from clipedu.pairs import NONE, Augmentation, augment, ink


def black_disc(n=64, size=16):
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    disc = ((x - 7.5) ** 2 + (y - 7.5) ** 2 < 20).float()
    return disc.expand(n, 3, size, size).clone()


def changed(what, n=64, batch=None, **fields):
    batch = black_disc(n) if batch is None else batch
    generator = torch.Generator().manual_seed(0)
    return 1 - augment(batch, generator, dataclasses.replace(NONE, **{what: 1.0, **fields}))


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


def test_invert_shows_light_on_dark_but_leaves_colors():
    assert torch.equal(changed("invert"), 1 - black_disc())
    yellow = black_disc() * torch.tensor([0.0, 0.1, 0.9])[:, None, None]
    assert torch.allclose(changed("invert", batch=yellow), yellow)


def test_lines_keep_only_what_is_dark_in_every_color():
    yellow = black_disc() * torch.tensor([0.0, 0.1, 0.9])[:, None, None]
    yellow[:, :, 7, 7] = 1.0  # a black dot
    left = changed("lines", batch=yellow)
    assert torch.allclose(left[:, :, 7, 7], torch.ones(64, 3)) and left.sum() == 64 * 3
    assert torch.equal(changed("lines"), black_disc())  # a black picture has no color to lose


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
    augmentation = Augmentation(outline=0.2, lines=0.5)
    mixed = black_disc()
    mixed[::2] *= torch.tensor([1.0, 0.2, 0.5])[:, None, None]
    one, again, other = (
        augment(mixed, torch.Generator().manual_seed(s), augmentation) for s in (1, 1, 2)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(one[1::2, 0], one[1::2, 2])
    assert 0 <= one.min() and one.max() <= 1


def test_warp_moves_parts_a_little_and_each_picture_by_its_own_draw():
    before = F.interpolate(black_disc(32), scale_factor=2.0)  # (32, 3, 32, 32)
    small, large = changed("warp", batch=before, warp=0.01), changed("warp", batch=before, warp=0.1)
    assert 0 < (small - before).abs().mean() < (large - before).abs().mean()
    assert not torch.allclose(small[0], small[1])
    assert abs(small.sum() / before.sum() - 1) < 0.1  # the thing is still there


def test_stretch_makes_a_disc_wider_than_tall_or_taller_than_wide():
    before = F.interpolate(black_disc(64), scale_factor=2.0)
    after = changed("affine", batch=before, affine=1.0, degrees=0, scale=0, shift=0, stretch=0.5)
    wide = (after[:, 0].amax(1) > 0.5).sum(1)  # columns with ink
    tall = (after[:, 0].amax(2) > 0.5).sum(1)  # rows with ink
    assert (wide > tall + 1).any() and (tall > wide + 1).any()
    area = after[:, 0].sum((1, 2)) / before[:, 0].sum((1, 2))
    assert (area - 1).abs().max() < 0.1  # what is won in width is lost in height


def test_erase_blanks_one_rectangle_of_the_share_that_was_asked():
    full = torch.ones(200, 3, 20, 20)
    half = changed("erase", batch=full, erase=0.5)
    lost = (half == 0)[:, 0]  # (200, 20, 20)
    hit = lost.flatten(1).any(1)
    assert 70 < hit.sum() < 130
    rows, columns = lost[hit].any(2).sum(1), lost[hit].any(1).sum(1)
    assert torch.equal(rows * columns, lost[hit].sum((1, 2)))  # a rectangle, and only one
    assert rows.min() >= 3 and rows.max() <= 11


def test_what_is_not_asked_draws_no_random_numbers():
    # A recipe from before these changes existed still gives the very same pictures.
    batch, augmentation = black_disc(), Augmentation()
    one, other = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    augment(batch, one, augmentation)
    torch.rand(len(batch), 10, generator=other)
    assert torch.equal(one.get_state(), other.get_state())
