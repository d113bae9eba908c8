"""The paper's tables: whole and typed."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from clipedu_lessons.common.paper import DATASETS, FOLDER, SCHEMAS, load_paper_table
from clipedu_lessons.common.records import TableError

ROWS = {
    "architectures": 9,
    "datasets": 27,
    "hyperparameters": 19,
    "linear_probe": 66,
    "misfits": 7,
    "per_dataset": 27,
    "robustness": 74,
    "scalar_facts": 123,
    "small_tables": 269,
    "zero_shot": 9,
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_table_is_whole(name: str) -> None:
    table = load_paper_table(name)
    assert len(table) == ROWS[name]
    for column in SCHEMAS[name].numbers.split():
        assert all(value is None or isinstance(value, float) for value in table.column(column))
    for column in SCHEMAS[name].text.split()[:1]:
        assert all(isinstance(value, str) for value in table.column(column))


def test_accuracies_are_percent_and_means_recompute() -> None:
    for name in ("linear_probe", "zero_shot"):
        table = load_paper_table(name)
        values = np.array([table.numbers(d) for d in DATASETS])  # (27, models)
        assert ((values > 0) & (values < 100)).all()
        # the means were computed from less rounded or corrected digits: half a tenth of slack
        np.testing.assert_allclose(values.mean(0), table.numbers("mean27_computed"), atol=0.06)


def test_two_tables_agree_where_both_print_a_number() -> None:
    per_dataset = load_paper_table("per_dataset")
    best = load_paper_table("zero_shot").row(model="ViT-L/14@336px")
    assert per_dataset.column("zero_shot_clip_t11") == [best[d] for d in DATASETS]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "paper_zero_shot.csv"
    path.write_text(path.read_text().replace("EuroSAT", "renamed"))
    with pytest.raises(TableError, match=r"paper_zero_shot\.csv lacks the column\(s\) EuroSAT"):
        load_paper_table("zero_shot", tmp_path)


def test_other_broken_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="paper_zero_shot.csv is missing"):
        load_paper_table("zero_shot", tmp_path)
    path = tmp_path / "paper_hyperparameters.csv"
    path.write_text("name,value,where\n")
    with pytest.raises(TableError, match="no rows"):
        load_paper_table("hyperparameters", tmp_path)
    path.write_text("name,value,where\nbatch,32768\n")
    with pytest.raises(TableError, match="line 2"):
        load_paper_table("hyperparameters", tmp_path)
    (tmp_path / "paper_small_tables.csv").write_text("table,row,column,value\nTable 1,a,b,many\n")
    with pytest.raises(TableError, match="'many' is not a number"):
        load_paper_table("small_tables", tmp_path)


def test_names_that_are_not_known() -> None:
    with pytest.raises(ValueError, match="There is no table 'nine'"):
        load_paper_table("nine")
    table = load_paper_table("zero_shot")
    with pytest.raises(TableError, match="no column 'Sketch'"):
        table.column("Sketch")
    with pytest.raises(TableError, match="0 rows fit"):
        table.row(model="RN51")


def test_every_file_of_the_folder_is_known() -> None:
    assert {path.name for path in FOLDER.glob("*.csv")} == {f"paper_{name}.csv" for name in SCHEMAS}
    assert len(DATASETS) == 27 and DATASETS[11] == "Flowers102"  # the last of Kornblith's twelve
