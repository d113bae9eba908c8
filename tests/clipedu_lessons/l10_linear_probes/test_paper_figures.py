"""Figures of the paper, drawn again."""

from __future__ import annotations

import pytest

from clipedu_lessons.l10_linear_probes import paper_figures


@pytest.mark.parametrize("name", ["figure5", "figure7", "figure8", "figure10", "figure11"])
def test_figures_have_axes_and_words(name: str) -> None:
    figure, words = getattr(paper_figures, name)()
    assert "2103.00020" in words and len(words) > 80
    for axes in figure.axes:
        if axes.axison:
            assert axes.get_title() or axes.get_xlabel()


def test_losses_are_hatched_not_only_coloured() -> None:
    figure, _ = paper_figures.figure5()
    bars = figure.axes[0].patches
    assert all((bar.get_width() < 0) == bool(bar.get_hatch()) for bar in bars)
    assert len(bars) == 27
    with pytest.raises(ValueError, match="one label for each name"):
        paper_figures.difference_bars(figure.axes[0], ["a"], [1.0], [], "points")


def test_figure_8_labels_every_dataset_once_and_apart() -> None:
    notes = paper_figures.figure8()[0].axes[0].texts
    heights = sorted(note.xyann[1] for note in notes)
    assert len(notes) == len({note.get_text().split()[0] for note in notes}) == 27
    assert min(b - a for a, b in zip(heights, heights[1:], strict=False)) > 2.5


def test_figure_10_puts_every_clip_above_the_line_of_the_others() -> None:
    figure, words = paper_figures.figure10()
    assert sum(len(line.get_xdata()) for line in figure.axes[0].lines[:-1]) == 66
    assert "9 CLIPs lie 2.1 to 4.5 points above" in words
