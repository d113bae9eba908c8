"""What is right in lesson 11, robustness: logits and lines, own classes, mixtures of weights."""

from __future__ import annotations

from clipedu_lessons.l11_robustness.checks.adapted import MIX, OWN
from clipedu_lessons.l11_robustness.checks.line import EFFECTIVE, EXPECT, FIT

EXERCISES = [EXPECT, EFFECTIVE, FIT, OWN, MIX]
