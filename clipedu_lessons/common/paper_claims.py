"""What the paper says in its text, computed again from what it prints in its tables."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipedu_lessons.common.paper import CAFFERESNET101, DATASETS, PaperTable, load_paper_table


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and our recomputation.

    printed: as the paper has it; value: ours, from the tables; agrees: whether rounding ours gives
    the printed number; note: what to know where it does not, or where the tables leave a choice
    """

    key: str
    what: str
    where: str
    printed: str
    value: float
    agrees: bool
    note: str = ""

    def __str__(self) -> str:
        verdict = "agrees" if self.agrees else "does not agree"
        return (
            f"{self.what} ({self.where}): printed {self.printed}, ours {self.value:.4g}, {verdict}"
        )


def fig5_deltas(table: PaperTable | None = None) -> dict[str, float]:
    """Dataset -> zero-shot CLIP minus ResNet-50 probe, points, computed from Tables 11 and 10."""
    table = table or load_paper_table("per_dataset")
    pairs = zip(
        table.numbers("zero_shot_clip_t11"), table.numbers("linear_probe_resnet50_t10"), strict=True
    )
    return {
        str(d): round(z - p, 1) for d, (z, p) in zip(table.column("dataset"), pairs, strict=True)
    }


def fig5_misfits(table: PaperTable | None = None, tolerance: float = 0.15) -> list[str]:
    """The bars of Figure 5 whose printed label is off the tables by more than rounding."""
    table = table or load_paper_table("per_dataset")
    printed = table.numbers("fig5_delta_printed")
    ours = fig5_deltas(table)
    return [
        d
        for (d, value), label in zip(ours.items(), printed, strict=True)
        if abs(value - label) > tolerance
    ]


def probe_row(family: str, model: str, table: PaperTable | None = None) -> np.ndarray:
    """(27,) linear-probe accuracies of one model of Table 10, in the order of `DATASETS`.

    Raises KeyError when Table 10 has no such row.
    """
    row = (table or load_paper_table("linear_probe")).row(family=family, model=model)
    return np.array([row[name] for name in DATASETS], dtype=float)


def claims(folder: str | Path | None = None) -> list[Claim]:
    """Every claim that the tables allow to check, in the order of the paper.

    folder: where else the CSV files are. Raises what `load_paper_table` raises.
    """
    per_dataset = load_paper_table("per_dataset", folder)
    probes = load_paper_table("linear_probe", folder)
    deltas = list(fig5_deltas(per_dataset).values())
    shots = [x for x in per_dataset.numbers("fig7_shots_to_match_zero_shot") if x == x]
    clip = probe_row("CLIP-ViT", "L/14-336px", probes)
    student475 = probe_row("EfficientNet Noisy Student", "L2-475", probes)
    student800 = probe_row("EfficientNet Noisy Student", "L2-800", probes)
    means12, means27 = (_best_margin(probes, count) for count in (12, 27))
    zero = np.array(per_dataset.numbers("zero_shot_clip_t11"))
    probe = np.array(per_dataset.numbers("linear_probe_clip_t10"))
    ratio = resnet101_error_ratio()
    wins5, wins11 = float(sum(d > 0 for d in deltas)), float((clip > student475).sum())
    tie = int((clip > student800).sum()), int((clip == student800).sum())
    r, slope = float(np.corrcoef(probe, zero)[0, 1]), float(np.polyfit(probe, zero, 1)[0])
    near = float((np.abs(probe - zero) <= 3).sum())
    mean, median = statistics.fmean(shots), statistics.median(shots)
    return [
        Claim(
            "fig5_wins",
            "zero-shot CLIP beats a ResNet-50 probe, of 27 datasets",
            "Figure 5",
            "16",
            wins5,
            wins5 == 16,
            f"two labels do not fit the tables: {', '.join(fig5_misfits(per_dataset))}",
        ),
        Claim(
            "fig7_mean",
            "labelled examples per class that match zero-shot, mean",
            "Figure 7",
            "20.8",
            mean,
            round(mean, 1) == 20.8,
            f"{len(shots)} values; VOC2007 has none",
        ),
        Claim(
            "fig7_median", "the same, median", "Figure 7", "5.4", median, round(median, 1) == 5.4
        ),
        Claim(
            "fig8_r",
            "correlation of zero-shot with the probe of the same model",
            "Figure 8",
            "0.82",
            r,
            round(r, 2) == 0.82,
            "the tables give a little less",
        ),
        Claim(
            "fig8_slope",
            "points of zero-shot for a point of probe",
            "section 3.1.5",
            "1.28 (0.93 to 1.79)",
            slope,
            round(slope, 2) == 1.28,
            "inside the printed interval",
        ),
        Claim(
            "fig8_near",
            "datasets with zero-shot within 3 points of the probe",
            "Figure 8",
            "5",
            near,
            near == 5,
            "the fifth, Caltech101, is 3.2 points off",
        ),
        Claim(
            "kornblith_margin",
            "best CLIP over best other model, mean of 12 datasets, points",
            "section 3.2",
            "2.6",
            means12,
            round(means12, 1) == 2.6,
        ),
        Claim(
            "all_margin",
            "the same, mean of all 27",
            "section 3.2",
            "5",
            means27,
            round(means27) == 5,
        ),
        Claim(
            "fig11_wins",
            "CLIP's probe beats Noisy Student L2's, of 27 datasets",
            "Figure 11",
            "21",
            wins11,
            wins11 == 21,
            f"against L2-475; against L2-800, which the bars show, {tie[0]} and {tie[1]} tie",
        ),
        Claim(
            "resnet101_errors",
            "mistakes of ResNet-101 under natural shift, as a multiple of those on ImageNet",
            "section 3.3",
            "5",
            ratio,
            round(ratio) == 5,
            "mean of 7 shifts against ImageNet on the same classes; the testbed's numbers",
        ),
    ]


def claim(key: str, folder: str | Path | None = None) -> Claim:
    """One of `claims` by its key. Raises KeyError, naming the keys, for another."""
    every = {each.key: each for each in claims(folder)}
    if key not in every:
        raise KeyError(f"There is no claim {key!r}. The claims are: {', '.join(every)}.")
    return every[key]


def resnet101_error_ratio() -> float:
    """Mean error on the 7 shifts / mean error on ImageNet's pictures of the same classes."""
    pairs = np.array(list(CAFFERESNET101.values()))  # (7, 2): in distribution, shifted
    in_distribution, shifted = 100 - pairs.mean(0)
    return float(shifted / in_distribution)


def _best_margin(probes: PaperTable, count: int) -> float:
    """Best mean of a CLIP model less the best of any other, over the first `count` datasets."""
    means: dict[bool, list[float]] = {True: [], False: []}
    for row in probes.rows:
        scores = [float(row[name] or 0) for name in DATASETS[:count]]
        means[str(row["family"]).startswith("CLIP")].append(statistics.fmean(scores))
    return max(means[True]) - max(means[False])
