"""Drawings as strokes: what they become, and which are refused."""

from __future__ import annotations

import math

import pytest
import torch

from clipedu.pairs import clean_picture
from clipedu_lessons.common.strokes import MOST_POINTS, SAMPLES, draw_strokes, is_blank


def test_a_line_stands_where_it_was_drawn() -> None:
    picture = draw_strokes([[[0, 12], [24, 12]]], 32, pen=3)  # three of 24 units: four of 32 pixels
    dark = picture[0] < 0.5
    assert dark[14:18].all() and not dark[:13].any() and not dark[19:].any()


def test_x_runs_to_the_right_and_y_down() -> None:
    picture = draw_strokes([[[20, 4]]], 48, pen=4)  # one point is a dot
    y, x = (torch.nonzero(picture[0] < 0.5).float().mean(0) / 2).tolist()
    assert (x, y) == pytest.approx((20, 4), abs=0.3)


def test_a_thicker_pen_leaves_more_ink() -> None:
    ink = [
        (1 - draw_strokes(SAMPLES["star"], 64, pen)).mean().item() for pen in (0.5, 1.0, 2.0, 4.0)
    ]
    assert ink == sorted(ink) and ink[-1] > 2 * ink[0]


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_fit_on_the_sheet_and_are_not_blank(name: str) -> None:
    points = [point for stroke in SAMPLES[name] for point in stroke]
    assert all(0 <= number <= 24 for point in points for number in point)
    picture = draw_strokes(SAMPLES[name])
    assert picture.shape == (3, 32, 32) and not is_blank(picture)


def by_resvg(strokes: list, size: int, pen: float) -> torch.Tensor:
    """The oracle: the icons' own renderer, which measures areas and not distances."""
    paths = ["L".join("{:g} {:g}".format(*point) for point in stroke) for stroke in strokes]
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#000" '
        f'stroke-width="{pen:g}" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="M{"M".join(paths)}"/></svg>'
    )
    return clean_picture(svg.encode(), size)


@pytest.mark.parametrize("pen", [1.5, 2.0, 4.0])
@pytest.mark.parametrize("size", [32, 48])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_drawing_is_what_the_renderer_of_the_icons_draws(
    name: str, size: int, pen: float
) -> None:
    off = (draw_strokes(SAMPLES[name], size, pen) - by_resvg(SAMPLES[name], size, pen)).abs()
    assert off.mean() <= 0.012 and off.max() <= 0.15
    shifted = draw_strokes([[[x + 0.3, y] for x, y in s] for s in SAMPLES[name]], size, pen)
    assert (shifted - by_resvg(SAMPLES[name], size, pen)).abs().mean() > 0.02


@pytest.mark.parametrize("strokes", [[], [[]], [[], []]])
def test_nothing_drawn_is_white(strokes: list[list[list[float]]]) -> None:
    assert (draw_strokes(strokes) == 1).all()


@pytest.mark.parametrize(
    ("strokes", "pen", "words"),
    [
        ([[[1, 2, 3]]], 2, "two numbers"),
        ([[[1, math.nan]]], 2, "two numbers"),
        ([[[1, math.inf]]], 2, "two numbers"),
        ([[[1, 1e200]]], 2, "two numbers"),
        ([[[1, 2]]], 0, "pen"),
        ([[[1, 2]]], 99, "pen"),
        ([[[1, 2]] * (MOST_POINTS + 1)], 2, "20,000 points"),
    ],
)
def test_what_is_refused(strokes: list, pen: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        draw_strokes(strokes, pen=pen)


def test_points_outside_the_sheet_are_cut_off() -> None:
    assert (draw_strokes([[[-50, -50], [-40, -40]]]) == 1).all()


def test_what_is_blank() -> None:
    assert is_blank(torch.ones(3, 32, 32)) and is_blank(torch.full((3, 32, 32), 0.3))
    dot = torch.ones(3, 32, 32)
    dot[:, 5, 5] = 0
    assert not is_blank(dot)
