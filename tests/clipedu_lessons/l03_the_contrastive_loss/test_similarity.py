"""The similarity explorer: its readings against a slow version, its controls, its labels."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from clipedu_lessons.l03_the_contrastive_loss.similarity import (
    VIEWS,
    SimilarityExplorer,
    both_ways_figure,
    matrix_figure,
    matrix_in_words,
    similarity_matrix,
)

# Rows all choose right, column 0 does not: 3-4-5 triangles, so that the cosines are exact.
IMAGE = torch.tensor([[1.0, 0.0], [0.6, 0.8], [-0.6, 0.8]])
TEXT = torch.tensor([[0.8, 0.6], [0.6, 0.8], [-0.8, 0.6]])
CAPTIONS = ["a cat", "a dog", "a tree"]


def unit(n: int, seed: int) -> Tensor:
    return F.normalize(torch.randn(n, 16, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_rows_and_columns_are_two_readings() -> None:
    rows = similarity_matrix(IMAGE, TEXT, 10.0, "rows")
    columns = similarity_matrix(IMAGE, TEXT, 10.0, "columns")
    assert (rows.right, columns.right) == (3, 2)
    assert columns.chosen.tolist() == [1, 1, 2]
    assert torch.allclose(rows.values.sum(dim=1), torch.ones(3))
    assert torch.allclose(columns.values.sum(dim=0), torch.ones(3))


def test_the_readings_are_those_of_a_slow_version() -> None:
    image, text = unit(5, 0), unit(5, 1)
    found = similarity_matrix(image, text, 7.0, "columns")
    for j in range(5):
        weights = [math.exp(7 * float(image[i] @ text[j])) for i in range(5)]
        assert [float(found.values[i, j]) for i in range(5)] == pytest.approx(
            [w / sum(weights) for w in weights], abs=1e-5
        )
        assert found.chosen[j] == weights.index(max(weights))
    cosines = similarity_matrix(image, text, 7.0, "cosines")
    assert torch.allclose(cosines.values, image @ text.T)


def test_the_words_name_the_wrong_choice() -> None:
    words = matrix_in_words(similarity_matrix(IMAGE, TEXT, 10.0, "columns"), CAPTIONS)
    assert "2 of 3 captions choose their own picture" in words
    assert "'a cat' takes that of 'a dog'" in words and "ln 3 = 1.099" in words
    right = matrix_in_words(similarity_matrix(IMAGE, TEXT, 10.0, "rows"), CAPTIONS)
    assert "3 of 3 pictures" in right and "Wrong" not in right


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="no view"):
        similarity_matrix(IMAGE, TEXT, 1.0, "diagonal")
    with pytest.raises(ValueError, match="two pairs"):
        similarity_matrix(IMAGE[:1], TEXT[:1], 1.0)
    with pytest.raises(ValueError, match="captions"):
        matrix_figure(similarity_matrix(IMAGE, TEXT, 1.0), CAPTIONS[:2])
    with pytest.raises(ValueError, match="captions"):
        SimilarityExplorer(IMAGE, TEXT, CAPTIONS[:2])


@pytest.mark.parametrize("view", VIEWS)
def test_choices_are_marked_by_shape(view: str) -> None:
    matrix = similarity_matrix(IMAGE, TEXT, 10.0, view)
    pictures = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    axes = matrix_figure(matrix, CAPTIONS, pictures).axes[0]
    markers = [line.get_marker() for line in axes.lines]
    assert markers.count("o") == matrix.right and markers.count("x") == 3 - matrix.right
    assert axes.get_xlabel() == "captions" and axes.get_ylabel() == "pictures"
    assert len(axes.child_axes) == 3


def test_both_ways_shows_rows_and_columns_side_by_side() -> None:
    left, right = both_ways_figure(IMAGE, TEXT, 10.0, CAPTIONS, None).axes
    assert "rows" in left.get_title() and "columns" in right.get_title()
    assert [line.get_marker() for line in right.lines].count("x") == 1


def test_every_control_changes_picture_and_words() -> None:
    widget = SimilarityExplorer(unit(20, 0), unit(20, 1), [f"caption {i}" for i in range(20)])
    changes = {"pairs": 12, "first": 5, "scale": 50.0, "view": "columns"}
    for name, value in changes.items():
        picture, words = widget.picture.value, widget.words.value
        getattr(widget, name).value = value
        assert widget.picture.value != picture and widget.words.value != words, name


def test_a_batch_at_the_end_of_the_list_is_moved_back() -> None:
    widget = SimilarityExplorer(unit(5, 0), unit(5, 1), list("abcde"))
    widget.pairs.value, widget.first.value = 4, widget.first.max
    assert "of 4 pictures" in widget.words.value


def test_controls_are_labelled_and_the_picture_has_words() -> None:
    widget = SimilarityExplorer(IMAGE, TEXT, CAPTIONS)
    for control in (widget.pairs, widget.first, widget.scale, widget.view):
        assert control.description and control.tooltip
    assert 'alt="3 of 3' in widget.picture.value and 'role="status"' in widget.words.value
    assert "running notebook" in repr(widget)
