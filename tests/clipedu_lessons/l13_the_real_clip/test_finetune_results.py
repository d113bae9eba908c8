"""The stored series of fine-tuning and of the export: whole, and what the JSON beside them says."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean

from clipedu.training import METHODS
from clipedu_lessons.common.records import LESSONS, about_record, read_record

RESULTS = LESSONS / "l13_the_real_clip" / "results"


def rates(task: str, share: float) -> dict[tuple[str, str, float], float]:
    """(method, masked, learning rate) -> the mean accuracy of all seeds."""
    found = defaultdict(list)
    for row in read_record("finetune"):
        if row["task"] == task and row["share"] == share:
            key = row["method"], row["masked"], row["learning_rate"]
            found[key].append(row["right"] / row["pictures"])
    return {key: fmean(values) for key, values in found.items()}


def test_the_series_is_whole_and_its_hash_is_told() -> None:
    about = about_record("finetune")
    content = (RESULTS / "finetune.csv").read_bytes()
    assert hashlib.sha256(content).hexdigest()[:16] == about["table"]
    assert {"date", "machine", "torch", "checkpoint", "recipe"} <= set(about)
    runs = defaultdict(set)
    for row in read_record("finetune"):
        assert 0 <= row["right"] <= row["pictures"] and 0 <= row["share"] <= 1
        key = row["method"], row["masked"], row["learning_rate"], row["seed"]
        runs[key].add((row["share"], row["task"]))
    assert {method for method, *_ in runs} == {"before", *METHODS}
    # rows come as they are measured: the first seed is whole, and the second as far as 1e-3
    counts = Counter(seed for *_, seed in runs)
    assert counts[0] == 1 + 6 * len(about["rates"]) and counts[1] >= 1 + 6 * 3
    for (method, *_), cells in runs.items():
        assert len(cells) == (3 if method == "before" else 12)


def test_a_rate_too_large_forgets_and_the_average_brings_it_back() -> None:
    """What lesson 13 says of the series, with room for another machine."""
    (before,) = rates("lucide", 0).values()
    after, wise = rates("lucide", 1), rates("lucide", 0.5)
    learned = rates("digits", 1)
    full = ("full", "yes", 1e-3)
    assert before > 0.75 and after[full] < 0.3  # both encoders at 1e-3
    assert after["full", "no", 1e-3] < after[full]  # repeated captions as negatives are worse
    frozen = ("frozen_image", "yes", 1e-3)
    assert learned[frozen] > 0.9 and wise[frozen] > after[frozen] + 0.03
    linear = ("linear", "yes", 1e-3)
    assert learned[linear] > 0.8 and after[linear] > before - 0.03


def test_the_export_agrees_and_8_bits_cost_little() -> None:
    data = json.loads(Path(RESULTS / "export.json").read_text("utf-8"))
    kinds = {(row["runtime"], row["precision"]) for row in data["accuracy"]}
    assert {("torch", "fp32"), ("torch", "bf16"), ("onnxruntime", "fp32")} < kinds
    right = {(r["runtime"], r["precision"]): r["lucide"]["right"] for r in data["accuracy"]}
    pictures = data["accuracy"][0]["lucide"]["pictures"]
    assert right["torch", "fp32"] == right["onnxruntime", "fp32"]
    assert right["onnxruntime", "int8"] > right["onnxruntime", "fp32"] - 0.05 * pictures
    sizes = {(r["encoder"], r["precision"]): r["bytes"] for r in data["speed"] if r["bytes"]}
    assert sizes["image_encoder", "int8"] < 10e6
    assert all(row["latency_ms"] > 0 and row["per_second"] > 0 for row in data["speed"])
