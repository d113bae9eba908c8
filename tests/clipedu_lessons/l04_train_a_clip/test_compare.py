from __future__ import annotations

import dataclasses

from clipedu.training import RECIPES
from clipedu_lessons.l04_train_a_clip.compare import compare_with_paper


def test_the_comparison_shows_both_and_says_why() -> None:
    rows = {row.what: row for row in compare_with_paper("laptop")}
    laptop = RECIPES["laptop"]
    assert rows["batch size"].paper == "32,768"
    assert rows["batch size"].ours == f"{laptop.batch_size:,}"
    assert rows["warm-up"].paper == "2,000 steps"
    assert rows["parameters"].paper == "151.3 million"
    for row in rows.values():
        assert row.why, row.what
        assert (row.paper == row.ours) == (row.why == "the same"), row
    changed = dataclasses.replace(laptop, weight_decay=0.123)
    assert "0.123" in {row.ours for row in compare_with_paper(changed)}
