from __future__ import annotations

import math

import numpy as np
import pytest

from clipedu_lessons.l04_train_a_clip import curves
from clipedu_lessons.l04_train_a_clip.curves import (
    centered_mean,
    run_figure,
    run_words,
    shortcut_figure,
)

LOSSES = [3.0 - k / 100 for k in range(1, 101)]
SCORES = {
    k: {"lucide": (x, x - 0.05, x + 0.06), "heroicons": (x + 0.2, x + 0.1, x + 0.3)}
    for k, x in ((50, 0.25), (100, 0.41))
}


def test_the_figure_has_losses_chance_and_every_task() -> None:
    left, right = run_figure(LOSSES, 16, SCORES, library=[2.9] * 80).axes
    assert list(left.lines[0].get_ydata()) == LOSSES
    assert list(left.lines[2].get_xdata()) == list(range(1, 81))
    assert any(np.allclose(line.get_ydata(), math.log(16)) for line in left.lines)
    assert any("ln 16 = 2.77" in text.get_text() for text in left.texts)
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["each step", "mean of 15 steps", "the library's run"]
    assert [bar.get_label() for bar in right.containers] == ["lucide", "heroicons"]
    points, _, (bars,) = right.containers[0].lines
    assert list(points.get_ydata()) == [25.0, 41.0]
    (_, low), (_, high) = bars.get_segments()[0]
    assert (low, high) == pytest.approx((20.0, 31.0))


def test_lines_can_be_told_apart_without_color() -> None:
    right = run_figure(LOSSES, 16, SCORES).axes[1]
    drawn = [container.lines[0] for container in right.containers]
    assert len({str(line.get_linestyle()) for line in drawn}) == 2
    assert len({line.get_marker() for line in drawn}) == 2


def test_the_words_say_what_the_figure_shows() -> None:
    assert run_words(LOSSES, 16, SCORES, library=[2.9] * 80) == (
        "Left: the loss falls from 2.99 to 2.00, below the dotted line of guessing at 2.77; "
        "the library's run, dashed, ends at 2.90. Right: accuracy with 95 % intervals: lucide "
        "from 25% to 41%; heroicons from 45% to 61%."
    )


def test_the_mean_is_centered() -> None:
    values = [0.0, 1.0, 5.0, 3.0, 4.0]
    assert list(centered_mean(values, 3)) == [0.0, 2.0, 3.0, 4.0, 4.0]
    assert list(centered_mean([float(k) for k in range(40)])) == pytest.approx(range(40))


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="no step to draw"):
        run_figure([], 16, {})


def test_the_library_s_run_is_read_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"who": who, "seed": seed, "step": 1, "loss": loss}
        for who, seed, loss in (("library", 0, 6.5), ("library", 1, 6.6), ("my_clip", 0, 6.7))
    ]
    monkeypatch.setattr(curves, "read_record", lambda name: rows)
    assert curves.library_losses(0) == [6.5]

    def missing(name: str) -> None:
        raise FileNotFoundError(name)

    monkeypatch.setattr(curves, "read_record", missing)
    assert curves.library_losses(0) == []


def test_both_questions_have_a_bar_with_an_interval_for_each_run() -> None:
    losses = {"as drawn": [5.5, 4.0], "painted": [5.5, 3.5]}
    left, right = shortcut_figure(losses, {"as drawn": [10, 80], "painted": [99, 20]}, 100).axes
    assert [list(line.get_ydata()) for line in left.lines[:2]] == list(losses.values())
    heights = [[bar.get_height() for bar in bars.patches] for bars in right.containers[1::2]]
    assert heights == [[10, 80], [99, 20]]
    low, high = right.containers[0].lines[2][0].get_segments()[1][:, 1]
    assert low < 80 < high
