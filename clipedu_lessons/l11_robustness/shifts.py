"""Rendered shifts: the same pictures, drawn badly on purpose.

In a *natural* shift another person drew the same thing; robustness to the one kind says little
about the other. All functions take and give pictures (N, 3, R, R) float in 0..1 on white, and work
on *ink* (1 - picture): 0 is blank paper.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from clipedu.evaluation.inputs import check_pictures

#: Standard deviation of the noise at the five severities; the paper's own pictures span 0..1.
NOISE = (0.1, 0.2, 0.3, 0.45, 0.6)


def line_only(pictures: torch.Tensor) -> torch.Tensor:
    """Every area becomes its outline, about two pixels wide."""
    ink = 1 - pictures
    return 1 - (_grown(ink) - _shrunk(ink)).clamp(0, 1)


def silhouette(pictures: torch.Tensor) -> torch.Tensor:
    """All that the outer contour encloses is filled with black: what is inside is lost.

    White paper that can be reached from the border stays white.
    """
    blank = ((1 - pictures).amax(1, keepdim=True) < 0.35).float()  # (N, 1, R, R)
    outside = F.pad(torch.zeros_like(blank), (1, 1, 1, 1), value=1.0)
    free = F.pad(blank, (1, 1, 1, 1), value=1.0)
    while True:  # a flood from the border, one pixel a turn, never across a corner
        spread = torch.maximum(
            F.max_pool2d(outside, (3, 1), 1, (1, 0)), F.max_pool2d(outside, (1, 3), 1, (0, 1))
        )
        spread = spread * free
        if torch.equal(spread, outside):
            return outside[:, :, 1:-1, 1:-1].expand_as(pictures).contiguous()
        outside = spread


def thin_strokes(pictures: torch.Tensor) -> torch.Tensor:
    """Strokes lose most of a pixel on each side. All of it would erase the thinnest ones."""
    ink = 1 - pictures
    return 1 - (0.4 * ink + 0.6 * _shrunk(ink))


def noise(pictures: torch.Tensor, severity: int = 3, *, seed: int = 0) -> torch.Tensor:
    """Grey Gaussian noise of standard deviation `NOISE[severity - 1]`, cut off at 0 and 1.

    Raises ValueError unless severity is 1, 2, 3, 4 or 5.
    """
    if severity not in range(1, len(NOISE) + 1):
        raise ValueError(f"severity is a whole number from 1 to {len(NOISE)}; got {severity!r}.")
    generator = torch.Generator().manual_seed(seed)
    n, _, height, width = pictures.shape
    grain = torch.randn(n, 1, height, width, generator=generator).to(pictures)
    return (pictures + NOISE[severity - 1] * grain).clamp(0, 1)


def _noise(severity: int) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda pictures: noise(pictures, severity)


SHIFTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "line_only": line_only,
    "silhouette": silhouette,
    "thin_strokes": thin_strokes,
    **{f"noise_{severity}": _noise(severity) for severity in range(1, len(NOISE) + 1)},
}


def shifted(pictures: torch.Tensor, name: str) -> torch.Tensor:
    """`pictures` after the shift of that name.

    Raises ValueError for an unknown name, and what `check_pictures` raises for wrong pictures.
    """
    if name not in SHIFTS:
        raise ValueError(f"There is no shift {name!r}. The shifts are: {', '.join(SHIFTS)}.")
    check_pictures(pictures)
    return SHIFTS[name](pictures)


def _grown(ink: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(ink, 3, stride=1, padding=1)


def _shrunk(ink: torch.Tensor) -> torch.Tensor:
    return -F.max_pool2d(-ink, 3, stride=1, padding=1)
