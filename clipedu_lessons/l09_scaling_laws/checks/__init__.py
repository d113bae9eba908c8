"""What is right in lesson 09, scaling laws. The references spell each formula out."""

from __future__ import annotations

from clipedu_lessons.l09_scaling_laws.checks.count import PAPER
from clipedu_lessons.l09_scaling_laws.checks.law import EXTRAPOLATE, FIT, SPLIT

EXERCISES = [PAPER, FIT, EXTRAPOLATE, SPLIT]
