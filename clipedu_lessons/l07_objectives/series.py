"""The stored race of nine objectives, and the paper's question of it: how many pictures less?

Figure 2 compares methods at equal accuracy: how many pictures each has seen when it reaches it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clipedu_lessons.common.records import read_table

MADE_BY = "benchmarks/objectives.py"
Rows = Sequence[Mapping[str, Any]]
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}  # Student's t for a mean of so many seeds


def read_series(path: Path | None = None) -> list[dict[str, Any]]:
    """One row for each objective, seed and moment; numbers, None where a cell is empty."""
    path = path or Path(__file__).parent / "results" / "objectives.csv"
    return list(read_table(path, ["objective", "seed", "zero_shot"], made_by=MADE_BY).rows)


def curve(rows: Rows, objective: str, seed: int) -> Rows:
    """The rows of one run, in the order of its steps."""
    found = [row for row in rows if row["objective"] == objective and row["seed"] == seed]
    return sorted(found, key=lambda row: row["step"])


def to_reach(run: Rows, accuracy: float, column: str = "zero_shot", per: str = "pictures") -> float:
    """Pictures (or `per="flops"`) after which a run's accuracy first is this high.

    On a straight line between two moments; infinity where it never is.
    """
    before = run[0]
    for row in run:
        if row[column] >= accuracy:
            rise = row[column] - before[column]
            part = (accuracy - before[column]) / rise if rise else 0.0
            return before[per] + max(0.0, part) * (row[per] - before[per])
        before = row
    return math.inf


class Factor(NamedTuple):
    """How many times fewer pictures; low and high: 95 % for the mean of the seeds' logarithms."""

    value: float
    low: float
    high: float
    each: list[float]  # of every seed
    accuracies: list[float]  # at which they are compared


def efficiency(
    rows: Rows, better: str, worse: str, column: str = "zero_shot", per: str = "pictures"
) -> Factor:
    """Pictures that `worse` needs for its final accuracy / pictures that `better` needs for it.

    Both runs of a seed have the same first weights and the same batches. With infinity in it, a
    seed says that `better` was not better: the value then is 0 or has no interval.
    """
    seeds = sorted({row["seed"] for row in rows if row["objective"] == worse})
    each, accuracies = [], []
    for seed in seeds:
        slow, fast = curve(rows, worse, seed), curve(rows, better, seed)
        accuracy = slow[-1][column]
        needed = to_reach(fast, accuracy, column, per)  # 0: no better than at first
        each.append(to_reach(slow, accuracy, column, per) / needed if needed else math.inf)
        accuracies.append(accuracy)
    if not all(0 < x < math.inf for x in each):
        return Factor(0.0, math.nan, math.nan, each, accuracies)
    logs = np.log(each)
    mean, n = float(logs.mean()), len(each)
    half = T_95[n] * float(logs.std(ddof=1)) / math.sqrt(n) if n in T_95 else math.nan
    return Factor(math.exp(mean), math.exp(mean - half), math.exp(mean + half), each, accuracies)
