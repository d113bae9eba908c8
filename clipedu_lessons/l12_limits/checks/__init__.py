"""What is right in lesson 12, limits: two-choice tests, one name more, clean accuracy."""

from __future__ import annotations

from clipedu_lessons.l12_limits.checks.choices import BAG, CHOICE
from clipedu_lessons.l12_limits.checks.clean import CLEAN, TAKES

EXERCISES = [BAG, CHOICE, TAKES, CLEAN]
