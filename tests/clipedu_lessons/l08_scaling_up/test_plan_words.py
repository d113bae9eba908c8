"""A plan in words."""

from __future__ import annotations

import pytest

from clipedu_lessons.l08_scaling_up.plan_words import (
    paper_words,
    plan_words,
    size_words,
    time_words,
)
from clipedu_lessons.l08_scaling_up.planner import plan

SMALL = {"batch_size": 4096, "pairs": 409_600, "precision": "fp32"}


def test_words_carry_the_numbers_of_the_plan() -> None:
    ours = plan("tiny", **SMALL)  # type: ignore[arg-type]
    table = plan_words(ours)
    assert size_words(ours.total_memory) in table and time_words(ours.days) in table
    assert ": fits" in table and "DOES NOT FIT" not in table
    large = plan("tiny", batch_size=2**17, loss="dense")
    assert "--loss tiled" in plan_words(large) and "DOES NOT FIT" in plan_words(large)
    assert "592" in paper_words() and "256" in paper_words()


@pytest.mark.parametrize(
    ("size", "words"),
    [(12, "12 bytes"), (3 * 2**20, "3.0 MiB"), (2**30, "1.0 GiB"), (5 * 2**40, "5.0 TiB")],
)
def test_sizes_are_readable(size: float, words: str) -> None:
    assert size_words(size) == words


@pytest.mark.parametrize(
    ("days", "words"),
    [(800, "2.2 years"), (12, "12.0 days"), (0.5, "12.0 hours"), (0.01, "14.4 minutes")],
)
def test_times_are_readable(days: float, words: str) -> None:
    assert time_words(days) == words
    assert time_words(1 / 86_400) == "1.0 seconds"
