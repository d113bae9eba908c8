"""Near-duplicates are found, and the accuracies with and without them are counted."""

import numpy as np
import pytest
import torch

from clipedu_lessons.l12_limits.overlap import nearest, overlap_analysis


@pytest.fixture(scope="module")
def icons():
    rng = np.random.default_rng(0)
    rgba = np.zeros((20, 32, 32, 4), dtype=np.uint8)
    for picture in rgba:
        for _ in range(4):
            y, x = rng.integers(2, 22, 2)
            picture[y : y + 8, x : x + 8, 3] = 255
    return rgba


def test_a_copy_is_found_also_when_it_is_shifted_by_a_pixel(icons):
    order = np.random.default_rng(1).permutation(20)
    similarity, where = nearest(np.roll(icons[:5], 1, axis=2), icons[order])
    assert order[where.numpy()].tolist() == [0, 1, 2, 3, 4]
    assert float(similarity.min()) > 0.85
    exact, _ = nearest(icons[:5], icons)
    assert torch.allclose(exact, torch.ones(5), atol=1e-5)
    strangers, _ = nearest(icons[:5], icons[5:])
    assert float(strangers.max()) < float(similarity.min())


def test_an_empty_picture_is_like_nothing(icons):
    similarity, _ = nearest(np.zeros_like(icons[:1]), icons)
    assert float(similarity) == pytest.approx(0, abs=1e-6)


def test_the_three_accuracies_by_hand():
    right = torch.tensor([True, True, False, True, False, False, True, False])
    similarity = torch.tensor([0.99, 0.98, 0.97, 0.2, 0.3, 0.4, 0.5, 0.6])
    found = overlap_analysis(right, similarity, 0.95)
    assert (found.n_overlap, found.share) == (3, 0.375)
    assert found.everything[0] == 0.5
    assert found.overlap[0] == pytest.approx(2 / 3) and found.clean[0] == pytest.approx(0.4)
    assert found.difference == pytest.approx(0.1)
    assert found.clean[1] < 0.4 < found.clean[2]


def test_nothing_clean_nothing_twice_and_wrong_inputs():
    right, similarity = torch.tensor([True, False]), torch.tensor([0.99, 0.99])
    assert overlap_analysis(right, similarity).clean is None
    assert overlap_analysis(right, similarity).difference == 0
    assert overlap_analysis(right, similarity - 0.5).overlap is None
    with pytest.raises(ValueError, match="one similarity"):
        overlap_analysis(right, similarity[:1])
    with pytest.raises(ValueError, match="cosine"):
        overlap_analysis(right, similarity, 95)
    with pytest.raises(ValueError, match="empty"):
        nearest(np.zeros((0, 8, 8, 4), np.uint8), np.zeros((1, 8, 8, 4), np.uint8))
