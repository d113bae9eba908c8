"""What is right in lesson 09, scaling laws. The references spell each formula out."""

from __future__ import annotations

from clipedu_lessons.l09_scaling_laws.checks.count import BLOCK, PAPER
from clipedu_lessons.l09_scaling_laws.checks.law import FIT, LARGEST

EXERCISES = [PAPER, BLOCK, FIT, LARGEST]
