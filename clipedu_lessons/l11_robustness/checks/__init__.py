"""What is right in lesson 11, robustness: expectations, own classes, fair draws, judgement."""

from __future__ import annotations

from clipedu_lessons.l11_robustness.checks.adapted import NESTED, OWN
from clipedu_lessons.l11_robustness.checks.judge import FLAWS, PAIRED
from clipedu_lessons.l11_robustness.checks.line import EXPECT, INFLUENCE

EXERCISES = [EXPECT, OWN, INFLUENCE, PAIRED, NESTED, FLAWS]
