"""Four ranks: each bug alone changes what they do, and the repaired ones are one process."""

from __future__ import annotations

import itertools

import pytest
import torch

from clipedu_lessons.l08_scaling_up import broken
from clipedu_lessons.l08_scaling_up.broken import N, ToyRanks, symptoms, toy_pairs
from clipedu_lessons.l08_scaling_up.checks.ranks import BUGS, FIVE_BUGS, Repaired, drive_bugs
from clipedu_lessons.l08_scaling_up.ranks_figure import ranks_figure


def weights(ranks: int, steps: int = 3) -> list[torch.Tensor]:
    """After some steps on the same 4 N pairs, with more pairs a rank where there are fewer."""
    run = Repaired(*toy_pairs(100, seed=3), ranks)
    for step in range(steps):
        run.train_on(step)
    return list(run.models[0].parameters())


def test_repaired_ranks_do_what_one_process_does(monkeypatch: pytest.MonkeyPatch) -> None:
    many = weights(4)
    for module in (broken, __import__(Repaired.__module__, fromlist=["N"])):
        monkeypatch.setattr(module, "N", 4 * N)
    for a, b in zip(many, weights(1), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


def test_the_repaired_learn_and_the_broken_do_not() -> None:
    good, bad = symptoms(Repaired), symptoms(ToyRanks)
    assert good["new pictures that rank 3 names"] == good["new pictures that rank 0 names"] > 0.8
    assert bad["new pictures that rank 3 names"] < 0.8
    assert good["ranks 0 and 1 apart after training"] == 0
    assert bad["different pairs in a step of 4 x 8"] == N


def test_each_set_of_bugs_is_told_from_the_others() -> None:
    inputs = (*toy_pairs(120, seed=1), 3)
    seen = {
        str(drive_bugs(type("ToyRanks", (Repaired,), {"bugs": bugs}), *inputs))
        for count in range(len(BUGS) + 1)
        for bugs in itertools.combinations(BUGS, count)
    }
    assert len(seen) == 2 ** len(BUGS) == len(FIVE_BUGS.misconceptions) + 1


def test_the_diagram_shows_one_rank_s_strips() -> None:
    figure, words = ranks_figure()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("own") == 1 and "rank 3" in texts
    assert "strip" in words
