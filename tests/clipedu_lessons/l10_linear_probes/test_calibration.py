"""Calibration: bins counted by hand, and a temperature that is known beforehand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from clipedu_lessons.l10_linear_probes.calibration import (
    fit_temperature,
    noise_floor,
    reliability,
    reliability_figure,
)


def drawn(n: int = 4000, temperature: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits whose softmax at `temperature` is exactly the chance of each label."""
    g = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(n, 5, generator=g).double()
    labels = torch.multinomial((logits / temperature).softmax(1), 1, generator=g)[:, 0]
    return logits, labels


def test_by_hand() -> None:
    rows = [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.45, 0.55]]
    p = torch.tensor(rows, dtype=torch.float64)  # through float32, 0.6 would be above its edge
    labels = torch.tensor([0, 1, 1, 0])
    found = reliability(p, labels, bins=2)  # confidences .9 .8 .6 .55: all in (0.5, 1]
    assert found.counts.tolist() == [0, 4]
    assert found.ece == pytest.approx((0.9 + 0.8 + 0.6 + 0.55) / 4 - 0.5)
    found = reliability(p, labels, bins=10)
    assert found.counts.tolist() == [0] * 5 + [2, 0, 1, 1, 0]  # 0.6 belongs to (0.5, 0.6]
    assert found.ece == pytest.approx((abs(0.575 - 0.5) * 2 + 0.8 + 0.1) / 4)
    assert torch.isnan(found.accuracy[0])


def test_the_slow_way_agrees() -> None:
    logits, labels = drawn(300)
    p = logits.softmax(1)
    confidence, chosen = p.max(1)
    total = 0.0
    for k in range(7):
        inside = (confidence > k / 7) & (confidence <= (k + 1) / 7)
        if inside.any():
            accuracy = (chosen == labels)[inside].double().mean()
            total += float(inside.double().mean() * (accuracy - confidence[inside].mean()).abs())
    assert reliability(p, labels, bins=7).ece == pytest.approx(total)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_temperature_is_found_and_mends_calibration(temperature: float) -> None:
    logits, labels = drawn(temperature=temperature)
    found = fit_temperature(logits[:2000], labels[:2000])
    assert found == pytest.approx(temperature, rel=0.12)
    rest, answers = logits[2000:], labels[2000:]
    after = reliability((rest / found).softmax(1), answers).ece
    assert after < 0.04
    if temperature != 1.0:
        assert after < reliability(rest.softmax(1), answers).ece / 2
        assert cross_entropy(rest / found, answers) < cross_entropy(rest, answers)


def test_no_nearby_temperature_is_better() -> None:
    logits, labels = drawn(500, temperature=2.0)
    found = fit_temperature(logits, labels)
    best = cross_entropy(logits / found, labels)
    for factor in (0.98, 1.02):
        assert cross_entropy(logits / (found * factor), labels) > best


def test_limits_when_validation_says_too_little() -> None:
    logits = torch.tensor([[5.0, 0.0], [0.0, 3.0]])
    assert fit_temperature(logits, torch.tensor([0, 1])) == 0.01  # all right: as sure as allowed
    assert fit_temperature(logits, torch.tensor([1, 0])) == 100.0  # all wrong: as unsure as allowed


def test_over_and_underconfidence_have_signs() -> None:
    logits, labels = drawn()
    assert reliability((3 * logits).softmax(1), labels).overconfidence > 0.05
    assert reliability((logits / 3).softmax(1), labels).overconfidence < -0.05


def test_refusals() -> None:
    logits, labels = drawn(10)
    p = logits.softmax(1)
    with pytest.raises(ValueError, match="add up to 1"):
        reliability(logits, labels)
    with pytest.raises(ValueError, match="bins"):
        reliability(p, labels, bins=0)
    with pytest.raises(ValueError, match=r"labels \(N,\)"):
        reliability(p, labels[:5])
    with pytest.raises(ValueError, match="from 0 to 4"):
        reliability(p, labels + 5)
    with pytest.raises(ValueError, match="NaN"):
        fit_temperature(logits * math.nan, labels)
    with pytest.raises(ValueError, match="low"):
        fit_temperature(logits, labels, low=2.0, high=1.0)


def test_figure() -> None:
    logits, labels = drawn(100)
    figure = reliability_figure({"a": reliability(logits.softmax(1), labels)})
    assert "ECE" in figure.axes[0].get_title()


def test_the_noise_floor_is_that_of_simulated_answers() -> None:
    g = torch.Generator().manual_seed(0)
    p = torch.softmax(2 * torch.randn(300, 5, generator=g), 1)
    floor = noise_floor(p, 400)
    answers = torch.distributions.Categorical(p)
    torch.manual_seed(0)
    simulated = torch.tensor([reliability(p, answers.sample()).ece for _ in range(400)])
    assert floor.mean() == pytest.approx(float(simulated.mean()), rel=0.05)
    assert noise_floor(p[:30], 50).mean() > 2 * floor.mean()  # fewer pictures, more noise
    assert torch.equal(floor, noise_floor(p, 400)) and len(floor) == 400
