"""The figures of lesson 06 are drawn, with a label for each thing."""

from __future__ import annotations

from clipedu_lessons.l06_prompts import figures


def test_dots() -> None:
    groups = {
        "forms": {"a {}": (1.0, -1.0, 2.0), "{}.": (0.0, -1.0, 1.0)},
        "photo": {"x {}": (-9, -12, -5)},
    }
    (axes,) = figures.dots_figure(groups, line=0, about="points").axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["", "a {}", "{}.", "", "x {}"]


def test_answers() -> None:
    panels = figures.answers_figure(["one", "two"], {"{}": [3, 1], "number {}": [2, 2]}).axes
    assert [axes.get_title(loc="left") for axes in panels] == ["{}", "number {}"]
    assert [bar.get_height() for bar in panels[0].patches] == [3, 1]


def test_spread() -> None:
    (axes,) = figures.spread_figure([10, 11, 12, 12], {"{}": 8.0, "number {}": 20.0}, "%").axes
    assert [text.get_text().strip() for text in axes.texts] == ["{}", "number {}"]


def test_curves() -> None:
    panels = {"left": {"a": [1, 2], "b": [2, 3]}, "right": {"a": [1, 1], "b": [0, 1]}}
    axes = figures.curves_figure(panels, [1, 2], xlabel="x", ylabel="y").axes
    assert len(axes) == 2 and len(axes[0].lines) == 2 and axes[0].get_legend()
