"""What is right in lesson 05, zero-shot: an exercise or two in each file.

The references spell each formula out, apart from the library.
"""

from __future__ import annotations

from clipedu_lessons.l05_zero_shot.checks.classifier import ON_PAPER, WEIGHTS
from clipedu_lessons.l05_zero_shot.checks.measures import LOWER_END, MEAN_PER_CLASS, RECALL

EXERCISES = [ON_PAPER, WEIGHTS, MEAN_PER_CLASS, RECALL, LOWER_END]
