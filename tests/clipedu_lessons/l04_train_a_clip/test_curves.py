from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from clipedu.training import RECIPES, Recipe
from clipedu_lessons.l04_train_a_clip.curves import describe_training, smoothed, training_curve


@pytest.fixture
def recipe() -> Recipe:
    return dataclasses.replace(RECIPES["tiny"], batch_size=16, steps=100, precision="fp32")


ROWS = [{"step": k, "loss": 3.0 - k / 100} for k in range(1, 101)]
for k, lucide in ((50, 0.25), (100, 0.41)):
    ROWS[k - 1]["zero_shot"] = {"lucide": lucide, "heroicons": lucide + 0.2}


def test_the_figure_has_loss_chance_and_every_task(recipe) -> None:
    figure = training_curve(ROWS, recipe=recipe)
    top, bottom = figure.axes
    assert any(np.allclose(line.get_ydata(), math.log(16)) for line in top.lines)
    assert any("ln 16 = 2.77" in text.get_text() for text in top.texts)
    raw = top.lines[0]
    assert list(raw.get_ydata()) == [row["loss"] for row in ROWS]
    assert [line.get_label() for line in bottom.lines] == ["lucide", "heroicons"]
    assert list(bottom.lines[0].get_ydata()) == [25.0, 41.0]
    assert list(bottom.lines[0].get_xdata()) == [50, 100]
    assert figure.axes[-1].get_xlabel() == "step"


def test_lines_can_be_told_apart_without_colour(recipe) -> None:
    bottom = training_curve(ROWS, recipe=recipe).axes[1]
    assert len({str(line.get_linestyle()) for line in bottom.lines}) == 2
    assert len({line.get_marker() for line in bottom.lines}) == 2
    grey = [np.dot(to_rgb(line.get_color()), (0.299, 0.587, 0.114)) for line in bottom.lines]
    assert abs(grey[0] - grey[1]) > 0.15


def test_a_run_without_evaluation_has_one_panel(recipe) -> None:
    rows = [{k: v for k, v in row.items() if k != "zero_shot"} for row in ROWS]
    assert len(training_curve(rows).axes) == 1
    assert len(training_curve(rows).axes[0].lines) == 2  # nobody said what guessing costs
    siglip = dataclasses.replace(recipe, objective="siglip")
    assert len(training_curve(rows, recipe=siglip).axes[0].lines) == 2


def test_the_words_say_what_the_figure_shows(recipe) -> None:
    words = describe_training(ROWS, recipe=recipe)
    assert words == (
        "Loss over 100 steps: from 2.99 to 2.10; guessing among 16 captions would be ln 16 = 2.77. "
        "Zero-shot accuracy: lucide from 25.0% to 41.0%; heroicons from 45.0% to 61.0%."
    )


def test_a_folder_is_read(recipe, tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    recipe.save(tmp_path / "recipe.json")
    assert describe_training(tmp_path) == describe_training(ROWS, recipe=recipe)
    assert len(training_curve(tmp_path).axes) == 2


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no step to draw"):
        training_curve(tmp_path)


def test_smoothing_is_the_mean_of_what_came_before() -> None:
    values = np.random.default_rng(0).random(57)
    slow = [values[max(0, k - 19) : k + 1].mean() for k in range(57)]
    assert smoothed(values) == pytest.approx(slow)
    assert smoothed(values, 1) == pytest.approx(values)
