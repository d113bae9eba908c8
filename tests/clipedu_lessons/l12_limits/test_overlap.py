"""The accuracies with and without near-duplicates, their test, and the judged pairs."""

import pytest
import torch

from clipedu_lessons.common.records import about_record, read_record
from clipedu_lessons.l12_limits.overlap import overlap_analysis, overlap_figure


def test_the_three_accuracies_by_hand():
    right = torch.tensor([True, True, False, True, False, False, True, False])
    similarity = torch.tensor([0.99, 0.98, 0.97, 0.2, 0.3, 0.4, 0.5, 0.6])
    found = overlap_analysis(right, similarity, 0.95)
    assert (found.n_overlap, found.share) == (3, 0.375)
    assert found.everything[0] == 0.5
    assert found.overlap[0] == pytest.approx(2 / 3) and found.clean[0] == pytest.approx(0.4)
    assert found.difference == pytest.approx(0.1)
    assert found.clean[1] < 0.4 < found.clean[2]
    assert found.p == pytest.approx(3 * 0.4**2 * 0.6 + 0.4**3)  # two or three of three


def test_nothing_clean_nothing_twice_and_wrong_inputs():
    right, similarity = torch.tensor([True, False]), torch.tensor([0.99, 0.99])
    assert overlap_analysis(right, similarity).clean is None
    assert overlap_analysis(right, similarity).difference == 0
    assert overlap_analysis(right, similarity).p == 1
    assert overlap_analysis(right, similarity - 0.5).overlap is None
    with pytest.raises(ValueError, match="one similarity"):
        overlap_analysis(right, similarity[:1])
    with pytest.raises(ValueError, match="cosine"):
        overlap_analysis(right, similarity, 95)


def test_the_figure_has_a_line_for_each_set():
    right = torch.tensor([True, False] * 20)
    likeness = torch.linspace(0.7, 1, 40)
    rows = [overlap_analysis(right, likeness, t) for t in (0.8, 0.9)]
    figure, words = overlap_figure({"a": rows, "b": rows})
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert labels == ["a", "b"] and "of 2 sets" in words


def test_the_judged_pairs_are_25_of_each_band():
    rows = read_record("judged_pairs")
    verdicts = about_record("judged_pairs")["verdicts"]
    assert len(rows) == 100 and {row["verdict"] for row in rows} == set(verdicts)
    for low, high in ((0.8, 0.85), (0.85, 0.9), (0.9, 0.95), (0.95, 1.01)):
        assert sum(low <= row["cosine"] < high for row in rows) == 25
