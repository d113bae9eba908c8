"""A data set small enough to train on in a test: coloured squares with three-word names."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from clipedu.pairs import NONE, Augmentation, Icon, all_captions
from clipedu.training import RECIPES, Pairs, Recipe

COLOURS = ("red", "green", "blue", "black")
PLACES = ("left", "right", "top", "bottom", "middle")
SIZES = ("small", "large")


class FakePairs(Pairs):
    """40 pictures; batch k depends on (seed, k) alone. `poison`: a step whose pictures hold NaN."""

    def __init__(self, poison: int | None = None, count: int = 40) -> None:
        names = [f"{s} {c} {p}" for s in SIZES for c in COLOURS for p in PLACES][:count]
        self.icons = [Icon("mdi", "plain", name, f"{name}.svg") for name in names]
        self.poison = poison
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.icons)

    def texts(self) -> list[str]:
        return all_captions(self.icons)

    def picture(self, i: int) -> torch.Tensor:
        size, colour, place = self.icons[i].name.split()
        x, y = {
            "left": (2, 12),
            "right": (22, 12),
            "top": (12, 2),
            "bottom": (12, 22),
            "middle": (12, 12),
        }[place]
        side = 4 if size == "small" else 8
        picture = torch.ones(3, 32, 32)
        inks = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "black": (0, 0, 0)}
        picture[:, y : y + side, x : x + side] = torch.tensor(inks[colour]).float()[:, None, None]
        return picture

    def batch_at(
        self, step: int, n: int, seed: int, augmentation: Augmentation = NONE
    ) -> tuple[torch.Tensor, list[str]]:
        self.asked.append(step)
        rng = np.random.default_rng((seed, step))
        rows = rng.permutation(len(self))[:n]
        pictures = torch.stack([self.picture(i) for i in rows])
        pictures += torch.from_numpy(rng.random(pictures.shape, np.float32)) * 0.05
        if step == self.poison:
            pictures[3, 0, 5, 5] = float("nan")
        return pictures, [self.icons[i].name for i in rows]


@pytest.fixture(autouse=True)
def listen_to_ctrl_c() -> Iterator[None]:
    """A job in the background starts with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


@pytest.fixture
def pairs() -> FakePairs:
    return FakePairs()


@pytest.fixture
def fake_pairs() -> type[FakePairs]:
    return FakePairs


@pytest.fixture
def recipe() -> Recipe:
    """The tiny recipe, in fp32 so that every machine takes the same path."""
    return dataclasses.replace(
        RECIPES["tiny"], batch_size=16, steps=12, precision="fp32", vocab_size=300
    )
