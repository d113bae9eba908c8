"""Tables of measured models: bits, stamps, and the check that the method makes of itself."""

import json

import numpy as np
import pytest
import torch

from clipedu_lessons.common.records import stored
from clipedu_lessons.l11_robustness.robustness import leave_one_out
from clipedu_lessons.l11_robustness.testbed import (
    NATURAL_SHIFTS,
    SETS,
    data_hash,
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


def test_matched_models_are_spread_out_and_seldom_called_robust():
    matched = load_testbed().where(kind="matched")
    home = right(matched, "reference").mean(1)
    assert len(matched) >= 16 and home.min() < 0.25 and home.max() > 0.65
    found = [
        leave_one_out(home, right(matched, key).mean(1), matched.column("model"))
        for key in NATURAL_SHIFTS
    ]
    assert np.mean([z > 1 for z in found]) <= 0.10


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
