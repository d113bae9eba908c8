"""The bars say who is ahead, and the words say the same."""

from __future__ import annotations

import pytest

from clipedu_lessons.l10_linear_probes.baseline_figures import differences, means

ROWS = [
    {"task": name, "seen": seen, "zero_shot": z, "clip_probe": c,
     "supervised_probe": s, "untrained_probe": u}
    for name, seen, z, c, s, u in (
        ("digits", "False", 0.4, 0.99, 0.95, 0.9),
        ("pens", "True", 0.1, 0.7, 0.6, 0.5),
        ("things of lucide", "False", 0.8, 0.6, 0.7, 0.2),
    )
]  # fmt: skip


def test_differences_are_to_the_supervised_probe() -> None:
    figure, words = differences(ROWS)
    left, right = figure.axes
    assert sorted(bar.get_width() for bar in left.patches) == pytest.approx([-55, -50, 10])
    assert sorted(bar.get_width() for bar in right.patches) == pytest.approx([-10, 4, 10])
    assert [t.get_text() for t in left.get_yticklabels()][-1] == "things of lucide"  # on top
    assert "ahead on 1 of 3 tasks" in words and "CLIP: ahead on 2." in words


def test_means_over_all_tasks_and_over_those_unseen() -> None:
    figure, words = means(ROWS)
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    wanted = [53.333, 55, 75, 82.5, 76.333, 79.5]  # tower by tower: all, not seen
    assert widths == pytest.approx(wanted, abs=1e-3)
    assert "labels 75.0 %" in words
    only_seen = means([{**row, "seen": True} for row in ROWS])[0]
    assert len(only_seen.axes[0].patches) == 3


def test_nothing_to_draw() -> None:
    for draw in (differences, means):
        with pytest.raises(ValueError, match="no tasks"):
            draw([])
