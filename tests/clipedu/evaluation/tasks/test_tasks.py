from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from clipedu.evaluation import TASKS, Task, load_task, register_task
from clipedu.pairs import (
    FIRST_EDITION,
    HELD_OUT_FAMILIES,
    TRAINING_FAMILIES,
    load_icons,
    open_pictures,
)
from clipedu.pairs.duplicates import NEAR, drawing_vectors, nearest_drawings


@pytest.mark.parametrize(
    ("name", "classes"), [("lucide", 297), ("font_awesome", 249), ("heroicons", 90)]
)
def test_held_out_tasks(name: str, classes: int) -> None:
    task = load_task(name)
    assert len(task.class_names) == classes
    assert task.chance == 1 / classes
    assert task.pictures.shape[1:] == (3, 32, 32) and task.pictures.dtype == torch.float32
    # the rule, the slow way: every picture of the family whose name two training families use
    names = {family: {icon.name for icon in load_icons([family])} for family in FIRST_EDITION}
    shared = [
        icon.name
        for icon in load_icons([name])
        if sum(icon.name in of_family for of_family in names.values()) >= 2
    ]
    assert sorted(task.class_names[i] for i in task.labels) == sorted(shared)
    assert set(task.labels.tolist()) == set(range(classes))  # no class without a picture


def test_the_stored_near_duplicates_are_what_the_detector_finds() -> None:
    pictures = open_pictures(32, progress=False)
    training = drawing_vectors(pictures.rgba[pictures.where(TRAINING_FAMILIES)])
    for family in HELD_OUT_FAMILIES:
        task = load_task(f"{family}_wide")
        rows = pictures.where([family])
        names = set(task.class_names)
        rows = [i for i in rows if pictures.icons[i].name in names]
        cosine, _ = nearest_drawings(drawing_vectors(pictures.rgba[rows]), training)
        assert torch.equal(task.near_duplicate, cosine >= NEAR)
        assert 0.02 < task.near_duplicate.float().mean() < 0.4


def test_the_wide_tasks_hold_the_narrow_ones() -> None:
    for family, classes in (("lucide", 587), ("font_awesome", 415), ("heroicons", 146)):
        narrow, wide = load_task(family), load_task(f"{family}_wide")
        assert set(narrow.class_names) < set(wide.class_names) and len(wide.class_names) == classes


def test_labels_belong_to_their_pictures() -> None:
    task = load_task("heroicons", 32)
    pictures = open_pictures(32, progress=False)
    rows = pictures.where(["heroicons"])
    drawn = {pictures.rgba[i].tobytes(): pictures.icons[i].name for i in rows}
    seen = 0
    for i in rows:
        alpha = torch.from_numpy(np.array(pictures.rgba[i, :, :, 3])).float() / 255
        colour = torch.from_numpy(np.array(pictures.rgba[i, :, :, :3])).float() / 255
        on_white = (colour * alpha[..., None] + 1 - alpha[..., None]).permute(2, 0, 1)
        match = (task.pictures - on_white).abs().amax((1, 2, 3)) < 1e-5
        if match.any():
            names = {task.class_names[int(label)] for label in task.labels[match]}
            assert drawn[pictures.rgba[i].tobytes()] in names
            seen += 1
    assert seen == len(task)


def test_every_held_out_family_is_a_task() -> None:
    assert set(HELD_OUT_FAMILIES) <= set(TASKS)


def test_digits() -> None:
    task = load_task("digits", 24)
    assert task.pictures.shape == (1797, 3, 24, 24)
    assert task.class_names[7] == "seven" and task.chance == 0.1
    assert "scikit-learn" in task.source
    assert task.pictures[:, :, 0, 0].mean() > 0.9  # paper is white at the corner
    # at their own size the pictures are exactly scikit-learn's, inverted
    from sklearn.datasets import load_digits

    ink = torch.from_numpy(load_digits().images).float()
    assert torch.allclose(load_task("digits", 8).pictures[:, 1], 1 - ink / 16)


@pytest.mark.parametrize(("name", "size"), [("lucid", 32), ("digits", 0), ("digits", 32.0)])
def test_load_task_errors(name: str, size: int) -> None:
    with pytest.raises(
        ValueError, match="lucide, lucide_wide, font_awesome, .*digits|size in pixels"
    ):
        load_task(name, size)


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="already"):
        register_task("digits")(lambda size: load_task("digits", size))


def nan_in_one(pictures: torch.Tensor) -> torch.Tensor:
    pictures = pictures.clone()
    pictures[3, 1, 5, 5] = float("nan")
    return pictures


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": torch.arange(12) % 5}, ValueError, "number 4 is 4.*for 4 classes"),
        ({"labels": torch.arange(12) % 3 - 1}, ValueError, "4 label.*number 0 is -1"),
        ({"labels": torch.zeros(11, dtype=torch.int64)}, ValueError, r"\(12,\); got \(11,\)"),
        ({"labels": torch.zeros(12)}, TypeError, "int64.*float32"),
        ({"labels": [0] * 12}, TypeError, "int64 tensor; got list"),
        ({"pictures": nan_in_one}, ValueError, "1 of 12 pictures hold NaN.*number 3"),
        ({"pictures": lambda p: p * 255}, ValueError, "divide by 255"),
        ({"pictures": lambda p: p * 2 - 1}, ValueError, "before normalization"),
        ({"pictures": lambda p: p.mul(255).byte()}, TypeError, "uint8.*to_pictures"),
        ({"pictures": lambda p: p.permute(0, 2, 3, 1)}, ValueError, "permute"),
        ({"pictures": lambda p: p[..., :20]}, ValueError, "square"),
        ({"pictures": lambda p: p[:, :1]}, ValueError, r"\(N, 3, R, R\)"),
        ({"pictures": lambda p: p[:, [0, 1, 2, 0]]}, ValueError, "alpha.*clean_picture"),
        ({"pictures": lambda p: p[:0]}, ValueError, "no pictures"),
        ({"pictures": lambda p: p.numpy()}, TypeError, "ndarray"),
        ({"class_names": ["a", "b", "a", "c"]}, ValueError, "more than once"),
        ({"class_names": []}, ValueError, "empty"),
        ({"templates": ["a thing"]}, ValueError, "no {}"),
        ({"metric": "top9"}, ValueError, "top9"),
    ],
)
def test_a_task_that_cannot_be_measured(
    task: Task, change: dict, error: type[Exception], message: str
) -> None:
    change = {
        key: value(getattr(task, key)) if callable(value) else value
        for key, value in change.items()
    }
    with pytest.raises(error, match=message):
        dataclasses.replace(task, **change)
