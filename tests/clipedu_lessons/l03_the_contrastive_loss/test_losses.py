from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from clipedu.objectives import info_nce
from clipedu_lessons.l03_the_contrastive_loss.losses import loss_floor


def unit(n: int, e: int = 8, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    rows = torch.randn(n, e, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return F.normalize(rows, dim=-1)


@pytest.mark.parametrize(
    ("ids", "floor"),
    [
        ([5], 0),
        ([1, 2, 3, 4], 0),
        (["dog"] * 8, math.log(8)),
        (["dog", "cat", "dog"], 2 * math.log(2) / 3),
        ([0, 0, 1, 1, 2, 2], math.log(2)),
        (torch.tensor([7, 7, 7, 1]), 3 * math.log(3) / 4),
        (torch.tensor([[1, 2], [1, 3], [1, 2]]), 2 * math.log(2) / 3),
    ],
)
def test_loss_floor_by_hand(ids: Any, floor: float) -> None:
    assert loss_floor(ids) == pytest.approx(floor)


@pytest.mark.parametrize(("n", "known"), [(128, 2.585), (256, 3.260)])
def test_loss_floor_of_ten_classes_is_the_known_one(n: int, known: float) -> None:
    rng = random.Random(0)
    floors = [loss_floor(rng.choices(range(10), k=n)) for _ in range(300)]
    assert sum(floors) / 300 == pytest.approx(known, abs=0.01)


@pytest.mark.parametrize("ids", [[0, 0, 0, 1, 1, 2, 3], [0, 1, 2, 3], [0, 0, 0, 0]])
def test_the_floor_is_reached_and_not_beaten(ids: list[int]) -> None:
    """Free embeddings, one for each picture and one for each different caption."""
    which = torch.tensor(ids)
    floor = loss_floor(ids)
    pictures = unit(len(ids)).requires_grad_()
    words = unit(len(set(ids)), seed=1).requires_grad_()
    optimizer = torch.optim.Adam([pictures, words], lr=0.05)
    losses = []
    for _ in range(200):
        image, text = F.normalize(pictures, dim=-1), F.normalize(words, dim=-1)[which]
        loss = info_nce(image, text, 50.0)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[0] > floor + 1
    assert losses[-1] == pytest.approx(floor, abs=1e-3)
    assert min(losses) >= floor - 1e-12


@given(ids=st.lists(st.integers(0, 3), min_size=2, max_size=8), seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_no_embeddings_beat_the_floor(ids: list[int], seed: int) -> None:
    image, words = unit(len(ids), 3, seed), unit(4, 3, seed + 1)
    for scale in (0.0, 1.0, 20.0):
        assert info_nce(image, words[ids], scale).item() >= loss_floor(ids) - 1e-9
    best = F.one_hot(torch.tensor(ids), 4).double()  # picture = caption, captions orthogonal
    assert info_nce(best, best, 60.0).item() == pytest.approx(loss_floor(ids), abs=1e-9)


def test_the_mask_takes_the_floor_away() -> None:
    ids = torch.tensor([0, 0, 1, 1, 1])
    best = F.one_hot(ids, 2).double()
    assert info_nce(best, best, 60.0).item() > 0.9
    assert info_nce(best, best, 60.0, ids).item() == pytest.approx(0, abs=1e-9)


def test_the_floor_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no captions"):
        loss_floor([])
