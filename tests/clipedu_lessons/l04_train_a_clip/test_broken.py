"""The broken CLIP has the symptoms that its exercise speaks of, and the repaired one has none."""

from __future__ import annotations

import math

import pytest

from clipedu_classroom.checks import report_on
from clipedu_classroom.subject import LocalSubject
from clipedu_lessons.l04_train_a_clip.broken import ToyCLIP, source, symptoms
from clipedu_lessons.l04_train_a_clip.checks.bugs import BUGS, FIVE_BUGS, Repaired

LAST, FOUND = "mean loss of the last 20 steps", "new pictures that find their caption"
TEXT, LENGTH = "how far the text encoder moved", "mean length of a text embedding"
BATCH, SWAPPED = "change of an embedding with its batch", "loss with the roles swapped, minus loss"


def with_bugs(*bugs: str) -> type[Repaired]:
    return type("ToyCLIP", (Repaired,), {"bugs": bugs})


def test_the_repaired_one_learns() -> None:
    seen = symptoms(Repaired)
    assert seen[FOUND] > 0.9 and seen[LAST] < 0.5
    assert seen[TEXT] > 0.1 and seen[BATCH] < 1e-4
    assert seen[LENGTH] == pytest.approx(1, abs=1e-4)
    assert seen[SWAPPED] == pytest.approx(0, abs=1e-4)


def test_the_broken_one_does_not_learn() -> None:
    seen = symptoms(ToyCLIP)
    assert seen[FOUND] < 0.2 and seen[LAST] > 0.8 * math.log(64)
    assert seen[TEXT] == 0 and seen[BATCH] > 0.1 and seen[LENGTH] < 0.9


@pytest.mark.parametrize("bug", BUGS)
def test_each_bug_alone_is_named_and_costs_something(bug: str) -> None:
    report = report_on(FIVE_BUGS, LocalSubject(with_bugs(bug)), seed=1, points=1, title="")
    assert report.diagnosis == BUGS[bug][0]
    good, bad = symptoms(Repaired, steps=60), symptoms(with_bugs(bug), steps=60)
    telling = {"pairs": LAST, "frozen": TEXT, "leak": BATCH, "rows": SWAPPED}.get(bug)
    telling = telling or "gradient of the image encoder at the end"
    assert abs(good[telling] - bad[telling]) > 1e-3


def test_the_text_can_be_pasted() -> None:
    assert source().startswith("class ToyCLIP:")
