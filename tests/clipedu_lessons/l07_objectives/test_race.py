"""Lesson 07's figures and tables, on a series that is made up, complete and not."""

from __future__ import annotations

from typing import Any

import pytest

from clipedu.evaluation import clopper_pearson
from clipedu_lessons.l07_objectives import race
from clipedu_lessons.l07_objectives.heads import PAIR_PANELS, WORD_PANELS, heads_figure

SETS = ("lucide", "font_awesome", "heroicons")


def series(names: tuple[str, ...] = tuple(race.TITLES), seeds: int = 2) -> list[dict[str, Any]]:
    rows = []
    for k, name in enumerate(names):
        for seed in range(seeds):
            for step in (0, 200, 400):
                share = None if name == "simclr" else 0.001 * step * (k + 1) / 10 + 0.01 * seed
                row = {"objective": name, "seed": seed, "step": step, "pictures": 256.0 * step}
                row |= {"flops": 1e12 * step * (k + 1), "seconds": 1.0 * step, "loss": 5.0}
                row |= {"zero_shot": share, **{f"whole_{s}": share for s in SETS}}
                row |= {f"{s}_per_token": share if name == "bow" else None for s in SETS}
                good = 0.2 + 0.001 * step if step != 200 else None
                row |= {f"{kind}_{s}": good for s in SETS for kind in ("probe", "grid")}
                rows.append(row)
    return rows


def texts(figure: Any) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_the_heads_figure_has_a_panel_for_each_objective() -> None:
    figure, words = heads_figure()
    titles = [panel[0] for panel in (*WORD_PANELS, *PAIR_PANELS)]
    assert len(titles) == len(race.TITLES)
    assert set(titles) <= set(texts(figure))
    assert "N by N" in words


def test_the_series_figure_leaves_out_what_names_nothing() -> None:
    figure, words = race.series_figure(series())
    assert set(race.TITLES.values()) - {"SimCLR"} == {t for t in texts(figure) if t}
    assert "SimCLR" not in words and "CLIP 4" in words


@pytest.mark.parametrize("names", [("clip",), ("caption", "simclr")])
def test_an_incomplete_series_is_drawn_and_printed(names: tuple[str, ...]) -> None:
    made = series(names, seeds=1)
    race.series_figure(made)
    race.probe_figure(made)
    table = race.series_table(made)
    assert len(table.text.splitlines()) == len(names) + 2  # a heading, and the untrained encoder
    assert table.values["probe_untrained"] == "20.0"


def test_the_table_has_means_over_seeds_in_percent() -> None:
    table = race.series_table(series())
    assert table.values["zs_clip"] == "4.5"  # 4.0 and 5.0
    assert table.values["probe_clip"] == "60.0"
    assert "zs_simclr" not in table.values
    assert table.values["pt_bow"] == table.values["zs_bow"]


def test_the_probes_are_drawn_for_both_kinds_of_features_and_untrained() -> None:
    figure, words = race.probe_figure(series(seeds=3))
    (axes,) = figure.axes
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert [line.get_xdata()[0] for line in dotted] == pytest.approx([20.0, 20.0])
    assert words.count("60") == len(race.TITLES)


def test_a_run_that_has_not_come_to_its_end_is_left_out() -> None:
    made = series(("clip", "bow"), seeds=2)
    for row in made:
        if row["objective"] == "bow" and row["seed"] == 1 and row["step"] == 400:
            row["probe_lucide"] = None
    assert {(row["objective"], row["seed"]) for row in race.finished(made)} == {
        ("clip", 0),
        ("clip", 1),
        ("bow", 0),
    }


def test_a_bound_says_how_soon_the_better_one_is_above_the_interval_of_the_worse() -> None:
    made = series(("clip", "caption"), seeds=2)
    for row in made:
        if row["objective"] == "caption":
            row |= {f"whole_{name}": 0.01 for name in SETS}
            row |= {f"{name}_centered": 0.02 for name in SETS}
    bound = race.at_least(made, "clip", "caption", 500, "whole name")
    assert bound.share == pytest.approx(0.01)
    assert bound.upper == pytest.approx(clopper_pearson(5, 500)[1])
    at = 256 * (bound.upper - 0.005) / 0.0001  # the mean of two lines, of which one is higher
    assert bound.pictures == pytest.approx(at, rel=0.1)
    assert bound.factor == pytest.approx(256 * 400 / bound.pictures)
    other = race.at_least(made, "clip", "caption", 500, "habits taken away")
    assert other.share == pytest.approx(0.02) and other.factor < bound.factor


def test_the_ladder_has_its_ends_from_the_series(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"rung": rung, "seed": seed, **{f"whole_{name}": share for name in SETS}}
        for rung, share in (("linear projections", 0.10), ("equal weights", 0.12))
        for seed in range(2)
    ]
    monkeypatch.setattr(race, "read_record", lambda name: rows)
    made = series()
    rungs = race.ladder(made)
    assert tuple(rungs) == race.RUNGS
    assert rungs["linear projections"] == pytest.approx({0: 10.0, 1: 10.0})
    assert rungs["learned temperature: CLIP"] == pytest.approx({0: 4.0, 1: 5.0})
    _, words = race.ladder_figure(made)
    assert "equal weights 12.0" in words
