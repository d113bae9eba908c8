"""Lesson 07's older roads, on pictures made of a few shapes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from clipedu.pairs import Icon
from clipedu_lessons.l07_objectives import older_roads as roads


def toy(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Features (n, 6) in which each of three tags (n, 3) moves two numbers."""
    random = torch.Generator().manual_seed(seed)
    tags = (torch.rand(n, 3, generator=random) < 0.4).float()
    moved = tags.repeat_interleave(2, dim=1) * torch.tensor([2.0, -2, 2, -2, 2, -2])
    return moved + 0.5 * torch.randn(n, 6, generator=random), tags


def slow_average_precision(scores: list[float], right: list[float]) -> float:
    order = sorted(range(len(scores)), key=lambda k: -scores[k])
    hits, precisions = 0, []
    for rank, k in enumerate(order, 1):
        if right[k]:
            hits += 1
            precisions.append(hits / rank)
    return sum(precisions) / len(precisions)


def test_average_precision_is_the_slow_one() -> None:
    random = torch.Generator().manual_seed(0)
    scores, right = torch.rand(30, 4, generator=random), torch.zeros(30, 4)
    right[::3] = 1
    got = roads.average_precision(scores, right)
    slow = [
        slow_average_precision(s.tolist(), r.tolist())
        for s, r in zip(scores.T, right.T, strict=True)
    ]
    torch.testing.assert_close(got, torch.tensor(slow))
    assert roads.average_precision(right, right).tolist() == [1, 1, 1, 1]


def test_tags_are_words_that_may_say_what_is_shown() -> None:
    icon = Icon("mdi", "plain", "Cloud off outline 24", "cloud.svg")
    assert roads.tags_of(icon) == {"cloud"}


def test_tiles_cut_a_picture_into_its_blocks() -> None:
    picture = torch.ones(1, 3, 16, 16)
    picture[:, :, :8, 8:] = 0  # ink in the block at the top right
    tiles = roads.cut_in_tiles(picture)
    assert tiles.shape == (1, 4, 64)
    assert tiles.sum(dim=2).tolist() == [[0, 64, 0, 0]]


def test_k_means_finds_clusters_that_are_apart() -> None:
    points = torch.cat([torch.randn(50, 2) * 0.1 + 5 * k for k in range(3)])
    centers = roads.k_means(points, 3, seed=1)
    owners = roads.nearest(points, centers).view(3, 50)
    assert (owners == owners[:, :1]).all()


@pytest.mark.parametrize("road", ["count", "classify", "machine", "labels"])
def test_each_road_finds_the_tags_of_new_pictures(road: str) -> None:
    (x, tags), (new, truth) = toy(1500), toy(300, seed=1)
    if road == "count":
        scores = roads.words_of_parts(x[:, None], tags, new[:, None], clusters=32)
    elif road == "classify":
        scores = new @ roads.word_classifiers(x, tags, penalty=10)
    elif road == "machine":
        machine = roads.BoltzmannMachine(6, 3, hidden=32)
        machine.train(x, tags, epochs=8)
        scores = machine.fill_in_tags(new)
        assert ((scores > 0) & (scores < 1)).all()
    else:
        scores = roads.train_on_tags(x, tags, epochs=8, hidden=32)(new).detach()
    assert roads.average_precision(scores, truth).mean() > 0.85
    assert roads.average_precision(torch.rand(300, 3), truth).mean() < 0.6


def test_structure_is_the_space_of_the_words_that_matter() -> None:
    x, tags = toy(2000)
    x = torch.cat([x, 5 * torch.randn(2000, 10)], dim=1)  # loud directions that say nothing
    structure = roads.learn_structure(x, tags, 3)
    assert structure.shape == (16, 3)
    assert structure[:6].square().sum() > 0.99 * structure.square().sum()


def test_swapped_tags_are_those_of_other_pictures() -> None:
    tags = torch.eye(400)
    wrong = roads.swap_tags(tags, 0.25)
    moved = (wrong != tags).any(dim=1).float().mean().item()
    assert 0.18 < moved < 0.32
    assert (wrong.sum(dim=1) == 1).all()
    assert torch.equal(roads.swap_tags(tags, 0.0), tags)


def test_few_shot_learns_from_other_names_than_it_is_tested_on() -> None:
    labels = torch.arange(2).repeat(40)
    names = [f"{label} {k // 4}" for k, label in enumerate(labels.tolist())]
    features = torch.nn.functional.one_hot(labels).float() + 0.1 * torch.randn(80, 2)
    assert roads.few_shot(features, labels, names, 3, 0) == 1.0
    assert roads.few_shot(torch.randn(80, 2), labels, names, 3, 0) < 0.9
