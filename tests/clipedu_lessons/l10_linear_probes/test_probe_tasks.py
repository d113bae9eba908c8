"""The tasks of the probes, their groups, and the stored ladder of features."""

from __future__ import annotations

import pytest
import torch

from clipedu_lessons.common.records import about_record, read_record
from clipedu_lessons.l10_linear_probes.ladder_figure import RUNGS, ahead, ladder_figure
from clipedu_lessons.l10_linear_probes.probe_tasks import (
    PROBE_TASKS,
    alike,
    coarse_pixels,
    color_statistics,
    numbered,
    paired_margin,
    probe_task,
    split_groups,
    standardize,
    thing_names,
)


def test_a_group_is_on_one_side() -> None:
    groups = torch.tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 3)
    split = split_groups(groups, seed=1)
    sides = [set(groups[rows].tolist()) for rows in (split.train, split.validation, split.test)]
    assert [len(side) for side in sides] == [6, 2, 2] and set.union(*sides) == set(range(10))
    assert torch.equal(split.test, split_groups(groups, seed=1).test)
    assert not torch.equal(split.test, split_groups(groups, seed=2).test)
    with pytest.raises(ValueError, match="there are 2"):
        split_groups(torch.tensor([0, 1]))


def test_look_alikes_form_chains() -> None:
    pictures = torch.ones(5, 3, 32, 32)
    for k, left in enumerate((0, 2, 4, 20)):  # each overlaps the next one; the fourth is alone
        pictures[k, :, 8:24, left : left + 12] = 0
    groups = alike(pictures, near=0.7)  # the fifth is blank
    assert len({*groups[:3].tolist()}) == 1 and len({*groups.tolist()}) == 3
    assert len({*alike(pictures, near=0.99).tolist()}) == 5


def test_words_of_a_split_are_in_a_new_font() -> None:
    task, groups, split = probe_task("rendered_words")
    fonts = torch.arange(len(task)) // 6 % 3
    assert [len(set(fonts[rows].tolist())) for rows in (split.train, split.test)] == [1, 1]
    assert torch.equal(groups, task.labels)  # six pictures of a word vary together
    assert set(task.labels[split.test].tolist()) == set(range(len(task.class_names)))


def test_an_icon_has_its_colors_on_one_side() -> None:
    task, groups, split = probe_task("colour")
    assert not set(groups[split.train].tolist()) & set(groups[split.test].tolist())
    assert set(task.labels[split.test].tolist()) == set(range(len(task.class_names)))


def test_across_artists_each_part_is_a_set() -> None:
    task, groups, split = probe_task("to heroicons")
    assert len(split.test) == len(thing_names("heroicons")) and len(task) == len(groups)
    names = thing_names("heroicons")
    same = [i for i, name in enumerate(names) if name == names[0]]
    assert len(same) == 2 and len(set(groups[split.test][same].tolist())) == 1
    with pytest.raises(ValueError, match="no probe task 'faces'"):
        probe_task("faces")


def test_plain_features() -> None:
    pictures = torch.rand(4, 3, 32, 32)
    assert color_statistics(pictures).shape == (4, 6) and coarse_pixels(pictures).shape == (4, 192)
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0], [9.0, 6.0]])
    scaled = standardize(x, torch.tensor([0, 1]))
    assert scaled[:2].mean(0).tolist() == [0, 0] and scaled[:, 1].tolist() == [0, 0, 0]
    assert numbered(["b", "a", "b"]).tolist() == [1, 0, 1]


def test_a_margin_is_paired_and_grouped() -> None:
    first = torch.tensor([1, 1, 1, 0] * 25).bool()
    second = torch.tensor([1, 0, 0, 0] * 25).bool()
    points, low, high = paired_margin(first, second, torch.arange(100))
    assert points == 0.5 and 0.38 < low < points < high < 0.62
    _, wide, _ = paired_margin(first, second, torch.arange(100) % 4)  # four groups vary more
    assert wide < low
    assert paired_margin(first, first, torch.arange(100)) == (0, 0, 0)


def test_the_stored_ladder_is_whole() -> None:
    rows, about = read_record("baseline"), about_record("baseline")
    assert {row["task"] for row in rows} | set(about["missing"]) == set(PROBE_TASKS)
    for row in rows:
        for key in (*RUNGS, "clip_plain"):
            low, value, high = (row[f"{key}_{end}"] for end in ("low", "probe", "high"))
            assert 0 <= low <= value <= high <= 1, (row["task"], key)
        assert row["margin_low"] <= row["margin"] <= row["margin_high"]
    figure, words = ladder_figure(rows)
    assert len(figure.axes[0].get_yticks()) == len(rows) and "across artists" in words


def test_few_probes_chose_an_end_of_the_grid() -> None:
    rows, grid = read_record("baseline"), about_record("baseline")["lambdas"]
    chosen = [value for row in rows for key, value in row.items() if key.endswith("_lambda")]
    assert {min(grid) <= value <= max(grid) for value in chosen} == {True}
    assert sum(value in (min(grid), max(grid)) for value in chosen) <= 0.1 * len(chosen)


def test_a_difference_is_told_with_its_interval() -> None:
    row = {"margin": 0.364, "margin_low": 0.319, "margin_high": -0.407, "a_vs_b": -0.01}
    assert ahead(row) == "+36 (+32 to -41)"
    with pytest.raises(KeyError):
        ahead(row, "a_vs_b")


def test_across_artists_clip_is_far_above_the_best_trivial_features() -> None:
    rows = [row for row in read_record("baseline") if row["task"].startswith("to ")]
    assert len(rows) == 3
    for row in rows:
        assert row["margin"] >= 0.2 and row["margin_low"] > 0
