"""The small CLIP of the collapse and of the batch sizes: its data, and that it learns."""

from __future__ import annotations

import math

import pytest
import torch

from clipedu.objectives import info_nce
from clipedu.pairs import training_pairs
from clipedu_lessons.l03_the_contrastive_loss.small_clip import (
    SmallCLIP,
    SmallData,
    judge_small,
    train_small,
)


@pytest.fixture(scope="module")
def data() -> SmallData:
    return SmallData(training_pairs(families=["openmoji"], progress=False))


def test_pictures_are_gray_pixels_and_captions_known_words(data: SmallData) -> None:
    assert data.pixels.shape == (len(data.pairs), 256) and data.words.shape[1] == 8
    assert data.pixels.min() >= -1 and data.pixels.max() <= 1 and data.pixels.std() > 0.1
    assert len(data.unseen) == len(data.labels) and data.labels.max() == len(data.classes) - 1
    both = data.tokens(["Face a-word-that-nobody-wrote"])
    assert both[0, 0] == data.ids["face"] and not both[0, 1:].any()


def test_it_starts_at_guessing_and_learns_with_negatives(data: SmallData) -> None:
    untrained = SmallCLIP(len(data.ids) + 1)
    image, text, scale = untrained(data.pixels[:64], data.words[:64])
    torch.testing.assert_close(image.norm(dim=1), torch.ones(64))
    assert scale.item() == pytest.approx(1 / 0.07)
    assert abs(info_nce(image, text, scale).item() - math.log(64)) < 1.5
    model, loss = train_small(data, info_nce, steps=200, batch=128)
    assert loss < math.log(128) - 1.5
    again, _ = train_small(data, info_nce, steps=3, batch=128)
    third, _ = train_small(data, info_nce, steps=3, batch=128)
    assert torch.equal(again.text[1].weight, third.text[1].weight), "the seed fixes everything"


def test_without_negatives_all_pictures_point_one_way(data: SmallData) -> None:
    losses = {"with": info_nce, "without": lambda u, v, s: 1 - (u * v).sum(dim=1).mean()}
    found = {name: train_small(data, loss, steps=200, batch=128) for name, loss in losses.items()}
    judged = {name: judge_small(model, data) for name, (model, _) in found.items()}
    assert found["without"][1] < 0.05, "the loss looks perfect"
    assert judged["without"][1] > 0.9 > 0.6 > judged["with"][1]
    assert judged["with"][0] > judged["without"][0]
