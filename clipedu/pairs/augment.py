"""Changes to a picture that leave its caption true, on a whole batch at once.

Notable:

* the paper's only augmentation is a random square crop (§2.4). Ours must do more, because what
  differs between the families that draw icons is not the crop but the **pen**: line or fill, thick
  or thin, dark on light or light on dark;
* everything works on *ink*: 0 where the paper is blank, 1 where it is black. One max-pool on ink
  thickens every stroke of a batch, one min-pool thins it, their difference leaves the outline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

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
        affine: share that is turned, scaled and moved, by at most `degrees`, `scale`, `shift`
            (share of the width).
        stretch: with `affine`, how much width and height are scaled apart from each other.
        warp: how far a smooth field moves the parts of a picture against each other, as a share of
            the width: two people who draw one thing agree on its parts and not on its proportions
            (elastic deformation: Simard, Steinkraus and Platt 2003).
        erase: share of pictures that lose a random rectangle of up to half their width.
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
    stretch: float = 0.0
    warp: float = 0.0
    erase: float = 0.0


NONE = Augmentation(invert=0, thicken=0, thin=0, affine=0)


def ink(rgba: torch.Tensor) -> torch.Tensor:
    """(N, S, S, 4) uint8 -> (N, 3, S, S) float: how dark each colour is when the picture lies on
    white paper."""
    pixels = rgba.permute(0, 3, 1, 2).float() / 255  # (N, 4, S, S)
    return pixels[:, 3:] * (1 - pixels[:, :3])  # (N, 3, S, S)


class Luck(NamedTuple):
    """What chance has in store for N pictures; a picture is changed by its own row alone.

    common (N, 10), erase (N, 5), apart (N,) in 0..1, and knots (N, 2, 4, 4), normal; the last three
    hold zeros where an :class:`Augmentation` does not ask for them.
    """

    common: torch.Tensor
    erase: torch.Tensor
    apart: torch.Tensor
    knots: torch.Tensor

    def of(self, part: slice) -> Luck:
        """The rows of some of the pictures."""
        return Luck(*(rows[part] for rows in self))


def is_coloured(ink: torch.Tensor) -> torch.Tensor:
    """(N, 3, S, S) ink -> (N,) bool: whether its three colours differ anywhere."""
    return (ink[:, :1] - ink[:, 1:]).abs().amax((1, 2, 3)) > 0.05


def draw_luck(
    n: int,
    generator: torch.Generator,
    how: Augmentation,
    coloured: torch.Tensor | None = None,
) -> Luck:
    """Draws for n pictures, whether or not their changes will be made here.

    Args:
        coloured: (n,) bool; then the coloured pictures draw before the black ones, as
            :func:`augment` does. Without it each draws at its place, which needs no picture.
    """
    common = torch.rand(n, 10, generator=generator)  # one row for each picture
    luck = Luck(common, torch.zeros(n, 5), torch.zeros(n), torch.zeros(n, 2, 4, 4))
    if coloured is None:
        groups = [torch.ones(n, dtype=torch.bool)]
    else:
        coloured = coloured & ~_only_lines(coloured, common, how)
        groups = [coloured, ~coloured]
    for rows in groups:
        count = int(rows.sum())
        if how.erase:
            luck.erase[rows] = torch.rand(count, 5, generator=generator)
        if how.stretch and (how.affine or how.warp):
            luck.apart[rows] = torch.rand(count, generator=generator)
        if how.warp:
            luck.knots[rows] = torch.randn(count, 2, 4, 4, generator=generator)
    return luck


def augment(ink: torch.Tensor, generator: torch.Generator, how: Augmentation) -> torch.Tensor:
    """Changes a batch of ink, each picture by its own draw.

    Args:
        ink: (N, 3, S, S) float in 0..1.
        generator: seeded; the same seed gives the same batch.
    Returns:
        (N, 3, S, S) float in 0..1: **pictures** (white is 1), not ink.
    """
    return change(ink, draw_luck(len(ink), generator, how, is_coloured(ink)), how)


def change(ink: torch.Tensor, luck: Luck, how: Augmentation) -> torch.Tensor:
    """:func:`augment` with luck that is drawn already: (N, 3, S, S) ink -> pictures.

    A part of a batch with its part of the luck gives that part of the pictures, to the last bit.
    """
    coloured = is_coloured(ink)  # (N,)
    if how.lines:
        chosen = _only_lines(coloured, luck.common, how)
        ink = torch.where(chosen[:, None, None, None], _dark_lines(ink), ink)
        coloured = coloured & ~chosen
    pictures = torch.empty_like(ink)
    # Black pictures have three equal channels: changing one of them is a third of the work.
    for rows, channels in ((coloured, 3), (~coloured, 1)):
        own = Luck(*(draws[rows] for draws in luck))
        changed = _change(ink[rows, :channels], own, how)
        if channels == 1:
            inverted = own.common[:, 1] < how.invert
            changed = torch.where(inverted[:, None, None, None], changed, 1 - changed)
        else:
            changed = 1 - changed
        pictures[rows] = changed  # (n, 1 or 3, S, S) fills (n, 3, S, S)
    return pictures.clamp_(0, 1)


def _only_lines(coloured: torch.Tensor, common: torch.Tensor, how: Augmentation) -> torch.Tensor:
    """(N,) bool: colour pictures of which only the dark lines are left."""
    return coloured & (common[:, 0] < how.lines)


def _change(ink: torch.Tensor, luck: Luck, how: Augmentation) -> torch.Tensor:
    """(n, C, S, S) ink -> the same, changed."""
    if not len(ink):
        return ink
    ink, common = ink.clone(), luck.common
    _on(ink, common[:, 2] < how.outline, _outline)
    _on(ink, common[:, 3] < how.thicken, _thicken)
    _on(ink, common[:, 3] > 1 - how.thin, _thin)  # the other end of the same draw: never both
    _on(ink, common[:, 4] < how.flip, lambda part: part.flip(-1))
    if how.erase:
        ink = _erase(ink, luck.erase, how.erase)
    if not (how.affine or how.warp):
        return ink
    grid = _affine_grid(ink, common[:, 5:9], common[:, 9] < how.affine, luck.apart, how)
    if how.warp:
        grid = grid + _warp_field(ink, luck.knots, how.warp)
    return F.grid_sample(ink, grid, align_corners=False)


def _on(
    batch: torch.Tensor, chosen: torch.Tensor, change: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    rows = chosen.nonzero().flatten()
    if len(rows):
        batch[rows] = change(batch[rows])


def _thicken(ink: torch.Tensor) -> torch.Tensor:
    return F.max_pool2d(ink, 3, stride=1, padding=1)


def _eroded(ink: torch.Tensor) -> torch.Tensor:
    return -F.max_pool2d(-ink, 3, stride=1, padding=1)


def _thin(ink: torch.Tensor) -> torch.Tensor:
    # Only half way: at 32 pixels a thin line has a single row of ink, and all of the erosion would
    # erase it.
    return (ink + _eroded(ink)) / 2


def _outline(ink: torch.Tensor) -> torch.Tensor:
    return (_thicken(ink) - _eroded(ink)).clamp_(0, 1)


def _dark_lines(ink: torch.Tensor) -> torch.Tensor:
    # Ink in all three colours at once is black; a yellow face has ink only in blue.
    return (ink.amin(1, keepdim=True) * 1.5).clamp_(0, 1).expand_as(ink)


def _erase(ink: torch.Tensor, luck: torch.Tensor, share: float) -> torch.Tensor:
    """(n, C, S, S) ink without one rectangle of a fifth to a half of the width; `luck` (n, 5)."""
    side = ink.shape[-1]
    place = torch.arange(side)
    inside = []
    for at, long in ((1, 2), (3, 4)):  # rows, then columns
        length = side * (0.2 + 0.3 * luck[:, long, None])  # (n, 1)
        start = luck[:, at, None] * (side - length)  # (n, 1)
        inside.append((place >= start) & (place < start + length))  # (n, S)
    gone = inside[0][:, :, None] & inside[1][:, None, :]  # (n, S, S)
    gone &= (luck[:, 0] < share)[:, None, None]
    return ink.masked_fill(gone[:, None], 0.0)


def _affine_grid(
    ink: torch.Tensor,
    luck: torch.Tensor,
    chosen: torch.Tensor,
    apart: torch.Tensor,
    how: Augmentation,
) -> torch.Tensor:
    """(n, S, S, 2): where each pixel looks, in coordinates from -1 to 1."""
    draw = (luck * 2 - 1) * chosen[:, None]  # (n, 4) in -1..1; all zero: stays as it is
    angle = draw[:, 0] * how.degrees * torch.pi / 180
    size = 1 / (1 + draw[:, 1] * how.scale)
    wide = tall = size
    if how.stretch:
        apart = (apart * 2 - 1) * chosen * how.stretch
        wide, tall = size * torch.exp(apart / 2), size * torch.exp(-apart / 2)
    cos, sin = torch.cos(angle), torch.sin(angle)
    shift = draw[:, 2:] * how.shift * 2  # grid coordinates run from -1 to 1
    rows = torch.stack(
        (cos * wide, -sin * tall, shift[:, 0], sin * wide, cos * tall, shift[:, 1]), 1
    )
    return F.affine_grid(rows.view(-1, 2, 3), list(ink.shape), align_corners=False)


def _warp_field(ink: torch.Tensor, knots: torch.Tensor, warp: float) -> torch.Tensor:
    """(n, S, S, 2): a smooth shift of every pixel, from random shifts at 4 x 4 knots."""
    field = F.interpolate(knots * (2 * warp), ink.shape[-2:], mode="bicubic", align_corners=False)
    return field.permute(0, 2, 3, 1)  # (n, S, S, 2)
