"""The static figures of lesson 01."""

from __future__ import annotations

import pytest
import torch

from clipedu_lessons.l01_words_to_vectors.word_figures import cosines_figure, merges_figure


def test_the_curve_holds_its_points_and_the_line_of_words() -> None:
    axes = merges_figure([0, 10, 100], [9.0, 5.0, 4.0], 3.5).axes[0]
    curve, words = axes.lines
    assert list(curve.get_xdata()) == [0, 10, 100]
    assert list(curve.get_ydata()) == [9.0, 5.0, 4.0]
    assert set(words.get_ydata()) == {3.5}
    assert axes.get_xlabel() == "merges" and axes.get_ylabel()
    assert axes.get_ylim()[0] == 0
    assert curve.get_linestyle() != words.get_linestyle(), "told apart without colour"


def test_points_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 numbers of merges, but 1"):
        merges_figure([0, 1], [2.0], 3.0)


def test_a_box_for_each_kind_in_each_panel() -> None:
    values = torch.linspace(0, 1, 101)
    figure = cosines_figure(
        {"before": {"a": values, "b": values / 2}, "after": {"a": values, "b": values}}
    )
    assert [axes.get_title() for axes in figure.axes] == ["before", "after"]
    first = figure.axes[0]
    assert [tick.get_text() for tick in first.get_yticklabels()] == ["a", "b"]
    thick = [line for line in first.lines if line.get_linewidth() == 3]
    assert [line.get_xdata()[0] for line in thick] == pytest.approx([0.5, 0.25])
    assert first.get_xlabel() == "cosine"


def test_panels_of_different_kinds_are_refused() -> None:
    values = torch.zeros(3)
    with pytest.raises(ValueError, match="same kinds"):
        cosines_figure({"before": {"a": values}, "after": {"b": values}})
    with pytest.raises(ValueError, match="at least one panel"):
        cosines_figure({})
