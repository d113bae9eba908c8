from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from clipedu.objectives import (
    LOGIT_SCALE_INIT,
    LOGIT_SCALE_MAX,
    SIGLIP_LOGIT_SCALE_INIT,
    clamp_logit_scale_,
    info_nce,
    siglip,
    siglip_bias_init,
    similarity_logits,
)


def unit(n: int, e: int = 8, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    rows = torch.randn(n, e, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return F.normalize(rows, dim=-1)


batches = st.integers(2, 9).flatmap(
    lambda n: st.tuples(
        st.integers(0, 10_000).map(lambda seed: unit(n, seed=seed)),
        st.integers(0, 10_000).map(lambda seed: unit(n, seed=seed + 20_000)),
        st.floats(0.1, 100),
    )
)


# ---- the slow, obvious versions -----------------------------------------------------------------


def slow_info_nce(image: Tensor, text: Tensor, scale: float, same: Any = None) -> float:
    n = len(image)
    z = [[scale * float(image[i] @ text[j]) for j in range(n)] for i in range(n)]

    def counts(i: int, j: int) -> bool:
        return i == j or same is None or not same[i][j]

    total = 0.0
    for i in range(n):
        row = sum(math.exp(z[i][j] - z[i][i]) for j in range(n) if counts(i, j))
        column = sum(math.exp(z[j][i] - z[i][i]) for j in range(n) if counts(j, i))
        total += (math.log(row) + math.log(column)) / 2
    return total / n


def slow_siglip(image: Tensor, text: Tensor, scale: float, bias: float) -> float:
    total = 0.0
    for i in range(len(image)):
        for j in range(len(text)):
            sign = 1 if i == j else -1
            total += math.log1p(math.exp(-sign * (scale * float(image[i] @ text[j]) + bias)))
    return total / len(image)


# ---- InfoNCE ------------------------------------------------------------------------------------


@given(batch=batches)
@settings(deadline=None, max_examples=40)
def test_info_nce_equals_the_loops(batch: tuple[Tensor, Tensor, float]) -> None:
    image, text, scale = batch
    assert info_nce(image, text, scale).item() == pytest.approx(slow_info_nce(image, text, scale))


def test_three_pairs_by_hand() -> None:
    image = torch.eye(3)
    text = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 1, 0]])  # the third caption is a wrong one
    logits = similarity_logits(image, text, 2.0)
    assert logits.tolist() == [[2, 0, 0], [0, 2, 2], [0, 0, 0]]
    good, tied, flat = math.log(1 + 2 * math.exp(-2)), math.log(2 + math.exp(-2)), math.log(3)
    rows = good + tied + flat
    columns = good + good + (2 + good)  # in the third column the wrong picture leads by 2
    assert info_nce(image, text, 2.0).item() == pytest.approx((rows + columns) / 6)


@pytest.mark.parametrize("n", [2, 7, 256])
def test_flat_logits_cost_ln_n(n: int) -> None:
    same_everywhere = unit(1).expand(n, -1)
    assert info_nce(same_everywhere, same_everywhere, 14.3).item() == pytest.approx(math.log(n))
    assert info_nce(unit(n), unit(n, seed=1), 0.0).item() == pytest.approx(math.log(n))


@given(batch=batches)
@settings(deadline=None, max_examples=40)
def test_info_nce_is_symmetric_and_blind_to_order(batch: tuple[Tensor, Tensor, float]) -> None:
    image, text, scale = batch
    loss = info_nce(image, text, scale)
    torch.testing.assert_close(info_nce(text, image, scale), loss)
    order = torch.randperm(len(image), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(info_nce(image[order], text[order], scale), loss)


def test_gradients_move_with_the_pairs() -> None:
    order = torch.tensor([3, 0, 4, 1, 2])
    image, text = unit(5).requires_grad_(), unit(5, seed=1)
    info_nce(image, text, 5.0).backward()
    shuffled = unit(5)[order].requires_grad_()
    info_nce(shuffled, text[order], 5.0).backward()
    assert image.grad is not None and shuffled.grad is not None
    torch.testing.assert_close(shuffled.grad, image.grad[order])


def loss_of(name: str, image: Tensor, text: Tensor, t: Tensor, bias: Tensor) -> Tensor:
    image, text = F.normalize(image, dim=-1), F.normalize(text, dim=-1)
    if name == "siglip":
        return siglip(image, text, t.exp(), bias)
    ids = torch.tensor([0, 1, 0, 2]) if name == "masked" else None
    return info_nce(image, text, t.exp(), ids) + 0 * bias


@pytest.mark.parametrize("name", ["info_nce", "masked", "siglip"])
def test_gradients_equal_finite_differences(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = [
        torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True),
        torch.randn(4, 3, generator=generator, dtype=torch.float64, requires_grad=True),
        torch.tensor(1.3, dtype=torch.float64, requires_grad=True),
        torch.tensor(-0.7, dtype=torch.float64, requires_grad=True),
    ]
    assert torch.autograd.gradcheck(lambda *given: loss_of(name, *given), inputs)


# ---- false negatives ----------------------------------------------------------------------------


@given(batch=batches, seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_masked_info_nce_equals_the_loops(batch: tuple[Tensor, Tensor, float], seed: int) -> None:
    image, text, scale = batch
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 4, (len(image),), generator=generator)
    equal = [[a == b for b in ids.tolist()] for a in ids.tolist()]
    expected = slow_info_nce(image, text, scale, equal)
    assert info_nce(image, text, scale, ids).item() == pytest.approx(expected)


def test_equal_captions_are_dropped_columns() -> None:
    image, text = unit(4), unit(4, seed=1)
    logits = similarity_logits(image, text, 5.0)
    kept = {0: [0, 1, 3], 1: [0, 1, 2, 3], 2: [1, 2, 3], 3: [0, 1, 2, 3]}  # 0 and 2 are equal
    losses = []
    for i, columns in kept.items():
        answer = torch.tensor(columns.index(i))
        losses.append(F.cross_entropy(logits[i, columns], answer))
        losses.append(F.cross_entropy(logits[columns, i], answer))
    found = info_nce(image, text, 5.0, torch.tensor([7, 1, 7, 0]))
    torch.testing.assert_close(found, torch.stack(losses).mean())


def test_a_masked_pair_is_neither_pulled_nor_pushed() -> None:
    image, text = unit(3).requires_grad_(), unit(3, seed=1).requires_grad_()
    loss = info_nce(image, text, 5.0, torch.zeros(3, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0
    assert image.grad is not None and not image.grad.any()


def test_ids_that_all_differ_change_nothing() -> None:
    image, text = unit(5), unit(5, seed=1)
    found = info_nce(image, text, 9.0, torch.tensor([3, 1, 4, 15, 9]))
    assert torch.equal(found, info_nce(image, text, 9.0))


# ---- SigLIP -------------------------------------------------------------------------------------


@given(batch=batches, bias=st.floats(-12, 3))
@settings(deadline=None, max_examples=40)
def test_siglip_equals_the_loops(batch: tuple[Tensor, Tensor, float], bias: float) -> None:
    image, text, scale = batch
    expected = slow_siglip(image, text, scale, bias)
    assert siglip(image, text, scale, bias).item() == pytest.approx(expected)


def test_siglip_is_divided_by_n_and_not_by_its_square() -> None:
    rows = torch.eye(6, dtype=torch.float64)
    assert siglip(rows, rows, 0.0, 0.0).item() == pytest.approx(6 * math.log(2))


@pytest.mark.parametrize("n", [2, 64, 300])
def test_siglip_bias_init_is_where_yes_and_no_balance(n: int) -> None:
    assert 1 / (1 + math.exp(-siglip_bias_init(n))) == pytest.approx(1 / n)
    bias = torch.tensor(siglip_bias_init(n), dtype=torch.float64, requires_grad=True)
    siglip(unit(n), unit(n, seed=1), 0.0, bias).backward()
    assert bias.grad is not None and bias.grad.item() == pytest.approx(0, abs=1e-9)


def test_constants() -> None:
    assert math.exp(LOGIT_SCALE_INIT) == pytest.approx(1 / 0.07)
    assert pytest.approx(2.6593, abs=1e-4) == LOGIT_SCALE_INIT
    assert LOGIT_SCALE_MAX == 100
    assert math.exp(SIGLIP_LOGIT_SCALE_INIT) == pytest.approx(10)
    assert siglip_bias_init(22_027) == pytest.approx(-10, abs=1e-4)  # the published one
    assert siglip_bias_init(64) == pytest.approx(-4.14, abs=0.01)


# ---- the temperature ----------------------------------------------------------------------------


def test_clamp_is_of_the_multiplier_and_in_place() -> None:
    for start, end in ((7.0, math.log(100)), (2.0, 2.0), (-3.0, -3.0)):
        t = nn.Parameter(torch.tensor(start))
        clamp_logit_scale_(t)
        assert t.item() == pytest.approx(end)
        assert t.requires_grad and t.grad_fn is None
    t = nn.Parameter(torch.tensor(2.0))
    clamp_logit_scale_(t, maximum=2.0)
    assert t.exp().item() == pytest.approx(2)
    with pytest.raises(ValueError, match="maximum is 0"):
        clamp_logit_scale_(t, maximum=0)


def test_a_scale_over_the_maximum_comes_back_only_when_clamped_after_the_step() -> None:
    image, text = unit(6), unit(6, seed=1)  # random pairs: any confidence is too much
    inside = nn.Parameter(torch.tensor(5.0, dtype=torch.float64))
    info_nce(image, text, inside.exp().clamp(max=100)).backward()
    assert inside.grad is not None and inside.grad.item() == 0  # stuck for good

    after = nn.Parameter(torch.tensor(5.0, dtype=torch.float64))
    clamp_logit_scale_(after)
    info_nce(image, text, after.exp()).backward()
    assert after.grad is not None and after.grad.item() > 1


# ---- precision ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_loss_is_float32_under_autocast_and_for_half_input(dtype: torch.dtype) -> None:
    image, text = unit(16, dtype=torch.float32), unit(16, seed=1, dtype=torch.float32)
    exact = [info_nce(image, text, 50.0), siglip(image, text, 50.0, -2.7)]
    with torch.autocast("cpu", dtype=dtype):
        cast = [info_nce(image, text, 50.0), siglip(image, text, 50.0, -2.7)]
    assert all(loss.dtype == torch.float32 for loss in cast)
    assert [loss.item() for loss in cast] == [loss.item() for loss in exact]
    half = image.to(dtype)
    assert info_nce(half, text.to(dtype), 50.0).dtype == torch.float32
    assert similarity_logits(half, text, 1.0).dtype == torch.float32
    assert info_nce(image.double(), text.double(), 50.0).dtype == torch.float64


def test_a_large_scale_does_not_overflow() -> None:
    image = unit(4, dtype=torch.float32)
    assert info_nce(image, -image, 100.0).isfinite()
    assert siglip(image, -image, 100.0, -10.0).isfinite()


# ---- bad input ----------------------------------------------------------------------------------

LOSSES = {
    "info_nce": lambda image, text: info_nce(image, text, 10.0),
    "siglip": lambda image, text: siglip(image, text, 10.0, -3.0),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize(
    ("image", "text", "error", "words"),
    [
        (unit(4), unit(3), ValueError, r"\(4, 8\) and text \(3, 8\)"),
        (unit(4), unit(4, e=5), ValueError, r"\(4, 8\) and text \(4, 5\)"),
        (unit(4)[0], unit(4)[0], ValueError, r"shape \(8,\)"),
        (torch.tensor(1.0), torch.tensor(1.0), ValueError, r"shape \(\)"),
        (torch.zeros(0, 8), torch.zeros(0, 8), ValueError, "not empty"),
        (
            torch.ones(4, 8, dtype=torch.long),
            unit(4),
            TypeError,
            "image embeddings are torch.int64",
        ),
        (unit(4), torch.ones(4, 8, dtype=torch.bool), TypeError, "text embeddings are torch.bool"),
    ],
)
def test_bad_batches(
    loss: Any, image: Tensor, text: Tensor, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        loss(image, text)


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_says_where_to_look(loss: Any, value: float) -> None:
    text = unit(5)
    text[3, 2] = value
    with pytest.raises(ValueError, match=r"text embeddings hold NaN .* row 3\. Look upstream"):
        loss(unit(5), text)


@pytest.mark.parametrize("name", ["info_nce", "siglip"])
def test_rows_that_are_not_of_length_one_are_refused(name: str) -> None:
    image = unit(5)
    image[2] *= 3
    with pytest.raises(ValueError, match=r"row 2 of the image .* length 3; .*normalize"):
        LOSSES[name](image, unit(5))
    rounded = F.normalize(unit(64, 256, dtype=torch.bfloat16) * 7, dim=-1)
    LOSSES[name](rounded, rounded)  # what bfloat16 does to a length is no mistake


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_batch_of_one_is_warned_about(loss: Any) -> None:
    image = unit(1).requires_grad_()
    with pytest.warns(UserWarning, match="batch of one pair"):
        value = loss(image, unit(1, seed=1))
    value.backward()
    assert loss is LOSSES["siglip"] or value.item() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss(unit(2), unit(2, seed=1))


def test_a_scale_that_is_still_a_logarithm_is_refused() -> None:
    t = nn.Parameter(torch.tensor(LOGIT_SCALE_INIT))
    with pytest.raises(TypeError, match="exp"):
        info_nce(unit(2), unit(2), t)
    info_nce(unit(2), unit(2), t.exp())
    info_nce(unit(2), unit(2), t.exp().reshape(1))


def test_a_bad_scale_or_bias_is_named() -> None:
    with pytest.raises(ValueError, match="logit_scale is inf"):
        info_nce(unit(2), unit(2), torch.tensor(1000.0).exp())
    with pytest.raises(ValueError, match="bias is nan"):
        siglip(unit(2), unit(2), 1.0, math.nan)
    with pytest.raises(ValueError, match=r"logit_scale has shape \(2,\)"):
        info_nce(unit(2), unit(2), torch.ones(2))
    with pytest.raises(ValueError, match="at least 2"):
        siglip_bias_init(1)


def test_bad_ids_are_named() -> None:
    with pytest.raises(TypeError, match=r"ids are torch.bool; expected whole numbers"):
        info_nce(unit(2), unit(2), 1.0, torch.eye(2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"\(3,\); expected \(2,\): one for each caption"):
        info_nce(unit(2), unit(2), 1.0, torch.arange(3))


@pytest.mark.parametrize("name", ["info_nce", "siglip"])
def test_a_loop_that_looks_at_the_loss_can_leave_the_values_unchecked(name: str) -> None:
    image, text, numbers = unit(4), unit(4, seed=1), (5.0, -1.0)[: 2 if name == "siglip" else 1]
    loss: Any = {"info_nce": info_nce, "siglip": siglip}[name]
    assert loss(image, text, *numbers, check_values=False) == loss(image, text, *numbers)
    image[0, 0] = math.nan
    assert loss(image, text, *numbers, check_values=False).isnan()


def test_similarity_logits_may_be_wider_than_high() -> None:
    image, classes = unit(3), unit(5, seed=1)
    logits = similarity_logits(image, classes, torch.tensor(4.0))
    assert logits.shape == (3, 5)
    assert logits[1, 4].item() == pytest.approx(4 * float(image[1] @ classes[4]))
    with pytest.raises(ValueError, match="one space"):
        similarity_logits(image, unit(5, e=4), 1.0)
