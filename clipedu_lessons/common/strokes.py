"""Drawings as strokes: from a pen's path to the picture that the model sees.

A stroke is a list of points [x, y] in a square of 24 x 24 units; a drawing is a list of strokes.
The website's drawing page follows the same rule (docs/site/static/draw/draw.js, `see`), and a test
in a browser holds its pixels equal to these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from clipedu.pairs.raster import check_size

SIDE = 24  # units; the square in which Lucide, Material and Heroicons draw
FINER = 4  # points at which the ink is measured, for one pixel, along each side
MOST_POINTS = 20_000  # a long afternoon of drawing
FARTHEST = 1_000  # units from the corner; far outside the sheet

Stroke = Sequence[Sequence[float]]


def check_strokes(strokes: Sequence[Stroke], pen: float) -> None:
    """Raises ValueError for a pen that is not 0.1 to 12 units wide, too many points, and points
    that are not two numbers of at most `FARTHEST`."""
    if not 0.1 <= pen <= 12:
        raise ValueError(f"The pen is {pen} units wide; it can be 0.1 to 12, of {SIDE}.")
    if sum(map(len, strokes)) > MOST_POINTS:
        raise ValueError(f"The drawing has more than {MOST_POINTS:,} points: clear it, start anew.")
    for point in (point for stroke in strokes for point in stroke):
        if len(point) != 2 or not all(abs(number) <= FARTHEST for number in point):
            raise ValueError(f"A point of a stroke is two numbers, [x, y]; got {point!r}.")


def draw_strokes(strokes: Sequence[Stroke], size: int = 32, pen: float = 2.0) -> torch.Tensor:
    """The drawing as a picture (3, size, size), 0..1, black on white; white where nothing is drawn.

    On a grid with 4 x 4 points for each pixel, the ink at a point is `radius + 1/2 - distance` to
    the nearest line, cut off at 0 and 1, with lengths in steps of the grid. A pixel is the mean of
    its points. Raises what `check_strokes` raises, and ValueError for a size outside 8..512.
    """
    check_size(size)
    check_strokes(strokes, pen)
    scale, side = FINER * size / SIDE, FINER * size
    radius, centers = pen / 2 * scale, np.arange(side) + 0.5
    nearest = np.full((side, side), np.inf)  # squared distance of each point to the drawing
    for stroke in strokes:
        scaled = [(x * scale, y * scale) for x, y in stroke]
        for (x1, y1), (x2, y2) in zip(scaled, scaled[1:] or scaled, strict=False):  # or a dot
            columns, rows = _near(x1, x2, radius + 1, side), _near(y1, y2, radius + 1, side)
            x, y, dx, dy = centers[columns] - x1, centers[rows, None] - y1, x2 - x1, y2 - y1
            along = np.clip((x * dx + y * dy) / (dx * dx + dy * dy or 1), 0, 1)
            squared = (x - along * dx) ** 2 + (y - along * dy) ** 2
            nearest[rows, columns] = np.minimum(nearest[rows, columns], squared)
    ink = np.clip(radius + 0.5 - np.sqrt(nearest), 0, 1)
    gray = 255 * (1 - ink.reshape(size, FINER, size, FINER).mean((1, 3)))
    return torch.from_numpy(np.floor(gray + 0.5) / 255).float().repeat(3, 1, 1)


def _near(a: float, b: float, reach: float, side: int) -> slice:
    """The points of one axis that are at most `reach` from the range between a and b."""
    first, last = math.floor(min(a, b) - reach), math.ceil(max(a, b) + reach)
    return slice(*(min(max(edge, 0), side) for edge in (first, last)))


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
