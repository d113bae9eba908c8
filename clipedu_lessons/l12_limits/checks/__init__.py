"""What is right in lesson 12, limits."""

from __future__ import annotations

from clipedu_lessons.l12_limits.checks.choices import BAG, DETECT, FLAWS, PAIRED, POWER
from clipedu_lessons.l12_limits.checks.taken import TAKES

EXERCISES = [BAG, TAKES, PAIRED, POWER, FLAWS, DETECT]
