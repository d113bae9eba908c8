from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from clipedu.objectives import (
    info_nce,
    pair_loss,
    row_loss,
    sharded_info_nce,
    siglip,
    tiled_info_nce,
    tiled_siglip,
)


def embeddings(n: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """image (n, 5), text (n, 5), scale, bias: all leaves that want a gradient."""
    generator = torch.Generator().manual_seed(seed)
    rows = [
        F.normalize(torch.randn(n, 5, dtype=dtype, generator=generator), dim=1) for _ in range(2)
    ]
    numbers = [torch.tensor(14.3, dtype=dtype), torch.tensor(-3.0, dtype=dtype)]
    return [x.requires_grad_() for x in (*rows, *numbers)]


def assert_same(one: Tensor, other: Tensor, leaves: list[Tensor]) -> None:
    """Value and every gradient, to 1e-10."""
    assert abs(one.item() - other.item()) <= 1e-10
    pairs = zip(*(torch.autograd.grad(3 * loss, leaves) for loss in (one, other)), strict=True)
    assert max((a - b).abs().max().item() for a, b in pairs) <= 1e-10


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(2, 13),
    tile=st.sampled_from([1, 3, 4, 100]),
    names=st.sampled_from([0, 2, 3]),
    seed=st.integers(0, 99),
)
def test_info_nce_in_tiles_is_info_nce(n: int, tile: int, names: int, seed: int) -> None:
    image, text, scale, _ = embeddings(n, seed)
    ids = torch.arange(n) % names if names else None
    dense = info_nce(image, text, scale, ids)
    assert_same(tiled_info_nce(image, text, scale, ids, tile=tile), dense, [image, text, scale])


@pytest.mark.parametrize("tile", [1, 3, 100])
def test_siglip_in_tiles_is_siglip(tile: int) -> None:
    leaves = embeddings(7)
    assert_same(tiled_siglip(*leaves, tile=tile), siglip(*leaves), leaves)


@pytest.mark.parametrize("tile", [2, 100])
def test_strips_of_rows_add_up_to_the_whole(tile: int) -> None:
    """What the ranks of a distributed run compute: their mean is the loss."""
    image, text, scale, bias = leaves = embeddings(6)
    ids = torch.tensor([0, 1, 1, 2, 0, 3])
    parts, pairs = [], []
    for first in (0, 2, 4):
        rows = slice(first, first + 2)
        parts.append(row_loss(image[rows], text, scale, ids, first, tile))
        parts.append(row_loss(text[rows], image, scale, ids, first, tile))
        pairs.append(pair_loss(image[rows], text, scale, bias, first, tile))
    dense = info_nce(image, text, scale, ids)
    assert_same(sum(parts) / 6, dense, leaves[:3])
    assert_same(sum(pairs) / 3, siglip(*leaves), leaves)


def test_a_scale_of_100_does_not_overflow_and_float32_is_near_float64() -> None:
    image, text, _, _ = embeddings(50, dtype=torch.float32)
    found = tiled_info_nce(image, text, 100.0, tile=7)
    exact = info_nce(image.detach().double(), text.detach().double(), 100.0)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(exact.item(), rel=1e-5)


def test_autocast_does_not_reach_the_logits() -> None:
    image, text, scale, bias = leaves = embeddings(20, dtype=torch.float32)
    for tiled, dense, arguments in (
        (tiled_info_nce, info_nce, leaves[:3]),
        (tiled_siglip, siglip, leaves),
    ):
        with torch.autocast("cpu", torch.bfloat16):
            found = tiled(*arguments, tile=8)
            gradient = torch.autograd.grad(found, image)[0]
        wanted = dense(*arguments)
        assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
        torch.testing.assert_close(gradient, torch.autograd.grad(wanted, image)[0])


def test_nothing_of_the_size_of_the_matrix_is_kept_for_the_backward() -> None:
    image, text, scale, _ = embeddings(200)
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.append(x.numel()) or x, lambda x: x
    ):
        tiled_info_nce(image, text, scale, tile=16)
        assert kept and max(kept) <= 200 * 5
        kept.clear()
        info_nce(image, text, scale)
        assert max(kept) >= 200 * 200


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"tile": 0}, ValueError, "tile must be a whole number from 1, not 0"),
        ({"tile": True}, ValueError, "tile must be a whole number from 1, not True"),
        ({"false_negative_ids": torch.eye(4, dtype=torch.bool)}, TypeError, "whole numbers"),
        ({"false_negative_ids": torch.eye(4).long()}, ValueError, r"\(4, 4\)"),
        ({"false_negative_ids": torch.zeros(4)}, TypeError, "whole numbers"),
        ({"false_negative_ids": torch.arange(3)}, ValueError, r"expected \(4,\)"),
        ({"logit_scale": torch.nn.Parameter(torch.tensor(2.0))}, TypeError, "logarithm"),
        ({"image": torch.full((4, 5), torch.nan)}, ValueError, "NaN"),
        ({"text": torch.ones(4, 5)}, ValueError, "length"),
    ],
)
def test_bad_input_is_explained(changes: dict, error: type, words: str) -> None:
    image, text, scale, _ = embeddings(4)
    with pytest.raises(error, match=words):
        tiled_info_nce(**{"image": image, "text": text, "logit_scale": scale, **changes})


def test_a_strip_needs_its_answers() -> None:
    image, text, scale, bias = embeddings(4)
    with pytest.raises(ValueError, match="at least 5 answers; there are 4"):
        row_loss(image[:2], text, scale, None, 3, 2)
    with pytest.raises(ValueError, match="can't be compared"):
        pair_loss(image[:, :3], text, scale, bias, 0, 2)


def test_one_pair_draws_the_warning() -> None:
    image, text, scale, bias = embeddings(1)
    with pytest.warns(UserWarning, match="nothing to contrast"):
        assert tiled_info_nce(image, text, scale).item() == pytest.approx(0)
    with pytest.warns(UserWarning, match="nothing to contrast"):
        tiled_siglip(image, text, scale, bias)


def test_a_sharded_loss_alone_is_the_loss() -> None:
    image, text, scale, _ = embeddings(6)
    ids = torch.tensor([0, 1, 1, 2, 0, 3])
    for mode in ("local", "gathered"):
        found = sharded_info_nce(image, text, scale, ids, gather_mode=mode)
        assert_same(found, info_nce(image, text, scale, ids), [image, text, scale])
    with pytest.raises(ValueError, match="gather_mode is 'global'"):
        sharded_info_nce(image, text, scale, gather_mode="global")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected whole numbers"):
        sharded_info_nce(image, text, scale, ids[:, None] == ids)
