"""Changes to a picture that leave its caption true, on a whole batch at once.

Notable:

* the paper's only augmentation is a random square crop (§2.4). Ours must do more, because what differs between the
  families that draw icons is not the crop but the **pen**: line or fill, thick or thin, dark on light or light on dark;
* everything works on *ink*: 0 where the paper is blank, 1 where it is black. One max-pool on ink thickens every
  stroke of a batch, one min-pool thins it, their difference leaves the outline.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Augmentation:
    """How often (0..1) and how strongly a picture is changed. All zero: pictures as they are.

    Attributes:
        invert: share of one-colour pictures shown light on dark.
        thicken, thin: share whose strokes grow or shrink by about a pixel on each side.
        outline: share of pictures of which only the outline is left.
        lines: share of colour pictures of which only the dark lines are left.
        affine: share that is turned, scaled and moved, by at most `degrees`, `scale`, `shift` (share of the width).
        flip: share mirrored left to right. Zero by default: "arrow left" must stay left.
    """

    invert: float = 0.5
    thicken: float = 0.25
    thin: float = 0.15
    outline: float = 0.0
    lines: float = 0.0
    affine: float = 1.0
    degrees: float = 8.0
    scale: float = 0.15
    shift: float = 0.06
    flip: float = 0.0


NONE = Augmentation(invert=0, thicken=0, thin=0, affine=0)


def ink(rgba: torch.Tensor) -> torch.Tensor:
    """(N, S, S, 4) uint8 -> (N, 3, S, S) float: how dark each colour is when the picture lies on white paper."""
    pixels = rgba.permute(0, 3, 1, 2).float() / 255  # (N, 4, S, S)
    return pixels[:, 3:] * (1 - pixels[:, :3])  # (N, 3, S, S)


def augment(ink: torch.Tensor, generator: torch.Generator, how: Augmentation) -> torch.Tensor:
    """Changes a batch of ink, each picture by its own draw.

    Args:
        ink: (N, 3, S, S) float in 0..1.
        generator: seeded; the same seed gives the same batch.
    Returns:
        (N, 3, S, S) float in 0..1: **pictures** (white is 1), not ink.
    """
    n = len(ink)
    draw = torch.rand(n, 8, generator=generator)  # one row of luck for each picture
    coloured = (ink[:, 0] - ink[:, 2]).abs().amax((1, 2)) + (ink[:, 0] - ink[:, 1]).abs().amax((1, 2)) > 0.1  # (N,)
    ink = ink.clone()
    _on(ink, coloured & (draw[:, 5] < how.lines), _dark_lines)
    _on(ink, draw[:, 6] < how.outline, _outline)
    _on(ink, draw[:, 0] < how.thicken, _thicken)
    _on(ink, draw[:, 0] > 1 - how.thin, _thin)  # the other end of the same draw: never both
    if how.affine:
        ink = _affine(ink, draw[:, 1:5], draw[:, 7] < how.affine, how)
    if how.flip:
        _on(ink, torch.rand(n, generator=generator) < how.flip, lambda x: x.flip(-1))
    dark_ground = (torch.rand(n, generator=generator) < how.invert) & ~coloured
    return torch.where(dark_ground[:, None, None, None], ink, 1 - ink).clamp_(0, 1)


def _on(batch: torch.Tensor, chosen: torch.Tensor, change) -> None:
    rows = chosen.nonzero().flatten()
    if len(rows):
        batch[rows] = change(batch[rows])


def _thicken(ink: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(ink, 3, stride=1, padding=1)


def _thin(ink: torch.Tensor) -> torch.Tensor:
    # Only half way: at 32 pixels a thin line has a single row of ink, and a full min-pool would erase it.
    return (ink + -F.max_pool2d(-ink, 3, stride=1, padding=1)) / 2


def _outline(ink: torch.Tensor) -> torch.Tensor:
    return ((_thicken(ink) + F.max_pool2d(-ink, 3, stride=1, padding=1)) * 1.0).clamp_(0, 1)


def _dark_lines(ink: torch.Tensor) -> torch.Tensor:
    # Ink in all three colours at once is black; a yellow face has ink only in blue.
    dark = ((ink.amin(1, keepdim=True) - 0.5) * 2).clamp_(0, 1)
    return dark.expand_as(ink)


def _affine(ink: torch.Tensor, draw: torch.Tensor, chosen: torch.Tensor, how: Augmentation) -> torch.Tensor:
    draw = (draw * 2 - 1) * chosen[:, None]  # (N, 4) in -1..1; all zero: stays as it is
    angle = draw[:, 0] * how.degrees * torch.pi / 180
    size = 1 / (1 + draw[:, 1] * how.scale)
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    shift = draw[:, 2:] * how.shift * 2  # grid coordinates run from -1 to 1
    rows = torch.stack((cos, -sin, shift[:, 0], sin, cos, shift[:, 1]), 1).view(-1, 2, 3)
    grid = F.affine_grid(rows, list(ink.shape), align_corners=False)
    return F.grid_sample(ink, grid, align_corners=False)
