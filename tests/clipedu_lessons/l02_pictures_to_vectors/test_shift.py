"""The shift explorer: means keep the ink, skipping does not, and controls redraw the picture."""

from __future__ import annotations

import pytest
import torch

from clipedu_lessons.l02_pictures_to_vectors.shift import (
    ShiftExplorer,
    ink_by_shift,
    shift_and_shrink,
    shift_figure,
    shift_in_words,
    shift_strip,
)


def _stripes() -> torch.Tensor:
    picture = torch.ones(3, 8, 8)
    picture[:, :, 1::2] = 0.0  # black in every odd column
    return picture


def test_stripes_vanish_or_fill_the_page_when_pixels_are_skipped() -> None:
    even, odd = shift_and_shrink(_stripes(), 0, 2), shift_and_shrink(_stripes(), 1, 2)
    assert even.plain_ink == pytest.approx(0.0)
    assert odd.plain_ink == pytest.approx(2.0)
    assert even.pooled_ink == pytest.approx(1.0)
    assert odd.pooled_ink == pytest.approx(1.0)


def test_a_shift_by_the_factor_moves_both_small_pictures_by_one_pixel() -> None:
    picture = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    first, second = shift_and_shrink(picture, 0, 4), shift_and_shrink(picture, 4, 4)
    torch.testing.assert_close(second.plain[..., 1:], first.plain[..., :-1])
    torch.testing.assert_close(second.pooled[..., 1:], first.pooled[..., :-1])


def test_shapes_and_words() -> None:
    one = ink_by_shift(_stripes(), 4)[3]
    assert one.sheet.shape == (3, 8, 16)
    assert one.plain.shape == one.pooled.shape == (3, 2, 4)
    assert "3 pixels" in shift_in_words(one) and "100%" in shift_in_words(one)


@pytest.mark.parametrize(
    ("picture", "shift", "factor", "words"),
    [
        (torch.ones(8, 8), 0, 2, "shape"),
        (torch.zeros(3, 8, 8), 9, 2, "0 to 8"),
        (torch.zeros(3, 8, 8), 0, 3, "factor"),
        (torch.zeros(3, 6, 6), 0, 4, "divides"),
        (torch.ones(3, 8, 8), 0, 2, "all white"),
    ],
)
def test_wrong_inputs_are_named(picture: torch.Tensor, shift: int, factor: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        shift_and_shrink(picture, shift, factor)


def test_figures_label_axes_and_panels() -> None:
    series = ink_by_shift(_stripes(), 2)
    axes = shift_figure(series, 1).axes
    assert axes[-1].get_xlabel() == "shift (pixels)"
    assert axes[-1].get_ylabel() == "share of ink kept"
    assert len(shift_strip(series, (0, 1)).axes) == 6


def test_controls_redraw_and_have_names() -> None:
    explorer = ShiftExplorer({"stripes": _stripes(), "black": torch.zeros(3, 8, 8)}, factor=2)
    controls = (explorer.name, explorer.shift, explorer.factor)
    assert all(control.description and control.tooltip for control in controls)
    assert not explorer.shift.continuous_update
    for control, value in ((explorer.shift, 1), (explorer.factor, 4), (explorer.name, "black")):
        before, said = explorer.picture.value, explorer.words.value
        control.value = value
        assert explorer.picture.value != before
        assert explorer.words.value != said or control is explorer.name
    assert 'alt="' in explorer.picture.value and 'role="status"' in explorer.words.value


def test_no_pictures_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ShiftExplorer({})


@pytest.mark.parametrize(
    ("shape", "factor", "words"),
    [((3, 8, 8), 3, "factor is 3; choose one of"), ((8, 8), 2, "shape"), ((3, 6, 6), 4, "divides")],
)
def test_what_cannot_be_shrunk_is_refused_as_by_the_function(
    shape: tuple[int, ...], factor: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        ShiftExplorer({"stripes": _stripes(), "wrong": torch.zeros(shape)}, factor)
