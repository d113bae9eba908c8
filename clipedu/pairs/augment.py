"""Changes to a picture that leave its caption true, on a whole batch at once.

The paper's only augmentation is a random square crop (§2.4). Ours must do more, because icon sets
differ in the **pen**: line or fill, thick or thin, dark on light or light on dark. Everything works
on *ink*, 0 where the paper is blank and 1 where it is black: a max-pool of ink thickens strokes, a
min-pool thins them, and their difference is the outline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """How often (0..1) and how strongly a picture is changed. All zero: pictures as they are."""

    invert: float = 0.5  # share of one-color pictures shown light on dark
    thicken: float = 0.25  # share whose strokes grow by about a pixel on each side; thin: shrink
    thin: float = 0.15
    outline: float = 0.0  # share of which only the outline is left
    lines: float = 0.0  # share of color pictures of which only the dark lines are left
    affine: float = 1.0  # share that is turned, scaled and moved, by at most the next three
    degrees: float = 8.0
    scale: float = 0.15
    shift: float = 0.06
    flip: float = 0.0  # share mirrored left to right: "arrow left" must stay left
    stretch: float = 0.0  # with `affine`, how much width and height are scaled apart
    warp: float = 0.0  # how far a smooth field moves parts (Simard et al. 2003: elastic)
    erase: float = 0.0  # share that loses a random rectangle of up to half the width


NONE = Augmentation(invert=0, thicken=0, thin=0, affine=0)


class AugmentParams(NamedTuple):
    """The random draws for N pictures; a picture is changed by its own row alone."""

    common: Tensor  # (N, 10) in 0..1
    erase: Tensor  # (N, 5) in 0..1; this and the rest are zero where they are not asked for
    stretch: Tensor  # (N,) in 0..1
    knots: Tensor  # (N, 2, 4, 4), normal

    def take(self, rows: slice | Tensor) -> AugmentParams:
        """The draws of some of the pictures."""
        return AugmentParams(*(draws[rows] for draws in self))


def ink(rgba: Tensor) -> Tensor:
    """(N, S, S, 4) uint8 -> (N, 3, S, S) float: how dark each color is on white paper."""
    pixels = rgba.permute(0, 3, 1, 2).float() / 255  # (N, 4, S, S)
    return pixels[:, 3:] * (1 - pixels[:, :3])  # (N, 3, S, S)


def augment(ink: Tensor, generator: torch.Generator, augmentation: Augmentation) -> Tensor:
    """(N, 3, S, S) ink in 0..1 -> changed **pictures** (white is 1), each by its own draws."""
    return apply_params(ink, draw_params(len(ink), generator, augmentation), augmentation)


def draw_params(n: int, generator: torch.Generator, augmentation: Augmentation) -> AugmentParams:
    """The draws for n pictures. What is not asked for draws no random numbers, and is zero."""
    common = torch.rand(n, 10, generator=generator)
    erase, stretch, knots = torch.zeros(n, 5), torch.zeros(n), torch.zeros(n, 2, 4, 4)
    if augmentation.erase:
        erase = torch.rand(n, 5, generator=generator)
    if augmentation.stretch:
        stretch = torch.rand(n, generator=generator)
    if augmentation.warp:
        knots = torch.randn(n, 2, 4, 4, generator=generator)
    return AugmentParams(common, erase, stretch, knots)


def apply_params(ink: Tensor, params: AugmentParams, augmentation: Augmentation) -> Tensor:
    """:func:`augment` with draws that were made before, which may be of a part of a batch."""
    colored = (ink[:, :1] - ink[:, 1:]).abs().amax((1, 2, 3)) > 0.05  # (N,)
    if augmentation.lines:
        chosen = colored & (params.common[:, 0] < augmentation.lines)
        # Ink in all three colors at once is black; a yellow face has ink only in blue.
        lines = (ink.amin(1, keepdim=True) * 1.5).clamp_(0, 1)
        ink = torch.where(chosen[:, None, None, None], lines, ink)
        colored = colored & ~chosen
    pictures = torch.empty_like(ink)
    pictures[colored] = 1 - _change(ink[colored], params.take(colored), augmentation)
    # Black pictures have three equal channels: changing one of them is a third of the work.
    own = params.take(~colored)
    black = _change(ink[~colored, :1], own, augmentation)  # (n, 1, S, S)
    inverted = (own.common[:, 1] < augmentation.invert)[:, None, None, None]
    pictures[~colored] = torch.where(inverted, black, 1 - black)  # fills (n, 3, S, S)
    return pictures.clamp_(0, 1)


def _change(ink: Tensor, params: AugmentParams, augmentation: Augmentation) -> Tensor:
    """(n, C, S, S) ink -> the same, changed."""
    if not len(ink):
        return ink
    ink, common = ink.clone(), params.common
    _on(ink, common[:, 2] < augmentation.outline, lambda some: _thicken(some) - _erode(some))
    _on(ink, common[:, 3] < augmentation.thicken, _thicken)
    # The other end of the same draw: never both. And only half of the erosion, since at 32 pixels a
    # thin line has a single row of ink, which all of it would erase.
    _on(ink, common[:, 3] > 1 - augmentation.thin, lambda some: (some + _erode(some)) / 2)
    _on(ink, common[:, 4] < augmentation.flip, lambda some: some.flip(-1))
    if augmentation.erase:
        ink = _erase(ink, params.erase, augmentation.erase)
    if not (augmentation.affine or augmentation.warp):
        return ink
    grid = _affine_grid(ink, params, augmentation)
    if augmentation.warp:
        # a smooth shift of every pixel, from random shifts at 4 x 4 knots
        knots = params.knots * (2 * augmentation.warp)
        field = F.interpolate(knots, ink.shape[-2:], mode="bicubic", align_corners=False)
        grid = grid + field.permute(0, 2, 3, 1)  # (n, S, S, 2)
    return F.grid_sample(ink, grid, align_corners=False)


def _on(batch: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> None:
    rows = chosen.nonzero().flatten()
    if len(rows):
        batch[rows] = change(batch[rows])


def _thicken(ink: Tensor) -> Tensor:
    return F.max_pool2d(ink, 3, stride=1, padding=1)


def _erode(ink: Tensor) -> Tensor:
    return -F.max_pool2d(-ink, 3, stride=1, padding=1)


def _erase(ink: Tensor, draw: Tensor, share: float) -> Tensor:
    """(n, C, S, S) ink without a rectangle of a fifth to a half of the width; draw: (n, 5)."""
    pixel = torch.arange(ink.shape[-1]) / ink.shape[-1]
    sizes = 0.2 + 0.3 * draw[:, 1:3]  # (n, 2): of rows, of columns
    starts = draw[:, 3:5] * (1 - sizes)
    inside = (pixel >= starts[..., None]) & (pixel < (starts + sizes)[..., None])  # (n, 2, S)
    erased = inside[:, 0, :, None] & inside[:, 1, None] & (draw[:, 0] < share)[:, None, None]
    return ink.masked_fill(erased[:, None], 0.0)


def _affine_grid(ink: Tensor, params: AugmentParams, augmentation: Augmentation) -> Tensor:
    """(n, S, S, 2): where each pixel looks, in coordinates from -1 to 1."""
    chosen = params.common[:, 9] < augmentation.affine
    draw = (params.common[:, 5:9] * 2 - 1) * chosen[:, None]  # (n, 4); all zero: stays as it is
    angle = draw[:, 0] * augmentation.degrees * torch.pi / 180
    size = 1 / (1 + draw[:, 1] * augmentation.scale)
    apart = (params.stretch * 2 - 1) * chosen * augmentation.stretch
    wide, tall = size * torch.exp(apart / 2), size * torch.exp(-apart / 2)
    cos, sin = torch.cos(angle), torch.sin(angle)
    shift = draw[:, 2:] * augmentation.shift * 2  # grid coordinates run from -1 to 1
    rows = (cos * wide, -sin * tall, shift[:, 0], sin * wide, cos * tall, shift[:, 1])
    theta = torch.stack(rows, 1).view(-1, 2, 3)
    return F.affine_grid(theta, list(ink.shape), align_corners=False)
