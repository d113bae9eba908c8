"""Which class is taken for which."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from clipedu.evaluation import zero_shot
from clipedu_lessons.l05_zero_shot.confusions import (
    commonest_confusions,
    confusion_figure,
    confusion_matrix,
    confusion_words,
)


def test_confusions(model, tokenizer, task) -> None:
    result = zero_shot(model, tokenizer, task)
    matrix = confusion_matrix(result)
    for i in range(3):
        row = result.predictions[result.labels == i, 0]
        assert torch.allclose(matrix[i], torch.bincount(row, minlength=4).double() / len(row))
    assert matrix[3].isnan().all()  # nobody drew an apple
    assert float(matrix.diag()[:3].mean()) == pytest.approx(result.mean_per_class)
    assert confusion_figure(result).axes[0].get_ylabel() == "the right class"
    names = [f"class {i}" for i in range(30)]
    many = dataclasses.replace(
        result,
        class_names=names,
        labels=torch.arange(12),
        predictions=torch.arange(12)[:, None].repeat(1, 5) + 1,
        per_class=torch.zeros(30),
    )
    assert len(confusion_figure(many, most=5).axes[0].patches) == 5
    assert "class 0 for class 1 (1)" in confusion_words(many)
    perfect = dataclasses.replace(many, predictions=torch.arange(12)[:, None])
    assert "right" in confusion_words(perfect)


def test_the_commonest_come_first(model, tokenizer, task) -> None:
    result = dataclasses.replace(
        zero_shot(model, tokenizer, task),
        predictions=torch.tensor([[0, 1], [0, 1], [2, 0], [2, 0], [0, 1], [1, 0]]),
        labels=torch.tensor([0, 0, 1, 1, 1, 1]),
        class_names=["nut", "bolt", "axe"],
    )
    assert commonest_confusions(result) == [("bolt", "axe", 2), ("bolt", "nut", 1)]
    assert commonest_confusions(result, 1) == [("bolt", "axe", 2)]
    perfect = dataclasses.replace(result, predictions=result.labels[:, None])
    assert commonest_confusions(perfect) == []
