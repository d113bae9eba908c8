"""Figures of the paper, drawn again."""

from __future__ import annotations

import pytest

from clipedu_lessons.l10_linear_probes import paper_figures


@pytest.mark.parametrize("name", ["figure5", "figure7", "figure8", "figure11"])
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
