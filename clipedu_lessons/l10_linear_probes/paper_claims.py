"""What the paper says in its text, computed again from what it prints in its tables."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from clipedu_lessons.common.paper import DATASETS, FOLDER, load_paper_table
from clipedu_lessons.common.records import Table

#: Claim -> (where, as printed, what).
PRINTED = {
    "fig5_wins": ("Figure 5", "16", "datasets of 27, zero-shot CLIP beats a ResNet-50 probe"),
    "fig7_mean": ("Figure 7", "20.8", "labeled examples per class that match zero-shot, mean"),
    "fig7_median": ("Figure 7", "5.4", "the same, median"),
    "fig8_r": ("Figure 8", "0.82", "correlation of zero-shot and probe of the same model"),
    "fig8_slope": ("section 3.1.5", "1.28 (0.93 to 1.79)", "zero-shot points per probe point"),
    "fig8_near": ("Figure 8", "5", "datasets with zero-shot within 3 points of the probe"),
    "kornblith_margin": ("section 3.2", "2.6", "best CLIP minus best other, mean of 12, points"),
    "all_margin": ("section 3.2", "5", "the same, mean of all 27"),
    "fig11_wins": ("Figure 11", "21", "datasets of 27, CLIP's probe beats Noisy Student L2-475's"),
}


class Claim(NamedTuple):
    """A number of the paper as printed, ours from its tables, and whether ours rounds to it."""

    where: str
    what: str
    printed: str
    value: float
    agrees: bool


def fig5_deltas(table: Table | None = None) -> dict[str, float]:
    """Dataset -> zero-shot CLIP minus ResNet-50 probe, points, computed from Tables 11 and 10."""
    table = table or load_paper_table("per_dataset")
    deltas = table.numbers("zero_shot_clip_t11") - table.numbers("linear_probe_resnet50_t10")
    return dict(zip(table.column("dataset"), deltas.round(1).tolist(), strict=True))


def fig5_misfits(table: Table | None = None, tolerance: float = 0.15) -> list[str]:
    """The bars of Figure 5 whose printed label is off the tables by more than rounding."""
    table = table or load_paper_table("per_dataset")
    printed = table.column("fig5_delta_printed")
    deltas = fig5_deltas(table).items()
    return [d for (d, ours), p in zip(deltas, printed, strict=True) if abs(ours - p) > tolerance]


def probe_row(family: str, model: str, table: Table | None = None) -> np.ndarray:
    """(27,) linear-probe accuracies of one model of Table 10, in the order of `DATASETS`.

    Raises TableError when Table 10 has no such row.
    """
    row = (table or load_paper_table("linear_probe")).row(family=family, model=model)
    return np.array([row[name] for name in DATASETS], dtype=float)


def claims(folder: str | Path = FOLDER) -> dict[str, Claim]:
    """Every claim that the tables allow us to check, in the order of the paper.

    folder: where else the CSV files are. Raises what `load_paper_table` raises.
    """
    table, probes = (load_paper_table(name, folder) for name in ("per_dataset", "linear_probe"))
    shots = table.numbers("fig7_shots_to_match_zero_shot")  # VOC2007 has none
    clip = probe_row("CLIP-ViT", "L/14-336px", probes)
    student = probe_row("EfficientNet Noisy Student", "L2-475", probes)
    zero, probe = table.numbers("zero_shot_clip_t11"), table.numbers("linear_probe_clip_t10")
    values = {
        "fig5_wins": sum(delta > 0 for delta in fig5_deltas(table).values()),
        "fig7_mean": np.nanmean(shots),
        "fig7_median": np.nanmedian(shots),
        "fig8_r": np.corrcoef(probe, zero)[0, 1],
        "fig8_slope": np.polyfit(probe, zero, 1)[0],
        "fig8_near": (np.abs(probe - zero) <= 3).sum(),
        "kornblith_margin": _best_margin(probes, 12),
        "all_margin": _best_margin(probes, 27),
        "fig11_wins": (clip > student).sum(),
    }
    found = {}
    for key, (where, printed, what) in PRINTED.items():
        number = printed.split()[0]
        decimals = len(number.partition(".")[2])
        agrees = round(float(values[key]), decimals) == float(number)
        found[key] = Claim(where, what, printed, float(values[key]), agrees)
    return found


def _best_margin(probes: Table, count: int) -> float:
    """Best mean of a CLIP model less the best of any other, over the first `count` datasets."""
    means = np.array([probes.numbers(name) for name in DATASETS[:count]]).mean(0)  # (models,)
    is_clip = np.array([family.startswith("CLIP") for family in probes.column("family")])
    return float(means[is_clip].max() - means[~is_clip].max())
