"""The committed tables: readable, true to the registry, and the same in the README."""

from __future__ import annotations

from pathlib import Path

import pytest

from clipedu.evaluation import TASKS
from clipedu_lessons.common.records import about_record, read_record
from clipedu_lessons.l06_prompts.gains import gain_figure, gain_words, gains

README = Path(__file__).parents[3] / "README.md"


def test_the_table_of_tasks_is_whole() -> None:
    rows = read_record("tasks")
    names = [row["task"] for row in rows]
    assert set(names) | set(about_record("tasks")["missing"]) == set(TASKS)
    for row in rows:
        assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1, row["task"]
        assert row["chance"] == pytest.approx(1 / row["classes"], abs=1e-5)
        if row["above_chance"] == "yes":
            assert row["p"] < 0.002 and row["value"] > row["chance"]
    unseen = [r for r in rows if r["seen"] == "no" and r["above_chance"] == "yes"]
    assert len(unseen) >= 10


def test_the_readme_shows_the_same_numbers() -> None:
    text = README.read_text("utf-8")
    part = text.partition("<!-- tasks: written by make tasks -->")[2]
    shown = part.partition("<!-- end of tasks -->")[0]
    for row in read_record("tasks"):
        (line,) = [x for x in shown.splitlines() if x.split("|")[1:2] and
                   x.split("|")[1].split()[:1] == [row["task"]]]  # fmt: skip
        assert f"**{100 * row['value']:.1f}%**" in line


def test_records_say_where_they_come_from() -> None:
    for name in ("tasks", "polysemy"):
        assert {"command", "date", "machine"} <= set(about_record(name))
    with pytest.raises(FileNotFoundError, match="There are: .*tasks"):
        read_record("taks")
    with pytest.raises(FileNotFoundError, match="taks.csv"):
        about_record("taks")


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
