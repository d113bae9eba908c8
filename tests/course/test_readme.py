"""README says what the stored results say, and a newcomer can read it in a few minutes."""

from __future__ import annotations

import re
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


def test_it_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= LONGEST
