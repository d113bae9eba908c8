"""The efficiency factor on curves whose answer is known."""

from __future__ import annotations

import math

import pytest

from clipedu_lessons.l07_objectives.series import curve, efficiency, to_reach


def run(objective: str, seed: int, accuracies: list[float]) -> list[dict[str, object]]:
    return [
        {"objective": objective, "seed": seed, "step": 10 * k, "pictures": 100 * k, "zero_shot": x}
        for k, x in enumerate(accuracies)
    ]


def test_where_a_line_first_reaches_an_accuracy() -> None:
    one = run("clip", 0, [0.0, 0.2, 0.1, 0.4])
    assert to_reach(one, 0.1) == pytest.approx(50)
    assert to_reach(one, 0.2) == pytest.approx(100)
    assert to_reach(one, 0.3) == pytest.approx(200 + 100 * 2 / 3)
    assert to_reach(one, 0.5) == math.inf
    assert to_reach(one, 0.0) == 0


def test_the_factor_is_read_at_the_accuracy_that_the_worse_reaches() -> None:
    rows = run("clip", 0, [0, 0.2, 0.4]) + run("bow", 0, [0, 0.05, 0.1])
    found = efficiency(rows, "clip", "bow")
    assert found.value == pytest.approx(200 / 50)
    assert found.accuracies == [0.1]
    rows += run("clip", 1, [0, 0.1, 0.4]) + run("bow", 1, [0, 0.05, 0.1])
    found = efficiency(rows, "clip", "bow")
    assert found.each == pytest.approx([4, 2])
    assert found.value == pytest.approx(8**0.5)
    assert found.low < found.value < found.high
    assert found.low * found.high == pytest.approx(8)
    half = 12.706 * math.log(2) / 2  # the deviation of two logarithms, over the root of two
    assert math.log(found.high / found.value) == pytest.approx(half)
    assert efficiency(rows, "bow", "clip").value == 0  # never reaches it


def test_a_curve_is_in_the_order_of_its_steps() -> None:
    rows = run("clip", 0, [0, 0.2, 0.4])[::-1]
    assert [row["step"] for row in curve(rows, "clip", 0)] == [0, 10, 20]
