"""Drawings as strokes: from a pen's path to a picture drawn as our icons are.

A stroke is a list of points [x, y] in a square of 24 x 24 units; a drawing is a list of strokes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from clipedu.pairs import clean_picture

SIDE = 24  # units; the square in which Lucide, Material and Heroicons draw
MOST_POINTS = 20_000  # a long afternoon of drawing

Stroke = Sequence[Sequence[float]]


def strokes_to_svg(strokes: Sequence[Stroke], pen: float = 2.0) -> str:
    """The drawing as an SVG, black on nothing; pen: width of a line, of 24 units.

    Raises ValueError for points that are not two finite numbers, for too many of them, and for a
    pen that is not between 0.1 and 12.
    """
    if not 0.1 <= pen <= 12:
        raise ValueError(f"The pen is {pen} units wide; it can be 0.1 to 12, of {SIDE}.")
    if sum(map(len, strokes)) > MOST_POINTS:
        raise ValueError(f"The drawing has more than {MOST_POINTS:,} points: clear it, start anew.")
    paths = []
    for stroke in strokes:
        points = []
        for point in stroke:
            if len(point) != 2 or not all(math.isfinite(number) for number in point):
                raise ValueError(f"A point of a stroke is two numbers, [x, y]; got {point!r}.")
            points.append("{:g} {:g}".format(*point))
        if points:  # a single point is a dot: the line to itself has round ends
            paths.append(f"M{'L'.join(points if len(points) > 1 else points * 2)}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}" fill="none" '
        f'stroke="#000000" stroke-width="{pen:g}" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="{"".join(paths)}"/></svg>'
    )


def draw_strokes(strokes: Sequence[Stroke], size: int = 32, pen: float = 2.0) -> torch.Tensor:
    """The drawing as a picture (3, size, size), 0..1, black on white; white where nothing is drawn.

    Raises what `strokes_to_svg` and `clean_picture` raise.
    """
    if not any(strokes):
        return torch.ones(3, size, size)
    return clean_picture(strokes_to_svg(strokes, pen).encode(), size)


def _circle(x: float, y: float, radius: float, start: float = 0, stop: float = 360) -> Stroke:
    steps = max(8, round(abs(stop - start) / 12))
    angles = [math.radians(start + (stop - start) * k / steps) for k in range(steps + 1)]
    return [
        [round(x + radius * math.cos(a), 2), round(y + radius * math.sin(a), 2)] for a in angles
    ]


def _star() -> Stroke:
    corners = [(10 if k % 2 == 0 else 4, math.radians(36 * k - 90)) for k in range(11)]
    return [[round(12 + r * math.cos(a), 2), round(12.5 + r * math.sin(a), 2)] for r, a in corners]


# Ours, so that nobody needs a steady hand to try the pad. The names are what they should be.
SAMPLES: dict[str, list[Stroke]] = {
    "umbrella": [
        [*_circle(12, 12, 10, 180, 360), [2, 12]],
        [[12, 12], [12, 19], [12.6, 20.6], [14, 21], [15.4, 20.6], [16, 19]],
        [[12, 2], [12, 1]],
    ],
    "star": [_star()],
    "house": [
        [[2, 12], [12, 3], [22, 12]],
        [[5, 10], [5, 21], [19, 21], [19, 10]],
        [[10, 21], [10, 14], [14, 14], [14, 21]],
    ],
    "clock": [_circle(12, 12, 10), [[12, 6], [12, 12], [16, 14]]],
    "cloud": [
        [*_circle(7, 15, 4, 90, 250), *_circle(12, 10, 5, 200, 340), *_circle(18, 15, 4, -80, 90)]
        + [[7, 19]]
    ],
    "key": [_circle(7, 17, 4), [[10, 14], [20, 4]], [[16, 8], [19, 11]], [[18, 6], [21, 9]]],
    "flag": [[[5, 22], [5, 3], [19, 3], [16, 8], [19, 13], [5, 13]]],
}


def is_blank(picture: torch.Tensor, least: float = 0.02) -> bool:
    """Whether (3, S, S) has one color only: no two pixels differ by more than `least`."""
    flat = picture.flatten(-2)  # (3, S * S)
    return bool((flat.amax(-1) - flat.amin(-1)).max() <= least)
