"""Tables of measured models: bits, stamps, and the check that the method makes of itself."""

import json
from collections import Counter

import numpy as np
import pytest
import torch

from clipedu_lessons.common.records import stored
from clipedu_lessons.l11_robustness.robustness import leave_one_out
from clipedu_lessons.l11_robustness.testbed import (
    NATURAL_SHIFTS,
    SETS,
    data_hash,
    drawn_means,
    load_clip_points,
    load_testbed,
    names_of,
    pack,
    right,
    rights,
    test_set,
    twin_cosines,
    unpack,
)

test_set.__test__ = False


def test_bits_come_back_as_they_were():
    bits = torch.rand(3, 29) < 0.5
    assert np.array_equal(unpack([pack(row) for row in bits], 29), bits.numpy())


def test_a_missing_column_is_named_and_a_missing_file_says_how_to_make_it(tmp_path):
    path = tmp_path / "models.csv"
    path.write_text("model,kind,reference\na,matched,00\n")
    with pytest.raises(ValueError, match=r"lacks the column.*lucide.*model, kind, reference"):
        load_testbed(path)
    with pytest.raises(FileNotFoundError, match="benchmarks/testbed.py"):
        load_clip_points(tmp_path / "none.csv")


def test_the_committed_tables_are_of_these_pictures():
    for name in ("testbed", "testbed_clip"):
        about = json.loads(stored(f"{name}.csv").with_suffix(".json").read_text("utf-8"))
        assert about["data"] == data_hash(), f"{name} is stale: python benchmarks/testbed.py"
    sizes = [len(test_set(key)) for key in SETS]
    for table in (load_testbed(), load_clip_points()):
        for key, n in zip(SETS, sizes, strict=True):
            assert right(table, key).shape == (len(table), n)
            assert {len(cell) for cell in table.column(key)} == {2 * -(-n // 8)}


def test_every_recipe_has_three_seeds():
    table = load_testbed()
    assert set(Counter(table.column("model")).values()) == {3}
    assert len(set(zip(table.column("model"), table.column("seed"), strict=True))) == len(table)


def test_matched_models_are_spread_out_and_seldom_called_robust():
    matched = load_testbed().where(kind="matched")
    home, recipes = right(matched, "reference").mean(1), matched.column("model")
    assert len(set(recipes)) >= 16 and home.min() < 0.25 and home.max() > 0.65
    away = [right(matched, key).mean(1) for key in NATURAL_SHIFTS]
    for shifted in (*away, np.mean(away, axis=0)):
        assert np.mean(leave_one_out(home, shifted, recipes) > 1) <= 0.10


def test_drawn_means_scatter_around_the_mean_and_are_drawn_alike_for_all_rows():
    table = load_clip_points().where(how=["zero-shot", "probe"])
    drawn = drawn_means(table, NATURAL_SHIFTS, draws=300)
    means = np.mean([right(table, key).mean(1) for key in NATURAL_SHIFTS], axis=0)
    assert drawn.shape == (len(table), 300)
    assert np.allclose(drawn.mean(1), means, atol=0.01)
    assert 0.005 < drawn[0].std() < 0.03
    assert np.array_equal(drawn[:1], drawn_means(table, NATURAL_SHIFTS, draws=300)[:1])
    assert (drawn[1] - drawn[0]).std() < np.hypot(*drawn.std(1))  # the same names for both


def test_pictures_names_and_twins_belong_together():
    data = rights(load_testbed(), load_clip_points().where(how="zero-shot"), NATURAL_SHIFTS)
    for key, part in data.items():
        n = len(test_set(key))
        assert part.models.shape[1] == part.one.shape[1] == len(part.names) == n
        words = [test_set(key).class_names[k] for k in part.labels]
        assert [name.split()[0] for name in part.names] == words
        assert len(names_of(key)) == n
    own = twin_cosines("reference", ("mdi",))
    assert own.min() > 0.999  # each picture is its own twin, if it is not left out
    assert (twin_cosines("reference", ("mdi",), "learn") <= own + 1e-6).all()
