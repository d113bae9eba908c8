"""Points against the bare class name."""

from __future__ import annotations

import pytest

from clipedu_lessons.l06_prompts.gains import gain_figure, gain_words, gains


def test_gains_are_points_against_the_bare_name() -> None:
    rows = [
        {"task": "a", "bare": 0.5, "context": 0.6, "photo": 0.1},
        {"task": "b", "bare": 0.5, "context": None, "photo": 0.55},
    ]
    assert gains(rows[0], ["context", "photo"]) == pytest.approx({"context": 10, "photo": -40})
    assert gains(rows[1], ["context", "photo"]) == pytest.approx({"photo": 5})
    words = gain_words(rows, ["context", "photo"])
    assert "context helps on 1 of 1 tasks" in words and "least on a (-40)" in words
    axes = gain_figure(rows, ["context", "photo"], title="t").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]
    with pytest.raises(ValueError, match="nothing to draw"):
        gain_figure([], ["photo"])
