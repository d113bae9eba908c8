"""The shift explorer: striding aliases, and controls redraw the picture."""

from __future__ import annotations

import pytest
import torch

from clipedu_lessons.l02_pictures_to_vectors.shift import (
    ShiftExplorer,
    agreement,
    all_shifts,
    in_words,
    shift_and_shrink,
    shift_strip,
)


def _stripes() -> torch.Tensor:
    picture = torch.ones(3, 8, 8)
    picture[:, :, 1::2] = 0.0  # black in every odd column
    return picture


def test_stripes_vanish_or_fill_the_page_when_pixels_are_skipped() -> None:
    even, odd = shift_and_shrink(_stripes(), 0, 2), shift_and_shrink(_stripes(), 1, 2)
    assert even.strided[..., :4].min() == 1  # all white
    assert odd.strided[..., 1:4].max() == 0  # all black
    torch.testing.assert_close(even.pooled[..., 1:4], odd.pooled[..., 1:4])
    strided, pooled = agreement(even, odd)
    assert strided == pytest.approx(0.0) and pooled == pytest.approx(0.75)


def test_a_shift_by_the_factor_moves_both_small_pictures_by_one_pixel() -> None:
    picture = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    first, second = shift_and_shrink(picture, 0, 4), shift_and_shrink(picture, 4, 4)
    torch.testing.assert_close(second.strided[..., 1:], first.strided[..., :-1])
    torch.testing.assert_close(second.pooled[..., 1:], first.pooled[..., :-1])


def test_shapes_and_words() -> None:
    before, after = all_shifts(_stripes(), 4)[2:4]
    assert after.sheet.shape == (3, 8, 16)
    assert after.strided.shape == after.pooled.shape == (3, 2, 4)
    assert "from 2 to 3 pixels" in in_words(before, after)


@pytest.mark.parametrize(
    ("picture", "shift", "factor", "words"),
    [
        (torch.ones(8, 8), 0, 2, "shape"),
        (torch.zeros(3, 8, 8), 9, 2, "0 to 8"),
        (torch.zeros(3, 8, 8), 0, 3, "factor is 3; choose one of"),
        (torch.zeros(3, 6, 6), 0, 4, "divides"),
    ],
)
def test_wrong_inputs_are_named(picture: torch.Tensor, shift: int, factor: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        shift_and_shrink(picture, shift, factor)


def test_a_strip_has_three_rows_and_says_the_cosines() -> None:
    axes = shift_strip(all_shifts(_stripes(), 2), (0, 1)).axes
    assert len(axes) == 6
    assert [one.get_title() for one in axes[:4:2]] == ["moved 0 px", ""]
    assert axes[3].get_title() == "cosine 0.00" and axes[5].get_title() != "cosine 0.00"


def test_controls_redraw_and_have_names() -> None:
    explorer = ShiftExplorer({"stripes": _stripes(), "black": torch.zeros(3, 8, 8)}, factor=2)
    controls = (explorer.name, explorer.shift, explorer.factor)
    assert all(control.description and control.tooltip for control in controls)
    assert not explorer.shift.continuous_update
    for control, value in ((explorer.shift, 3), (explorer.factor, 4), (explorer.name, "black")):
        before, said = explorer.picture.value, explorer.words.value
        control.value = value
        assert explorer.picture.value != before and explorer.words.value != said
    assert 'alt="' in explorer.picture.value and 'role="status"' in explorer.words.value


def test_no_pictures_and_pictures_of_a_wrong_size_are_errors() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ShiftExplorer({})
    with pytest.raises(ValueError, match="divides"):
        ShiftExplorer({"stripes": _stripes(), "wrong": torch.zeros(3, 6, 6)}, 4)
