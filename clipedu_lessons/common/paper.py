"""The paper's own tables as data: Radford et al. 2021, arXiv 2103.00020v1. Accuracies in percent.

A printed label stays as printed, also where it does not fit the tables (the table "misfits" lists
those); what is recomputed is in a column of its own. The points of Figures 2, 6, 9, 10, 12, 15 and
17 are not printed in the paper, so they are not here.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from clipedu_lessons.common.records import Table, read_table

FOLDER = Path(__file__).resolve().parent / "paper_tables"
DATASETS = (
    "Food101 CIFAR10 CIFAR100 Birdsnap SUN397 StanfordCars FGVCAircraft VOC2007 DTD OxfordPets "
    "Caltech101 Flowers102 MNIST FER2013 STL10 EuroSAT RESISC45 GTSRB KITTI Country211 PCam UCF101 "
    "Kinetics700 CLEVRCounts HatefulMemes RenderedSST2 ImageNet"
).split()  # 27; the first twelve are those of Kornblith et al. 2019, arXiv 1805.08974


class Schema(NamedTuple):
    """Where the paper prints a table, and the columns of text and of numbers that it must have."""

    where: str
    text: str
    numbers: str = ""

    @property
    def columns(self) -> list[str]:
        return [*self.text.split(), *self.numbers.split()]


#: The table NAME is the file paper_tables/paper_NAME.csv.
SCHEMAS = {
    "architectures": Schema(
        "Tables 18 to 20, Figure 9, section 2.5; open_clip's counts",
        "model family resnet_blocks",
        "learning_rate embed_dim input_resolution vit_layers vision_width vision_heads patch_size "
        "text_layers text_width text_heads paper_fig9_gflops openclip_image_gflops "
        "paper_v100_gpus paper_train_days",
    ),
    "datasets": Schema(
        "Table 9 (Food101 printed with 102 classes; it has 101)",
        "dataset metric",
        "classes train_size test_size in_kornblith12 openai_prompt_templates",
    ),
    "hyperparameters": Schema("Table 18 and section 2", "name value where"),
    "linear_probe": Schema(
        "Table 10",
        "family model",
        " ".join((*DATASETS, "mean12_kornblith_computed", "mean27_computed")),
    ),
    "misfits": Schema("where the print disagrees with itself", "what printed found use"),
    "per_dataset": Schema(
        "Figures 5, 7 and 11; Tables 10 and 11",
        "dataset",
        "zero_shot_clip_t11 linear_probe_resnet50_t10 linear_probe_clip_t10 "
        "linear_probe_ns_effnet_l2_800_t10 fig5_delta_printed fig5_delta_from_tables "
        "fig11_delta_printed fig7_shots_to_match_zero_shot",
    ),
    "robustness": Schema("Figures 13 and 14, Table 16", "where model_or_quantity dataset", "value"),
    "scalar_facts": Schema("as each row says", "key value unit where confidence"),
    "small_tables": Schema(
        "Tables 1, 2, 3, 4, 6, 7, 8, 12 to 15 and 17", "table row column", "value"
    ),
    "zero_shot": Schema("Table 11", "model", " ".join((*DATASETS, "mean27_computed"))),
}


def load_paper_table(name: str, folder: str | Path = FOLDER) -> Table:
    """One of the paper's tables, checked: a key of `SCHEMAS`.

    folder: where else to look for the CSV file, for tests and for corrected copies.
    Raises ValueError for a name that is not known, FileNotFoundError when the file is missing,
    TableError (a ValueError) for a missing column, an empty table, or a cell that is no number.
    """
    if name not in SCHEMAS:
        raise ValueError(f"There is no table {name!r}. The tables are: {', '.join(SCHEMAS)}.")
    schema = SCHEMAS[name]
    path = Path(folder) / f"paper_{name}.csv"
    table = read_table(path, schema.columns, text=schema.text.split())
    numbers = {column: table.numbers(column) for column in schema.numbers.split()}
    rows = tuple(
        {**row, **{column: _number(values[i]) for column, values in numbers.items()}}
        for i, row in enumerate(table.rows)
    )
    return Table(table.name, rows)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
