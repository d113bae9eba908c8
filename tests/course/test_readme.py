"""README says what the stored results say, and a newcomer can read it in a few minutes."""

from __future__ import annotations

import csv
import json
import re
import statistics
from collections import defaultdict
from pathlib import Path

from clipedu_lessons.l07_objectives.race import TITLES, series_table
from clipedu_lessons.l07_objectives.series import read_series

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 150


def objectives(readme: str) -> dict[str, dict[str, str]]:
    """Title of an objective -> "zero-shot" and "probe", as README's table has them."""
    rows = re.search(r"<!-- objectives.*?-->\n(.*?)\n\n", readme, re.S)
    assert rows, "README has no table of the objectives"
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[1].splitlines()]
    titles = cells[0][1:]
    return {
        title: {row[0]: row[place] for row in cells[2:]} for place, title in enumerate(titles, 1)
    }


def test_the_table_of_objectives_is_the_stored_series() -> None:
    values = series_table(read_series()).values
    found = objectives((ROOT / "README.md").read_text("utf-8"))
    assert found == {
        title: {
            "zero-shot": values.get(f"zs_{name}", "–"),
            "probe": values.get(f"probe_{name}", "–"),
        }
        for name, title in TITLES.items()
    }


def test_another_number_is_noticed() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert objectives(readme.replace("| zero-shot | 17.7", "| zero-shot | 71.7")) != objectives(
        readme
    )


def test_the_student_s_model_names_what_was_measured() -> None:
    stored = ROOT / "clipedu_lessons" / "l04_train_a_clip" / "results" / "my_clip.json"
    runs = [r for r in json.loads(stored.read_text("utf-8"))["runs"] if r["who"] == "my_clip"]
    first, second, third = (f"{100 * run['lucide']['top1']:.0f}" for run in runs)
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"With three seeds that is {first}, {second} and {third} %" in readme
    assert max(run["seconds"] for run in runs) < 180 and "less than three minutes" in readme


def test_lesson_04_knows_the_record_of_the_race() -> None:
    minutes = defaultdict(list)
    with (ROOT / "benchmarks" / "speedrun.csv").open(encoding="utf-8") as table:
        for row in csv.DictReader(table):
            if row["machine"].endswith("AMX") and row["minutes"] != "not reached":
                minutes[row["name"]].append(float(row["minutes"]))
    best = min(statistics.mean(runs) for runs in minutes.values() if len(runs) >= 3)
    lesson = ROOT / "clipedu_lessons" / "l04_train_a_clip" / "lesson.py"
    assert f"The record is {best:.2f} minutes" in lesson.read_text("utf-8")


def test_it_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= LONGEST
