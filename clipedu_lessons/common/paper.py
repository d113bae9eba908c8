"""The paper's own tables as data: Radford et al. 2021, arXiv 2103.00020v1.

Notable:
- a table is a list of rows with typed columns; a missing column or file is an error that says which
- a printed label stays as printed, also where it does not fit the tables (`paper_misfits`); what is
  recomputed stands beside it in a column of its own
- what the paper does not print (the points of its Figures 2, 6, 9, 10, 12, 15 and 17) is not here
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clipedu_lessons.common.paper_lines import (
    BASELINES,
    CAFFERESNET101,
    TESTBED_CITATION,
    BaselineLine,
)
from clipedu_lessons.common.paper_misfits import MISFITS, Misfit

__all__ = [
    "BASELINES",
    "CAFFERESNET101",
    "CITATION",
    "DATASETS",
    "FOLDER",
    "KORNBLITH12",
    "MISFITS",
    "SCHEMAS",
    "TESTBED_CITATION",
    "BaselineLine",
    "Misfit",
    "PaperDataError",
    "PaperTable",
    "Schema",
    "Value",
    "load_paper_table",
    "read_csv",
]

CITATION = (
    "Radford et al. 2021, Learning Transferable Visual Models From Natural Language Supervision, "
    "arXiv 2103.00020v1"
)
FOLDER = Path(__file__).resolve().parent / "paper_tables"

DATASETS = (
    "Food101 CIFAR10 CIFAR100 Birdsnap SUN397 StanfordCars FGVCAircraft VOC2007 DTD OxfordPets "
    "Caltech101 Flowers102 MNIST FER2013 STL10 EuroSAT RESISC45 GTSRB KITTI Country211 PCam UCF101 "
    "Kinetics700 CLEVRCounts HatefulMemes RenderedSST2 ImageNet"
).split()  # 27; the first twelve are those of Kornblith et al. 2019, arXiv 1805.08974
KORNBLITH12 = DATASETS[:12]

Value = str | float | None


@dataclass(frozen=True)
class Schema:
    """A table's file, where the paper prints it, and the columns that must be there.

    text: columns kept as words; numbers: columns read as float, an empty cell as None
    """

    file: str
    where: str
    text: tuple[str, ...]
    numbers: tuple[str, ...]


SCHEMAS = {
    "architectures": Schema(
        "paper_architectures.csv",
        "Tables 18 to 20 and Figure 9",
        ("model", "family", "resnet_blocks"),
        tuple(
            "learning_rate embed_dim input_resolution vit_layers vision_width vision_heads "
            "patch_size text_layers text_width text_heads paper_fig9_gflops".split()
        ),
    ),
    "datasets": Schema(
        "paper_datasets.csv",
        "Table 9 (Food101 printed with 102 classes; it has 101)",
        ("dataset", "metric"),
        ("classes", "train_size", "test_size", "in_kornblith12", "openai_prompt_templates"),
    ),
    "hyperparameters": Schema(
        "paper_hyperparameters.csv", "Table 18 and section 2", ("name", "value", "where"), ()
    ),
    "linear_probe": Schema(
        "paper_linear_probe.csv",
        "Table 10",
        ("family", "model"),
        (*DATASETS, "mean12_kornblith_computed", "mean27_computed"),
    ),
    "per_dataset": Schema(
        "paper_per_dataset.csv",
        "Figures 5, 7 and 11; Tables 10 and 11",
        ("dataset",),
        tuple(
            "zero_shot_clip_t11 linear_probe_resnet50_t10 linear_probe_clip_t10 "
            "linear_probe_ns_effnet_l2_800_t10 fig5_delta_printed fig5_delta_from_tables "
            "fig11_delta_printed fig7_shots_to_match_zero_shot".split()
        ),
    ),
    "robustness": Schema(
        "paper_robustness.csv",
        "Figures 13 and 14, Table 16",
        ("where", "model_or_quantity", "dataset"),
        ("value",),
    ),
    "scalar_facts": Schema(
        "paper_scalar_facts.csv",
        "as each row says",
        ("key", "value", "unit", "where", "confidence"),
        (),
    ),
    "small_tables": Schema(
        "paper_small_tables.csv",
        "Tables 1, 2, 3, 4, 6, 7, 8, 12 to 15 and 17",
        ("table", "row", "column"),
        ("value",),
    ),
    "zero_shot": Schema(
        "paper_zero_shot.csv", "Table 11", ("model",), (*DATASETS, "mean27_computed")
    ),
}


class PaperDataError(ValueError):
    """A table of the paper is not what it should be: the message says which file and column."""


@dataclass(frozen=True)
class PaperTable:
    """Rows of one of the paper's tables. Accuracies are in percent.

    where: the tables and figures it was read from; citation: how to name the source
    """

    name: str
    rows: tuple[dict[str, Value], ...]
    where: str
    citation: str = CITATION

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def columns(self) -> list[str]:
        return list(self.rows[0])

    def column(self, name: str) -> list[Value]:
        """One column from top to bottom. Raises KeyError for one that is not there."""
        if name not in self.rows[0]:
            raise KeyError(
                f"Table {self.name!r} has no column {name!r}. It has: {', '.join(self.columns)}."
            )
        return [row[name] for row in self.rows]

    def numbers(self, name: str) -> list[float]:
        """One column as float, NaN where the paper prints nothing."""
        return [_float(value) for value in self.column(name)]

    def where_is(self, **wanted: str) -> list[dict[str, Value]]:
        """The rows in which every named column has the wanted value: `where_is(model="RN50")`."""
        for name in wanted:
            self.column(name)  # a misspelt column is an error, not an empty answer
        return [r for r in self.rows if all(r[name] == value for name, value in wanted.items())]

    def row(self, **wanted: str) -> dict[str, Value]:
        """The one row that fits. Raises KeyError when there is none, or more than one."""
        found = self.where_is(**wanted)
        if len(found) != 1:
            raise KeyError(f"Table {self.name!r}: {len(found)} rows fit {wanted}, not one.")
        return found[0]


def _float(value: Value) -> float:
    return math.nan if value is None or isinstance(value, str) else value


def load_paper_table(name: str, folder: str | Path | None = None) -> PaperTable:
    """One of the paper's tables, checked: a key of `SCHEMAS`.

    folder: where else to look for the CSV file, for tests and for corrected copies.
    Raises ValueError for a name that is not known, FileNotFoundError when the file is missing,
    PaperDataError (a ValueError) for a missing column, an empty table, or a cell that is no number.
    """
    if name not in SCHEMAS:
        raise ValueError(f"There is no table {name!r}. The tables are: {', '.join(SCHEMAS)}.")
    schema = SCHEMAS[name]
    path = Path(folder or FOLDER) / schema.file
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing. It belongs to the package; reinstall clipedu, or give the folder "
            "that holds it."
        )
    rows = read_csv(path, (*schema.text, *schema.numbers))
    typed = tuple(
        {key: _typed(row[key], key, schema, path, line) for key in row}
        for line, row in enumerate(rows, start=2)
    )
    return PaperTable(name, typed, schema.where)


def read_csv(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file (UTF-8; first line: names; lines that open with # are skipped).

    Raises PaperDataError when a needed column is missing, a row has another length, or there is no
    row.
    """
    lines = [x for x in path.read_text(encoding="utf-8").splitlines() if not x.startswith("#")]
    reader = csv.DictReader(lines)
    header = list(reader.fieldnames or [])
    missing = [name for name in needed if name not in header]
    if missing:
        raise PaperDataError(
            f"{path.name} lacks the column(s) {', '.join(missing)}. It has: {', '.join(header)}. "
            "Was it saved by a program that renames columns?"
        )
    rows = list(reader)
    if not rows:
        raise PaperDataError(f"{path.name} has a header but no rows.")
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise PaperDataError(f"{path.name}, line {line}: expected {len(header)} cells.")
    return rows


def _typed(cell: str, key: str, schema: Schema, path: Path, line: int) -> Value:
    if key not in schema.numbers:
        return cell or None
    if not cell:
        return None  # not printed, or not applicable
    try:
        return float(cell)
    except ValueError:
        raise PaperDataError(
            f"{path.name}, line {line}, column {key}: {cell!r} is not a number."
        ) from None
