"""Tables of measured models, and what is wrong with a broken one."""

import numpy as np
import pytest

from clipedu.evaluation.testbed import load_measured, load_testbed


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "models.csv"
    path.write_text("model,kind,reference\na,standard,0.5\nb,subset,0.25\n")
    return path


def test_columns_come_typed_and_rows_can_be_chosen(table):
    measured = load_measured(table, ["reference"])
    assert np.array_equal(measured.numbers("reference"), [0.5, 0.25])
    assert measured.where(kind="subset").texts("model") == ["b"]
    assert len(measured.where(kind=["subset", "standard"])) == 2
    assert len(measured.where(kind="nothing")) == 0


def test_a_missing_column_is_named_with_those_there_are(table):
    with pytest.raises(ValueError, match=r"no column 'lucide'.*model, kind, reference"):
        load_measured(table, ["lucide"])
    with pytest.raises(ValueError, match="no column"):
        load_testbed(table)


def test_a_cell_that_is_no_number_is_found(table):
    table.write_text(table.read_text() + "c,standard,many\n")
    with pytest.raises(ValueError, match="line 4.*'many'"):
        load_measured(table).numbers("reference")


def test_a_row_cut_short_and_a_missing_file_are_refused(table):
    table.write_text(table.read_text() + "c,standard\n")
    with pytest.raises(ValueError, match="line 4"):
        load_measured(table)
    with pytest.raises(FileNotFoundError, match="benchmarks/testbed.py"):
        load_testbed(table.parent / "none.csv")
