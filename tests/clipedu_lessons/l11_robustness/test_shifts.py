"""Rendered shifts: what each leaves of a picture."""

import pytest
import torch

from clipedu_lessons.l11_robustness.shifts import NOISE, SHIFTS, noise, shifted


@pytest.fixture
def square():
    """A filled square of 12 px, and a ring with a hole of 8 px, on white."""
    pictures = torch.ones(2, 3, 20, 20)
    pictures[0, :, 4:16, 4:16] = 0
    pictures[1, :, 4:16, 4:16] = 0
    pictures[1, :, 6:14, 6:14] = 1
    return pictures


@pytest.mark.parametrize("name", SHIFTS)
def test_every_shift_keeps_shape_range_and_its_input(square, name):
    before = square.clone()
    out = shifted(square, name)
    assert out.shape == square.shape and out.dtype == square.dtype
    assert 0 <= float(out.min()) and float(out.max()) <= 1
    assert torch.equal(square, before)
    assert not torch.equal(out, square)
    assert torch.equal(out, shifted(square, name))  # twice the same


def test_line_only_empties_an_area(square):
    out = shifted(square, "line_only")
    assert out[0, 0, 10, 10] == 1 and out[0, 0, 4, 10] == 0


def test_silhouette_fills_what_is_enclosed_and_nothing_else(square):
    out = shifted(square, "silhouette")
    assert torch.equal(out[0], square[0])
    assert torch.equal(out[1], square[0])  # the ring becomes the square
    square[1, :, 4:6, 9:11] = 1  # a gap in the ring: the inside can be reached
    assert torch.equal(shifted(square, "silhouette")[1], square[1])


def test_thin_strokes_lose_ink(square):
    lost = (shifted(square, "thin_strokes") - square).clamp(min=0)
    assert float(lost[0].sum()) > 0 and float(lost[0, :, 7:13, 7:13].sum()) == 0


def test_noise_grows_with_severity(square):
    grey = torch.full_like(square, 0.5)
    spread = [float(noise(grey, s).std()) for s in range(1, len(NOISE) + 1)]
    assert spread == sorted(spread)
    assert spread[0] == pytest.approx(NOISE[0], rel=0.15)


def test_wrong_names_severities_and_pictures_are_refused(square):
    with pytest.raises(ValueError, match="silhouette"):
        shifted(square, "blur")
    with pytest.raises(ValueError, match="1 to 5"):
        noise(square, 6)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        shifted(square * 255, "line_only")
