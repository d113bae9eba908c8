"""The figure that three widgets share."""

from __future__ import annotations

import pytest
import torch

from clipedu.evaluation import Ranked
from clipedu_lessons.common.ranked import (
    in_percent,
    ranked_figure,
    ranked_words,
)

RANKING = [Ranked("$a$", 0.7), Ranked("b", 0.2), Ranked("c", 0.0999), Ranked("d", 0.0001)]
PICTURE = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_a_bar_for_each_class_that_is_shown() -> None:
    seen, bars = ranked_figure(PICTURE, RANKING, k=3).axes
    assert len(seen.images) == 1 and len(bars.patches) == 3
    assert [patch.get_width() for patch in bars.patches] == [0.7, 0.2, 0.0999]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["$a$", "b", "c"]
    assert not any(label.get_parse_math() for label in bars.get_yticklabels())
    assert [patch.get_hatch() for patch in bars.patches] == ["////", None, None]
    assert bars.get_xlabel() == "probability" and not bars.lines


def test_diamonds_stand_where_the_classes_stood() -> None:
    bars = ranked_figure(PICTURE, RANKING, {"b": 0.4, "gone": 0.1}).axes[1]
    assert [(line.get_marker(), *line.get_xdata(), *line.get_ydata()) for line in bars.lines] == [
        ("D", 0.4, 1)
    ]
    assert "diamond: before" in bars.get_xlabel()


def test_in_words() -> None:
    assert ranked_words(RANKING) == "Of 4 classes the model ranks $a$ 70 %, b 20 %, c 10 %."
    assert "$a$ was at 20 % before" in ranked_words(RANKING, {"$a$": 0.2})
    assert "before" not in ranked_words(RANKING, {"$a$": 0.7})
    assert (in_percent(0), in_percent(0.0002), in_percent(0.034)) == ("0.0 %", "<0.1 %", "3.4 %")


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="no ranking"):
        ranked_figure(PICTURE, [])
    with pytest.raises(ValueError, match=r"\(3, R, R\)"):
        ranked_figure(PICTURE[None], RANKING)
